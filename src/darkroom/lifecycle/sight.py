"""Whose images somebody may see and work with: their own, and what others show to everybody. All else is not there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound
from darkroom.core.images import Image
from darkroom.core.lineage import Node
from darkroom.core.params import Visibility
from darkroom.lifecycle.rooms import Rooms


def may_see(account_id: UUID, image: Image) -> bool:
    """The owner sees what is not deleted; others what is public and not in the trash."""
    if image.deleted_at is not None:
        return False
    if image.account_id == account_id:
        return True
    return image.visibility is Visibility.PUBLIC and image.trashed_at is None


def may_see_node(account_id: UUID, node: Node) -> bool:
    """The same of an image in a graph. An upload is its owner's alone: it has no visibility but stealth."""
    if node.deleted:
        return False
    if node.account_id == account_id:
        return True
    return node.visibility is Visibility.PUBLIC and not node.trashed


def may_ask_of(account_id: UUID, image: Image) -> bool:
    """Who may ask where an image comes from: who may see it, and its owner even of its tombstone."""
    return image.account_id == account_id or may_see(account_id, image)


async def visible_image(rooms: Rooms, account: Account, image_id: UUID) -> Image:
    """NotFound, as `unseen` says, for what this account may not see."""
    image = await rooms.library.image(image_id)
    if not may_see(account.id, image):
        raise unseen(account.id, image)
    return image


async def check_own(
    rooms: Rooms, account: Account, image_ids: Sequence[UUID], *, deleted: bool = False
) -> list[Image]:
    """Images of this account, each once, in order, in the trash or not; those that are deleted only where they are asked for.

    NotFound names the first that is none, and says of a deleted one and of somebody else's public one what it is.
    """
    found = await rooms.gallery.images(image_ids)
    own = []
    for image_id in dict.fromkeys(image_ids):
        image = found.get(image_id)
        if image is None or image.index is None:
            raise not_there(image_id)
        if image.account_id != account.id:
            raise not_yours(image_id) if may_see(account.id, image) else not_there(image_id)
        if image.deleted_at is not None and not deleted:
            raise unseen(account.id, image)
        own.append(image)
    return own


def unseen(account_id: UUID, image: Image) -> NotFound:
    """What to say of an image that this account may not see: of its own tombstone with `image_deleted` and when, else as if
    it were not there."""
    if image.account_id != account_id or image.deleted_at is None:
        return not_there(image.id)
    return NotFound(
        f"You deleted image {image.id} on {image.deleted_at:%Y-%m-%d}, and its pixels are gone.",
        code="image_deleted",
        hint="What was made from it is still there; its lineage shows where it was.",
    )


def not_yours(image_id: UUID) -> NotFound:
    return NotFound(f"The image {image_id} is not yours: only its owner can do this.")


def not_there(image_id: UUID) -> NotFound:
    return NotFound(f"There is no image {image_id}.")
