"""Pictures that the content policy does not let out: drawn again with a new seed, a few times, then given up free of charge.

Decides; `settle` writes it down.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from darkroom.core.errors import PromptError, Refused, StoreUnavailable
from darkroom.core.jobs import REJECTIONS_MAX, Cause, Ending, Job, JobState, Requeue
from darkroom.core.verdicts import ModerationRecord, Subject, Verdict
from darkroom.core.work import Claim, Completion
from darkroom.lifecycle.fail import cancelled
from darkroom.lifecycle.keys import staging_key
from darkroom.lifecycle.rooms import Rooms
from darkroom.prompt import STORED, format_prompt, parse

log = logging.getLogger(__name__)


async def after_rejection(
    rooms: Rooms, job: Job, completion: Completion, verdict: Verdict
) -> Requeue | Ending:
    """What becomes of a job whose pictures are not to be shown. The verdict is logged, the files are gone."""
    record = ModerationRecord(
        account_id=job.account_id,
        job_id=job.id,
        subject=Subject.IMAGE,
        text=job.prompt,
        verdict=verdict,
        at=rooms.clock(),
    )
    await rooms.operations.log_verdicts([record])
    await discard_staged(rooms, completion)
    if job.cancel_requested:
        return cancelled(job, measured_gpu_ms=0)
    again = _with_new_seed(rooms, job) if job.rejections < REJECTIONS_MAX else None
    if again is None:
        return _rejected(completion.claim)
    prompt, seed = again
    return Requeue(
        job_id=job.id,
        fence=completion.claim.fence,
        cause=Cause.IMAGE_REJECTED,
        not_before=rooms.clock(),
        counts_attempt=False,
        prompt=prompt,
        seed=seed,
        detail=verdict.category,
        measured_gpu_ms=completion.measured_gpu_ms,
    )


def _with_new_seed(rooms: Rooms, job: Job) -> tuple[str, int] | None:
    """The job's canonical text under a fresh seed, and the seed; None where its model is no longer installed."""
    seed = rooms.new_seed()
    try:
        params = parse(job.prompt, catalogue=rooms.catalogue, limits=STORED)[0]
    except PromptError:
        return None
    return format_prompt(params if params.seed is None else replace(params, seed=seed)), seed


def _rejected(claim: Claim) -> Ending:
    return Ending(
        job_id=claim.job_id,
        fence=claim.fence,
        state=JobState.REJECTED,
        cause=Cause.IMAGE_REJECTED,
        error_code="output_blocked",
        error_message=f"The pictures did not pass the content check, with {REJECTIONS_MAX} new seeds either. Nothing was charged.",
    )


async def discard_staged(rooms: Rooms, completion: Completion) -> None:
    """Deletes what a run uploaded. What cannot be deleted now is nobody's to read, and is swept up later."""
    try:
        names = [staged.name for image in completion.images for staged in image.files]
        await rooms.objects.delete([staging_key(completion.claim, name) for name in names])
    except (StoreUnavailable, Refused) as error:
        log.warning("the files of job %s stay staged: %s", completion.claim.job_id, error)
