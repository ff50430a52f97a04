"""The routes of operators for moderation: every verdict with the scores behind it, and the appeals against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from darkroom.core.appeals import Appeal, Case
from darkroom.core.verdicts import Decision, ModerationRecord, Subject
from darkroom.gateway.account import PAGE, Limit, NumberCursor
from darkroom.gateway.appeals import AppealOut, appeal_out
from darkroom.gateway.auth import Admin
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.views import Out
from darkroom.lifecycle.appeal import decide

NOTE_MAX_CHARACTERS = 1000


class VerdictOut(Out):
    id: int
    account_id: UUID
    user_name: str
    job_id: UUID | None
    subject: Subject
    text: str
    decision: Decision
    policy: str
    category: str
    matched: str
    scores: dict[str, float]
    at: datetime
    appeal: AppealOut | None


class VerdictsOut(Out):
    verdicts: list[VerdictOut]
    next_cursor: str | None


class CaseOut(AppealOut):
    """An appeal with the verdict that it is about, and who decided."""

    verdict: Annotated[VerdictOut, Field(description="Its `appeal` is null: it is this one")]
    decided_by: UUID | None
    decided_by_name: str | None


class CasesOut(Out):
    appeals: list[CaseOut]
    next_cursor: UUID | None


class CaseState(StrEnum):
    OPEN = "open"
    DECIDED = "decided"


class DecisionIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"granted": True, "note": "Right, that is a bird."}]}
    )

    granted: bool
    note: Annotated[
        str, Field(max_length=NOTE_MAX_CHARACTERS, description="For whoever appealed, who reads it")
    ] = ""


def admin_moderation_router() -> APIRouter:
    """`GET /api/v1/admin/moderation`, and all under /api/v1/admin/appeals."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin: moderation"])

    @router.get("/moderation", operation_id="listVerdicts")
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
        records = found[:limit]
        appeals = await here.rooms.appeals.of_verdicts([each.id for each in records])
        names = await _names(here, (each.account_id for each in records))
        return VerdictsOut(
            verdicts=[_verdict(each, names, appeals.get(each.id)) for each in records],
            next_cursor=str(found[limit - 1].id) if len(found) > limit else None,
        )

    _add_appeal_routes(router)
    return router


def _add_appeal_routes(router: APIRouter) -> None:
    @router.get("/appeals", operation_id="listAppeals")
    async def list_appeals(
        caller: Admin,
        here: Here,
        state: CaseState = CaseState.OPEN,
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
        limit: Limit = PAGE,
    ) -> CasesOut:
        """Appeals against verdicts, newest first: those that wait for a decision, or those that have one."""
        found = await here.rooms.appeals.cases(
            open_only=state is CaseState.OPEN, before=cursor, limit=limit + 1
        )
        return CasesOut(
            appeals=await _shown(here, found[:limit]),
            next_cursor=found[limit - 1].appeal.id if len(found) > limit else None,
        )

    @router.post("/appeals/{appeal_id}/decide", operation_id="decideAppeal", responses=refusals(409))
    async def decide_appeal(appeal_id: UUID, body: DecisionIn, caller: Admin, here: Here) -> AppealOut:
        """Grant or deny an appeal, once. Who appealed sees it with your note; the verdict itself stays in the log."""
        decided = await decide(here.rooms, caller.account, appeal_id, granted=body.granted, note=body.note)
        return appeal_out(decided)


async def _shown(here: Gateway, cases: list[Case]) -> list[CaseOut]:
    people = {each.appeal.account_id for each in cases}
    names = await _names(here, people | {each.appeal.decided_by for each in cases if each.appeal.decided_by})
    return [_case(each, names) for each in cases]


async def _names(here: Gateway, account_ids: Iterable[UUID]) -> Mapping[UUID, str]:
    return await here.rooms.accounts.names(sorted(set(account_ids)))


def _case(case: Case, names: Mapping[UUID, str]) -> CaseOut:
    decided_by = case.appeal.decided_by
    return CaseOut(
        **appeal_out(case.appeal).model_dump(),
        verdict=_verdict(case.record, names, None),
        decided_by=decided_by,
        decided_by_name=None if decided_by is None else names.get(decided_by, ""),
    )


def _verdict(record: ModerationRecord, names: Mapping[UUID, str], appeal: Appeal | None) -> VerdictOut:
    return VerdictOut(
        id=record.id,
        account_id=record.account_id,
        user_name=names.get(record.account_id, ""),
        job_id=record.job_id,
        subject=record.subject,
        text=record.text,
        decision=record.verdict.decision,
        policy=record.verdict.policy,
        category=record.verdict.category,
        matched=record.verdict.matched,
        scores=dict(record.verdict.scores),
        at=record.at,
        appeal=None if appeal is None else appeal_out(appeal),
    )
