"""Images as who looks keeps them: with their marks, and how many like them. Whoever calls has checked that they may be seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from darkroom.core.accounts import Account
from darkroom.core.gallery import RATING_MAX, UNMARKED, Marks
from darkroom.core.images import Image
from darkroom.gateway.context import Gateway
from darkroom.gateway.views import ImageOut, Out, image_out


class MarksOut(Out):
    """What you think of an image."""

    liked: bool
    favourite: bool
    hidden: Annotated[bool, Field(description="Neither in your lists nor in what you explore")]
    rating: Annotated[int, Field(ge=0, le=RATING_MAX, description="0 for none")]


class KeptImageOut(ImageOut):
    own: Annotated[bool, Field(description="Whether it is yours")]
    marks: MarksOut
    likes: Annotated[int, Field(description="How many people like it")]
    trashed_at: datetime | None


class KeptImagesOut(Out):
    images: list[KeptImageOut]
    next_cursor: UUID | None


class MarkedOut(Out):
    image: ImageOut
    marks: MarksOut
    likes: int


async def kept(images: Sequence[Image], account: Account, here: Gateway) -> list[KeptImageOut]:
    """Images as an account sees them, in order; two look-ups, however many they are."""
    ids = [image.id for image in images]
    marks = await here.rooms.gallery.marks(account.id, ids) if ids else {}
    likes = await here.rooms.gallery.likes(ids) if ids else {}
    now = here.now()
    return [
        KeptImageOut(
            **(await image_out(image, here.rooms.objects, now=now)).model_dump(),
            own=image.account_id == account.id,
            marks=marks_out(marks.get(image.id, UNMARKED)),
            likes=likes.get(image.id, 0),
            trashed_at=image.trashed_at,
        )
        for image in images
    ]


async def page_of(found: Sequence[Image], account: Account, here: Gateway, *, limit: int) -> KeptImagesOut:
    """One page of what was found with a limit of one more, and where the next begins."""
    return KeptImagesOut(
        images=await kept(found[:limit], account, here),
        next_cursor=found[limit - 1].id if len(found) > limit else None,
    )


async def marked(image_id: UUID, account: Account, here: Gateway) -> MarkedOut:
    """An image as it is now, with what was changed of it."""
    image = await here.rooms.library.image(image_id)
    marks = await here.rooms.gallery.marks(account.id, [image_id])
    likes = await here.rooms.gallery.likes([image_id])
    return MarkedOut(
        image=await image_out(image, here.rooms.objects, now=here.now()),
        marks=marks_out(marks.get(image_id, UNMARKED)),
        likes=likes.get(image_id, 0),
    )


def marks_out(marks: Marks) -> MarksOut:
    return MarksOut(
        liked=marks.liked, favourite=marks.favourite, hidden=marks.hidden, rating=marks.rating or 0
    )
