"""Exemplars: every entry once for each variant, and variants that differ as their names say."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.train.exemplars import (
    EXEMPLAR_PX,
    GROUND,
    SMALL,
    VARIANTS,
    entries,
    exemplar,
    exemplar_pictures,
    on_ground,
)
from darkroom.train.sprites import ART_SETS, SPRITE_PX, Atlas


def extent(picture: np.ndarray) -> int:
    """Columns in which something other than the ground shows."""
    return int((np.abs(picture.astype(int) - GROUND).max(2) > 8).any(0).sum())


def test_every_sprite_is_an_entry_once(drawn_atlas: Atlas) -> None:
    listed = entries(drawn_atlas)
    assert len(set(listed)) == len(listed) == sum(len(c.art_sets) for c in drawn_atlas.concepts.values())
    assert ("robot", "twemoji") not in listed and ("robot", "noto") in listed
    assert listed == entries(drawn_atlas)


def test_the_order_is_by_concept_and_then_as_the_art_sets_are_listed(drawn_atlas: Atlas) -> None:
    listed = entries(drawn_atlas)
    assert listed == tuple(sorted(listed, key=lambda entry: (entry[0], ART_SETS.index(entry[1]))))


def test_all_pictures_lie_in_the_order_of_entries_and_variants(drawn_atlas: Atlas) -> None:
    pictures = exemplar_pictures(drawn_atlas)
    listed = entries(drawn_atlas)
    assert pictures.shape == (len(listed) * len(VARIANTS), EXEMPLAR_PX, EXEMPLAR_PX, 3)
    for row in (0, 7, len(pictures) - 1):
        number, variant = divmod(row, len(VARIANTS))
        expected = exemplar(drawn_atlas, *listed[number], variant=VARIANTS[variant])
        np.testing.assert_array_equal(pictures[row], expected)


def test_the_ground_shows_where_the_sprite_is_clear(drawn_atlas: Atlas) -> None:
    picture = exemplar(drawn_atlas, "apple", "noto")
    assert picture.shape == (EXEMPLAR_PX, EXEMPLAR_PX, 3) and picture.dtype == np.uint8
    assert (picture[0, 0] == GROUND).all()
    assert (picture[EXEMPLAR_PX // 2, EXEMPLAR_PX // 2] != GROUND).any()


@pytest.mark.parametrize("concept", ["apple", "car"])
def test_flipped_is_the_mirror_image(drawn_atlas: Atlas, concept: str) -> None:
    plain, flipped = (exemplar(drawn_atlas, concept, "noto", variant=v) for v in ("plain", "flipped"))
    np.testing.assert_array_equal(flipped, plain[:, ::-1])
    assert (flipped != plain).any()


def test_small_is_smaller_by_its_factor(drawn_atlas: Atlas) -> None:
    plain, small = (exemplar(drawn_atlas, "car", "noto", variant=v) for v in ("plain", "small"))
    assert extent(small) == pytest.approx(SMALL * extent(plain), abs=2)


def test_recoloured_is_another_colour_and_the_same_each_time(drawn_atlas: Atlas) -> None:
    plain, first, again = (
        exemplar(drawn_atlas, "car", "noto", variant=v) for v in ("plain", "recoloured", "recoloured")
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - plain).max() > 30
    ground = (plain == GROUND).all(2)
    assert np.abs(first.astype(int) - plain)[ground].max() == 0


def test_a_half_clear_pixel_mixes_with_the_ground() -> None:
    sprite = np.zeros((SPRITE_PX, SPRITE_PX, 4), np.uint8)
    sprite[...] = (255, 0, 0, 128)
    picture = on_ground(sprite)
    np.testing.assert_allclose(picture[32, 32], (192, 64, 64), atol=2)


def test_colour_under_clear_pixels_does_not_bleed() -> None:
    sprite = np.zeros((SPRITE_PX, SPRITE_PX, 4), np.uint8)
    sprite[..., :3] = (255, 0, 255)
    assert (on_ground(sprite) == GROUND).all()
