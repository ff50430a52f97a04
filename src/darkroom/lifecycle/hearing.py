"""What workers tell of their runs, and what they are told in return. The ledger is asked for reports alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from darkroom.core.jobs import JobState, Outcome
from darkroom.core.news import JobProgressed
from darkroom.core.work import Claim, Completion, EngineVitals, Failure, Instructions, Progress
from darkroom.core.workers import WorkerState
from darkroom.lifecycle.fulfil import fulfil
from darkroom.lifecycle.keys import state_key
from darkroom.lifecycle.memory import Memory
from darkroom.lifecycle.previews import Previews
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run

log = logging.getLogger(__name__)


def run_of(memory: Memory, worker_id: str, claim: Claim) -> Run | None:
    """The run of just that claim, where it is this worker's."""
    run = memory.runs.under(claim)
    return run if run is not None and run.worker_id == worker_id else None


def instructions(memory: Memory, worker_id: str, claims: Sequence[Claim]) -> Instructions:
    """What a worker that names `claims` is to be told. NotFound (`unknown_worker`)."""
    return Instructions(
        cancel=tuple(run.claim for run in memory.runs.of(worker_id) if run.job.cancel_requested),
        abandon=tuple(claim for claim in claims if run_of(memory, worker_id, claim) is None),
        drain=memory.crew.get(worker_id).worker.state is WorkerState.DRAINING,
    )


def beat(
    memory: Memory, worker_id: str, claims: Sequence[Claim], vitals: EngineVitals | None, *, now: float
) -> bool:
    """A worker lives and has these runs; whether it lost any that it stopped speaking of. NotFound (`unknown_worker`)."""
    member = memory.crew.saw(worker_id, now=now)
    member.vitals = vitals
    if vitals is not None:
        member.meter.read(vitals.device_ms, now=now)
    lost = memory.runs.unnamed(worker_id, claims, now=now)
    if lost:
        log.warning("worker %s lost %d jobs without a word", worker_id, len(lost))
        memory.lost.update((run.job.id, run) for run in lost)
    return bool(lost)


def progressed(rooms: Rooms, memory: Memory, previews: Previews, run: Run, item: Progress) -> None:
    """Steps go to whoever looks on, a preview to who judges it; that a job is in its last step is noted."""
    job = run.job
    if item.total > 0:
        rooms.bus.publish(
            JobProgressed(account_id=job.account_id, job_id=job.id, done=item.done, total=item.total)
        )
    if item.finishing and job.state is JobState.RUNNING:
        memory.finishing[job.id] = run
    if item.preview:
        previews.offer(run, item.preview, item.scores)


async def reported(
    rooms: Rooms, memory: Memory, worker_id: str, reports: Sequence[Completion | Failure]
) -> list[Outcome]:
    """What became of runs, in order. StoreUnavailable: the very same reports are to be made again."""
    if worker_id in memory.crew:
        memory.crew.saw(worker_id, now=rooms.clock().timestamp())
    runs = []
    for each in reports:
        if run := memory.runs.under(each.claim):
            run.measured_gpu_ms = each.measured_gpu_ms
            runs.append(run)
    answers = await fulfil(rooms, reports, known={run.job.id: run.job for run in runs})
    for report, answer in zip(reports, answers, strict=True):
        memory.judge_worker(worker_id, report, answer, now=rooms.clock().timestamp())
        if isinstance(report, Failure) and answer.outcome is Outcome.ACCEPTED:
            left = state_key(report)
            if left and left not in [job.saved for job in answer.change.jobs]:
                memory.unneeded.append(left)
    return [answer.outcome for answer in answers]
