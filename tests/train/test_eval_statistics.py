"""Figures against cases whose answer is known."""

import math

import numpy as np
import pytest
import torch

from darkroom.train.evaluation.statistics import (
    CHANCE,
    estimate,
    frechet,
    retrieved,
    share_of,
    spread,
)


def none_same(count: int) -> torch.Tensor:
    return torch.zeros(count, count, dtype=torch.bool)


def test_a_picture_that_fits_its_own_caption_best_is_always_found() -> None:
    assert retrieved(torch.eye(20), none_same(20)).tolist() == [1.0] * 20


def test_one_better_caption_is_drawn_as_often_as_chance_has_it() -> None:
    fits = torch.eye(31)
    fits[0, 7] = 2.0  # one of 30 others is better, and 15 of 30 are drawn
    assert retrieved(fits, none_same(31))[0] == pytest.approx(0.5)


def test_ties_are_lost() -> None:
    assert retrieved(torch.ones(20, 20), none_same(20)).tolist() == [0.0] * 20


def test_random_fits_come_to_chance() -> None:
    fits = torch.rand(400, 400, generator=torch.Generator().manual_seed(0))
    found = retrieved(fits, none_same(400)).mean()
    assert found == pytest.approx(CHANCE, abs=0.02)


def test_a_caption_that_reads_the_same_is_no_mistake() -> None:
    fits, same = torch.eye(20), none_same(20)
    fits[3, 4] = 1.0
    same[3, 4] = same[4, 3] = True
    assert retrieved(fits, same)[3] == 1.0


def test_the_exact_mean_agrees_with_drawing() -> None:
    generator = torch.Generator().manual_seed(3)
    fits = torch.rand(40, 40, generator=generator) + 0.6 * torch.eye(40)
    rng = np.random.default_rng(0)
    wins = []
    for _ in range(3000):
        others = rng.choice(np.arange(1, 40), 15, replace=False)
        wins.append(bool((fits[0, others] < fits[0, 0]).all()))
    assert retrieved(fits, none_same(40))[0] == pytest.approx(np.mean(wins), abs=0.03)


def test_the_interval_holds_the_mean_and_narrows() -> None:
    rng = np.random.default_rng(1)
    few, many = (estimate(rng.random(n)) for n in (20, 2000))
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 4
    assert estimate(np.ones(5)).low == estimate(np.ones(5)).high == 1.0


def test_no_cases_have_no_mean() -> None:
    nothing = estimate(np.zeros(0))
    assert math.isnan(nothing.mean) and nothing.cases == 0


def test_a_share_of_the_ceiling() -> None:
    values, ceiling = np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4)
    assert share_of(values, ceiling).mean == pytest.approx(0.5)
    assert share_of(values, ceiling, floor=0.25).mean == pytest.approx(1 / 3)
    assert share_of(ceiling, ceiling).low == 1.0


def test_equal_sets_have_no_frechet_distance() -> None:
    points = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    assert frechet(points, points.clone()) == pytest.approx(0, abs=1e-8)


def test_a_shift_and_a_stretch_have_the_known_distance() -> None:
    points = torch.randn(5000, 3, generator=torch.Generator().manual_seed(0)).double()
    shifted = points + torch.tensor([3.0, 0.0, 4.0])
    assert frechet(points, shifted) == pytest.approx(25, rel=1e-6)
    centred = points - points.mean(0)
    trace = float(torch.cov(centred.T).trace())
    assert frechet(centred, 3 * centred) == pytest.approx(4 * trace, rel=1e-6)  # (3 - 1)^2 of the variance


def test_spread_is_the_mean_distance_of_pairs() -> None:
    group = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]])
    assert spread(group).tolist() == pytest.approx([10 / 3])
