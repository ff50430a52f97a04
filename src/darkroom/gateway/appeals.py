"""The routes for what was refused of one's own, and for appeals against it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from darkroom.core.appeals import Appeal, AppealState
from darkroom.core.verdicts import Decision, ModerationRecord, Subject
from darkroom.gateway.account import PAGE, Limit, NumberCursor
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.views import Out
from darkroom.lifecycle.appeal import appeal as appeal_against

REASON_MAX_CHARACTERS = 1000
VERDICT_MAX = 10**18 - 1  # as far as their numbers reach


class AppealOut(Out):
    """What somebody says against a verdict, and the answer; `note` is "" and `decided_at` null while it is open."""

    id: UUID
    verdict_id: int
    reason: str
    at: datetime
    state: AppealState
    note: Annotated[str, Field(description="What whoever decided has to say")]
    decided_at: datetime | None


class RefusalOut(Out):
    """A verdict as the one whom it refused something is told. What matched and how much is for operators."""

    id: int
    job_id: UUID | None
    subject: Subject
    category: str
    text: str
    decision: Decision
    at: datetime
    appeal: AppealOut | None


class RefusalsOut(Out):
    verdicts: list[RefusalOut]
    next_cursor: str | None


class AppealIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"verdict_id": 17, "reason": "The tit in this prompt is a bird."}]}
    )

    verdict_id: Annotated[int, Field(ge=1, le=VERDICT_MAX, strict=True)]
    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX_CHARACTERS, pattern=r"\S")]


def appeals_router() -> APIRouter:
    """`GET /api/v1/account/verdicts` and `POST /api/v1/appeals`."""
    router = APIRouter(prefix="/api/v1", tags=["account"])

    @router.get("/account/verdicts", operation_id="listRefusals")
    async def list_refusals(
        caller: Reader, here: Here, cursor: NumberCursor = None, limit: Limit = PAGE
    ) -> RefusalsOut:
        """What moderation refused of yours, newest first, each with your appeal against it."""
        before = None if cursor is None else int(cursor)
        found = await here.rooms.appeals.refusals(caller.account.id, before=before, limit=limit + 1)
        appeals = await here.rooms.appeals.of_verdicts([record.id for record in found])
        return RefusalsOut(
            verdicts=[_refusal(record, appeals.get(record.id)) for record in found[:limit]],
            next_cursor=str(found[limit - 1].id) if len(found) > limit else None,
        )

    @router.post("/appeals", status_code=201, operation_id="appeal", responses=refusals(404, 409))
    async def appeal(body: AppealIn, caller: Writer, here: Here) -> AppealOut:
        """Say that a refusal was wrong, once for each. An operator reads it and decides."""
        return appeal_out(await appeal_against(here.rooms, caller.account, body.verdict_id, body.reason))

    return router


def appeal_out(appeal: Appeal) -> AppealOut:
    """An appeal as both sides see it."""
    return AppealOut(
        id=appeal.id,
        verdict_id=appeal.verdict_id,
        reason=appeal.reason,
        at=appeal.at,
        state=appeal.state,
        note=appeal.note,
        decided_at=appeal.decided_at,
    )


def _refusal(record: ModerationRecord, appeal: Appeal | None) -> RefusalOut:
    return RefusalOut(
        id=record.id,
        job_id=record.job_id,
        subject=record.subject,
        category=record.verdict.category,
        text=record.text,
        decision=record.verdict.decision,
        at=record.at,
        appeal=None if appeal is None else appeal_out(appeal),
    )
