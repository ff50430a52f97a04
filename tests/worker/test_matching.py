"""Colours are moved as they differ where both are known: alike everywhere, never far, and the same however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from darkroom.worker.matching import MOVED_MOST, ColourMap, coloured_like, matched
from darkroom.worker.matching import STRIP_ROWS as ROWS

TINT = np.array([9, -7, 4], np.float32)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(40, 210, (height, width, 3)).astype(np.float32)


def test_a_tint_is_taken_away_where_nothing_is_known_too() -> None:
    old = noise(40, 60)
    share = np.zeros((40, 60), np.float32)
    share[:, :30] = 1
    assert np.abs(matched(old + TINT, old * share[..., None], share) - old).max() < 0.1


def test_what_is_another_thing_is_moved_by_no_more_than_a_tint() -> None:
    new = np.full((20, 20, 3), 30, np.float32)
    found = matched(new, np.full((20, 20, 3), 220, np.float32), np.ones((20, 20), np.float32))
    assert found == pytest.approx(30 + MOVED_MOST)


def test_without_anything_known_nothing_moves() -> None:
    new = noise(9, 11)
    assert matched(new, np.zeros_like(new), np.zeros((9, 11), np.float32)) == pytest.approx(new)


def test_two_colours_are_moved_each_its_own_way() -> None:
    """The sky loses what it has too much, and the sand under it nothing."""
    old = np.zeros((32, 32, 3), np.float32)
    old[:16], old[16:] = (60, 40, 120), (220, 150, 70)
    new = old.copy()
    new[:16] += 8
    found = matched(new, old, np.ones((32, 32), np.float32))
    assert np.abs(found - old).max() < 3 < np.abs(new - old).max()


def test_equal_colours_become_equal_ones_wherever_they_are() -> None:
    old, new = noise(32, 32), noise(32, 32, 1)
    new[5, 5] = new[30, 20] = (100, 120, 140)
    found = matched(new, old, np.ones((32, 32), np.float32))
    assert (found[5, 5] == found[30, 20]).all()


def test_a_larger_drawing_gets_the_colours_of_the_old_one() -> None:
    old = Image.fromarray(noise(30, 20).astype(np.uint8)).resize((100, 2 * ROWS), Image.Resampling.BICUBIC)
    pixels = np.asarray(old.resize((200, 4 * ROWS), Image.Resampling.BICUBIC), np.float32)
    drawn = Image.fromarray((pixels + TINT).clip(0, 255).round().astype(np.uint8))
    found = coloured_like(drawn, old)
    assert found.size == drawn.size and np.abs(np.asarray(found, np.float32) - pixels).mean() < 1.5


def test_a_map_of_one_colour_alone_is_a_shift() -> None:
    grey = np.full((4, 4, 3), 100, np.float32)
    moves = ColourMap.fitted(grey, grey + TINT, np.ones((4, 4), np.float32))
    assert moves(noise(3, 3)) == pytest.approx(noise(3, 3) + TINT, abs=1e-3)
