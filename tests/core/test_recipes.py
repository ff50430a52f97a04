"""Recipes from outside are read back as they were written, and whatever else is none: nothing half true gets in."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from darkroom.core.errors import OutputError
from darkroom.core.recipes import EMPTY, INPUTS_MAX, Action, Frame, Input, ParentKind, Recipe, Role

INPUT = Input(
    role=Role.INIT,
    parent_id=UUID(int=1),
    kind=ParentKind.IMAGE,
    digest="ab" * 32,
    weight=2.5,
    source="upload:x",
)
WHOLE = Recipe(
    action=Action.PAN,
    inputs=(INPUT,),
    indices=(2, 0),
    strength=0.5,
    scale=2,
    frame=Frame(width=120, height=96, left=24, top=0, inner_width=96, inner_height=96),
    seam_px=8,
    replay_of=UUID(int=3),
)


def changed(**more: Any) -> str:
    return json.dumps({**WHOLE.as_object(), **more})


def framed(**more: Any) -> str:
    return changed(frame={**WHOLE.as_object()["frame"], **more})


def led(**more: Any) -> str:
    return changed(inputs=[{**WHOLE.as_object()["inputs"][0], **more}])


@pytest.mark.parametrize("recipe", [EMPTY, WHOLE])
def test_a_recipe_comes_back_as_it_was(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 9_000,
        json.dumps({"action": "imagine", "x": "x" * 20_000}),
        changed(action="explode"),
        changed(action=None),
        changed(indices=[]),
        changed(indices=[0, 0]),
        changed(indices=[0, 4]),
        changed(indices=[-1]),
        changed(indices=[0.5]),
        changed(indices=[True]),
        changed(indices=7),
        '{"action":"imagine","indices":[1e999]}',
        '{"action":"imagine","scale":1e999}',
        '{"action":"imagine","strength":NaN}',
        '{"action":"imagine","strength":1e999}',
        changed(strength=-0.1),
        changed(strength=1.1),
        changed(strength=10**400),
        changed(strength="0.5"),
        changed(scale=0),
        changed(scale=10**9),
        changed(scale=True),
        changed(colour="red"),
        changed(seam_px=-1),
        changed(seam_px=10**9),
        changed(frame=[1]),
        changed(frame={"width": 8}),
        framed(width=10**9),
        framed(inner_width=0),
        framed(inner_height=-4),
        framed(left=-1),
        framed(left=25),
        framed(top=1),
        framed(height=1.5),
        changed(replay_of="x"),
        changed(replay_of=7),
        changed(inputs=[WHOLE.as_object()["inputs"][0]] * (INPUTS_MAX + 1)),
        changed(inputs=[7]),
        led(role="boss"),
        led(kind="rumour"),
        led(parent_id="x"),
        led(digest="AB" * 32),
        led(digest="ab" * 31 + "/x"),
        led(weight=-1),
        led(weight="heavy"),
        led(weight=10**400),
        changed(inputs=[{**WHOLE.as_object()["inputs"][0], "weight": float("nan")}]),
        led(source="x" * 300),
    ],
)
def test_anything_else_is_no_recipe(text: str) -> None:
    with pytest.raises(OutputError, match="a recipe cannot be read"):
        Recipe.from_json(text)
