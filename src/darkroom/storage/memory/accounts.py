"""Accounts in memory (core.ports.Accounts): people, their keys and sessions, and their money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from darkroom.core.accounts import (
    USAGE_LOOKBACK,
    Account,
    ApiKey,
    Balance,
    DayUsage,
    Entry,
    EntryKind,
    Role,
)
from darkroom.core.errors import Conflict, NotFound
from darkroom.core.ids import first_id
from darkroom.core.jobs import TERMINAL, JobState
from darkroom.core.params import Lane, Visibility
from darkroom.storage.memory.state import State, Ticket


class MemoryAccounts:
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def create(self, account: Account, *, grant_gpu_ms: int) -> Account:
        state = self._state
        if any(each.name == account.name for each in state.accounts.values()):
            raise Conflict(
                f"There is an account {account.name!r} already.",
                code="name_taken",
                field="name",
                hint="Choose another name.",
            )
        state.accounts[account.id] = replace(account, running=0, waiting=0)
        state.book(account.id, EntryKind.GRANT, grant_gpu_ms, at=account.created_at, note="first grant")
        return state.accounts[account.id]

    async def get(self, account_id: UUID) -> Account:
        return self._state.account(account_id)

    async def all(self, *, after: UUID | None, limit: int) -> list[Account]:
        accounts = self._state.accounts
        return [accounts[each] for each in sorted(accounts) if after is None or each > after][:limit]

    async def names(self, account_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        accounts = self._state.accounts
        return {each: accounts[each].name for each in account_ids if each in accounts}

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
        old = self._state.account(account_id)
        owners = sum(each.role is Role.OWNER for each in self._state.accounts.values())
        if old.role is Role.OWNER and role not in (None, Role.OWNER) and owners == 1:
            raise Conflict(
                f"{old.name!r} is the last owner, and somebody must own this install.",
                code="last_owner",
                field="role",
                hint="Make another account an owner first.",
            )
        self._state.accounts[account_id] = replace(
            old,
            role=old.role if role is None else role,
            plan=old.plan if plan is None else plan,
            lane=old.lane if lane is None else lane,
            visibility=old.visibility if visibility is None else visibility,
            blocked_reason=old.blocked_reason if blocked_reason is None else blocked_reason,
        )
        return self._state.accounts[account_id]

    async def add_key(self, key: ApiKey, *, secret_hash: bytes) -> ApiKey:
        self._state.account(key.account_id)
        self._state.keys[key.id] = key
        self._state.key_ids[secret_hash] = key.id
        return key

    async def keys(self, account_id: UUID) -> list[ApiKey]:
        keys = self._state.keys
        return [keys[each] for each in sorted(keys) if keys[each].account_id == account_id]

    async def revoke_key(self, key_id: UUID, *, account_id: UUID, now: datetime) -> ApiKey:
        key = self._state.keys.get(key_id)
        if key is None or key.account_id != account_id:
            raise NotFound(f"There is no key {key_id}.")
        self._state.keys[key_id] = replace(key, revoked_at=key.revoked_at or now)
        return self._state.keys[key_id]

    async def find_key(self, secret_hash: bytes) -> tuple[Account, ApiKey] | None:
        key_id = self._state.key_ids.get(secret_hash)
        if key_id is None or self._state.keys[key_id].revoked_at is not None:
            return None
        key = self._state.keys[key_id]
        return self._state.accounts[key.account_id], key

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        keys = self._state.keys
        keys.update({each: replace(keys[each], last_used_at=at) for each, at in used.items() if each in keys})

    async def add_login(self, secret_hash: bytes, *, account_id: UUID, expires_at: datetime) -> None:
        self._state.account(account_id)
        self._state.logins[secret_hash] = Ticket(account_id=account_id, expires_at=expires_at)

    async def take_login(self, secret_hash: bytes, *, now: datetime) -> Account | None:
        return self._holder(self._state.logins.pop(secret_hash, None), now)

    async def add_session(self, secret_hash: bytes, *, account_id: UUID, expires_at: datetime) -> None:
        self._state.account(account_id)
        self._state.sessions[secret_hash] = Ticket(account_id=account_id, expires_at=expires_at)

    async def find_session(self, secret_hash: bytes, *, now: datetime) -> Account | None:
        return self._holder(self._state.sessions.get(secret_hash), now)

    async def end_session(self, secret_hash: bytes) -> None:
        self._state.sessions.pop(secret_hash, None)

    async def balance(self, account_id: UUID) -> Balance:
        self._state.account(account_id)
        return self._state.balances[account_id]

    async def statement(self, account_id: UUID, *, before: int | None, limit: int) -> list[Entry]:
        entries = (each for each in reversed(self._state.entries) if each.account_id == account_id)
        return [each for each in entries if before is None or each.id < before][:limit]

    async def usage(self, account_id: UUID, *, since: datetime, until: datetime) -> list[DayUsage]:
        found: dict[tuple[date, Lane], tuple[int, int, int]] = {}
        first = first_id(since - USAGE_LOOKBACK)
        for job in self._state.jobs.values():
            ended = job.finished_at if job.state in TERMINAL else None
            if job.account_id != account_id or job.id < first or ended is None or not since <= ended < until:
                continue
            key = (ended.astimezone(UTC).date(), job.lane)
            gpu_ms, jobs, images = found.get(key, (0, 0, 0))
            made = job.images if job.state is JobState.COMPLETED else 0
            found[key] = (gpu_ms + (job.charged_gpu_ms or 0), jobs + 1, images + made)
        return [
            DayUsage(day=day, lane=lane, gpu_ms=each[0], jobs=each[1], images=each[2])
            for (day, lane), each in sorted(found.items())
        ]

    async def grant(self, account_id: UUID, *, amount_gpu_ms: int, note: str, now: datetime) -> Balance:
        self._state.account(account_id)
        self._state.book(account_id, EntryKind.GRANT, amount_gpu_ms, at=now, note=note)
        return self._state.balances[account_id]

    async def renew(
        self, account_id: UUID, *, grant_gpu_ms: int, period_end: datetime, now: datetime
    ) -> Account:
        account = self._state.account(account_id)
        if now < account.period_end:
            return account
        balance, book = self._state.balances[account_id], self._state.book
        left = max(balance.available_gpu_ms, 0)
        over = max(balance.settled_gpu_ms + balance.expired_gpu_ms - balance.granted_gpu_ms, 0)
        book(account_id, EntryKind.EXPIRE, left, at=now, note="end of the month")
        book(account_id, EntryKind.GRANT, over, at=now, note="used without a limit")
        book(account_id, EntryKind.GRANT, grant_gpu_ms, at=now, note="new month")
        renewed = replace(account, period_start=account.period_end, period_end=period_end)
        self._state.accounts[account_id] = renewed
        return renewed

    def _holder(self, ticket: Ticket | None, now: datetime) -> Account | None:
        valid = ticket is not None and now < ticket.expires_at
        return self._state.accounts[ticket.account_id] if valid and ticket is not None else None
