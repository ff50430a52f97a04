"""The routes of one's own account: what it may use, what it used, how it likes its jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from darkroom.core.accounts import Account, Plan
from darkroom.core.errors import NotAllowed
from darkroom.core.params import Lane, Visibility
from darkroom.gateway.auth import Reader, Writer
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.people import AccountOut, BalanceOut, EntryOut, account_out, balance_out, entry_out
from darkroom.gateway.views import Out

PAGE = 20
PAGE_MAX = 100  # lines or accounts on one page

NumberCursor = Annotated[
    str | None, Query(pattern=r"^[1-9][0-9]{0,17}$", description="`next_cursor` of the page before")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]


class AccountIn(Body):
    """What is given changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lane": "relax"}, {"visibility": "public"}]})

    lane: Annotated[Lane | None, Field(description="The lane of jobs that name none")] = None
    visibility: Annotated[Visibility | None, Field(description="Of jobs that name none")] = None


class StatementOut(Out):
    entries: list[EntryOut]
    balance: BalanceOut
    next_cursor: str | None


def account_router() -> APIRouter:
    """All under /api/v1/account but for the keys."""
    router = APIRouter(prefix="/api/v1/account", tags=["account"])

    @router.get("", operation_id="getAccount")
    async def get_account(caller: Reader, here: Here) -> AccountOut:
        """Your account with its plan, its balance, and what it uses now."""
        return await shown_account(await here.rooms.accounts.get(caller.account.id), caller.plan, here)

    @router.patch("", operation_id="changeAccount", responses=refusals(403))
    async def change_account(body: AccountIn, caller: Writer, here: Here) -> AccountOut:
        """Change the lane and the visibility that your jobs have unless they say otherwise."""
        check_terms(body.lane, body.visibility, caller.plan)
        account = await here.rooms.accounts.update(
            caller.account.id, lane=body.lane, visibility=body.visibility
        )
        here.credentials.forget_account(account.id)
        return await shown_account(account, caller.plan, here)

    @router.get("/statement", operation_id="getStatement")
    async def get_statement(
        caller: Reader, here: Here, cursor: NumberCursor = None, limit: Limit = PAGE
    ) -> StatementOut:
        """Every hold, charge, release and grant, newest first. They add up to the balance."""
        account_id = caller.account.id
        before = None if cursor is None else int(cursor)
        found = await here.rooms.accounts.statement(account_id, before=before, limit=limit + 1)
        return StatementOut(
            entries=[entry_out(entry) for entry in found[:limit]],
            balance=balance_out(await here.rooms.accounts.balance(account_id), caller.plan),
            next_cursor=str(found[limit - 1].id) if len(found) > limit else None,
        )

    return router


async def shown_account(account: Account, plan: Plan, here: Gateway) -> AccountOut:
    """An account with its balance."""
    return account_out(account, plan, await here.rooms.accounts.balance(account.id))


def check_terms(lane: Lane | None, visibility: Visibility | None, plan: Plan) -> None:
    """NotAllowed where a plan lacks the lane or the visibility."""
    if (lane is Lane.TURBO and not plan.turbo) or (lane is Lane.RELAX and not plan.relax):
        raise NotAllowed(
            f"The plan {plan.title} has no {lane.value} lane.",
            code="lane_not_in_plan",
            hint="Choose fast, or a plan that has it.",
            field="lane",
        )
    if visibility is Visibility.STEALTH and not plan.stealth:
        raise NotAllowed(
            f"The plan {plan.title} has no stealth mode.",
            code="plan_required",
            hint="Choose public, or a plan that has it.",
            field="visibility",
        )
