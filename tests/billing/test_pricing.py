"""Prices are whole, never negative, never zero for a paid job, and grow with what is asked for."""

from dataclasses import replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.billing.pricing import BUILTIN_PRICES, read_prices
from darkroom.core.errors import DarkroomError
from darkroom.core.params import GenerationParams, Lane, PromptPart
from darkroom.core.recipes import EMPTY, Frame, Input, ParentKind, Recipe, Role

PRICES = read_prices()
QUALITIES = [0.25, 0.5, 1.0, 2.0, 4.0]
BASE = GenerationParams(parts=(PromptPart(text="a fox", weight=1.0),), model="mini-1")
PARAMS = st.builds(
    lambda model, quality, stop, size: replace(
        BASE, model=model, quality=quality, stop=stop, draft=size == "draft", hd=size == "hd"
    ),
    st.sampled_from(["mini-1", "unknown"]),
    st.sampled_from(QUALITIES),
    st.integers(10, 100),
    st.sampled_from(["draft", "native", "hd"]),
)


def test_the_standard_grid_is_what_was_measured() -> None:
    price = PRICES.price(BASE, Lane.FAST)
    assert (price.estimate_gpu_ms, price.cost_gpu_ms, price.hold_gpu_ms, price.price_percent) == (
        1600,
        1600,
        2400,
        100,
    )


def test_turbo_is_twice_and_relax_nothing_but_takes_the_same_time() -> None:
    turbo, relax = PRICES.price(BASE, Lane.TURBO), PRICES.price(BASE, Lane.RELAX)
    assert (turbo.estimate_gpu_ms, turbo.cost_gpu_ms, turbo.hold_gpu_ms) == (1600, 3200, 4800)
    assert (relax.estimate_gpu_ms, relax.cost_gpu_ms, relax.hold_gpu_ms) == (1600, 0, 0)


def test_a_draft_is_half_the_price() -> None:
    draft = PRICES.price(replace(BASE, draft=True), Lane.FAST)
    assert draft.estimate_gpu_ms == PRICES.price(BASE, Lane.FAST).estimate_gpu_ms // 2


def test_fewer_images_cost_their_part() -> None:
    assert PRICES.price(BASE, Lane.FAST, images=1).estimate_gpu_ms == 400


@given(PARAMS, st.sampled_from(Lane), st.integers(1, 16))
def test_prices_are_whole_and_ordered(params: GenerationParams, lane: Lane, images: int) -> None:
    price = PRICES.price(params, lane, images=images)
    assert all(type(n) is int for n in (price.estimate_gpu_ms, price.cost_gpu_ms, price.hold_gpu_ms))
    assert price.estimate_gpu_ms > 0
    assert 0 <= price.cost_gpu_ms <= price.hold_gpu_ms
    assert (price.cost_gpu_ms > 0) == (price.price_percent > 0) == (lane is not Lane.RELAX)
    assert price.hold_gpu_ms <= ceil(price.estimate_gpu_ms * price.price_percent * 1.5 / 100)


@given(PARAMS, st.sampled_from(Lane), st.integers(1, 16))
def test_more_steps_images_or_pixels_never_cost_less(
    params: GenerationParams, lane: Lane, images: int
) -> None:
    def paid(params: GenerationParams, images: int = images) -> tuple[int, int, int]:
        price = PRICES.price(params, lane, images=images)
        return price.estimate_gpu_ms, price.cost_gpu_ms, price.hold_gpu_ms

    by_quality = [paid(replace(params, quality=quality)) for quality in QUALITIES]
    by_stop = [paid(replace(params, stop=stop)) for stop in range(10, 101, 15)]
    by_images = [paid(params, count) for count in range(1, 9)]
    sizes = ({"draft": True, "hd": False}, {"draft": False, "hd": False}, {"draft": False, "hd": True})
    by_size = [paid(replace(params, **size)) for size in sizes]
    for prices in (by_quality, by_stop, by_images, by_size):
        for fewer, more in pairwise(prices):
            assert all(a <= b for a, b in zip(fewer, more, strict=True))
        assert prices[0][0] < prices[-1][0]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("turbo = 200", "turbo = -1", "lanes.turbo must be a whole number of at least 0, not -1"),
        ("turbo = 200\n", "", "lanes lacks 'turbo'"),
        ("turbo = 200", "turbo = 200\nslow = 1", "lanes has an unknown key 'slow'"),
        (
            "margin_percent = 150",
            "margin_percent = 99",
            "margin_percent must be a whole number of at least 100",
        ),
        ("margin_percent = 150", "", "the file lacks 'margin_percent'"),
        (
            "denoise_gpu_ms = 1500",
            "denoise_gpu_ms = 0",
            "models.mini-1.denoise_gpu_ms must be a whole number of at least 1",
        ),
        ("denoise_gpu_ms = 1500", "denoise_ms = 1500", "models.mini-1 has an unknown key 'denoise_ms'"),
        ("finish_gpu_ms = 400", "finish_gpu_ms = 1.5", "default.finish_gpu_ms must be a whole number"),
        ("draft_percent = 50", "draft_percent = 101", "default: draft_percent must be at most 100"),
        ("[models.mini-1]", "[models.mini-1]]", "is not valid TOML"),
        (
            "megapixel = 400",
            "megapixel = 0",
            "upscale.gpu_ms_per_megapixel must be a whole number of at least 1",
        ),
        ("[upscale]\ngpu_ms_per_megapixel = 400", "", "the file lacks 'upscale'"),
        ("megapixel = 900", "megapixel = 0.9", "canvas.gpu_ms_per_megapixel must be a whole number"),
        ("[canvas]\ngpu_ms_per_megapixel = 900", "", "the file lacks 'canvas'"),
    ],
)
def test_a_price_list_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = BUILTIN_PRICES.read_text()
    assert old in text
    path = tmp_path / "prices.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DarkroomError) as raised:
        read_prices(path)
    assert str(path) in raised.value.message and fault in raised.value.message


