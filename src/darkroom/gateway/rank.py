"""The routes of ranking: two pictures side by side, and which of them is better. The rules are in `lifecycle`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from darkroom.core.errors import Refused
from darkroom.core.gallery import Choice
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.limits import WIDE_PER_MINUTE, count
from darkroom.gateway.views import ImageOut, Out, image_out
from darkroom.lifecycle.rank import note_rank, pair_for


class Undecided(StrEnum):
    TIE = "tie"
    SKIP = "skip"


class RankIn(Body):
    """`winner` and `loser`, or else `left`, `right` and `outcome`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "winner": "01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b",
                    "loser": "01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0c",
                }
            ]
        }
    )

    winner: UUID | None = None
    loser: UUID | None = None
    left: UUID | None = None
    right: UUID | None = None
    outcome: Undecided | None = None


class PairOut(Out):
    pair: Annotated[
        tuple[ImageOut, ImageOut] | None,
        Field(description="Two to choose from; null where there are none that you have not ranked yet"),
    ]


OUTCOMES = {Undecided.TIE: Choice.TIED, Undecided.SKIP: Choice.SKIPPED}


def rank_router() -> APIRouter:
    """Under /api/v1/rank."""
    router = APIRouter(prefix="/api/v1/rank", tags=["gallery"])

    @router.get("", responses=refusals(429, 503), operation_id="getPair")
    async def get_pair(caller: Reader, here: Here) -> PairOut:
        """Two pictures of yours or public ones, of one grid or of prompts that are alike, that you have not ranked yet."""
        count(
            here.wide,
            caller.account.id,
            per_minute=WIDE_PER_MINUTE,
            now=here.now(),
            what="feeds and lineages",
        )
        found = await pair_for(here.rooms, caller.account)
        if found is None:
            return PairOut(pair=None)
        now = here.now()
        left, right = [await image_out(each, here.rooms.objects, now=now) for each in found]
        return PairOut(pair=(left, right))

    @router.post("", status_code=204, responses=refusals(404, 422, 503), operation_id="rankPair")
    async def rank_pair(body: RankIn, caller: Writer, here: Here) -> None:
        """Say which is better, or that neither is. It is noted with your choices."""
        choice, first, second = _said(body)
        await note_rank(here.rooms, caller.account, choice, first, second)

    return router


def _said(body: RankIn) -> tuple[Choice, UUID, UUID]:
    """The winner first. Refused (`invalid_request`) for anything but one of the two forms."""
    decided, undecided = (body.winner, body.loser), (body.left, body.right, body.outcome)
    if body.winner and body.loser and undecided == (None, None, None):
        return Choice.PREFERRED, body.winner, body.loser
    if body.left and body.right and body.outcome and decided == (None, None):
        return OUTCOMES[body.outcome], body.left, body.right
    raise Refused(
        "A rank names a winner and a loser, or else left, right and an outcome.",
        code="invalid_request",
        hint='Send {"winner": ..., "loser": ...} or {"left": ..., "right": ..., "outcome": "tie"}.',
    )
