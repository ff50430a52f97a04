"""The routes of operators for accounts and plans. Only owners touch owners; nobody blocks or demotes themselves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field

from darkroom.billing.periods import period_end
from darkroom.core.accounts import Account, Plan, Role
from darkroom.core.errors import Conflict, NotAllowed, Refused
from darkroom.core.ids import new_id
from darkroom.gateway.account import PAGE, Limit, shown_account
from darkroom.gateway.auth import Admin
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.credentials import LOGIN_LIFE, LOGIN_PREFIX, hash_of, new_secret
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.people import AccountOut, BalanceOut, PlanOut, balance_out, plan_out
from darkroom.gateway.renewal import plan_of
from darkroom.gateway.views import Out

USER_NAME_MAX_CHARACTERS = 100
REASON_MAX_CHARACTERS = 500
GRANT_MAX_GPU_MS = 1_000 * 3_600_000  # a thousand hours at once

PlanName = Annotated[str, Field(min_length=1, max_length=100, description="One of /api/v1/admin/plans")]


class NewUserIn(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "ada", "plan": "standard"}]})

    name: Annotated[str, Field(min_length=1, max_length=USER_NAME_MAX_CHARACTERS)]
    role: Role = Role.MEMBER
    plan: Annotated[PlanName | None, Field(description="The default plan where none is given")] = None


class UserIn(Body):
    """What is given changes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"plan": "pro"}, {"blocked_reason": "Spam"}, {"blocked_reason": ""}]}
    )

    role: Role | None = None
    plan: PlanName | None = None
    blocked_reason: Annotated[
        str | None, Field(max_length=REASON_MAX_CHARACTERS, description='"" unblocks')
    ] = None


class GrantIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount_gpu_ms": 3_600_000, "note": "for the workshop"}]}
    )

    amount_gpu_ms: Annotated[int, Field(ge=1, le=GRANT_MAX_GPU_MS, strict=True)]
    note: Annotated[str, Field(max_length=REASON_MAX_CHARACTERS)] = ""


class LoginLinkOut(Out):
    url: Annotated[str, Field(description="Logs in once, for a day")]
    expires_in_s: int


class UserOut(AccountOut):
    """An account as the list shows it."""

    open_appeals: Annotated[int, Field(description="Of its appeals, those that wait for a decision")]


class UsersOut(Out):
    users: list[UserOut]
    next_cursor: UUID | None


class PlansOut(Out):
    plans: list[PlanOut]
    default: str


def admin_users_router() -> APIRouter:
    """All under /api/v1/admin/users, and /api/v1/admin/plans."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin: users"])

    @router.get("/users", operation_id="listUsers")
    async def list_users(
        caller: Admin,
        here: Here,
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
        limit: Limit = PAGE,
    ) -> UsersOut:
        """All accounts, oldest first."""
        found = await here.rooms.accounts.all(after=cursor, limit=limit + 1)
        return UsersOut(
            users=await _listed(found[:limit], here),
            next_cursor=found[limit - 1].id if len(found) > limit else None,
        )

    @router.post("/users", status_code=201, operation_id="createUser", responses=refusals(409))
    async def create_user(body: NewUserIn, caller: Admin, here: Here) -> AccountOut:
        """A new account with its first month's time. It logs in by a login link."""
        _check_role(caller.account, None, body.role)
        plan = known_plan(body.plan or here.rooms.plans.default, here)
        return await _shown(await _create(body, plan, here), here)

    @router.get("/users/{user_id}", operation_id="getUser")
    async def get_user(user_id: UUID, caller: Admin, here: Here) -> AccountOut:
        """One account."""
        return await _shown(await here.rooms.accounts.get(user_id), here)

    @router.patch("/users/{user_id}", operation_id="changeUser", responses=refusals(409))
    async def change_user(user_id: UUID, body: UserIn, caller: Admin, here: Here) -> AccountOut:
        """Change an account's role or plan, block or unblock it. A new plan's time comes with its next month."""
        target = await here.rooms.accounts.get(user_id)
        _check_role(caller.account, target, body.role)
        if body.blocked_reason and target.id == caller.account.id:
            raise Conflict("You cannot block yourself.", code="own_account", field="blocked_reason")
        plan = None if body.plan is None else known_plan(body.plan, here).name
        account = await here.rooms.accounts.update(
            user_id, role=body.role, plan=plan, blocked_reason=body.blocked_reason
        )
        here.credentials.forget_account(user_id)
        return await _shown(account, here)

    @router.get("/plans", operation_id="listPlans")
    async def list_plans(caller: Admin, here: Here) -> PlansOut:
        """The plans that accounts can be on."""
        plans = here.rooms.plans
        return PlansOut(plans=[plan_out(plan) for plan in plans.plans.values()], default=plans.default)

    _add_gift_routes(router)
    return router


