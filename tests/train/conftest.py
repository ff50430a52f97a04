"""A small atlas drawn on the spot, so that no test of the training room needs the real one."""

import cv2
import numpy as np
import pytest

from darkroom.train.sprites import ART_SETS, SPRITE_PX, Atlas, Concept
from darkroom.train.sprites.atlas import encode

_SHADES = {
    "fluent-3d": 1.0,
    "noto": 0.9,
    "fluent-flat": 0.8,
    "twemoji": 0.75,
    "emojione": 0.7,
    "fxemoji": 0.65,
}
_THINGS = (  # name, plural, synonyms, natural colour, may be repainted, habitat, paint
    ("apple", "apples", ("red apple", "pome"), "red", True, "indoor", (214, 40, 44)),
    ("car", "cars", ("automobile",), "", True, "ground", (60, 100, 210)),
    ("fox", "foxes", (), "orange", False, "ground", (236, 130, 40)),
    ("house", "houses", ("home",), "", True, "ground", (200, 150, 90)),
    ("loaf of bread", "loaves of bread", ("bread", "bread loaf"), "", False, "indoor", (196, 140, 80)),
    ("hourglass", "hourglasses", (), "", False, "indoor", (150, 110, 60)),
    ("unicorn", "unicorns", (), "", False, "ground", (240, 230, 240)),
    ("bird", "birds", (), "", False, "air", (80, 170, 90)),
    ("boat", "boats", (), "", True, "water", (170, 90, 50)),
    ("robot", "robots", (), "gray", False, "ground", (130, 134, 140)),
    ("penguin", "penguins", (), "", False, "ground", (40, 40, 48)),
)


def drawn_sprite(paint: tuple[int, int, int], *, tall: bool) -> np.ndarray:
    """A plain shape with a white spot and a dark outline, in the atlas's form."""
    sprite = np.zeros((SPRITE_PX, SPRITE_PX, 4), np.uint8)
    middle = SPRITE_PX // 2
    axes = (34, 58) if tall else (58, 46)
    cv2.ellipse(sprite, (middle, middle), axes, 0, 0, 360, (*paint, 255), -1)
    cv2.ellipse(sprite, (middle, middle), axes, 0, 0, 360, (20, 20, 20, 255), 4)
    cv2.circle(sprite, (middle - 12, middle - 14), 9, (255, 255, 255, 255), -1)
    return sprite


@pytest.fixture(scope="session")
def drawn_atlas() -> Atlas:
    """Eleven concepts in all six art sets; the robot is missing in one."""
    concepts, encoded = {}, {}
    for index, (name, plural, synonyms, natural, recolour, habitat, paint) in enumerate(_THINGS):
        sets = tuple(s for s in ART_SETS if not (name == "robot" and s == "twemoji"))
        concepts[name] = Concept(
            name=name, plural=plural, category="thing", synonyms=synonyms, natural_colour=natural,
            recolour=recolour, habitat=habitat, art_sets=sets,
        )  # fmt: skip
        for art_set in sets:
            red, green, blue = (int(channel * _SHADES[art_set]) for channel in paint)
            encoded[name, art_set] = encode(drawn_sprite((red, green, blue), tall=index % 2 == 0))
    return Atlas(concepts, encoded)
