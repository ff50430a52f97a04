"""A run that made nothing: is the job to be tried again, elsewhere and later, or is this its end?

Decides; `settle` writes it down.
"""

from __future__ import annotations

from datetime import timedelta

from darkroom.core.jobs import ATTEMPTS_MAX, HEALTHY_FAILURES_MAX, Cause, Ending, Job, JobState, Requeue
from darkroom.core.work import Failure, Fault
from darkroom.lifecycle.keys import state_key
from darkroom.lifecycle.rooms import Rooms

MESSAGE_MAX = 500  # characters of a worker's message that are kept


async def after_failure(rooms: Rooms, job: Job, failure: Failure) -> Requeue | Ending:
    """What becomes of a job whose present run failed. StoreUnavailable."""
    if failure.fault is Fault.CANCELLED or job.cancel_requested:
        return cancelled(job, measured_gpu_ms=failure.measured_gpu_ms)
    if failure.fault is Fault.DRAINED:
        return handed_back(rooms, job, saved=state_key(failure), measured_gpu_ms=failure.measured_gpu_ms)
    if failure.fault is Fault.JOB and await _healthy_failures(rooms, job) >= HEALTHY_FAILURES_MAX:
        return _dead(job, failure, Cause.JOB_FAILED)
    if job.attempt >= ATTEMPTS_MAX:
        return _dead(job, failure, Cause.OUT_OF_ATTEMPTS)
    return Requeue(
        job_id=job.id,
        fence=_fence(job),
        cause=Cause.JOB_FAILED if failure.fault is Fault.JOB else Cause.WORKER_FAILED,
        not_before=rooms.clock() + timedelta(seconds=rooms.retry_delay_s(job.attempt)),
        avoid=job.worker_id,
        detail=_detail(job, failure.message),
        measured_gpu_ms=failure.measured_gpu_ms,
    )


def after_loss(rooms: Rooms, job: Job) -> Requeue | Ending:
    """What becomes of a job whose worker was lost: it runs elsewhere at once, with its seed and in its place."""
    if job.cancel_requested:
        return cancelled(job, measured_gpu_ms=0)
    if job.attempt >= ATTEMPTS_MAX:
        message = f"Its worker {job.worker_id} was lost on attempt {job.attempt}."
        return Ending(
            job_id=job.id,
            fence=_fence(job),
            state=JobState.FAILED,
            cause=Cause.OUT_OF_ATTEMPTS,
            error_code="worker_lost",
            error_message=message,
        )
    return Requeue(
        job_id=job.id,
        fence=_fence(job),
        cause=Cause.WORKER_LOST,
        not_before=rooms.clock(),
        avoid=job.worker_id,
        detail=job.worker_id or "",
    )


def handed_back(rooms: Rooms, job: Job, *, saved: str | None = None, measured_gpu_ms: int = 0) -> Requeue:
    """A run given back unfinished through nobody's fault: it counts for nothing.

    Without states of its own, those that it was given are still good: the job has the same seed. After a failure they are
    not given out again, lest they are what it failed of.
    """
    return Requeue(
        job_id=job.id,
        fence=_fence(job),
        cause=Cause.WORKER_DRAINED,
        not_before=rooms.clock(),
        counts_attempt=False,
        saved=saved or job.saved,
        detail=job.worker_id or "",
        measured_gpu_ms=measured_gpu_ms,
    )


def cancelled(job: Job, *, measured_gpu_ms: int) -> Ending:
    """The end of a job that was stopped while it ran: what was measured is charged."""
    return Ending(
        job_id=job.id,
        fence=_fence(job),
        state=JobState.CANCELLED,
        cause=Cause.CANCELLED_BY_USER,
        error_code="cancelled",
        error_message="The job was cancelled while it ran.",
        measured_gpu_ms=measured_gpu_ms,
    )


def _dead(job: Job, failure: Failure, cause: Cause) -> Ending:
    return Ending(
        job_id=job.id,
        fence=_fence(job),
        state=JobState.FAILED,
        cause=cause,
        error_code="job_failed" if failure.fault is Fault.JOB else "worker_failed",
        error_message=failure.message[:MESSAGE_MAX] or "The job failed, and its worker did not say why.",
        measured_gpu_ms=failure.measured_gpu_ms,
        device=failure.device,
        fingerprint=failure.fingerprint,
    )


async def _healthy_failures(rooms: Rooms, job: Job) -> int:
    """On how many workers the job itself failed, with the present one."""
    history = await rooms.library.history(job.id)
    failed = {moved.detail.partition(": ")[0] for moved in history if moved.cause is Cause.JOB_FAILED}
    return len(failed | {job.worker_id or ""})


def _detail(job: Job, message: str) -> str:
    return f"{job.worker_id or ''}: {message}"[:MESSAGE_MAX]


def _fence(job: Job) -> int:
    assert job.fence is not None, "only a claimed job has a run"
    return job.fence
