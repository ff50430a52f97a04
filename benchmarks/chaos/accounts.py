"""The accounts of a round and a worker token, put into the store directly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.chaos.customers import Customer
from benchmarks.chaos.stage import HERE

from darkroom.billing.periods import month_after
from darkroom.billing.plans import read_plans
from darkroom.core.accounts import Account, ApiKey, Role, Scope
from darkroom.core.ids import new_id
from darkroom.core.workers import WorkerToken
from darkroom.gateway.credentials import KEY_PREFIX, SHOWN_CHARACTERS, WORKER_PREFIX, hash_of, new_secret
from darkroom.storage.postgres.store import PostgresStore


async def admit(dsn: str, seed: int, plans: Sequence[str]) -> tuple[list[Customer], str]:
    """A customer for each plan of a round, and a token for its workers."""
    store = await PostgresStore.open(dsn, pool_size=2)
    try:
        customers = [await _admit(store, seed, n, name) for n, name in enumerate(plans)]
        now, secret = datetime.now(UTC), new_secret(WORKER_PREFIX)
        token = WorkerToken(id=str(new_id(now)), name=f"round {seed}", created_at=now)
        await store.operations.add_worker_token(token, secret_hash=hash_of(secret))
    finally:
        await store.close()
    return customers, secret


async def _admit(store: PostgresStore, seed: int, number: int, plan_name: str) -> Customer:
    now, plan = datetime.now(UTC), read_plans(HERE / "plans.toml").plan(plan_name)
    account = Account(
        id=new_id(now),
        name=f"{plan_name} {number} of round {seed}",
        role=Role.MEMBER,
        plan=plan.name,
        created_at=now,
        period_start=now,
        period_end=month_after(now),
    )
    await store.accounts.create(account, grant_gpu_ms=plan.fast_gpu_ms_month or 0)
    secret = new_secret(KEY_PREFIX)
    key = ApiKey(
        id=new_id(now),
        account_id=account.id,
        name="chaos",
        prefix=secret[:SHOWN_CHARACTERS],
        scopes=frozenset({Scope.READ, Scope.WRITE}),
        created_at=now,
    )
    await store.accounts.add_key(key, secret_hash=hash_of(secret))
    return Customer(name=account.name, account=str(account.id), key=secret, plan=plan.name)
