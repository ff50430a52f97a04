"""Repainting moves a sprite's main colour to the named one and leaves the rest of it alone."""

import cv2
import numpy as np
import pytest

from darkroom.train.composer import PALETTE, recolour
from darkroom.train.composer.palette import colour, from_oklab, oklab

NEUTRALS = ("white", "black", "gray")
HUED = [name for name in PALETTE if name not in (*NEUTRALS, "beige", "brown")]


def ball(*, paint=(210, 50, 50), window=None) -> np.ndarray:
    """A shaded ball with a white spot, a dark outline and, if asked, a patch of another colour."""
    sprite = np.zeros((64, 64, 4), np.uint8)
    cv2.circle(sprite, (32, 32), 28, (15, 15, 18, 255), -1)
    for radius in range(25, 0, -1):
        shade = np.array(paint) * (0.7 + 0.3 * (25 - radius) / 25)
        cv2.circle(sprite, (32, 32), radius, (*(int(c) for c in shade), 255), -1)
    cv2.circle(sprite, (24, 22), 5, (255, 255, 255, 255), -1)
    if window is not None:
        cv2.rectangle(sprite, (32, 36), (44, 46), (*window, 255), -1)
    return sprite


def hue_of(rgb: np.ndarray) -> float:
    lab = oklab(rgb.reshape(-1, 3).astype(np.float32)).mean(0)
    return float(np.degrees(np.arctan2(lab[2], lab[1])))


def body(sprite: np.ndarray) -> np.ndarray:
    return sprite[34:40, 14:26, :3]


@pytest.mark.parametrize("name", HUED)
@pytest.mark.parametrize("paint", [(210, 50, 50), (60, 110, 220), (240, 210, 60), (90, 180, 90)])
def test_the_mean_hue_becomes_the_named_one(name, paint):
    away = hue_of(body(recolour(ball(paint=paint), name))) - hue_of(colour(name))
    assert abs((away + 180) % 360 - 180) < 8


@pytest.mark.parametrize("name", NEUTRALS)
def test_neutral_colours_take_the_colour_away(name):
    painted = oklab(body(recolour(ball(), name)).reshape(-1, 3).astype(np.float32))
    assert np.hypot(painted[:, 1], painted[:, 2]).max() < 0.03
    assert abs(painted[:, 0].mean() - oklab(colour(name)[None])[0, 0]) < 0.15


@pytest.mark.parametrize("name", PALETTE)
def test_white_spots_outlines_and_alpha_stay(name):
    before = ball()
    after = recolour(before, name)
    assert np.array_equal(before[..., 3], after[..., 3])
    assert after[22, 24, :3].min() > 235
    assert after[32, 5, :3].max() < 45
    assert np.array_equal(before, ball()), "the sprite given was changed"


def test_shading_stays():
    painted = recolour(ball(), "blue")
    light = oklab(painted[..., :3].reshape(-1, 3).astype(np.float32))[:, 0].reshape(64, 64)
    assert light[40, 32] > light[40, 12] + 0.04, "the middle was lighter than the rim"


def test_a_lesser_colour_stays():
    before = ball(window=(70, 150, 235))
    after = recolour(before, "green")
    assert np.abs(after[38:45, 34:43, :3].astype(int) - before[38:45, 34:43, :3]).max() <= 3


def test_a_white_thing_can_be_painted():
    away = hue_of(body(recolour(ball(paint=(235, 235, 238)), "red"))) - hue_of(colour("red"))
    assert abs(away) < 10


def test_nothing_visible_is_nothing_painted():
    empty = np.zeros((16, 16, 4), np.uint8)
    assert not recolour(empty, "red").any()


def test_an_unknown_colour_is_an_error():
    with pytest.raises(KeyError):
        recolour(ball(), "octarine")


def test_oklab_goes_there_and_back():
    colours = np.random.default_rng(0).uniform(0, 255, (200, 3)).astype(np.float32)
    assert np.allclose(from_oklab(oklab(colours)), colours, atol=0.6)
    assert np.allclose(oklab(np.full((1, 3), 255, np.float32)), [[1, 0, 0]], atol=1e-3)
