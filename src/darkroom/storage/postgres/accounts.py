"""Accounts in PostgreSQL (core.ports.Accounts): people, their keys and sessions, and their money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from darkroom.core.accounts import USAGE_LOOKBACK, Account, ApiKey, Balance, DayUsage, Entry, Role
from darkroom.core.errors import NotFound
from darkroom.core.ids import first_id
from darkroom.core.params import Lane, Visibility
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Database, Record
from darkroom.storage.postgres.statements import queries


class PostgresAccounts:
    """Secrets arrive here as hashes and are kept as such."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("accounts")

    async def create(self, account: Account, *, grant_gpu_ms: int) -> Account:
        row = await self._database.row(
            self._sql["create"],
            account.id,
            account.name,
            account.role.value,
            account.plan,
            account.lane.value,
            account.visibility.value,
            account.blocked_reason,
            account.created_at,
            account.period_start,
            account.period_end,
            grant_gpu_ms,
        )
        return rows.account(row)

    async def get(self, account_id: UUID) -> Account:
        return rows.account(await self._own(account_id, "get", account_id))

    async def all(self, *, after: UUID | None, limit: int) -> list[Account]:
        return [rows.account(row) for row in await self._database.rows(self._sql["all"], after, limit)]

    async def names(self, account_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        found = await self._database.rows(self._sql["names"], list(account_ids))
        return {row["id"]: row["name"] for row in found}

    async def update(
        self,
        account_id: UUID,
        *,
        role: Role | None = None,
        plan: str | None = None,
        lane: Lane | None = None,
        visibility: Visibility | None = None,
        blocked_reason: str | None = None,
    ) -> Account:
        row = await self._own(
            account_id,
            "update",
            account_id,
            None if role is None else role.value,
            plan,
            None if lane is None else lane.value,
            None if visibility is None else visibility.value,
            blocked_reason,
        )
        return rows.account(row)

    async def add_key(self, key: ApiKey, *, secret_hash: bytes) -> ApiKey:
        await self.get(key.account_id)
        row = await self._database.row(
            self._sql["add_key"],
            key.id,
            key.account_id,
            key.name,
            key.prefix,
            sorted(each.value for each in key.scopes),
            secret_hash,
            key.created_at,
            key.last_used_at,
            key.revoked_at,
        )
        return rows.api_key(row)

    async def keys(self, account_id: UUID) -> list[ApiKey]:
        return [rows.api_key(row) for row in await self._database.rows(self._sql["keys"], account_id)]

    async def revoke_key(self, key_id: UUID, *, account_id: UUID, now: datetime) -> ApiKey:
        row = await self._database.row(self._sql["revoke_key"], key_id, account_id, now)
        if row is None:
            raise NotFound(f"There is no key {key_id}.")
        return rows.api_key(row)

    async def find_key(self, secret_hash: bytes) -> tuple[Account, ApiKey] | None:
        row = await self._database.row(self._sql["find_key"], secret_hash)
        return None if row is None else (rows.account(row), rows.found_key(row))

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        ordered = sorted(used)  # so that two calls lock the same keys in the same order
        await self._database.rows(self._sql["touch_keys"], ordered, [used[each] for each in ordered])

    async def add_login(self, secret_hash: bytes, *, account_id: UUID, expires_at: datetime) -> None:
        await self.get(account_id)
        await self._database.rows(self._sql["add_login"], secret_hash, account_id, expires_at)

    async def take_login(self, secret_hash: bytes, *, now: datetime) -> Account | None:
        return _maybe(await self._database.row(self._sql["take_login"], secret_hash, now))

    async def add_session(self, secret_hash: bytes, *, account_id: UUID, expires_at: datetime) -> None:
        await self.get(account_id)
        await self._database.rows(self._sql["add_session"], secret_hash, account_id, expires_at)

    async def find_session(self, secret_hash: bytes, *, now: datetime) -> Account | None:
        return _maybe(await self._database.row(self._sql["find_session"], secret_hash, now))

    async def end_session(self, secret_hash: bytes) -> None:
        await self._database.rows(self._sql["end_session"], secret_hash)

    async def balance(self, account_id: UUID) -> Balance:
        return rows.balance(await self._own(account_id, "get", account_id))

    async def statement(self, account_id: UUID, *, before: int | None, limit: int) -> list[Entry]:
        found = await self._database.rows(self._sql["statement"], account_id, before, limit)
        return [rows.entry(row) for row in found]

    async def usage(self, account_id: UUID, *, since: datetime, until: datetime) -> list[DayUsage]:
        found = await self._database.rows(
            self._sql["usage"], account_id, first_id(since - USAGE_LOOKBACK), first_id(until), since, until
        )
        return [
            DayUsage(
                day=row["day"],
                lane=Lane(row["lane"]),
                gpu_ms=row["gpu_ms"],
                jobs=row["jobs"],
                images=row["images"],
            )
            for row in found
        ]

    async def grant(self, account_id: UUID, *, amount_gpu_ms: int, note: str, now: datetime) -> Balance:
        return rows.balance(await self._own(account_id, "grant", account_id, amount_gpu_ms, note, now))

    async def renew(
        self, account_id: UUID, *, grant_gpu_ms: int, period_end: datetime, now: datetime
    ) -> Account:
        return rows.account(await self._own(account_id, "renew", account_id, grant_gpu_ms, period_end, now))

    async def _own(self, account_id: UUID, query: str, *arguments: object) -> Record:
        """The one row that a query has about an account; NotFound."""
        row = await self._database.row(self._sql[query], *arguments)
        if row is None:
            raise NotFound(f"There is no account {account_id}.")
        return row


def _maybe(row: Record | None) -> Account | None:
    return None if row is None else rows.account(row)
