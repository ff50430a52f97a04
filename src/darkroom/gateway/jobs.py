"""The routes of jobs: submit, look, list, cancel. The rules are in `lifecycle`; here are schemas and whose job it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.jobs import CLAIMED, TERMINAL, Job, JobState
from darkroom.core.params import Lane
from darkroom.core.ports import JobFilter
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.views import (
    PREVIEW_TYPE,
    JobOut,
    MoveOut,
    Out,
    ProgressOut,
    by_job,
    image_out,
    job_out,
    link_expiry,
    move_out,
)
from darkroom.lifecycle.cancel import cancel
from darkroom.lifecycle.replay import compare
from darkroom.lifecycle.submit import submit
from darkroom.prompt.table import PROMPT_MAX

PAGE_MAX = 100  # jobs on one page
PAGE = 20
SEARCH_MAX_CHARACTERS = 200
KEY_MAX_CHARACTERS = 200
NAME_MAX_CHARACTERS = 100


class NewJobIn(BaseModel):
    """What to draw."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"prompt": "a red fox in the snow --ar 3:2", "lane": "fast"}]},
    )

    prompt: Annotated[
        str, Field(max_length=2 * PROMPT_MAX, description="Text and parameters of the prompt language")
    ]
    lane: Annotated[
        Lane | None, Field(description="Instead of the account's; the prompt may name one, too")
    ] = None


class BatchOut(Out):
    batch_id: UUID
    jobs: list[JobOut]
    cost_gpu_ms: Annotated[int, Field(description="The most that all of them together can be charged")]
    replayed: Annotated[bool, Field(description="True where the idempotency key had been used before")]


class JobsOut(Out):
    jobs: list[JobOut]
    next_cursor: UUID | None


class HistoryOut(Out):
    history: list[MoveOut]


class ComparedOut(Out):
    index: Annotated[int, Field(description="1 to 4, in the replay")]
    original_id: UUID
    replay_id: UUID
    same: Annotated[bool | None, Field(description="Null where one of them does not say what its pixels are")]


class ReplayOut(Out):
    same: Annotated[
        bool | None, Field(description="Whether every pixel is the same; null until the replay has ended")
    ]
    images: list[ComparedOut]
    notes: Annotated[list[str], Field(description="What has changed since, where they are not the same")]


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_MAX_CHARACTERS,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body gives the first answer again, and makes nothing twice",
    ),
]


