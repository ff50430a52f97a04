"""The studio lays prompts out by itself while they are typed: the cases that its own tests hold it to are this room's answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from darkroom.prompt.outline import outline

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "web/src/create/outline.cases.json").read_text()
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40])
def test_the_studio_and_the_service_lay_out_alike(case: dict[str, Any]) -> None:
    found = outline(case["text"])
    assert [[each.name, each.text, each.value, each.start, each.end] for each in found.parameters] == case[
        "parameters"
    ]
    assert [[each.text, each.start, each.end, each.kind.value] for each in found.links] == case["links"]
    assert found.words == (tuple(case["words"]) if case["words"] else None)
