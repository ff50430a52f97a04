"""The routes of operators for figures: how long the queue of each lane is, and what came out over time."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from darkroom.core.figures import LaneQueue
from darkroom.core.jobs import JobState
from darkroom.core.params import Lane
from darkroom.core.workers import WorkerState
from darkroom.gateway.auth import Admin
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.health import dispatching
from darkroom.gateway.views import Out
from darkroom.lifecycle.throughput import BUCKETS_S, Bucket, throughput

WAITS_OVER = timedelta(hours=1)


class Hours(IntEnum):
    """How far back one may look."""

    ONE = 1
    SIX = 6
    DAY = 24
    WEEK = 168


class LaneQueueOut(Out):
    lane: Lane
    waiting: Annotated[int, Field(description="Waiting for one of their account's slots")]
    ready: Annotated[int, Field(description="In the queue")]
    running: int
    finishing: int
    oldest_ready_s: Annotated[float | None, Field(description="For how long; null where none is ready")]
    wait_p50_s: Annotated[
        float | None,
        Field(description="Seconds from ready to running, of jobs that began for the first time in the last hour"),
    ]  # fmt: skip
    wait_p95_s: float | None
    started_last_hour: int


class QueueOut(Out):
    lanes: list[LaneQueueOut]
    dispatching: Annotated[bool, Field(description="Whether any process gives out jobs now")]
    at: datetime


class LaneJobsOut(Out):
    turbo: int
    fast: int
    relax: int


class BucketOut(Out):
    """What ended within `bucket_s` from `at` on."""

    at: datetime
    completed: int
    failed: int
    rejected: int
    cancelled: int
    images: Annotated[int, Field(description="Of the completed jobs")]
    gpu_ms: Annotated[int, Field(description="Time of devices that these jobs took, for good or in vain")]
    by_lane: Annotated[LaneJobsOut, Field(description="Jobs that ended, however they did")]


class ThroughputOut(Out):
    """The use of devices is gpu_ms / (1000 * bucket_s * workers_now)."""

    bucket_s: int
    buckets: Annotated[list[BucketOut], Field(description="Oldest first; the last is not over")]
    workers_now: int


def admin_figures_router() -> APIRouter:
    """`GET /api/v1/admin/queue` and `GET /api/v1/admin/throughput`."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin: jobs"])

    @router.get("/queue", operation_id="getQueue")
    async def get_queue(caller: Admin, here: Here) -> QueueOut:
        """Every lane as it is now: how many jobs are where, and how long they wait."""
        now = here.now()
        lanes = await here.rooms.operations.lane_queues(now - WAITS_OVER)
        return QueueOut(lanes=[_lane(each, now) for each in lanes], dispatching=dispatching(here), at=now)

    @router.get("/throughput", operation_id="getThroughput")
    async def get_throughput(
        caller: Admin, here: Here, hours: Annotated[Hours, Query(description="1, 6, 24 or 168")] = Hours.DAY
    ) -> ThroughputOut:
        """What ended over the last hours, in 60 to 168 stretches of equal length, the empty ones too."""
        buckets = await throughput(here.rooms, int(hours))
        return ThroughputOut(
            bucket_s=BUCKETS_S[int(hours)],
            buckets=[_bucket(each) for each in buckets],
            workers_now=await _workers_now(here),
        )

    return router


async def _workers_now(here: Gateway) -> int:
    return sum(worker.state is WorkerState.ACTIVE for worker in await here.rooms.operations.workers())


def _lane(queue: LaneQueue, now: datetime) -> LaneQueueOut:
    oldest = queue.oldest_ready_at
    return LaneQueueOut(
        lane=queue.lane,
        waiting=queue.waiting,
        ready=queue.ready,
        running=queue.running,
        finishing=queue.finishing,
        oldest_ready_s=None if oldest is None else max(0.0, (now - oldest).total_seconds()),
        wait_p50_s=queue.wait_p50_s,
        wait_p95_s=queue.wait_p95_s,
        started_last_hour=queue.started,
    )


def _bucket(bucket: Bucket) -> BucketOut:
    by_state = dict.fromkeys(JobState, 0)
    by_lane = dict.fromkeys(Lane, 0)
    for each in bucket.ended:
        by_state[each.state] += each.jobs
        by_lane[each.lane] += each.jobs
    return BucketOut(
        at=bucket.at,
        completed=by_state[JobState.COMPLETED],
        failed=by_state[JobState.FAILED],
        rejected=by_state[JobState.REJECTED],
        cancelled=by_state[JobState.CANCELLED],
        images=sum(each.images for each in bucket.ended if each.state is JobState.COMPLETED),
        gpu_ms=sum(each.gpu_ms for each in bucket.ended),
        by_lane=LaneJobsOut(**{lane.value: jobs for lane, jobs in by_lane.items()}),
    )
