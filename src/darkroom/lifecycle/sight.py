"""Whose images somebody may see and work with: their own, and what others show to everybody. All else is not there."""

from __future__ import annotations

from collections.abc import Iterable
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
    """NotFound, in the words of the store, for what this account may not see."""
    image = await rooms.library.image(image_id)
    if not may_see(account.id, image):
        raise not_there(image_id)
    return image


async def own_images(rooms: Rooms, account: Account, image_ids: Iterable[UUID]) -> list[Image]:
    """Images of this account that are not deleted, in the trash or not. NotFound names the first that is none."""
    found = []
    for image_id in image_ids:
        image = await rooms.library.image(image_id)
        if image.account_id != account.id or image.deleted_at is not None:
            raise not_there(image_id)
        found.append(image)
    return found


def not_there(image_id: UUID) -> NotFound:
    return NotFound(f"There is no image {image_id}.")
