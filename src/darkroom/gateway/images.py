"""The routes that look at images: lists of one's own, one with where it comes from. What is not published is not there."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from darkroom.core.accounts import Account
from darkroom.core.gallery import RATING_MAX
from darkroom.core.images import Image, Ratio
from darkroom.core.params import Visibility
from darkroom.core.ports import ImageFilter
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.jobs import NAME_MAX_CHARACTERS, PAGE, SEARCH_MAX_CHARACTERS
from darkroom.gateway.kept import KeptImageOut, KeptImagesOut, kept, page_of
from darkroom.gateway.views import Out
from darkroom.lifecycle.sight import visible_image

IMAGES_PAGE_MAX = 200  # images on one page
OFFSET_MAX = 200_000  # images that may be left out


class ImageDetailOut(KeptImageOut):
    provenance: Annotated[
        dict[str, Any], Field(description="Everything that is needed to draw it again, as inside its files")
    ]
    policy: Annotated[str, Field(description="The content policy that let it through")]
    scores: Annotated[dict[str, float], Field(description="What that saw in it; for its owner alone")]


class ImagesWanted(BaseModel):
    """What a list of images is narrowed to. A saved search keeps these words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[
        str, Field(max_length=SEARCH_MAX_CHARACTERS, description="Words of the prompt, all of them")
    ] = ""
    folder: UUID | None = None
    liked: bool | None = None
    favourite: bool | None = None
    hidden: Annotated[bool, Field(description="True: the hidden ones, which are left out else")] = False
    rating_min: Annotated[int | None, Field(ge=1, le=RATING_MAX)] = None
    model: Annotated[str | None, Field(max_length=NAME_MAX_CHARACTERS)] = None
    visibility: Visibility | None = None
    ratio: Ratio | None = None
    since: Annotated[date | None, Field(description="Made on this day (UTC) or later")] = None
    until: Annotated[date | None, Field(description="Made before this day (UTC)")] = None


class ImagesPage(ImagesWanted):
    cursor: Annotated[UUID | None, Field(description="`next_cursor` of the page before")] = None
    offset: Annotated[
        int,
        Field(ge=0, le=OFFSET_MAX, description="Images to leave out after the cursor, or the newest ones"),
    ] = 0
    limit: Annotated[int, Field(ge=1, le=IMAGES_PAGE_MAX)] = PAGE


class CountOut(Out):
    count: int


def images_router() -> APIRouter:
    """All under /api/v1/images."""
    router = APIRouter(prefix="/api/v1/images", tags=["images"])

    @router.get("", responses=refusals(404, 422, 503), operation_id="listImages")
    async def list_images(
        caller: Reader, here: Here, wanted: Annotated[ImagesPage, Query()]
    ) -> KeptImagesOut:
        """Your images without the grids, newest first. What lies in the trash is not among them."""
        account = caller.account
        await _check_folder(wanted, account, here)
        found = await here.rooms.gallery.find(
            filter_of(wanted, account), before=wanted.cursor, limit=wanted.limit + 1, offset=wanted.offset
        )
        return await page_of(found, account, here, limit=wanted.limit)

    @router.get("/count", responses=refusals(404, 422, 503), operation_id="countImages")
    async def count_images(caller: Reader, here: Here, wanted: Annotated[ImagesWanted, Query()]) -> CountOut:
        """How many images such a list has."""
        await _check_folder(wanted, caller.account, here)
        return CountOut(count=await here.rooms.gallery.count(filter_of(wanted, caller.account)))

    @router.get("/{image_id}", responses=refusals(404, 422, 503), operation_id="getImage")
    async def get_image(image_id: UUID, caller: Reader, here: Here) -> ImageDetailOut:
        """One image of yours, or a public one, with signed links to its files and where it comes from."""
        image = await _seen(image_id, caller.account, here)
        (plain,) = await kept([image], caller.account, here)
        return ImageDetailOut(
            **plain.model_dump(),
            provenance=json.loads(image.provenance),
            policy=image.policy,
            scores=dict(image.scores) if plain.own else {},
        )

    return router


def filter_of(wanted: ImagesWanted, account: Account) -> ImageFilter:
    """The query of a list for the store. Half of a surrogate pair in it finds nothing and breaks nothing."""
    return ImageFilter(
        account_id=account.id,
        text=wanted.q.encode("utf-8", "replace").decode(),
        folder_id=wanted.folder,
        liked=wanted.liked,
        favourite=wanted.favourite,
        hidden=wanted.hidden,
        rating_min=wanted.rating_min,
        model=wanted.model,
        visibility=wanted.visibility,
        ratio=wanted.ratio,
        since=_midnight(wanted.since),
        until=_midnight(wanted.until),
    )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


async def _check_folder(wanted: ImagesWanted, account: Account, here: Gateway) -> None:
    """NotFound for a folder that is not the account's."""
    if wanted.folder is not None:
        await here.rooms.gallery.folder(wanted.folder, account_id=account.id)


async def _seen(image_id: UUID, account: Account, here: Gateway) -> Image:
    """NotFound, to whom deleted it with `image_deleted` and when; to everybody else in the store's own words."""
    return await visible_image(here.rooms, account, image_id)
