"""People and their money. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from darkroom.core.accounts import Account, ApiKey, Balance, DayUsage, Entry, Role
from darkroom.core.params import Lane, Visibility


class Accounts(Protocol):
    """People, their keys and sessions, and their money."""

    async def create(self, account: Account, *, grant_gpu_ms: int) -> Account:
        """A new account with its first grant. Conflict (`name_taken`) where the name is in use."""
        ...

    async def get(self, account_id: UUID) -> Account: ...

    async def all(self, *, after: UUID | None, limit: int) -> list[Account]:
        """By id, oldest first."""
        ...

    async def names(self, account_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """What these accounts are called; those that are not there are missing."""
        ...

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
        """Changes what is given. NotFound; Conflict (`last_owner`) where no owner would be left."""
        ...

    async def add_key(self, key: ApiKey, *, secret_hash: bytes) -> ApiKey: ...

    async def keys(self, account_id: UUID) -> list[ApiKey]: ...

    async def revoke_key(self, key_id: UUID, *, account_id: UUID, now: datetime) -> ApiKey:
        """NotFound where the key is not the account's."""
        ...

    async def find_key(self, secret_hash: bytes) -> tuple[Account, ApiKey] | None:
        """Who a key belongs to; None for an unknown or revoked one."""
        ...

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        """Notes when keys were last used, many at a time."""
        ...

    async def add_login(self, secret_hash: bytes, *, account_id: UUID, expires_at: datetime) -> None:
        """A one-time login link."""
        ...

    async def take_login(self, secret_hash: bytes, *, now: datetime) -> Account | None:
        """Spends a login link: the account, once; None for an unknown, spent or expired one."""
        ...

    async def add_session(self, secret_hash: bytes, *, account_id: UUID, expires_at: datetime) -> None: ...

    async def find_session(self, secret_hash: bytes, *, now: datetime) -> Account | None: ...

    async def end_session(self, secret_hash: bytes) -> None: ...

    async def balance(self, account_id: UUID) -> Balance: ...

    async def statement(self, account_id: UUID, *, before: int | None, limit: int) -> list[Entry]:
        """Newest first; `before` is the id of the last entry seen."""
        ...

    async def usage(self, account_id: UUID, *, since: datetime, until: datetime) -> list[DayUsage]:
        """What its jobs that ended at `since` or later, and before `until`, were charged and made, by day and lane; days and lanes
        without any are left out. Of jobs that were submitted up to USAGE_LOOKBACK before `since`."""
        ...

    async def grant(self, account_id: UUID, *, amount_gpu_ms: int, note: str, now: datetime) -> Balance: ...

    async def renew(
        self, account_id: UUID, *, grant_gpu_ms: int, period_end: datetime, now: datetime
    ) -> Account:
        """A new month: what is available expires, the new grant comes in. Does nothing before the old period has ended.

        What was used beyond all grants (on an unlimited plan) is granted after the fact, so that no debt goes into the month.
        """
        ...
