"""Files of the object store that two may have in hand at once, by their content: whoever puts some holds them until a row keeps
them, and whoever deletes some has taken them. Knows no picture.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from darkroom.core.errors import StoreUnavailable
from darkroom.core.ids import new_id
from darkroom.lifecycle.keys import blob_key
from darkroom.lifecycle.rooms import Rooms

AGAIN_AFTER_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # where one of the files is just being deleted
DELETE_WITHIN_S = 30.0  # less than core.gallery.TAKEN_FOR: then somebody else may have the files
FILES_AT_ONCE = 2_000  # that one sweep deletes: of an image and its grid there are up to eight

log = logging.getLogger(__name__)


class Hold:
    """Files that are held; `doubt` says that maybe no row came to keep them."""

    def __init__(self) -> None:
        self.sure = True

    def doubt(self) -> None:
        self.sure = False


@asynccontextmanager
async def held(rooms: Rooms, digests: Sequence[str]) -> AsyncIterator[Hold]:
    """While files with these digests are put and noted, nobody deletes them. StoreUnavailable.

    Where it ends in an error or in doubt, the hold stays: when its time is over, the files are swept up unless something
    keeps them.
    """
    hold = Hold()
    if not digests:
        yield hold
        return
    hold_id = new_id(rooms.clock())
    await _take_hold(rooms, hold_id, digests)
    yield hold
    if hold.sure:
        try:
            await rooms.gallery.release(hold_id)
        except StoreUnavailable as error:
            log.warning("%d files are held until their time is over: %s", len(digests), error)


async def _take_hold(rooms: Rooms, hold_id: UUID, digests: Sequence[str]) -> None:
    for wait_s in AGAIN_AFTER_S:
        if await rooms.gallery.hold(hold_id, digests, now=rooms.clock()):
            return
        await asyncio.sleep(wait_s)
    raise StoreUnavailable("The very same file is just being deleted. Try again in a minute.")


async def sweep_leftovers(rooms: Rooms) -> int:
    """Deletes files that nothing keeps any more, and says how many. StoreUnavailable: they stay noted."""
    digests = await rooms.gallery.take_leftovers(limit=FILES_AT_ONCE, now=rooms.clock())
    if digests:
        try:
            async with asyncio.timeout(DELETE_WITHIN_S):
                await rooms.objects.delete([blob_key(each) for each in digests])
        except TimeoutError as error:
            raise StoreUnavailable(
                f"{len(digests)} files were not deleted in {DELETE_WITHIN_S:.0f} s."
            ) from error
        await rooms.gallery.forget_leftovers(digests)
    return len(digests)
