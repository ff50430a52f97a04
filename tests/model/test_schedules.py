"""Noise schedules against their formulas and their limits."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.schedules import (
    MAX_STEPS,
    flow_sigmas,
    karras_sigmas,
    started,
    stopped,
)

STEPS = st.integers(1, 60)


@given(STEPS, st.floats(0.1, 10))
def test_flow_falls_from_one_to_zero_in_so_many_steps(steps: int, shift: float) -> None:
    sigmas = flow_sigmas(steps, shift=shift)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == pytest.approx(1.0) and sigmas[-1] == 0.0
    assert all(a > b for a, b in pairwise(sigmas))


def test_flow_without_a_shift_is_even() -> None:
    assert flow_sigmas(4) == (1.0, 0.75, 0.5, 0.25, 0.0)


def test_a_shift_of_three_moves_the_middle_to_three_quarters() -> None:
    assert flow_sigmas(2, shift=3.0)[1] == pytest.approx(0.75)


@given(st.integers(2, 60), st.floats(0.001, 0.5), st.floats(1, 100))
def test_karras_runs_between_its_ends_and_closes_with_zero(steps: int, low: float, high: float) -> None:
    sigmas = karras_sigmas(steps, sigma_min=low, sigma_max=high)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == pytest.approx(high) and sigmas[-2] == pytest.approx(low) and sigmas[-1] == 0.0
    assert all(a > b for a, b in pairwise(sigmas))


def test_karras_is_even_in_the_rho_th_root() -> None:
    roots = [s ** (1 / 7) for s in karras_sigmas(5, sigma_min=0.03, sigma_max=14.6)[:-1]]
    gaps = [a - b for a, b in pairwise(roots)]
    assert gaps == pytest.approx([gaps[0]] * 4)


def test_karras_of_one_step_goes_from_the_top_to_zero() -> None:
    assert karras_sigmas(1, sigma_min=0.1, sigma_max=10.0) == (pytest.approx(10.0), 0.0)


@given(STEPS, st.integers(1, 100))
def test_stop_keeps_the_beginning(steps: int, percent: int) -> None:
    sigmas = flow_sigmas(steps)
    kept = stopped(sigmas, percent)
    assert 2 <= len(kept) <= len(sigmas) and kept == sigmas[: len(kept)]
    assert abs((len(kept) - 1) - steps * percent / 100) <= 1


def test_stop_at_a_hundred_keeps_everything_and_at_fifty_half() -> None:
    assert stopped(flow_sigmas(12), 100) == flow_sigmas(12)
    assert len(stopped(flow_sigmas(12), 50)) - 1 == 6


@given(STEPS, st.floats(0, 1))
def test_a_strength_keeps_the_end_and_begins_between_two_levels(steps: int, strength: float) -> None:
    sigmas = flow_sigmas(steps)
    kept = started(sigmas, strength)
    assert 2 <= len(kept) <= len(sigmas) and kept[1:] == sigmas[len(sigmas) - len(kept) + 1 :]
    assert all(a > b for a, b in pairwise(kept))
    assert kept[0] == pytest.approx(max(strength, 1 / steps), abs=1e-5)


def test_all_of_a_schedule_is_itself_and_half_of_it_half() -> None:
    assert started(flow_sigmas(12), 1.0) == flow_sigmas(12)
    assert started(flow_sigmas(12), 0.5) == flow_sigmas(12)[6:]


@pytest.mark.parametrize("steps", [0, -1, MAX_STEPS + 1])
def test_a_number_of_steps_out_of_range_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        flow_sigmas(steps)
    with pytest.raises(ValueError, match="steps"):
        karras_sigmas(steps, sigma_min=0.1, sigma_max=1.0)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="shift"):
        flow_sigmas(4, shift=0.0)
    with pytest.raises(ValueError, match="shift"):
        flow_sigmas(4, shift=math.nan)
    with pytest.raises(ValueError, match="sigmas from"):
        karras_sigmas(4, sigma_min=2.0, sigma_max=1.0)
    with pytest.raises(ValueError, match="percent"):
        stopped(flow_sigmas(4), 0)
    with pytest.raises(ValueError, match="strength"):
        started(flow_sigmas(4), 1.1)