def _add_gift_routes(router: APIRouter) -> None:
    """What an operator hands to an account: a way in, and time."""

    @router.post(
        "/users/{user_id}/login-link", status_code=201, operation_id="createLoginLink", tags=["admin: users"]
    )
    async def create_login_link(user_id: UUID, caller: Admin, here: Here, request: Request) -> LoginLinkOut:
        """A link that logs an account in, once, within a day. Only owners make one for an owner."""
        target = await here.rooms.accounts.get(user_id)
        _check_role(caller.account, target, None)
        return LoginLinkOut(
            url=await login_link(target, here, origin=here.settings.public_url or str(request.base_url)),
            expires_in_s=int(LOGIN_LIFE.total_seconds()),
        )

    @router.post("/users/{user_id}/grants", status_code=201, operation_id="grantTime")
    async def grant_time(user_id: UUID, body: GrantIn, caller: Admin, here: Here) -> BalanceOut:
        """Give an account more GPU time."""
        target = await here.rooms.accounts.get(user_id)
        note = body.note or f"granted by {caller.account.name}"
        balance = await here.rooms.accounts.grant(
            user_id, amount_gpu_ms=body.amount_gpu_ms, note=note, now=here.now()
        )
        return balance_out(balance, plan_of(target, here.rooms.plans))


async def login_link(account: Account, here: Gateway, *, origin: str) -> str:
    """A new one-time link for an account at the address where people reach us, good for `LOGIN_LIFE`."""
    secret = new_secret(LOGIN_PREFIX)
    await here.rooms.accounts.add_login(
        hash_of(secret), account_id=account.id, expires_at=here.now() + LOGIN_LIFE
    )
    return f"{origin.rstrip('/')}/login?token={secret}"


def known_plan(name: str, here: Gateway) -> Plan:
    """The plan of that name. Refused where there is none."""
    plan = here.rooms.plans.plans.get(name)
    if plan is None:
        known = ", ".join(here.rooms.plans.plans)
        raise Refused(
            f"There is no plan {name[:40]!r}.",
            code="invalid_request",
            hint=f"Choose one of {known}.",
            field="plan",
        )
    return plan


async def _create(body: NewUserIn, plan: Plan, here: Gateway) -> Account:
    now = here.now()
    account = Account(
        id=new_id(now),
        name=body.name,
        role=body.role,
        plan=plan.name,
        created_at=now,
        period_start=now,
        period_end=period_end(now, now),
    )
    return await here.rooms.accounts.create(account, grant_gpu_ms=plan.fast_gpu_ms_month or 0)


async def _listed(accounts: Sequence[Account], here: Gateway) -> list[UserOut]:
    appeals = await here.rooms.appeals.open_of([account.id for account in accounts])
    return [
        UserOut(
            **(await _shown(account, here)).model_dump(),
            open_appeals=appeals.get(account.id, 0),
        )
        for account in accounts
    ]


async def _shown(account: Account, here: Gateway) -> AccountOut:
    return await shown_account(account, plan_of(account, here.rooms.plans), here)


def _check_role(who: Account, target: Account | None, role: Role | None) -> None:
    """Owners may do all; others neither touch an owner nor make one. The store keeps the last owner."""
    if who.role is Role.OWNER:
        return
    if target is not None and target.role is Role.OWNER:
        raise NotAllowed("Only an owner may change an owner.", code="owners_only", hint="Ask an owner.")
    if role is Role.OWNER:
        raise NotAllowed(
            "Only an owner may make an owner.", code="owners_only", field="role", hint="Ask an owner."
        )
