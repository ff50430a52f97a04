"""What operators read off the jobs in memory: the queue of each lane, and what ended over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from darkroom.core.figures import LONGEST_LIFE, Ended, LaneQueue
from darkroom.core.jobs import TERMINAL, Job, JobState
from darkroom.core.params import Lane
from darkroom.storage.memory.state import State
from darkroom.storage.memory.steps import LANE_ORDER


def lane_queues(state: State, since: datetime) -> list[LaneQueue]:
    """Every lane, turbo first."""
    return [_lane_queue(state, lane, since) for lane in sorted(Lane, key=LANE_ORDER.__getitem__)]


def _lane_queue(state: State, lane: Lane, since: datetime) -> LaneQueue:
    living = [state.jobs[each] for each in state.living if state.jobs[each].lane is lane]
    counted = Counter(job.state for job in living)
    began = [
        job for job in state.jobs.values() if job.lane is lane and job.started_at and job.started_at >= since
    ]
    waits_s = sorted(_wait_s(job) for job in began if job.attempt <= 1 and not job.rejections)
    ready_at = [job.ready_at for job in living if job.state is JobState.READY and job.ready_at]
    return LaneQueue(
        lane=lane,
        waiting=counted[JobState.WAITING],
        ready=counted[JobState.READY],
        running=counted[JobState.RUNNING],
        finishing=counted[JobState.FINISHING],
        oldest_ready_at=min(ready_at, default=None),
        started=len(began),
        wait_p50_s=_percentile(waits_s, 0.5),
        wait_p95_s=_percentile(waits_s, 0.95),
    )


def ended(state: State, since: datetime, *, bucket_s: int) -> list[Ended]:
    """By stretch, lane and state."""
    found: defaultdict[tuple[datetime, Lane, JobState], list[Job]] = defaultdict(list)
    bucket = timedelta(seconds=bucket_s)
    for job in state.jobs.values():
        counts = job.state in TERMINAL and job.created_at >= since - LONGEST_LIFE
        if counts and job.finished_at is not None and job.finished_at >= since:
            found[since + (job.finished_at - since) // bucket * bucket, job.lane, job.state].append(job)
    return [
        Ended(
            at=at,
            lane=lane,
            state=ending,
            jobs=len(jobs),
            images=sum(job.images for job in jobs),
            gpu_ms=sum(job.measured_gpu_ms or 0 for job in jobs),
        )
        for (at, lane, ending), jobs in found.items()
    ]


def _wait_s(job: Job) -> float:
    assert job.started_at and job.ready_at, "what began was ready before"
    return (job.started_at - job.ready_at).total_seconds()


def _percentile(ordered: Sequence[float], part: float) -> float | None:
    """Between its neighbours, as PostgreSQL's percentile_cont has it."""
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