def jobs_router() -> APIRouter:
    """All under /api/v1/jobs."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
    _add_changing(router)
    _add_looking(router)
    return router


def _add_changing(router: APIRouter) -> None:

    @router.post("", status_code=202, responses=refusals(403, 409, 422, 429, 503), operation_id="submitJobs")
    async def submit_jobs(
        body: NewJobIn,
        caller: Writer,
        here: Here,
        key: IdempotencyKey = None,
    ) -> BatchOut:
        """Submit a prompt. One that expands to several jobs makes all of them or none."""
        with here.crowd.entered(body.lane or caller.account.lane):
            done = await submit(
                here.rooms, caller.account, text=body.prompt, lane=body.lane, idempotency_key=key
            )
        jobs = done.change.jobs
        ahead = await _ahead(jobs, here)
        return BatchOut(
            batch_id=jobs[0].batch_id,
            jobs=[_placed(job, here, ahead) for job in jobs]
            if not done.replayed
            else await shown(jobs, here, owner=caller.account.id),
            cost_gpu_ms=sum(job.hold_gpu_ms for job in jobs),
            replayed=done.replayed,
        )

    @router.delete("/{job_id}", responses=refusals(403, 404, 422, 503), operation_id="cancelJob")
    async def cancel_job(
        job_id: UUID,
        caller: Writer,
        here: Here,
    ) -> JobOut:
        """Cancel a job: at once and free of charge before it runs; while it runs, within a step. One that ended stays as it is."""
        job = await cancel(here.rooms, job_id, account_id=caller.account.id)
        return (await shown([job], here))[0]


def _add_looking(router: APIRouter) -> None:
    @router.get("", responses=refusals(422, 503), operation_id="listJobs")
    async def list_jobs(
        caller: Reader,
        here: Here,
        state: Annotated[list[JobState] | None, Query(description="Any of these")] = None,
        lane: Lane | None = None,
        model: Annotated[str | None, Query(max_length=NAME_MAX_CHARACTERS)] = None,
        batch: UUID | None = None,
        q: Annotated[
            str, Query(max_length=SEARCH_MAX_CHARACTERS, description="Words of the prompt, all of them")
        ] = "",
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    ) -> JobsOut:
        """Your jobs, newest first."""
        wanted = JobFilter(
            account_id=caller.account.id,
            states=frozenset(state or ()),
            lane=lane,
            model=model,
            batch_id=batch,
            text=q,
        )
        return await page_of_jobs(wanted, here, cursor=cursor, limit=limit)

    @router.get("/{job_id}", responses=refusals(404, 422, 503), operation_id="getJob")
    async def get_job(
        job_id: UUID,
        caller: Reader,
        here: Here,
    ) -> JobOut:
        """One job, with its images where it is completed and its progress while it runs."""
        return (await shown([await own_job(job_id, caller.account, here)], here))[0]

    @router.get("/{job_id}/history", responses=refusals(404, 422, 503), operation_id="getJobHistory")
    async def get_history(
        job_id: UUID,
        caller: Reader,
        here: Here,
    ) -> HistoryOut:
        """Every transition of a job, oldest first."""
        job = await own_job(job_id, caller.account, here)
        return HistoryOut(history=[move_out(moved) for moved in await here.rooms.library.history(job.id)])

    @router.get("/{job_id}/replay", responses=refusals(404, 422, 503), operation_id="getReplay")
    async def get_replay(
        job_id: UUID,
        caller: Reader,
        here: Here,
    ) -> ReplayOut:
        """Whether a replay came out the same as its original, pixel by pixel."""
        return await _replay_out(await own_job(job_id, caller.account, here), here)


async def _replay_out(job: Job, here: Gateway) -> ReplayOut:
    found = await compare(here.rooms, job)
    images = [
        ComparedOut(
            index=each.index + 1,
            original_id=each.original_id,
            replay_id=each.replay_id,
            same=each.same,
        )
        for each in found.images
    ]
    return ReplayOut(same=found.same, images=images, notes=list(found.notes))


async def own_job(job_id: UUID, account: Account, here: Gateway) -> Job:
    """The account's job; NotFound for anybody else's, in the words of the store for one that is not there."""
    job = await here.rooms.library.job(job_id)
    if job.account_id != account.id:
        raise NotFound(f"There is no job {job_id}.")
    return job


async def page_of_jobs(wanted: JobFilter, here: Gateway, *, cursor: UUID | None, limit: int) -> JobsOut:
    """One page, and where the next begins."""
    found = await here.rooms.library.jobs(wanted, before=cursor, limit=limit + 1)
    page = found[:limit]
    return JobsOut(
        jobs=await shown(page, here, owner=wanted.account_id),
        next_cursor=page[-1].id if len(found) > limit else None,
    )


async def shown(jobs: Sequence[Job], here: Gateway, *, owner: UUID | None = None) -> list[JobOut]:
    """Jobs with their images that are not in the trash, places and progress. `owner`, where given, is asserted of each."""
    assert owner is None or all(job.account_id == owner for job in jobs), "a job of somebody else's"
    completed = [job.id for job in jobs if job.state is JobState.COMPLETED]
    found = await here.rooms.library.images_of(completed) if completed else []
    images = by_job(image for image in found if image.trashed_at is None)  # tombstones are in the trash, too
    ahead = await _ahead(jobs, here)
    return [
        _placed(
            job,
            here,
            ahead,
            images=[
                await image_out(image, here.rooms.objects, now=here.now()) for image in images.get(job.id, ())
            ],
            progress=await _progress(job, here),
        )
        for job in jobs
    ]


async def _ahead(jobs: Sequence[Job], here: Gateway) -> Mapping[UUID, int]:
    """The places of those that wait for a slot, where the store can tell: no submission that was accepted fails for it."""
    waiting = [job for job in jobs if job.state is JobState.WAITING]
    try:
        return await here.rooms.library.waiting_ahead(waiting) if waiting else {}
    except StoreUnavailable:
        return {}


def _placed(job: Job, here: Gateway, ahead: Mapping[UUID, int], **rest: object) -> JobOut:
    """A job with its place: in the queue, where this process knows it, or among its account's waiting jobs (`ahead`).

    When a waiting job starts depends on when another of its account ends, so that nobody can tell.
    """
    if job.state in TERMINAL or job.state in CLAIMED:
        return job_out(job, **rest)  # type: ignore[arg-type]
    if job.state is JobState.WAITING:
        return job_out(job, position=ahead.get(job.id), **rest)  # type: ignore[arg-type]
    position = here.dispatcher.position(job.id)
    wait_s = here.dispatcher.wait_s(job, position)
    return job_out(job, position=position.ahead if position else None, wait_s=wait_s, **rest)  # type: ignore[arg-type]


async def _progress(job: Job, here: Gateway) -> ProgressOut | None:
    if job.state not in CLAIMED:
        return None
    latest = here.bus.latest(job.id)
    url = None
    if latest.preview:
        url = await here.rooms.objects.read_url(
            latest.preview.key, expires_at=link_expiry(here.now()), media_type=PREVIEW_TYPE
        )
    done, total = (latest.progress.done, latest.progress.total) if latest.progress else (0, 0)
    return ProgressOut(done=done, total=total, preview_url=url)
