"""Latent shapes: near the ratio, near the area, and the same turned on its side."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.params import Aspect
from darkroom.model.mini import DRAFT_AREA, LARGE_AREA, NATIVE_AREA
from darkroom.model.shapes import latent_shape

AREAS = st.sampled_from([DRAFT_AREA, NATIVE_AREA, LARGE_AREA, 256, 1024])
SIDES = st.integers(1, 400)
MOST_ELONGATED = 14.0


@st.composite
def aspects(draw: st.DrawFn) -> Aspect:
    width = draw(SIDES)
    height = draw(
        st.integers(math.ceil(width / MOST_ELONGATED), min(400, math.floor(width * MOST_ELONGATED)))
    )
    return Aspect.of(width, height)


@given(aspect=aspects(), area=AREAS)
def test_a_turned_ratio_gets_the_turned_shape(aspect: Aspect, area: int) -> None:
    height, width = latent_shape(aspect, area)
    assert latent_shape(Aspect.of(aspect.height, aspect.width), area) == (width, height)


@given(aspect=aspects(), area=AREAS)
def test_the_area_stays_near(aspect: Aspect, area: int) -> None:
    height, width = latent_shape(aspect, area)
    assert height >= 1 and width >= 1
    assert 0.7 <= height * width / area <= 1.4


@given(aspect=aspects(), area=AREAS)
def test_the_ratio_stays_near(aspect: Aspect, area: int) -> None:
    height, width = latent_shape(aspect, area)
    step = 1 / min(
        math.sqrt(area / aspect.elongation), math.sqrt(area)
    )  # of one position on the shorter side
    assert abs(math.log(width / height * aspect.height / aspect.width)) <= math.log1p(step) + 0.1


@given(aspect=aspects(), area=AREAS)
def test_wide_is_wide_and_tall_is_tall(aspect: Aspect, area: int) -> None:
    height, width = latent_shape(aspect, area)
    if aspect.width > aspect.height:
        assert width >= height
    if aspect.width < aspect.height:
        assert width <= height


@pytest.mark.parametrize("side", [6, 8, 12, 16])
def test_a_square_is_a_square(side: int) -> None:
    assert latent_shape(Aspect.of(1, 1), side * side) == (side, side)


@pytest.mark.parametrize(
    ("ratio", "shape"), [((16, 9), (6, 11)), ((3, 2), (7, 10)), ((2, 1), (6, 11)), ((9, 16), (11, 6))]
)
def test_shapes_that_people_ask_for(ratio: tuple[int, int], shape: tuple[int, int]) -> None:
    assert latent_shape(Aspect.of(*ratio), NATIVE_AREA) == shape


@given(first=aspects(), area=AREAS)
def test_equal_ratios_get_equal_shapes(first: Aspect, area: int) -> None:
    assert latent_shape(Aspect.of(first.width * 3, first.height * 3), area) == latent_shape(first, area)
