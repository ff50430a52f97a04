"""What operators read off a running service: the queue of each lane now, and what ended over time. Times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.core.jobs import JobState
from darkroom.core.params import Lane

LONGEST_LIFE = timedelta(days=30)  # from a job's submission to its end, for it to be counted in what ended


@dataclass(frozen=True, kw_only=True)
class LaneQueue:
    """Jobs of one lane by where they are, and how long those that began of late had been ready.

    `oldest_ready_at` is None where none is ready. `started` counts what began since the moment that was asked for;
    `wait_p50_s` and `wait_p95_s` are of those of them that began for the first time, None where there is none.
    """

    lane: Lane
    waiting: int = 0
    ready: int = 0
    running: int = 0
    finishing: int = 0
    oldest_ready_at: datetime | None = None
    started: int = 0
    wait_p50_s: float | None = None
    wait_p95_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Jobs of one lane that ended in one state within one stretch of time, which begins `at`.

    `images` are the pictures that they were to have, `gpu_ms` the time of devices that they took, for good or in vain.
    """

    at: datetime
    lane: Lane
    state: JobState
    jobs: int
    images: int
    gpu_ms: int
