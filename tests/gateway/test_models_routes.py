"""What is installed and what each model honours, over HTTP: read off the table and the registry, and true when it is tried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.gateway.conftest import MODEL, House, Person

from darkroom.core.capabilities import ModelCatalogue
from darkroom.prompt.table import NAMES, PARAMETERS

MODELS = "/api/v1/models"
MODEST = replace(
    MODEL,
    name="modest-1",
    title="does little",
    honours=frozenset({"aspect", "no", "style_reference"}),
    default=False,
    letters=False,
    max_image_prompts=0,
    licence="MIT",
)
UNBUILT = replace(MODEST, name="unbuilt-1", family="unbuilt")


@pytest.fixture
async def listed(house: House, member: Person) -> dict[str, Any]:
    models = {each.name: each for each in (UNBUILT, MODEST, MODEL)}
    catalogue = ModelCatalogue(models=models, aliases={"old": "modest-1", "niji 6": "modest-1"})
    rooms = replace(house.rooms, catalogue=catalogue, families=frozenset({"test"}))
    house.app.state.gateway = replace(house.gateway, rooms=rooms)
    answer = await member.client.get(MODELS)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_default_comes_first_and_what_cannot_draw_is_left_out(listed: dict[str, Any]) -> None:
    able, modest = listed["models"]
    assert (able["name"], able["default"], modest["name"], modest["default"]) == (
        "able-1",
        True,
        "modest-1",
        False,
    )
    assert able["native"] == {"width": 256, "height": 256} and able["hd"] == {"width": 512, "height": 512}
    assert modest["hd"] is None and modest["aliases"] == ["niji 6", "old"] and modest["licence"] == "MIT"
    assert modest["references"] == {"image": False, "style": True, "character": False, "omni": False}
    assert able["description"] == (
        "Draws 256 pixels to a side, 512 with --hd; takes ratios up to 14:1, and up to 5 image prompts; it can letter words."
    )
    assert modest["description"] == "Draws 256 pixels to a side; takes ratios up to 14:1."


def test_every_parameter_is_there_as_the_language_has_it(listed: dict[str, Any]) -> None:
    told = {each["name"]: each for each in listed["parameters"]}
    assert list(told) == [each.names[0] for each in PARAMETERS]
    assert {name for each in told.values() for name in (each["name"], *each["aliases"])} == set(NAMES)
    assert told["stylize"] == {
        "name": "stylize",
        "aliases": ["s"],
        "kind": "integer",
        "min": 0,
        "max": 1000,
        "step": 1,
        "default": "100",
        "choices": [],
        "meaning": "strength of the house aesthetic against the literal prompt",
    }
    assert (told["ar"]["kind"], told["tile"]["kind"], told["sref"]["kind"]) == ("ratio", "flag", "reference")
    assert (told["iw"]["kind"], told["iw"]["max"], told["quality"]["choices"][0]) == ("decimal", 3, "0.25")
    assert {each["kind"] for each in told.values()} == {
        "integer", "decimal", "ratio", "choice", "flag", "text", "reference"
    }  # fmt: skip


async def test_what_is_said_of_each_model_is_what_a_prompt_for_it_is_told(
    listed: dict[str, Any], member: Person
) -> None:
    assert set(listed["models"][0]["parameters"].values()) == {True}
    honoured = listed["models"][1]["parameters"]
    assert set(honoured) == {each.names[0] for each in PARAMETERS}
    assert honoured["ar"] is honoured["v"] is honoured["relax"] is True
    for parameter in PARAMETERS:
        if parameter.names[0] in ("v", "niji"):
            continue
        prompt = f"a fox --v modest-1 {parameter.example}"
        answer = (await member.client.post("/api/v1/prompts/parse", json={"prompt": prompt})).json()
        refused = [each for each in answer["faults"] if each["code"] == "unsupported_by_model"]
        said = honoured[parameter.names[0]]
        assert (said is True) == (not refused), prompt
        if refused:
            assert refused[0]["hint"] in said and f"that {MODEST.name} can honour" in said
