"""Accounts, keys and plans as the API shows them, and how they are converted by hand from the nouns of core."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from darkroom.core.accounts import Account, ApiKey, Balance, Entry, EntryKind, Plan, Role, Scope
from darkroom.core.params import Lane, Visibility
from darkroom.gateway.views import Out


class PlanOut(Out):
    """What an account may use; null is without limit."""

    name: str
    title: str
    fast_gpu_ms_month: int | None
    turbo: bool
    relax: bool
    running: Annotated[int, Field(description="Jobs at once")]
    waiting: Annotated[int, Field(description="Jobs that may wait")]
    batch: Annotated[int, Field(description="Jobs of one prompt")]
    stealth: bool
    images_kept_days: int | None
    requests_per_minute: int


class BalanceOut(Out):
    """Sums over the account's whole life; available = granted - expired - settled - held."""

    granted_gpu_ms: int
    expired_gpu_ms: int
    settled_gpu_ms: int
    held_gpu_ms: int
    available_gpu_ms: int
    unlimited: Annotated[bool, Field(description="True where nothing is ever refused for want of time")]


class UsageOut(Out):
    running: Annotated[int, Field(description="Jobs that hold a running slot now")]
    running_cap: int
    waiting: int
    waiting_cap: int
    period_start: datetime
    period_end: Annotated[datetime, Field(description="When time is granted anew")]


class AccountOut(Out):
    id: UUID
    name: str
    role: Role
    lane: Lane
    visibility: Visibility
    blocked_reason: Annotated[str, Field(description='"" unless an operator blocked the account')]
    created_at: datetime
    plan: PlanOut
    balance: BalanceOut
    usage: UsageOut


class KeyOut(Out):
    id: UUID
    name: str
    prefix: Annotated[str, Field(description="Its first characters, to tell it by")]
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class EntryOut(Out):
    id: int
    kind: EntryKind
    amount_gpu_ms: int
    job_id: UUID | None
    at: datetime
    note: str


def plan_out(plan: Plan) -> PlanOut:
    return PlanOut(
        name=plan.name,
        title=plan.title,
        fast_gpu_ms_month=plan.fast_gpu_ms_month,
        turbo=plan.turbo,
        relax=plan.relax,
        running=plan.running,
        waiting=plan.waiting,
        batch=plan.batch,
        stealth=plan.stealth,
        images_kept_days=plan.images_kept_days,
        requests_per_minute=plan.requests_per_minute,
    )


def balance_out(balance: Balance, plan: Plan) -> BalanceOut:
    return BalanceOut(
        granted_gpu_ms=balance.granted_gpu_ms,
        expired_gpu_ms=balance.expired_gpu_ms,
        settled_gpu_ms=balance.settled_gpu_ms,
        held_gpu_ms=balance.held_gpu_ms,
        available_gpu_ms=balance.available_gpu_ms,
        unlimited=plan.unlimited,
    )


def account_out(account: Account, plan: Plan, balance: Balance) -> AccountOut:
    return AccountOut(
        id=account.id,
        name=account.name,
        role=account.role,
        lane=account.lane,
        visibility=account.visibility,
        blocked_reason=account.blocked_reason,
        created_at=account.created_at,
        plan=plan_out(plan),
        balance=balance_out(balance, plan),
        usage=UsageOut(
            running=account.running,
            running_cap=plan.running,
            waiting=account.waiting,
            waiting_cap=plan.waiting_cap,
            period_start=account.period_start,
            period_end=account.period_end,
        ),
    )


def key_out(key: ApiKey) -> KeyOut:
    return KeyOut(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def entry_out(entry: Entry) -> EntryOut:
    return EntryOut(
        id=entry.id,
        kind=entry.kind,
        amount_gpu_ms=entry.amount_gpu_ms,
        job_id=entry.job_id,
        at=entry.at,
        note=entry.note,
    )
