"""What the ledger's functions answer, as Change and Reported of core."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from darkroom.core.jobs import (
    Cause,
    Change,
    Job,
    JobMoved,
    JobState,
    NewJob,
    Outcome,
    Reported,
    Submission,
)
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Record


def change(found: Sequence[Record], *, now: datetime, details: Sequence[str] = ()) -> Change:
    """All rows of one operation. `details` belong to the items of the call and to the last transition of each."""
    jobs: list[Job] = []
    promoted: list[Job] = []
    moved: list[JobMoved] = []
    for row in found:
        if row["id"] is None:
            continue
        job = rows.job(row)
        (promoted if row["promoted"] else jobs).append(job)
        detail = details[row["item"] - 1] if details and not row["promoted"] else ""
        moved += _moved(row, job, now, detail)
    return Change(jobs=tuple(jobs), moved=tuple(moved), promoted=tuple(promoted))


def reports(
    found: Sequence[Record],
    job_ids: Sequence[UUID],
    *,
    times: Sequence[datetime],
    details: Sequence[str] = (),
) -> list[Reported]:
    """One answer for each item of the call, in its order."""
    by_item: list[list[Record]] = [[] for _ in job_ids]
    for row in found:
        by_item[row["item"] - 1].append(row)
    return [
        Reported(
            job_id=job_id,
            outcome=Outcome(own[0]["outcome"]),
            change=change(own, now=at, details=details),
        )
        for job_id, own, at in zip(job_ids, by_item, times, strict=True)
    ]


def born(submission: Submission, *, slots: int, moved_ids: Sequence[int]) -> Change:
    """A fresh submission: all but the states and the event ids is known here already."""
    jobs = tuple(_newborn(new, submission, has_slot=n < slots) for n, new in enumerate(submission.jobs))
    moved = (
        JobMoved(
            id=event_id,
            account_id=job.account_id,
            job_id=job.id,
            batch_id=job.batch_id,
            was=None,
            state=job.state,
            cause=Cause.SUBMITTED,
            at=submission.now,
        )
        for job, event_id in zip(jobs, moved_ids, strict=True)
    )
    return Change(jobs=jobs, moved=tuple(moved))


def _newborn(new: NewJob, submission: Submission, *, has_slot: bool) -> Job:
    return Job(
        id=new.id,
        account_id=submission.account_id,
        batch_id=submission.batch_id,
        state=JobState.READY if has_slot else JobState.WAITING,
        lane=new.lane,
        visibility=new.visibility,
        source=rows.storable(submission.source),
        prompt=rows.storable(new.prompt),
        model=new.model,
        seed=new.seed,
        images=new.images,
        hold_gpu_ms=new.hold_gpu_ms,
        price_percent=new.price_percent,
        weight=new.weight,
        recipe=rows.storable_recipe(new.recipe),
        notes=tuple(rows.storable(note) for note in new.notes),
        created_at=submission.now,
        ready_at=submission.now if has_slot else None,
    )


def _moved(row: Record, job: Job, at: datetime, detail: str) -> list[JobMoved]:
    ids: Sequence[int] = row["moved_ids"] or ()
    steps = zip(ids, row["moved_was"] or (), row["moved_to"] or (), row["moved_causes"] or (), strict=True)
    return [
        JobMoved(
            id=event_id,
            account_id=job.account_id,
            job_id=job.id,
            batch_id=job.batch_id,
            was=None if was is None else JobState(was),
            state=JobState(state),
            cause=Cause(cause),
            at=at,
            detail=detail if event_id == ids[-1] else "",
        )
        for event_id, was, state, cause in steps
    ]
