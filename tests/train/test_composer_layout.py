"""Things stand where the arrangement says, inside the frame, and not on top of each other."""

import numpy as np
import pytest

from darkroom.train.composer import PLACES, ObjectSpec, SceneSpec
from darkroom.train.composer.layout import Placement, arrange

FRAMES = [(64, 64), (96, 96), (128, 32), (32, 128), (160, 96), (96, 160)]
GROUND = ("ground", "ground", "ground")
FOX = (ObjectSpec(concept="fox"),)


def placed(width=96, height=96, *, seed=1, habitats=GROUND, objects=FOX, **rest) -> list[Placement]:
    spec = SceneSpec(**{"seed": seed, "objects": tuple(objects), "place": "meadow", "time": "day", **rest})
    return arrange(spec, habitats[: len(spec.objects)], width, height)


def kinds(count: int) -> tuple[ObjectSpec, ...]:
    return tuple(ObjectSpec(concept=name) for name in ("fox", "car", "house")[:count])


@pytest.mark.parametrize(("width", "height"), FRAMES)
@pytest.mark.parametrize("place", list(PLACES))
def test_everything_lies_inside_the_frame(width, height, place):
    cases = [(kinds(1), "left"), (kinds(2), "beside"), (kinds(2), "above"), (kinds(3), "between"),
             ((ObjectSpec(concept="fox", count=4),), "group"), ((ObjectSpec(concept="fox", size="large"),), "single")]  # fmt: skip
    for seed, (objects, arrangement) in enumerate(cases):
        for spot in placed(width, height, seed=seed, place=place, objects=objects, arrangement=arrangement):
            slack = 0.06 * min(width, height)
            assert spot.x - spot.size / 2 > -slack and spot.x + spot.size / 2 < width + slack
            assert spot.base - spot.size > -slack and spot.base < height + slack


@pytest.mark.parametrize("frame", FRAMES[:2])
def test_a_single_thing_is_large(frame):
    sizes = [placed(*frame, seed=seed)[0].size / frame[0] for seed in range(40)]
    assert 0.4 <= min(sizes) < 0.55 < max(sizes) <= 0.75
    small = placed(*frame, objects=(ObjectSpec(concept="fox", size="small"),))[0].size
    large = placed(*frame, objects=(ObjectSpec(concept="fox", size="large"),))[0].size
    assert small < placed(*frame)[0].size < large


def test_left_and_right():
    for seed in range(20):
        assert placed(seed=seed, arrangement="left")[0].x < 0.4 * 96
        assert placed(seed=seed, arrangement="right")[0].x > 0.6 * 96
        assert 0.4 * 96 < placed(seed=seed)[0].x < 0.6 * 96


def test_beside_puts_the_first_on_the_left():
    for seed in range(20):
        spots = {spot.kind: spot for spot in placed(seed=seed, objects=kinds(2), arrangement="beside")}
        assert spots[0].x < spots[1].x


def test_between_puts_the_first_in_the_middle():
    spots = {spot.kind: spot.x for spot in placed(objects=kinds(3), arrangement="between")}
    assert spots[1] < spots[0] < spots[2]


def test_above_hangs_the_first_over_the_second():
    for place in ("meadow", "studio", "space", "sea", "cave"):
        spots = {spot.kind: spot for spot in placed(objects=kinds(2), arrangement="above", place=place)}
        assert spots[0].base <= spots[1].base - spots[1].size + 0.1 * spots[1].size
        assert not spots[0].grounded


@pytest.mark.parametrize(
    ("count", "arrangement"), [(2, "row"), (3, "row"), (4, "row"), (3, "group"), (4, "group")]
)
@pytest.mark.parametrize("place", ["meadow", "studio", "space", "room"])
def test_things_hardly_overlap(count, arrangement, place):
    for seed in range(10):
        spots = placed(
            seed=seed, objects=(ObjectSpec(concept="fox", count=count),), arrangement=arrangement, place=place
        )
        assert len(spots) == count
        for i, one in enumerate(spots):
            for other in spots[i + 1 :]:
                assert shared(one, other) < 0.22


def shared(one: Placement, other: Placement) -> float:
    """The overlap of two square boxes as a share of the smaller one."""
    wide = min(one.x + one.size / 2, other.x + other.size / 2) - max(
        one.x - one.size / 2, other.x - other.size / 2
    )
    tall = min(one.base, other.base) - max(one.base - one.size, other.base - other.size)
    return max(wide, 0) * max(tall, 0) / min(one.size, other.size) ** 2


def test_what_flies_is_in_the_air_and_casts_no_shadow():
    bird, fox = placed(habitats=("air",))[0], placed()[0]
    assert bird.base < fox.base - 10
    assert fox.grounded and not bird.grounded
    assert not placed(place="space", time="")[0].grounded
    assert not placed(place="underwater", time="")[0].grounded


@pytest.mark.parametrize("size", [64, 128, 256])
def test_layout_scales_with_the_frame(size):
    for arrangement in ("single", "left"):
        small, large = (
            placed(32, 32, arrangement=arrangement)[0],
            placed(size, size, arrangement=arrangement)[0],
        )
        scale = size / 32
        assert np.allclose(
            (small.x * scale, small.base * scale, small.size * scale), (large.x, large.base, large.size)
        )