def test_fractions_are_rounded_up() -> None:
    price = PRICES.price(
        replace(BASE, stop=99), Lane.TURBO, images=3
    )  # 1,585 ms of a grid, three quarters of it
    assert (price.estimate_gpu_ms, price.cost_gpu_ms, price.hold_gpu_ms) == (1189, 2378, 3567)


START = Input(role=Role.INIT, parent_id=UUID(int=1), kind=ParentKind.IMAGE, digest="ab" * 32)
FRAME = Frame(width=2048, height=2048, left=0, top=0, inner_width=64, inner_height=64)
RECIPES = st.builds(
    Recipe,
    inputs=st.sampled_from([(), (START,)]),
    indices=st.sampled_from([(0,), (1, 2), (0, 1, 2, 3)]),
    strength=st.none() | st.floats(0.05, 1),
    scale=st.sampled_from([None, 2, 4]),
    frame=st.sampled_from([None, FRAME]),
)
SIZES = st.tuples(st.integers(64, 4096), st.integers(64, 4096))


@given(PARAMS, st.sampled_from(Lane), RECIPES, SIZES)
def test_no_action_is_free_or_dearer_than_the_same_with_more(
    params: GenerationParams, lane: Lane, recipe: Recipe, size: tuple[int, int]
) -> None:
    def paid(recipe: Recipe, size: tuple[int, int] = size) -> int:
        price = PRICES.price(params, lane, recipe=recipe, size=size)
        assert price.estimate_gpu_ms > 0 and (price.cost_gpu_ms > 0) == (lane is not Lane.RELAX)
        assert price.cost_gpu_ms <= price.hold_gpu_ms
        return price.estimate_gpu_ms

    cost = paid(recipe)
    assert cost <= paid(replace(recipe, indices=(0, 1, 2, 3)))
    assert cost <= paid(recipe, (size[0] * 2, size[1]))
    assert paid(replace(recipe, frame=None)) <= cost, "a larger canvas is never cheaper"
    if recipe.strength is not None:
        assert cost <= paid(replace(recipe, strength=1.0))
    if recipe.scale is not None:
        assert paid(replace(recipe, strength=None)) <= cost, "a second pass comes on top"


def test_an_empty_recipe_costs_what_a_prompt_costs() -> None:
    assert PRICES.price(BASE, Lane.FAST, recipe=EMPTY) == PRICES.price(BASE, Lane.FAST)


def test_actions_cost_their_share() -> None:
    def cost(size: tuple[int, int] | None = None, **recipe: object) -> int:
        return PRICES.price(BASE, Lane.FAST, recipe=Recipe(**recipe), size=size).estimate_gpu_ms  # type: ignore[arg-type]

    assert cost(strength=0.75) == 1225
    assert cost(indices=(3,)) == 400
    assert cost((512, 512), indices=(0,), scale=2) == cost((1024, 1024), indices=(0,), scale=4) == 420
    assert cost(indices=(0,), scale=4) == cost(indices=(0,), scale=2) > 0, "even where nobody knows the size"
    assert cost((512, 512), indices=(0,), scale=2, strength=0.3) == 557


NATIVE = 256 * 256
MASK = replace(START, role=Role.MASK)


def canvas(width: int, height: int) -> Recipe:
    frame = Frame(width=width, height=height, left=0, top=0, inner_width=64, inner_height=64)
    return Recipe(inputs=(START,), strength=0.6, frame=frame)


def test_the_hold_of_a_large_canvas_covers_what_was_measured() -> None:
    price = PRICES.price(BASE, Lane.FAST, recipe=canvas(2048, 1434), native_pixels=NATIVE)
    assert 11_119 <= price.estimate_gpu_ms <= 12_000, "4 pictures of it took 11.1 s"
    assert price.hold_gpu_ms >= 1.4 * 11_119


@given(PARAMS, st.integers(1, 2048), st.integers(1, 2048), st.integers(1, 2048), st.integers(0, 1024**2))
def test_a_larger_canvas_never_costs_less(
    params: GenerationParams, width: int, height: int, more: int, native: int
) -> None:
    def paid(recipe: Recipe, size: tuple[int, int] | None = None) -> int:
        price = PRICES.price(params, Lane.FAST, recipe=recipe, size=size, native_pixels=native)
        return price.hold_gpu_ms

    small, large = canvas(width, height), canvas(width + more, height)
    assert paid(replace(small, frame=None)) <= paid(small) <= paid(large)
    if width * height <= native:
        assert paid(small) == paid(replace(small, frame=None)), "what the model draws by itself is no dearer"
    masked = replace(small, frame=None, inputs=(START, MASK))
    assert paid(masked, (width, height)) == paid(small), "a masked picture is put together like a canvas"
    assert paid(masked, (width + more, height)) == paid(large)
