"""The feed of public images of everybody: new, top, or shuffled by a seed. Its cursors hold all that a next page needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from darkroom.core.errors import Refused
from darkroom.core.gallery import FeedOrder, FeedPlace
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.jobs import PAGE, PAGE_MAX, SEARCH_MAX_CHARACTERS
from darkroom.gateway.kept import KeptImageOut, kept
from darkroom.gateway.limits import WIDE_PER_MINUTE, count
from darkroom.gateway.views import Out

SEED_MAX = 2**32 - 1
LIKES_MAX = 2**31 - 1
CURSOR_MAX_CHARACTERS = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ExploreOut(Out):
    images: list[KeptImageOut]
    seed: Annotated[int | None, Field(description="Of the shuffle, where that is the order")]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Which feed it is, and where its next page begins. `began` is when its first page was asked for."""

    order: FeedOrder
    seed: int
    began: datetime
    place: FeedPlace | None = None


def explore_router() -> APIRouter:
    """All under /api/v1/explore."""
    router = APIRouter(prefix="/api/v1/explore", tags=["gallery"])

    @router.get("", responses=refusals(422, 429, 503), operation_id="explore")
    async def explore(
        caller: Reader,
        here: Here,
        order: FeedOrder = FeedOrder.NEW,
        seed: Annotated[
            int | None, Query(ge=0, le=SEED_MAX, description="The same seed shuffles the same way")
        ] = None,
        q: Annotated[
            str, Query(max_length=SEARCH_MAX_CHARACTERS, description="Words of the prompt, all of them")
        ] = "",
        cursor: Annotated[str | None, Query(max_length=CURSOR_MAX_CHARACTERS)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    ) -> ExploreOut:
        """Public images of everybody; any of them can be remixed. What you hid is left out.

        Top is by the likes of the last 30 days, then newest; likes that come while you page change nothing.
        """
        count(
            here.wide,
            caller.account.id,
            per_minute=WIDE_PER_MINUTE,
            now=here.now(),
            what="feeds and lineages",
        )
        if cursor is None:
            drawn = here.rooms.new_seed() % (SEED_MAX + 1) if seed is None else seed
            feed = Feed(order=order, seed=drawn, began=here.now())
        else:
            feed = read_cursor(cursor, order)
        page = await here.rooms.gallery.explore(
            order,
            viewer=caller.account.id,
            now=feed.began,
            limit=limit,
            seed=feed.seed,
            after=feed.place,
            text=q,
        )
        return ExploreOut(
            images=await kept(page.images, caller.account, here),
            seed=feed.seed if order is FeedOrder.RANDOM else None,
            next_cursor=None if page.after is None else write_cursor(feed, page.after),
        )

    return router


def write_cursor(feed: Feed, place: FeedPlace) -> str:
    """`order.seed.microseconds.likes.image`."""
    began = (feed.began - EPOCH) // timedelta(microseconds=1)
    return f"{feed.order.value}.{feed.seed}.{began}.{place.likes}.{place.image_id}"


def read_cursor(cursor: str, order: FeedOrder) -> Feed:
    """The inverse. Refused (`invalid_request`) for anything else, and for the cursor of another order."""
    try:
        named, seed, began, likes, image_id = cursor.split(".")
        if FeedOrder(named) is not order:
            raise ValueError(named)
        feed = Feed(
            order=order,
            seed=_number(seed, SEED_MAX),
            began=EPOCH + timedelta(microseconds=_number(began, 10**16)),
            place=FeedPlace(image_id=UUID(image_id), likes=_number(likes, LIKES_MAX)),
        )
    except ValueError:
        raise Refused(
            "This is no cursor of this feed.",
            code="invalid_request",
            hint="Use next_cursor as it was given, with the same order.",
            field="cursor",
        ) from None
    return feed


def _number(text: str, most: int) -> int:
    """A number as it is written here; ValueError for any other."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(most)) or int(text) > most:
        raise ValueError(text)
    return int(text)
