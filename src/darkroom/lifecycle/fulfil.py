"""A run reports: judge its pictures, then publish and settle them, draw again with a new seed, or try elsewhere.

Nobody can read a picture before its verdict is stored. Missing scores or files are the worker's failure, never a pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from darkroom.core.errors import ModerationUnavailable, OutputError, Refused
from darkroom.core.ids import new_id
from darkroom.core.images import Finish, NewImage
from darkroom.core.jobs import Job, Outcome, Reported
from darkroom.core.verdicts import Verdict
from darkroom.core.work import Completion, Failure, Fault
from darkroom.lifecycle.fail import after_failure
from darkroom.lifecycle.holding import held
from darkroom.lifecycle.keys import staging_key
from darkroom.lifecycle.reject import after_rejection
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.settle import NOTHING_KNOWN, Decision, current, settle
from darkroom.moderation.images import judge


async def fulfil(
    rooms: Rooms, reports: Sequence[Completion | Failure], *, known: Mapping[UUID, Job] = NOTHING_KNOWN
) -> list[Reported]:
    """What became of each report, in order. `known` are the running jobs that the caller knows of; others are looked up.

    The verdicts on published pictures are stored with them; those that reject go into the moderation log.
    StoreUnavailable: nothing was lost, and the very same reports may be made again.
    """
    async with held(rooms, _digests(reports)) as hold:
        decided = await asyncio.gather(*(_decide(rooms, report, known) for report in reports))
        settled = iter(await settle(rooms, [each for each in decided if not isinstance(each, Reported)]))
        answers = [each if isinstance(each, Reported) else next(settled) for each in decided]
        if any(each.outcome is Outcome.STALE for each in answers):
            hold.doubt()
    return answers


def _digests(reports: Sequence[Completion | Failure]) -> list[str]:
    """Of all files that are to be adopted; pictures may be the same, byte by byte, as some that are deleted just now."""
    pictures = [image for report in reports if isinstance(report, Completion) for image in report.images]
    return sorted({staged.file.digest for image in pictures for staged in image.files})


async def _decide(
    rooms: Rooms, report: Completion | Failure, known: Mapping[UUID, Job]
) -> Decision | Reported:
    job = await current(rooms, report, known)
    if isinstance(job, Reported):
        return job
    if isinstance(report, Completion):
        return await _after_pictures(rooms, job, report)
    return await after_failure(rooms, job, report)


async def _after_pictures(rooms: Rooms, job: Job, completion: Completion) -> Decision:
    try:
        verdicts = _judge(rooms, job, completion)
        blocked = next((verdict for verdict in verdicts if verdict.blocked), None)
        if blocked is not None:
            return await after_rejection(rooms, job, completion, blocked)
        await _adopt(rooms, completion)
    except (ModerationUnavailable, OutputError, Refused) as error:
        failure = Failure(
            claim=completion.claim,
            fault=Fault.INFRASTRUCTURE,
            message=error.message,
            measured_gpu_ms=completion.measured_gpu_ms,
        )
        return await after_failure(rooms, job, failure)
    return _finish(rooms, completion, verdicts)


def _judge(rooms: Rooms, job: Job, completion: Completion) -> list[Verdict]:
    """The verdict on each picture but the grid. ModerationUnavailable where a picture or a score is missing."""
    pictures = [image for image in completion.images if image.index is not None]
    if sorted(image.index or 0 for image in pictures) != list(range(job.images)):
        raise ModerationUnavailable(
            f"The worker sent {len(pictures)} scored pictures of job {job.id}, and {job.images} were to come."
        )
    return [judge(rooms.image_policy, image.scores) for image in pictures]


async def _adopt(rooms: Rooms, completion: Completion) -> None:
    """Moves the files to their content addresses, where only signed links reach them."""
    await asyncio.gather(
        *(
            rooms.objects.adopt(staging_key(completion.claim, staged.name), file=staged.file)
            for image in completion.images
            for staged in image.files
        )
    )


def _finish(rooms: Rooms, completion: Completion, verdicts: Sequence[Verdict]) -> Finish:
    now, policy = rooms.clock(), verdicts[0].policy
    return Finish(
        job_id=completion.claim.job_id,
        fence=completion.claim.fence,
        measured_gpu_ms=completion.measured_gpu_ms,
        images=tuple(
            NewImage(
                id=new_id(now),
                index=image.index,
                files=tuple(staged.file for staged in image.files),
                scores=image.scores if image.index is not None else _worst(completion),
                policy=policy,
                provenance=image.provenance,
            )
            for image in completion.images
        ),
        notes=completion.notes,
        now=now,
    )


def _worst(completion: Completion) -> dict[str, float]:
    """The grid's scores: the highest of its pictures', by category."""
    worst: dict[str, float] = {}
    for image in completion.images:
        for category, score in image.scores.items():
            worst[category] = max(score, worst.get(category, score))
    return worst
