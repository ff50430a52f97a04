"""What a lost worker, a lost client or a lost dispatcher leaves behind is taken up again; no job is lost with them.

The ledger is the truth: whoever takes over knows nothing but what stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.core.jobs import Job, JobState, Reported
from darkroom.lifecycle.fail import after_loss, cancelled, handed_back
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.settle import settle


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The jobs that hold a slot: those in the queue, and those that some worker has."""

    ready: tuple[Job, ...]
    claimed: tuple[Job, ...]


async def survey(rooms: Rooms) -> Survey:
    """What stands in the ledger now: from this a dispatcher's memory is rebuilt and corrected."""
    jobs = await rooms.ledger.active_jobs()
    return Survey(
        ready=tuple(job for job in jobs if job.state is JobState.READY),
        claimed=tuple(job for job in jobs if job.state is not JobState.READY),
    )


async def recover_lost(rooms: Rooms, jobs: Sequence[Job]) -> list[Reported]:
    """Jobs whose worker was lost run elsewhere at once; those out of attempts become dead letters."""
    return await settle(rooms, [after_loss(rooms, job) for job in jobs])


async def hand_back(rooms: Rooms, jobs: Sequence[Job]) -> list[Reported]:
    """Jobs that nobody began, or that their worker gave up politely, go back to their place; it counts as no attempt.

    Those that nobody wants any more end.
    """
    return await settle(
        rooms,
        [
            cancelled(job, measured_gpu_ms=0) if job.cancel_requested else handed_back(rooms, job)
            for job in jobs
        ],
    )
