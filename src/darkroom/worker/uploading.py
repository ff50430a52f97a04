"""The files of a run go to the places that the service names for them, before anybody is told that it is complete."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping

from darkroom.core.errors import StoreUnavailable, Unavailable
from darkroom.core.work import Claim
from darkroom.worker.generator import Files
from darkroom.worker.protocol import Connection, backoff_s

TRIES = 4
AT_ONCE = 4  # uploads of one run under way

logger = logging.getLogger(__name__)


async def upload(connection: Connection, claim: Claim, files: Files, rng: random.Random) -> None:
    """Put every file of a run's pictures. Raises as `put` does."""
    media_types = {staged.name: staged.file.media_type for image in files.images for staged in image.files}
    await put(connection, claim, files.data, media_types, rng)


async def put(
    connection: Connection,
    claim: Claim,
    data: Mapping[str, bytes],
    media_types: Mapping[str, str],
    rng: random.Random,
) -> None:
    """Put files by name, each try at fresh addresses because they expire. Raises Unavailable after the last try.

    Raises Conflict where the run is not this worker's any more.
    """
    left = dict(data)
    for tries in range(1, TRIES + 1):
        try:
            await _upload_once(connection, claim, media_types, left)
        except Unavailable as error:
            if tries == TRIES:
                raise
            logger.warning("upload %d of %d for job %s: %s", tries, TRIES, claim.job_id, error.message)
            await asyncio.sleep(backoff_s(tries, rng))
        else:
            return


async def _upload_once(
    connection: Connection, claim: Claim, media_types: Mapping[str, str], left: dict[str, bytes]
) -> None:
    """Tries every file that is left, and takes out of `left` what was taken; then raises what stopped the others."""
    if not left:
        return
    urls = await connection.uploads(claim, {name: media_types[name] for name in left})
    if missing := left.keys() - urls.keys():
        raise StoreUnavailable(f"the service named no place for {', '.join(sorted(missing))}")
    gate = asyncio.Semaphore(AT_ONCE)

    async def put_one(name: str, data: bytes) -> None:
        async with gate:
            await connection.put(urls[name], data, media_type=media_types[name])
        del left[name]

    results = await asyncio.gather(
        *(put_one(name, data) for name, data in list(left.items())), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result
