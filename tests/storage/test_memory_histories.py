"""Random histories on the stores in memory: every invariant holds after each step, and a store that is broken is found out."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.histories import Summary, run_history

from darkroom.core.accounts import EntryKind
from darkroom.core.jobs import JobState, Outcome
from darkroom.storage.memory import MemoryStore
from darkroom.storage.memory.state import State
from darkroom.storage.memory.steps import Steps


def run(seed: int | Random, steps: int) -> Summary:
    return asyncio.run(run_history(MemoryStore(), seed, steps))


@given(rng=st.randoms(use_true_random=False), steps=st.integers(1, 40))
def test_any_history_keeps_the_invariants(rng: Random, steps: int) -> None:
    run(rng, steps)


@pytest.mark.parametrize("seed", range(6))
def test_long_histories_keep_the_invariants(seed: int) -> None:
    run(seed, 250)


def test_a_seed_is_a_history() -> None:
    assert run(7, 80) == run(7, 80)
    assert run(7, 80) != run(8, 80)


def test_histories_go_everywhere() -> None:
    summaries = [run(seed, 250) for seed in range(8)]
    told = " ".join(line for summary in summaries for line in summary.log).split()
    jobs = [job for summary in summaries for job in summary.jobs]
    assert {job.state for job in jobs} == set(JobState)
    assert max(job.rejections for job in jobs) > 1 and any(job.charged_gpu_ms for job in jobs)
    refusals = {"queue_full", "fast_time_exhausted", "account_blocked", "idempotency_conflict"}
    others = {"not_active", "not_found", "already_resolved", "again", "requeued", "dropped", "renewed"}
    assert refusals | others | set(Outcome) <= set(told)


def forgets(kind: EntryKind) -> Any:
    book = State.book

    def forgetful(self: State, account_id: Any, each: EntryKind, amount: int, **rest: Any) -> None:
        book(self, account_id, each, 0 if each is kind else amount, **rest)

    return forgetful


@pytest.mark.parametrize("kind", [EntryKind.HOLD, EntryKind.RELEASE, EntryKind.SETTLE])
def test_a_store_that_forgets_an_entry_is_found_out(monkeypatch: pytest.MonkeyPatch, kind: EntryKind) -> None:
    monkeypatch.setattr(State, "book", forgets(kind))
    with pytest.raises(AssertionError, match="after"):
        run(0, 250)


def test_a_store_that_keeps_a_slot_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Steps, "_hand_on", lambda self, account_id: None)
    with pytest.raises(AssertionError, match="a job waits beside a free slot"):
        run(0, 250)


def test_a_store_that_counts_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Steps, "_count", lambda self, job, was: None)
    with pytest.raises(AssertionError, match="after"):
        run(0, 250)
