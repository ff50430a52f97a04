"""What is counted and measured in this process, in Prometheus' terms, on a registry of its own. Knows no route.

Most of it is learnt from the event bus and from the stores, so that routers need not think of it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncIterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from darkroom.core.jobs import TERMINAL, Cause, JobMoved, JobState
from darkroom.core.params import Lane
from darkroom.core.ports import Vitals
from darkroom.core.workers import Worker, WorkerState
from darkroom.gateway.engine_metrics import Engines

SUBMIT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
READY_MAX = 50_000  # jobs whose wait is being measured
WAIT_BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
WORKER_SHOWN = timedelta(days=1)  # a worker that was not heard of for so long is not missed any more
RETRIES = frozenset(
    {
        Cause.WORKER_LOST,
        Cause.WORKER_FAILED,
        Cause.WORKER_DRAINED,
        Cause.JOB_FAILED,
        Cause.IMAGE_REJECTED,
    }
)


class Metrics:
    """Counters of one process, and gauges that are set when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter(
            "darkroom_requests", "Requests by route and status", ["method", "route", "status"], registry=own
        )
        self.submit_s = Histogram(
            "darkroom_submit_seconds", "Time to accept a job", buckets=SUBMIT_BUCKETS_S, registry=own
        )
        self.queue_wait = Histogram(
            "darkroom_queue_wait_seconds",
            "From ready to claimed by a worker",
            buckets=WAIT_BUCKETS_S,
            registry=own,
        )
        self.blocks = Counter(
            "darkroom_moderation_blocks", "What moderation refused", ["subject"], registry=own
        )
        self.incidents = Counter("darkroom_incidents", "Unexpected errors", registry=own)
        self.subscribers = Gauge("darkroom_subscribers", "Who follows the event bus", registry=own)
        self.jobs = Gauge(
            "darkroom_jobs", "Jobs that live, by state and lane", ["state", "lane"], registry=own
        )
        self.workers = Gauge("darkroom_workers", "Workers by state", ["state"], registry=own)
        self.dispatching = Gauge(
            "darkroom_dispatcher_active", "1 where this process dispatches", registry=own
        )
        self.ended = Counter(
            "darkroom_jobs_ended", "Jobs that ended, by final state", ["state"], registry=own
        )
        self.retries = Counter(
            "darkroom_job_retries", "Jobs put back into the queue, by cause", ["cause"], registry=own
        )
        self.worker_unseen_s = Gauge(
            "darkroom_worker_unseen_seconds",
            "Since a worker of the last day was heard of",
            ["worker"],
            registry=own,
        )
        self.dead_letters = Gauge(
            "darkroom_dead_letters_open", "Jobs that failed for good and nobody resolved", registry=own
        )
        self.oldest_ready_s = Gauge(
            "darkroom_oldest_ready_seconds", "How long ago the oldest ready job got its slot", registry=own
        )
        self.free_bytes = Gauge(
            "darkroom_objects_free_bytes", "Free on the objects' file system", registry=own
        )
        self.database_bytes = Gauge("darkroom_database_bytes", "Size of the database", registry=own)
        self.engines = Engines()
        own.register(self.engines)
        self._show_zeros()

    def _show_zeros(self) -> None:
        """Every series is there from the start: an alert on a rise misses the first of one that was not."""
        for state in TERMINAL:
            self.ended.labels(state.value)
        for cause in RETRIES:
            self.retries.labels(cause.value)
        for unknown in (self.free_bytes, self.database_bytes):
            unknown.set(math.nan)

    def show_queue(self, depth: Mapping[tuple[JobState, Lane], int]) -> None:
        """Sets the gauges of jobs, also those that are 0."""
        for state in JobState:
            for lane in Lane:
                if state not in TERMINAL:
                    self.jobs.labels(state.value, lane.value).set(depth.get((state, lane), 0))

    def show_workers(self, workers: Sequence[Worker], *, now: datetime) -> None:
        """Sets the gauges of workers, also those that are 0."""
        states = [worker.state for worker in workers]
        for state in WorkerState:
            self.workers.labels(state.value).set(states.count(state))
        self.worker_unseen_s.clear()
        for worker in workers:
            if now - worker.seen_at < WORKER_SHOWN:
                self.worker_unseen_s.labels(worker.name).set(_seconds(worker.seen_at, now))

    def show_vitals(self, vitals: Vitals, *, free_bytes: int | None, now: datetime) -> None:
        """Sets what tells of trouble; NaN is what nobody can tell."""
        self.dead_letters.set(vitals.open_dead_letters)
        self.oldest_ready_s.set(_seconds(vitals.oldest_ready_at or now, now))
        self.free_bytes.set(math.nan if free_bytes is None else free_bytes)
        self.database_bytes.set(math.nan if vitals.database_bytes is None else vitals.database_bytes)

    def count_move(self, moved: JobMoved) -> None:
        """Counts ends, retries and what moderation took away."""
        if moved.cause is Cause.IMAGE_REJECTED:
            self.blocks.labels("image").inc()
        if moved.state in TERMINAL:
            self.ended.labels(moved.state.value).inc()
        elif moved.state is JobState.READY and moved.cause in RETRIES:
            self.retries.labels(moved.cause.value).inc()

    def text(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self.registry)


async def follow(news: AsyncIterable[object], metrics: Metrics) -> None:
    """Measures what the event bus tells, until it ends."""
    ready_at: OrderedDict[UUID, datetime] = OrderedDict()
    async for moved in news:
        if not isinstance(moved, JobMoved):
            continue
        metrics.count_move(moved)
        since = ready_at.pop(moved.job_id, None)
        if moved.state is JobState.READY:
            ready_at[moved.job_id] = moved.at
            if len(ready_at) > READY_MAX:
                ready_at.popitem(last=False)
        elif moved.state is JobState.RUNNING and since is not None:
            metrics.queue_wait.observe((moved.at - since).total_seconds())


def _seconds(since: datetime, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0)
