"""Transitions of jobs: the only place where a job's state changes, with its history, its account's counters, its money and slot.

Knows which steps are legal (core.jobs.TRANSITIONS) and what each leaves behind; who may ask for one, the ledger decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from darkroom.core.accounts import EntryKind
from darkroom.core.jobs import HOLDS_SLOT, TERMINAL, TRANSITIONS, Cause, Change, Job, JobMoved, JobState
from darkroom.core.params import Lane
from darkroom.storage.memory.state import State

LANE_ORDER = {Lane.TURBO: 0, Lane.FAST: 1, Lane.RELAX: 2}


class Steps:
    """What one operation does, step by step; `change` tells it."""

    def __init__(self, state: State, *, now: datetime) -> None:
        self._state = state
        self._now = now
        self._moved: list[JobMoved] = []
        self._promoted: list[UUID] = []

    def change(self, job_ids: Iterable[UUID]) -> Change:
        """All that happened, with these jobs as they are now."""
        jobs = self._state.jobs
        return Change(
            jobs=tuple(jobs[each] for each in job_ids),
            moved=tuple(self._moved),
            promoted=tuple(jobs[each] for each in self._promoted),
        )

    def bear(self, job: Job, *, words: str) -> None:
        """A job comes into the world in the state that it has, with its hold."""
        assert job.state in (JobState.WAITING, JobState.READY) and job.id not in self._state.jobs
        self._state.words[job.id] = words
        self._state.book(job.account_id, EntryKind.HOLD, job.hold_gpu_ms, at=self._now, job_id=job.id)
        self._keep(job, was=None, cause=Cause.SUBMITTED, detail="")

    def move(self, job: Job, to: JobState, cause: Cause, *, detail: str = "", **changes: Any) -> Job:
        """One legal step of a job, together with other changes to it."""
        assert to in TRANSITIONS[job.state], f"{job.state} -> {to} is no step of a job's life"
        moved = replace(job, state=to, **changes)
        self._keep(moved, was=job.state, cause=cause, detail=detail)
        return moved

    def end(self, job: Job, to: JobState, cause: Cause, *, charged_gpu_ms: int, **changes: Any) -> Job:
        """The last step: the hold goes back, the charge is settled, and the slot goes to the longest waiting job."""
        assert to in TERMINAL and 0 <= charged_gpu_ms <= job.hold_gpu_ms
        ended = self.move(
            job, to, cause, charged_gpu_ms=charged_gpu_ms, finished_at=self._now, worker_id=None, **changes
        )
        book = self._state.book
        book(job.account_id, EntryKind.RELEASE, job.hold_gpu_ms, at=self._now, job_id=job.id)
        book(job.account_id, EntryKind.SETTLE, charged_gpu_ms, at=self._now, job_id=job.id)
        if job.state in HOLDS_SLOT:
            self._hand_on(job.account_id)
        return ended

    def _hand_on(self, account_id: UUID) -> None:
        """A free slot goes to the account's best lane, and there to the oldest job; resubmitted jobs above the cap leave none."""
        state = self._state
        while state.accounts[account_id].running < state.running_caps.get(account_id, 0):
            waiting = [state.jobs[each] for each in state.waiting[account_id]]
            if not waiting:
                return
            chosen = min(waiting, key=lambda job: (LANE_ORDER[job.lane], job.id))
            self.move(chosen, JobState.READY, Cause.SLOT_FREE, ready_at=self._now)
            self._promoted.append(chosen.id)

    def _keep(self, job: Job, *, was: JobState | None, cause: Cause, detail: str) -> None:
        state = self._state
        state.jobs[job.id] = job
        moved = JobMoved(
            id=len(state.moves) + 1,
            account_id=job.account_id,
            job_id=job.id,
            batch_id=job.batch_id,
            was=was,
            state=job.state,
            cause=cause,
            at=self._now,
            detail=detail,
        )
        state.moves.append(moved)
        self._moved.append(moved)
        self._count(job, was)

    def _count(self, job: Job, was: JobState | None) -> None:
        """The account's counters and the indexes follow the job."""
        state, now = self._state, job.state
        account = state.accounts[job.account_id]
        state.accounts[job.account_id] = replace(
            account,
            running=account.running + (now in HOLDS_SLOT) - (was in HOLDS_SLOT),
            waiting=account.waiting + (now is JobState.WAITING) - (was is JobState.WAITING),
        )
        (state.living.discard if now in TERMINAL else state.living.add)(job.id)
        waiting = state.waiting[job.account_id]
        (waiting.add if now is JobState.WAITING else waiting.discard)(job.id)
