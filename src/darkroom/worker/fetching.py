"""The pictures that a recipe names come from where the service keeps them, each shown to be the very one. Knows no format."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random

from darkroom.core.errors import NotFound, OutputError, StoreUnavailable
from darkroom.core.work import INPUT_MAX_BYTES, Assignment
from darkroom.worker.protocol import Connection, backoff_s

TRIES = 4
TOTAL_MAX_BYTES = 512 * 1024 * 1024  # all pictures of one run: they wait in memory until they are laid out
FETCH_WITHIN_S = 90.0  # all pictures of one run

logger = logging.getLogger(__name__)


async def pictures_of(connection: Connection, assignment: Assignment, rng: random.Random) -> dict[str, bytes]:
    """The files of the recipe by digest.

    Raises OutputError where one cannot be had wherever the job is drawn, because it is gone, too large or another one;
    StoreUnavailable where another worker, or another time, may do better.
    """
    found: dict[str, bytes] = {}
    left_bytes = TOTAL_MAX_BYTES
    try:
        async with asyncio.timeout(FETCH_WITHIN_S):
            for digest in assignment.recipe.digests:
                most = min(INPUT_MAX_BYTES, left_bytes)
                found[digest] = await _picture(connection, assignment, digest, rng, max_bytes=most)
                left_bytes -= len(found[digest])
    except TimeoutError as error:
        raise StoreUnavailable(
            f"the pictures that the job begins with did not come within {FETCH_WITHIN_S:.0f} seconds"
        ) from error
    return found


async def _picture(
    connection: Connection, assignment: Assignment, digest: str, rng: random.Random, *, max_bytes: int
) -> bytes:
    place = assignment.inputs.get(digest)
    if not place:
        raise StoreUnavailable(f"the service named no way to the picture {digest}")
    for tries in range(1, TRIES + 1):
        try:
            data = await connection.get(place, max_bytes=max_bytes)
            break
        except NotFound as error:
            raise OutputError(f"a picture that it begins with is no longer kept (sha256 {digest})") from error
        except StoreUnavailable as error:
            if tries == TRIES:
                raise
            logger.warning(
                "picture, try %d of %d for job %s: %s", tries, TRIES, assignment.claim.job_id, error.message
            )
            await asyncio.sleep(backoff_s(tries, rng))
    if await asyncio.to_thread(_sha256, data) != digest:
        raise OutputError(f"a picture that it begins with is not the one that was chosen (sha256 {digest})")
    return data


def _sha256(data: bytes) -> str:
    """Takes up to a third of a second, in which no heartbeat would go out."""
    return hashlib.sha256(data).hexdigest()
