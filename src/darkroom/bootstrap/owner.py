"""The owner of an install: made at the first start, with a key for the command line of this machine; a login link at each.

And the token by which this machine's own workers come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.billing.periods import month_after
from darkroom.bootstrap.folder import owner_key, write_private
from darkroom.core.accounts import Account, ApiKey, Role, Scope
from darkroom.core.errors import Conflict
from darkroom.core.ids import new_id
from darkroom.core.workers import WorkerToken
from darkroom.gateway.credentials import (
    KEY_PREFIX,
    LOGIN_LIFE,
    LOGIN_PREFIX,
    SHOWN_CHARACTERS,
    WORKER_PREFIX,
    hash_of,
    new_secret,
)

if TYPE_CHECKING:
    from darkroom.billing.plans import Plans
    from darkroom.core.ports import Accounts, Operations

OWNER_NAME = "owner"
THIS_MACHINE = "this machine"
PAGE = 100  # accounts looked at in one read


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """What the owner is told at start: the login token for a browser, good once and for a day; whether all this is new."""

    login_token: str
    first_start: bool


async def welcome(accounts: Accounts, plans: Plans, *, data: Path, now: datetime) -> Welcome:
    """Makes the owner where there is none, sees to their key on this machine, and makes a login link.

    OutputError where the key cannot be written.
    """
    owner, first = await _owner(accounts, plans, now=now)
    if not await _key_works(accounts, owner_key(data)):
        await _make_key(accounts, owner, data=data, now=now)
    token = new_secret(LOGIN_PREFIX)
    await accounts.add_login(hash_of(token), account_id=owner.id, expires_at=now + LOGIN_LIFE)
    return Welcome(login_token=token, first_start=first)


async def admit_local_workers(operations: Operations, *, place: str, now: datetime) -> str:
    """A new token for a server's own workers; those of its earlier starts are revoked.

    `place` tells the servers of one install apart, so that none locks out the workers of another.
    """
    name = f"{THIS_MACHINE}: {place}"
    for old in await operations.worker_tokens():
        if old.name == name and old.revoked_at is None:
            await operations.revoke_worker_token(old.id, now=now)
    secret = new_secret(WORKER_PREFIX)
    token = WorkerToken(id=str(new_id(now)), name=name, created_at=now)
    await operations.add_worker_token(token, secret_hash=hash_of(secret))
    return secret


async def _owner(accounts: Accounts, plans: Plans, *, now: datetime) -> tuple[Account, bool]:
    """The owner, and whether they were made just now. Of two servers that start at once over nothing, one makes them."""
    if (found := await _find_owner(accounts)) is not None:
        return found, False
    try:
        return await _make_owner(accounts, plans, now=now), True
    except Conflict:
        if (found := await _find_owner(accounts)) is None:
            raise
        return found, False


async def _find_owner(accounts: Accounts) -> Account | None:
    """The oldest owner."""
    after = None
    while page := await accounts.all(after=after, limit=PAGE):
        owner = next((account for account in page if account.role is Role.OWNER), None)
        if owner is not None:
            return owner
        after = page[-1].id
    return None


async def _make_owner(accounts: Accounts, plans: Plans, *, now: datetime) -> Account:
    plan = plans.plan(plans.owner)
    account = Account(
        id=new_id(now),
        name=OWNER_NAME,
        role=Role.OWNER,
        plan=plan.name,
        created_at=now,
        period_start=now,
        period_end=month_after(now),
    )
    return await accounts.create(account, grant_gpu_ms=plan.fast_gpu_ms_month or 0)


async def _key_works(accounts: Accounts, secret: str) -> bool:
    return secret.startswith(KEY_PREFIX) and await accounts.find_key(hash_of(secret)) is not None


async def _make_key(accounts: Accounts, owner: Account, *, data: Path, now: datetime) -> None:
    secret = new_secret(KEY_PREFIX)
    key = ApiKey(
        id=new_id(now),
        account_id=owner.id,
        name=f"command line of {THIS_MACHINE}",
        prefix=secret[:SHOWN_CHARACTERS],
        scopes=frozenset(Scope),
        created_at=now,
    )
    await accounts.add_key(key, secret_hash=hash_of(secret))
    write_private(data / "owner.key", secret + "\n")
