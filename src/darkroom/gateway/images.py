"""The routes of published images. What is not published is not there."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from darkroom.core.errors import NotFound
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.jobs import PAGE, PAGE_MAX, SEARCH_MAX_CHARACTERS
from darkroom.gateway.views import ImageOut, Out, image_out


class ImageDetailOut(ImageOut):
    provenance: Annotated[
        dict[str, Any], Field(description="Everything that is needed to draw it again, as inside its files")
    ]
    policy: Annotated[str, Field(description="The content policy that let it through")]
    scores: dict[str, float]


class ImagesOut(Out):
    images: list[ImageOut]
    next_cursor: UUID | None


def images_router() -> APIRouter:
    """All under /api/v1/images."""
    router = APIRouter(prefix="/api/v1/images", tags=["images"])

    @router.get("", responses=refusals(422, 503), operation_id="listImages")
    async def list_images(
        caller: Reader,
        here: Here,
        q: Annotated[str, Query(max_length=SEARCH_MAX_CHARACTERS)] = "",
        cursor: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    ) -> ImagesOut:
        """Your images without the grids, newest first."""
        found = await here.rooms.library.images(caller.account.id, before=cursor, limit=limit + 1, text=q)
        now = here.now()
        return ImagesOut(
            images=[await image_out(image, here.rooms.objects, now=now) for image in found[:limit]],
            next_cursor=found[limit - 1].id if len(found) > limit else None,
        )

    @router.get("/{image_id}", responses=refusals(404, 422, 503), operation_id="getImage")
    async def get_image(
        image_id: UUID,
        caller: Reader,
        here: Here,
    ) -> ImageDetailOut:
        """One image, with signed links to its files and where it comes from."""
        image = await here.rooms.library.image(image_id)
        if image.account_id != caller.account.id:
            raise NotFound(f"There is no image {image_id}.")  # in the store's own words
        now: datetime = here.now()
        plain = await image_out(image, here.rooms.objects, now=now)
        return ImageDetailOut(
            **plain.model_dump(),
            provenance=json.loads(image.provenance),
            policy=image.policy,
            scores=dict(image.scores),
        )

    return router
