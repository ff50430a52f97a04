"""The routes that sort images: marks, picks, visibility, trash. The rules are in `lifecycle`; here are schemas."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from darkroom.core.gallery import RATING_MAX
from darkroom.core.params import Visibility
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.jobs import PAGE, PAGE_MAX
from darkroom.gateway.kept import KeptImageOut, KeptImagesOut, MarkedOut, kept, marked, page_of
from darkroom.gateway.views import Out
from darkroom.lifecycle.keeping import change_marks, check_showing, pick, show_to, visible_picture
from darkroom.lifecycle.trash import delete_for_good, take_back, throw_away

IMAGES_AT_ONCE_MAX = 200


class ChangeImageIn(Body):
    """What is given changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"liked": True}, {"visibility": "stealth"}]})

    liked: bool | None = None
    favourite: bool | None = None
    hidden: Annotated[bool | None, Field(description="Out of your lists and of what you explore")] = None
    rating: Annotated[int | None, Field(ge=0, le=RATING_MAX, description="0 takes it away")] = None
    visibility: Annotated[Visibility | None, Field(description="Of an image of yours")] = None


class ImageIdsIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ids": ["01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b"]}]}
    )

    ids: Annotated[
        list[UUID], Field(min_length=1, max_length=IMAGES_AT_ONCE_MAX, description="All of them, or none")
    ]


class MovedImagesOut(Out):
    images: Annotated[list[KeptImageOut], Field(description="In the order of the ids, each once")]


class DeletedOut(Out):
    deleted: Annotated[
        list[UUID], Field(description="Their pixels are gone, their place in the lineage stays")
    ]


def gallery_router() -> APIRouter:
    """What is done to images, and the trash."""
    router = APIRouter(tags=["gallery"])
    _add_marking(router)
    _add_trash(router)
    return router


def _add_marking(router: APIRouter) -> None:
    @router.patch(
        "/api/v1/images/{image_id}", responses=refusals(403, 404, 422, 503), operation_id="changeImage"
    )
    async def change_image(image_id: UUID, body: ChangeImageIn, caller: Writer, here: Here) -> MarkedOut:
        """Like, favour, hide or rate any image that you may see; show or hide one of yours to everybody, at once."""
        rooms, account = here.rooms, caller.account
        image = await visible_picture(rooms, account, image_id)
        if body.visibility is not None:
            check_showing(account, caller.plan, image, body.visibility)
        if (body.liked, body.favourite, body.hidden, body.rating) != (None, None, None, None):
            await change_marks(
                rooms,
                account,
                image,
                liked=body.liked,
                favourite=body.favourite,
                hidden=body.hidden,
                rating=body.rating,
            )
        if body.visibility is not None:
            await show_to(rooms, account, caller.plan, image, body.visibility)
        return await marked(image_id, account, here)

    @router.post(
        "/api/v1/images/{image_id}/pick", responses=refusals(404, 422, 503), operation_id="pickImage"
    )
    async def pick_image(image_id: UUID, caller: Writer, here: Here) -> MarkedOut:
        """Say that this is the one of its grid. Nothing is drawn; it is noted for what learns from it."""
        image = await visible_picture(here.rooms, caller.account, image_id)
        await pick(here.rooms, caller.account, image)
        return await marked(image_id, caller.account, here)


def _add_trash(router: APIRouter) -> None:
    @router.delete("/api/v1/images/{image_id}", responses=refusals(404, 422, 503), operation_id="trashImage")
    async def trash_image(image_id: UUID, caller: Writer, here: Here) -> KeptImageOut:
        """Into the trash, where nobody else sees it. After 30 days there it is deleted for good."""
        images = await throw_away(here.rooms, caller.account, [image_id])
        return (await kept(images, caller.account, here))[0]

    @router.post("/api/v1/images/trash", responses=refusals(404, 422, 503), operation_id="trashImages")
    async def trash_images(body: ImageIdsIn, caller: Writer, here: Here) -> MovedImagesOut:
        """Many into the trash."""
        images = await throw_away(here.rooms, caller.account, body.ids)
        return MovedImagesOut(images=await kept(images, caller.account, here))

    @router.post("/api/v1/images/restore", responses=refusals(404, 422, 503), operation_id="restoreImages")
    async def restore_images(body: ImageIdsIn, caller: Writer, here: Here) -> MovedImagesOut:
        """Out of the trash, with their marks, to their folders."""
        images = await take_back(here.rooms, caller.account, body.ids)
        return MovedImagesOut(images=await kept(images, caller.account, here))

    @router.post("/api/v1/images/delete", responses=refusals(404, 422, 503), operation_id="deleteImages")
    async def delete_images(body: ImageIdsIn, caller: Writer, here: Here) -> DeletedOut:
        """Delete for good, in the trash or not: pixels, links and the grid that shows them. This cannot be undone."""
        images = await delete_for_good(here.rooms, caller.account, body.ids)
        return DeletedOut(deleted=[image.id for image in images])

    @router.get("/api/v1/trash", responses=refusals(422, 503), operation_id="listTrash")
    async def list_trash(
        caller: Reader,
        here: Here,
        cursor: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    ) -> KeptImagesOut:
        """Your trash, newest image first."""
        found = await here.rooms.gallery.trashed(caller.account.id, before=cursor, limit=limit + 1)
        return await page_of(found, caller.account, here, limit=limit)
