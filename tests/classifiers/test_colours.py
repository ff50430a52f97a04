"""Colours measured from pixels."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.classifiers.colours import colour_shares
from darkroom.classifiers.picture_reading import PictureReader


def test_shares_are_of_the_pixels_and_the_largest_comes_first() -> None:
    palette = PictureReader.load().vocabulary["palette"]
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[:3] = (222, 52, 48)
    pixels[3] = (246, 246, 246)
    shares = colour_shares(pixels, palette)
    assert list(shares)[:2] == ["red", "white"]
    assert shares["red"] == pytest.approx(0.75)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((200, 40, 40), "red"), ((30, 30, 30), "black"), ((60, 130, 230), "blue"), ((150, 95, 60), "brown")],
)
def test_shades_go_to_the_nearest_name(rgb: tuple[int, int, int], name: str) -> None:
    palette = PictureReader.load().vocabulary["palette"]
    assert next(iter(colour_shares(np.full((2, 2, 3), rgb, np.uint8), palette))) == name
