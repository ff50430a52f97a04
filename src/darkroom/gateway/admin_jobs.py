"""The routes of operators for everybody's jobs, and for the dead letters: jobs that failed for good."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from darkroom.core.ids import new_id
from darkroom.core.jobs import DeadLetter, Job, JobState
from darkroom.core.params import Lane
from darkroom.core.ports import JobFilter
from darkroom.gateway.account import PAGE, Limit
from darkroom.gateway.auth import Admin
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.jobs import NAME_MAX_CHARACTERS, SEARCH_MAX_CHARACTERS, shown
from darkroom.gateway.views import JobOut, MoveOut, Out, move_out
from darkroom.lifecycle.cancel import cancel

Cursor = Annotated[UUID | None, Query(description="`next_cursor` of the page before")]


class OperatedJobOut(Out):
    """A job with what only operators see of it."""

    job: JobOut
    account_id: UUID
    worker_id: str | None
    fence: int | None
    rejections: int
    avoid: Annotated[list[str], Field(description="Workers that lost or failed it")]
    not_before: datetime | None
    measured_gpu_ms: int | None


class OperatedJobDetailOut(OperatedJobOut):
    history: list[MoveOut]


class OperatedJobsOut(Out):
    jobs: list[OperatedJobOut]
    next_cursor: UUID | None


class DeadLetterOut(Out):
    job_id: UUID
    account_id: UUID
    prompt: str
    model: str
    seed: int
    error_message: str
    device: str
    fingerprint: str
    attempts: int
    avoided: list[str]
    at: datetime
    resolution: Annotated[str, Field(description='"", "requeued" or "dropped"')]
    resolved_at: datetime | None
    successor_id: Annotated[UUID | None, Field(description="The job that it was requeued as")]


class DeadLettersOut(Out):
    dead_letters: list[DeadLetterOut]
    next_cursor: UUID | None


def admin_jobs_router() -> APIRouter:
    """All under /api/v1/admin/jobs."""
    router = APIRouter(prefix="/api/v1/admin/jobs", tags=["admin: jobs"])

    @router.get("", operation_id="listAllJobs")
    async def list_all_jobs(
        caller: Admin,
        here: Here,
        account: Annotated[UUID | None, Query(description="Of this account only")] = None,
        state: Annotated[list[JobState] | None, Query(description="Any of these")] = None,
        lane: Lane | None = None,
        model: Annotated[str | None, Query(max_length=NAME_MAX_CHARACTERS)] = None,
        batch: UUID | None = None,
        q: Annotated[str, Query(max_length=SEARCH_MAX_CHARACTERS)] = "",
        cursor: Cursor = None,
        limit: Limit = PAGE,
    ) -> OperatedJobsOut:
        """Everybody's jobs, newest first."""
        wanted = JobFilter(
            account_id=account, states=frozenset(state or ()), lane=lane, model=model, batch_id=batch, text=q
        )
        found = await here.rooms.library.jobs(wanted, before=cursor, limit=limit + 1)
        return OperatedJobsOut(
            jobs=[await _operated(job, here) for job in found[:limit]],
            next_cursor=found[limit - 1].id if len(found) > limit else None,
        )

    @router.get("/{job_id}", operation_id="getAnyJob")
    async def get_any_job(job_id: UUID, caller: Admin, here: Here) -> OperatedJobDetailOut:
        """Anybody's job with its history."""
        job = await here.rooms.library.job(job_id)
        history = [move_out(moved) for moved in await here.rooms.library.history(job_id)]
        return OperatedJobDetailOut(**dict(await _operated(job, here)), history=history)

    @router.delete("/{job_id}", operation_id="cancelAnyJob")
    async def cancel_any_job(job_id: UUID, caller: Admin, here: Here) -> OperatedJobOut:
        """Cancel anybody's job."""
        return await _operated(await cancel(here.rooms, job_id, account_id=None), here)

    return router


def dead_letters_router() -> APIRouter:
    """All under /api/v1/admin/dead-letters."""
    router = APIRouter(prefix="/api/v1/admin/dead-letters", tags=["admin: jobs"])

    @router.get("", operation_id="listDeadLetters")
    async def list_dead_letters(
        caller: Admin,
        here: Here,
        open_only: Annotated[bool, Query(description="Only those that nobody resolved")] = True,
        cursor: Cursor = None,
        limit: Limit = PAGE,
    ) -> DeadLettersOut:
        """Jobs that failed for good, newest first."""
        found = await here.rooms.operations.dead_letters(before=cursor, limit=limit + 1, open_only=open_only)
        return DeadLettersOut(
            dead_letters=[_letter(letter) for letter in found[:limit]],
            next_cursor=found[limit - 1].job_id if len(found) > limit else None,
        )

    @router.get("/{job_id}", operation_id="getDeadLetter")
    async def get_dead_letter(job_id: UUID, caller: Admin, here: Here) -> DeadLetterOut:
        """One of them: what was asked for, what went wrong, where, and how often it was tried."""
        return _letter(await here.rooms.operations.dead_letter(job_id))

    @router.post("/{job_id}/requeue", operation_id="requeueDeadLetter", responses=refusals(409, 422))
    async def requeue_dead_letter(job_id: UUID, caller: Admin, here: Here) -> DeadLetterOut:
        """Make a new job of it with the same prompt and seed, free of charge."""
        now = here.now()
        here.rooms.tell(await here.rooms.ledger.resubmit(job_id, new_id=new_id(now), now=now))
        return _letter(await here.rooms.operations.dead_letter(job_id))

    @router.post("/{job_id}/drop", operation_id="dropDeadLetter", responses=refusals(409))
    async def drop_dead_letter(job_id: UUID, caller: Admin, here: Here) -> DeadLetterOut:
        """Note that nothing more is to be done about it."""
        return _letter(await here.rooms.operations.drop_dead_letter(job_id, now=here.now()))

    return router


async def _operated(job: Job, here: Gateway) -> OperatedJobOut:
    return OperatedJobOut(
        job=(await shown([job], here))[0],
        account_id=job.account_id,
        worker_id=job.worker_id,
        fence=job.fence,
        rejections=job.rejections,
        avoid=list(job.avoid),
        not_before=job.not_before,
        measured_gpu_ms=job.measured_gpu_ms,
    )


def _letter(letter: DeadLetter) -> DeadLetterOut:
    return DeadLetterOut(
        job_id=letter.job_id,
        account_id=letter.account_id,
        prompt=letter.prompt,
        model=letter.model,
        seed=letter.seed,
        error_message=letter.error_message,
        device=letter.device,
        fingerprint=letter.fingerprint,
        attempts=letter.attempts,
        avoided=list(letter.avoided),
        at=letter.at,
        resolution=letter.resolution,
        resolved_at=letter.resolved_at,
        successor_id=letter.successor_id,
    )
