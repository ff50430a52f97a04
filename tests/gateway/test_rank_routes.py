"""Two pictures to choose from, over HTTP: what is asked, what is noted, and what cannot be said."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_gallery_routes import drawn

from darkroom.gateway.limits import WIDE_PER_MINUTE

RANK = "/api/v1/rank"


async def test_a_pair_is_ranked_until_none_is_left(house: House, member: Person) -> None:
    assert (await member.client.get(RANK)).json() == {"pair": None}
    images = await drawn(house, member)
    forms: list[Any] = [
        lambda a, b: ({"winner": a, "loser": b}, "preferred"),
        lambda a, b: ({"left": a, "right": b, "outcome": "tie"}, "tied"),
        lambda a, b: ({"left": a, "right": b, "outcome": "skip"}, "skipped"),
    ]
    said = []
    for n in range(6):
        left, right = (await member.client.get(RANK)).json()["pair"]
        assert left["files"] and {left["job_id"], right["job_id"]} == {str(images[0].job_id)}
        body, choice = forms[n % 3](left["id"], right["id"])
        answer = await member.client.post(RANK, json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        said.append((choice, left["id"], [right["id"]]))
    assert (await member.client.get(RANK)).json() == {"pair": None}
    kept = (await member.client.get("/api/v1/signals")).json()["signals"]
    assert [(each["choice"], each["image_id"], each["beside"]) for each in reversed(kept)] == said
    eve = await house.person("eve")
    assert (await eve.client.get(RANK)).json()["pair"] is not None, "they are public, and new to others"


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("winner",),
        ("winner", "right"),
        ("left", "right"),
        ("winner", "loser", "outcome"),
        ("winner", "loser", "left", "right", "outcome"),
    ],
)
async def test_only_the_two_forms_are_understood(
    house: House, member: Person, fields: tuple[str, ...]
) -> None:
    one, two, *_rest = await drawn(house, member)
    whole = {"winner": one.id, "loser": two.id, "left": one.id, "right": two.id, "outcome": "tie"}
    body = {name: str(whole[name]) for name in fields}
    told = fault(await member.client.post(RANK, json=body), 422, "invalid_request")
    assert "winner" in str(told["message"])


async def test_what_is_not_there_and_what_is_a_grid_cannot_be_ranked(house: House, member: Person) -> None:
    one, *_rest, grid = await drawn(house, member)
    for other in (uuid4(), grid.id):
        body = {"winner": str(one.id), "loser": str(other)}
        fault(await member.client.post(RANK, json=body), 404, "not_found")
    body = {"winner": str(one.id), "loser": str(one.id)}
    fault(await member.client.post(RANK, json=body), 422, "invalid_request")
    fault(await member.client.post(RANK, json={"winner": "one"}), 422, "invalid_request")
    assert (await member.client.get("/api/v1/signals")).json()["signals"] == []


async def test_pairs_count_with_the_feeds(house: House, member: Person) -> None:
    for _ in range(WIDE_PER_MINUTE):
        assert (await member.client.get(RANK)).status_code == 200
    fault(await member.client.get(RANK), 429, "rate_limited")
