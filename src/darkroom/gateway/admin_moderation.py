"""The route of operators for the moderation log: every verdict on a prompt or a picture, with the scores behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from darkroom.core.verdicts import Decision, ModerationRecord, Subject
from darkroom.gateway.account import PAGE, Limit, NumberCursor
from darkroom.gateway.auth import Admin
from darkroom.gateway.context import Here
from darkroom.gateway.views import Out


class VerdictOut(Out):
    id: int
    account_id: UUID
    job_id: UUID | None
    subject: Subject
    text: str
    decision: Decision
    policy: str
    category: str
    matched: str
    scores: dict[str, float]
    at: datetime


class VerdictsOut(Out):
    verdicts: list[VerdictOut]
    next_cursor: str | None


def admin_moderation_router() -> APIRouter:
    """`GET /api/v1/admin/moderation`."""
    router = APIRouter(prefix="/api/v1/admin/moderation", tags=["admin: moderation"])

    @router.get("", operation_id="listVerdicts")
    async def list_verdicts(
        caller: Admin,
        here: Here,
        blocked_only: bool = False,
        account: Annotated[UUID | None, Query(description="Of this account only")] = None,
        subject: Subject | None = None,
        cursor: NumberCursor = None,
        limit: Limit = PAGE,
    ) -> VerdictsOut:
        """The moderation log, newest first."""
        found = await here.rooms.operations.verdicts(
            before=None if cursor is None else int(cursor),
            limit=limit + 1,
            blocked_only=blocked_only,
            account_id=account,
            subject=subject,
        )
        return VerdictsOut(
            verdicts=[_verdict(record) for record in found[:limit]],
            next_cursor=str(found[limit - 1].id) if len(found) > limit else None,
        )

    return router


def _verdict(record: ModerationRecord) -> VerdictOut:
    return VerdictOut(
        id=record.id,
        account_id=record.account_id,
        job_id=record.job_id,
        subject=record.subject,
        text=record.text,
        decision=record.verdict.decision,
        policy=record.verdict.policy,
        category=record.verdict.category,
        matched=record.verdict.matched,
        scores=dict(record.verdict.scores),
        at=record.at,
    )
