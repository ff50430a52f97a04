"""The studio draws the canvas of an extension while it is dragged: the cases that its own tests hold it to are this room's answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darkroom.core.errors import Refused
from darkroom.core.recipes import FRAME_FIELDS, Frame
from darkroom.lifecycle.frames import Way, panned, squared, zoomed

CASES: list[tuple[int, int, str, float, list[int]]] = json.loads(
    (Path(__file__).parents[2] / "web/src/editor/frame.cases.json").read_text()
)


def framed(width: int, height: int, how: str, zoom: float) -> Frame:
    if how == "around":
        return zoomed(width, height, zoom)
    return squared(width, height) if how == "square" else panned(width, height, Way(how))


@pytest.mark.parametrize(("width", "height", "how", "zoom", "canvas"), CASES)
def test_the_studio_and_the_service_frame_alike(
    width: int, height: int, how: str, zoom: float, canvas: list[int] | None
) -> None:
    if canvas is None:
        with pytest.raises(Refused):
            framed(width, height, how, zoom)
    else:
        assert [getattr(framed(width, height, how, zoom), name) for name in FRAME_FIELDS] == canvas
