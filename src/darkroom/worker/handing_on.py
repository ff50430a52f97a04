"""The states of unfinished images, on their way from one worker to the next. Knows no generator: a state is bytes.

Nothing here may keep a worker from leaving, nor a job from being drawn: without a state, the job begins at its first step.
"""

from __future__ import annotations

import asyncio
import logging
import random

from darkroom.core.errors import Conflict, DarkroomError
from darkroom.core.work import STATE_MAX_BYTES, STATE_MEDIA_TYPE, STATE_NAME, Assignment, Claim
from darkroom.worker.protocol import Connection
from darkroom.worker.uploading import put

HAND_ON_WITHIN_S = (
    3.0  # to take the states between two steps and to upload them: whoever stops workers waits no longer
)
FETCH_WITHIN_S = 30.0  # to get what an earlier worker left

logger = logging.getLogger(__name__)


async def left_behind(connection: Connection, claim: Claim, state: bytes, rng: random.Random) -> str:
    """Uploads a state; the name under which the next worker finds it, "" where it is too large or nobody takes it.

    Raises Conflict where the run is not this worker's any more.
    """
    if len(state) > STATE_MAX_BYTES:
        logger.warning(
            "the state of job %s has %d bytes, more than %d", claim.job_id, len(state), STATE_MAX_BYTES
        )
        return ""
    try:
        await put(connection, claim, {STATE_NAME: state}, {STATE_NAME: STATE_MEDIA_TYPE}, rng)
    except Conflict:
        raise
    except DarkroomError as error:
        logger.warning("the state of job %s is lost: %s", claim.job_id, error.message)
        return ""
    return STATE_NAME


async def found(connection: Connection, assignment: Assignment) -> bytes | None:
    """What an earlier worker left of a job; None where it cannot be had."""
    try:
        async with asyncio.timeout(FETCH_WITHIN_S):
            return await connection.get(assignment.saved_url, max_bytes=STATE_MAX_BYTES)
    except (DarkroomError, TimeoutError) as error:
        reason = str(error) or "it took too long"
        logger.warning("job %s begins at its first step: %s", assignment.claim.job_id, reason)
        return None
