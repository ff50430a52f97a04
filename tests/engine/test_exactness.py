"""The self-test: which numbers of rows keep the bits of the reference count, what they cost, and what it says of a broken device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.engine.exactness import (
    BUDGET_S,
    EVIDENCE_ROWS,
    Exactness,
    SelfTest,
    at_once,
    measured_knees,
    self_test,
    verify_exactness,
)

CHEAPER = {1: 5.0, 2: 4.0, 3: 3.5, 4: 3.0, 5: 2.8, 6: 2.6, 7: 2.4, 8: 2.0}
"""Milliseconds of a row by the rows of its pass: the more, the cheaper."""


class Clock:
    """Time that passes in the passes of a denoiser alone, and as a table says."""

    def __init__(self, tiny: Any, row_ms: Mapping[int, float]) -> None:
        self.now = 0.0
        self._row_ms = row_ms
        tiny.before_pass = self._pass

    def __call__(self) -> float:
        return self.now

    def _pass(self, rows: int) -> None:
        told = max(count for count in self._row_ms if count <= rows)
        self.now += rows * self._row_ms[told] / 1000


def rounding(tiny: Any, *kept: int) -> None:
    """Makes kernels that round differently, but for some numbers of rows; rows by themselves are exactly reproducible."""

    def estimate(latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        made = 3 * latents + sigmas[:, None, None, None] + words.sum((1, 2))[:, None, None, None]
        return made if len(latents) in kept else made * (1 + 1e-6 * len(latents))

    tiny.estimate = estimate


@pytest.fixture
def tested(tiny: Any, ask: Any) -> Callable[..., SelfTest]:
    def tested(text: str = "fox guidance=2", *, rows: int = 8, **options: Any) -> SelfTest:
        return at_once(self_test(tiny, tiny.prepare(ask(text), index=0), rows=rows, **options))

    return tested


def test_it_finds_just_the_counts_that_keep_their_bits(tiny: Any, tested: Any) -> None:
    rounding(tiny, 8, 4, 2, 6, 16)
    found = tested(timer=Clock(tiny, CHEAPER | {16: 1.0}))
    assert found.exactness.holds and found.finite
    assert found.equal == {2, 4, 6, 8, 16} and found.knee == 16
    assert found.row_s[16] == pytest.approx(0.001) and found.row_s[8] == pytest.approx(0.002)


def test_a_count_is_tried_on_many_rows_and_again(tiny: Any, tested: Any) -> None:
    rounding(tiny, 8, 4, 2, 1)
    tested(timer=Clock(tiny, {1: 1.0}))
    for count in (1, 2, 4):
        assert tiny.passes.count(count) * count >= EVIDENCE_ROWS and tiny.passes.count(count) >= 2
    assert 16 not in tiny.passes, "eight are no cheaper than four, so sixteen are not tried"
    assert tiny.passes[:4] == [8, 8, 8, 8]


def test_every_row_is_another_and_stands_in_other_slots_and_company(tiny: Any, tested: Any) -> None:
    seen: dict[int, list[tuple[int, ...]]] = {}

    def estimate(latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        names = [
            hash((*row.flatten().tolist(), *word.flatten().tolist()))
            for row, word in zip(latents, words, strict=True)
        ]
        seen.setdefault(len(latents), []).append(tuple(names))
        return latents

    tiny.estimate = estimate
    tested(timer=Clock(tiny, CHEAPER))
    home, again = seen[8][:2], seen[8][2:4]
    rows = {name for each in home for name in each}
    assert len(rows) == 16 and {name for each in again for name in each} == rows
    assert all(set(each) != set(other) for each in again for other in home), "other company"
    for count, passes in seen.items():
        for slot in range(count):
            tried = {each[slot] for each in passes}
            assert len(tried) > 1, "every slot is tried with more than one row"


@pytest.mark.parametrize("fault", [1e-6, torch.nan])
def test_a_slot_that_rounds_differently_is_seen(tiny: Any, tested: Any, ask: Any, fault: float) -> None:
    estimate = tiny.estimate

    def crooked(latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        made: Tensor = estimate(latents, sigmas, words).clone()
        made[2] += fault
        return made

    tiny.estimate = crooked
    found = tested(rows=4)
    assert not found.exactness.holds and found.exactness.max_difference > 0 and found.equal == {4}
    report = verify_exactness(tiny, ask("fox"), rows_per_pass=3)
    assert report.slots_differing == (2,) and report.max_difference > 0


def test_rows_that_influence_each_other_are_seen(tiny: Any, tested: Any, ask: Any) -> None:
    estimate = tiny.estimate

    def leaky(latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        made: Tensor = estimate(latents, sigmas, words)
        return made + 1e-6 * made.mean(dim=0, keepdim=True)

    assert tested().exactness.holds and verify_exactness(tiny, ask("fox guidance=2"), rows_per_pass=4).holds
    tiny.estimate = leaky
    assert tested().exactness.slots_differing == tuple(range(8))
    report = verify_exactness(tiny, ask("fox guidance=2"), rows_per_pass=4)
    assert report.slots_differing == (0, 1, 2, 3) and 0 < report.max_difference < 1e-3


def test_texts_that_are_cut_to_the_longest_of_a_pass_are_seen(tiny: Any, tested: Any) -> None:
    """What an adapter must not do: rows then depend on whether a longer text is beside them."""

    def estimate(latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        length = float(words.sum((1, 2)).max())
        return latents + 1e-3 * length

    tiny.estimate = estimate
    assert not tested("fox guidance=2").exactness.holds


def test_what_it_says_of_a_broken_device(tiny: Any, tested: Any) -> None:
    good: Exactness = tested().exactness
    good.require()
    tiny.estimate = lambda latents, sigmas, words: (
        latents * torch.arange(1, len(latents) + 1)[:, None, None, None]
    )
    with pytest.raises(
        ModelError, match=r"cpu does not keep exact mode for tiny/8: .* in slots 0, 1, 2, .*another device"
    ):
        tested().exactness.require()


def test_rows_that_are_not_finite_show_nothing(tiny: Any, tested: Any) -> None:
    found = tested("fox fault=nan")
    assert not found.finite and found.equal == {8} and set(tiny.passes) == {8}
    assert tested("fox").finite


def test_memory_that_does_not_suffice_for_more_than_the_reference(tiny: Any, tested: Any) -> None:
    clock = Clock(tiny, CHEAPER)
    taken = tiny.before_pass

    def small(rows: int) -> None:
        taken(rows)
        if rows > memory:
            raise torch.OutOfMemoryError("CUDA out of memory")

    rounding(tiny, *range(17))
    tiny.before_pass, memory = small, 8
    found = tested(timer=clock)
    assert found.equal == set(range(1, 9)) and found.knee == 8 and 16 in tiny.passes
    memory = 4
    with pytest.raises(torch.OutOfMemoryError):
        tested(timer=clock)


@pytest.mark.parametrize(
    ("row_ms", "knee", "urgent_knee"),
    [
        (dict.fromkeys(range(1, 17), 1.0), 1, 1),
        ({1: 2.0, 2: 1.03, 4: 1.0}, 2, 2),
        ({1: 2.0, 2: 1.2, 4: 1.0, 8: 1.1}, 4, 2),
        ({1: 1.24, 2: 1.2, 4: 1.1, 8: 1.0}, 8, 1),
        ({1: 3.0, 2: 1.68, 4: 1.65, 8: 1.0}, 8, 4),
        (CHEAPER | {16: 3.0}, 8, 4),
        (CHEAPER | {16: 1.0}, 16, 16),
    ],
)
def test_the_knee_is_where_more_rows_hardly_make_a_row_cheaper(
    tiny: Any, tested: Any, ask: Any, row_ms: dict[int, float], knee: int, urgent_knee: int
) -> None:
    rounding(tiny, *range(17))
    found = tested(timer=Clock(tiny, row_ms))
    assert (found.knee, found.urgent_knee) == (knee, urgent_knee)
    rounding(tiny)
    prepared = tiny.prepare(ask("fox"), index=0)
    quick = at_once(measured_knees(tiny, prepared, rows=8, timer=Clock(tiny, row_ms)))
    assert quick == (knee, urgent_knee), "needs no proof"
    found = tested(timer=Clock(tiny, row_ms))
    assert (found.knee, found.urgent_knee) == (8, 8), "nothing else is proven"


def test_an_odd_count_is_no_cap_for_rows_that_come_in_pairs(tiny: Any, tested: Any) -> None:
    rounding(tiny, *range(9))
    found = tested(timer=Clock(tiny, {1: 4.0, 2: 3.0, 4: 2.0, 7: 1.0, 8: 1.01}))
    assert 7 in found.equal and found.row_s[7] == pytest.approx(0.001) and found.knee == 8


def test_time_is_limited_but_by_what_the_reference_took(tiny: Any, tested: Any) -> None:
    """A slow model needs small passes more than a quick one; a budget that it overruns at once would deny it them."""
    rounding(tiny, *range(17))
    slow = {1: 30_000.0, 2: 30_000.0, 4: 30_000.0, 8: 20_000.0}
    clock = Clock(tiny, slow)
    found = tested(timer=clock)
    assert found.equal == {2, 4, 8} and 16 not in tiny.passes
    reference_s = 4 * 8 * 20
    assert clock.now <= 2 * reference_s + 12 * 30, "one number of rows may run over"
    quick = tested(timer=Clock(tiny, {1: 10.0, 2: 10.0, 4: 10.0, 8: 1.0}), budget_s=0.1)
    assert quick.equal == {4, 8}
    assert BUDGET_S > 1


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 16])
def test_other_references(tiny: Any, tested: Any, rows: int) -> None:
    rounding(tiny, *range(33))
    found = tested(rows=rows, timer=Clock(tiny, {n: 1.0 + 1.0 / n for n in range(1, 33)}))
    assert found.exactness.holds and found.exactness.fingerprint.rows == rows
    assert rows in found.equal and max(found.equal) <= max(rows, 16)
