"""What is counted and measured in this process, in Prometheus' terms, on a registry of its own. Knows no route.

Most of it is learnt from the event bus and from the stores, so that routers need not think of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from darkroom.core.jobs import TERMINAL, Cause, JobMoved, JobState
from darkroom.core.params import Lane
from darkroom.core.workers import Worker, WorkerState

SUBMIT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
READY_MAX = 50_000  # jobs whose wait is being measured
WAIT_BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)


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

    def show_queue(self, depth: Mapping[tuple[JobState, Lane], int]) -> None:
        """Sets the gauges of jobs, also those that are 0."""
        for state in JobState:
            for lane in Lane:
                if state not in TERMINAL:
                    self.jobs.labels(state.value, lane.value).set(depth.get((state, lane), 0))

    def show_workers(self, workers: Iterable[Worker]) -> None:
        """Sets the gauges of workers, also those that are 0."""
        states = [worker.state for worker in workers]
        for state in WorkerState:
            self.workers.labels(state.value).set(states.count(state))

    def text(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self.registry)


async def follow(news: AsyncIterable[object], metrics: Metrics) -> None:
    """Measures what the event bus tells, until it ends."""
    ready_at: OrderedDict[UUID, datetime] = OrderedDict()
    async for moved in news:
        if not isinstance(moved, JobMoved):
            continue
        if moved.cause is Cause.IMAGE_REJECTED:
            metrics.blocks.labels("image").inc()
        since = ready_at.pop(moved.job_id, None)
        if moved.state is JobState.READY:
            ready_at[moved.job_id] = moved.at
            if len(ready_at) > READY_MAX:
                ready_at.popitem(last=False)
        elif moved.state is JobState.RUNNING and since is not None:
            metrics.queue_wait.observe((moved.at - since).total_seconds())
