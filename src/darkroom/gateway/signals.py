"""One's own preference signals: what was chosen, and what lay beside it. Read-only: choices note themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from darkroom.core.gallery import Choice, Signal
from darkroom.gateway.account import Limit, NumberCursor
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.jobs import PAGE
from darkroom.gateway.views import Out


class SignalOut(Out):
    id: int
    choice: Choice
    image_id: Annotated[
        UUID | None, Field(description="Null: the choice was about the whole grid of the job")
    ]
    job_id: UUID
    beside: Annotated[list[UUID], Field(description="The other images of its grid that you saw")]
    value: Annotated[int | None, Field(description="The rating, where it is one")]
    at: datetime


class SignalsOut(Out):
    signals: list[SignalOut]
    next_cursor: str | None


def signals_router() -> APIRouter:
    """All under /api/v1/signals."""
    router = APIRouter(prefix="/api/v1/signals", tags=["gallery"])

    @router.get("", responses=refusals(422, 503), operation_id="listSignals")
    async def list_signals(
        caller: Reader, here: Here, cursor: NumberCursor = None, limit: Limit = PAGE
    ) -> SignalsOut:
        """Your choices, newest first: all that is known of your taste."""
        before = None if cursor is None else int(cursor)
        found = await here.rooms.gallery.signals(caller.account.id, before=before, limit=limit + 1)
        return SignalsOut(
            signals=[signal_out(signal) for signal in found[:limit]],
            next_cursor=str(found[limit - 1].id) if len(found) > limit else None,
        )

    return router


def signal_out(signal: Signal) -> SignalOut:
    return SignalOut(
        id=signal.id,
        choice=signal.choice,
        image_id=signal.image_id,
        job_id=signal.job_id,
        beside=list(signal.beside),
        value=signal.value,
        at=signal.at,
    )
