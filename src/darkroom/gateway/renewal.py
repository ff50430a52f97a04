"""An account's plan and its month: when the month has ended, the next request of the account begins a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.billing.periods import period_end
from darkroom.billing.plans import Plans
from darkroom.core.accounts import Account, Plan

if TYPE_CHECKING:
    from darkroom.gateway.context import Gateway


def plan_of(account: Account, plans: Plans) -> Plan:
    """The account's plan; the default one where an operator took its plan out of the file."""
    return plans.in_force(account.plan)


async def renewed(account: Account, plan: Plan, here: Gateway) -> Account:
    """The account in its present month. Safe to be done by many at once: the store renews a month once."""
    now = here.now()
    if now < account.period_end:
        return account
    account = await here.rooms.accounts.renew(
        account.id,
        grant_gpu_ms=plan.fast_gpu_ms_month or 0,
        period_end=period_end(account.created_at, now),
        now=now,
    )
    here.credentials.forget_account(account.id)
    return account
