"""Images on their way out: into the trash, back, and gone for good with their pixels. Many at once, all of them or none.

What was made from an image outlives it: a tombstone keeps its place in the lineage. Knows no HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound, Unavailable
from darkroom.core.gallery import Choice
from darkroom.core.images import Image
from darkroom.lifecycle.choices import record_choices
from darkroom.lifecycle.holding import sweep_leftovers
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sight import check_own

TRASH_KEPT = timedelta(days=30)
IMAGES_AT_ONCE = 200  # that one round of the upkeep deletes

log = logging.getLogger(__name__)


async def throw_away(rooms: Rooms, account: Account, image_ids: Sequence[UUID]) -> list[Image]:
    """Into the trash. NotFound for the first that is no image of this account; then nothing changed."""
    fresh = _not_in_trash(await check_own(rooms, account, image_ids))
    images = await rooms.gallery.trash(image_ids, account_id=account.id, now=rooms.clock())
    await record_choices(rooms, account, Choice.DELETED, [each for each in images if each.id in fresh])
    return images


async def take_back(rooms: Rooms, account: Account, image_ids: Sequence[UUID]) -> list[Image]:
    """Out of the trash, to where they were: marks and folders stayed. NotFound as above."""
    await check_own(rooms, account, image_ids)
    return await rooms.gallery.restore(image_ids, account_id=account.id)


async def delete_for_good(rooms: Rooms, account: Account, image_ids: Sequence[UUID]) -> list[Image]:
    """The tombstones of images, in the trash or not before; what is deleted already stays so. NotFound as above.

    Their pixels, and those of grids that show them, are gone when this returns; where the object store is away, or another
    sweep is at them, they go soon after.
    """
    own = await check_own(rooms, account, image_ids, deleted=True)
    living = [each for each in own if each.deleted_at is None]
    fresh = _not_in_trash(living)
    images = await rooms.gallery.delete(
        [each.id for each in living], account_id=account.id, now=rooms.clock()
    )
    await record_choices(rooms, account, Choice.DELETED, [each for each in images if each.id in fresh])
    try:
        await sweep_leftovers(rooms)
    except Unavailable as error:
        log.warning("files of %d deleted images wait for the next sweep: %s", len(images), error)
    gone = {each.id: each for each in images}
    return [gone.get(each.id, each) for each in own]


async def empty_old_trash(rooms: Rooms) -> int:
    """Deletes for good what lay in the trash for TRASH_KEPT, a round at a time, and says how many. StoreUnavailable."""
    now = rooms.clock()
    old = await rooms.gallery.trashed_before(now - TRASH_KEPT, limit=IMAGES_AT_ONCE)
    for account_id, images in groupby(sorted(old, key=_owner), key=_owner):
        try:
            await rooms.gallery.delete([each.id for each in images], account_id=account_id, now=now)
        except NotFound as error:  # its owner was faster; the rest is for the next round
            log.info("the trash of account %s changed meanwhile: %s", account_id, error)
    if old:
        log.info("%d images were in the trash for %d days and are deleted", len(old), TRASH_KEPT.days)
    await sweep_leftovers(rooms)
    return len(old)


def _not_in_trash(images: Sequence[Image]) -> set[UUID]:
    return {each.id for each in images if each.trashed_at is None}


def _owner(image: Image) -> UUID:
    return image.account_id
