"""The image that an action begins at: looked up for who may use it, and told apart from what is none. Knows no action."""

from __future__ import annotations

from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound, Refused
from darkroom.core.images import Image, ImageFile, Variant
from darkroom.core.params import GenerationParams
from darkroom.lifecycle.derive import Source
from darkroom.lifecycle.references import resolve
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sight import may_see, unseen


async def begun_at(rooms: Rooms, account: Account, image_id: UUID) -> Image:
    """The image, which this account may see and which has its pixels. NotFound; Refused says what it is instead."""
    try:
        image = await rooms.library.image(image_id)
    except NotFound:
        await _check_no_upload(rooms, account, image_id)
        raise
    if not may_see(account.id, image):
        raise unseen(account.id, image)
    if image.index is None:
        raise _no("is_a_grid", "This is the grid of a job.", "Name one of its images.")
    if image.file(Variant.PNG) is None:
        raise _no("image_without_pixels", "The image is kept without its PNG, and nothing can begin at it.")
    return image


async def _check_no_upload(rooms: Rooms, account: Account, upload_id: UUID) -> None:
    try:
        upload = await rooms.uploads.get(upload_id)
    except NotFound:
        return
    if upload.account_id == account.id:
        raise _no(
            "image_is_upload",
            "This is an upload, and actions begin at an image that was drawn here.",
            f"Use it in a prompt (upload:{upload_id} and some words), or blend it with another picture.",
        )


async def source_of(rooms: Rooms, account: Account, image: Image, wanted: GenerationParams) -> Source:
    """The image as it is acted on, with the pictures that the wanted words point at."""
    (guided,), _ = await resolve(rooms, account, [wanted])
    file = pixels_of(image)
    assert image.index is not None, "it was looked at before"
    return Source(
        image_id=image.id,
        params=guided.params,
        recipe=image.recipe,
        grid_index=image.recipe.indices[image.index],
        digest=file.digest,
        width=file.width,
        height=file.height,
        guides=guided.inputs,
    )


def pixels_of(image: Image) -> ImageFile:
    """The file of an image that was looked at before."""
    file = image.file(Variant.PNG)
    assert file is not None, "no action begins at an image without it"
    return file


def _no(code: str, message: str, hint: str = "") -> Refused:
    return Refused(message, code=code, hint=hint)
