"""Secrets and whom they belong to: API keys, sessions, login links, worker tokens. Only hashes are kept anywhere.

Answers are remembered for a moment, so that a busy key costs one look-up every two seconds. Knows no HTTP.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from darkroom.core.accounts import Account, ApiKey
from darkroom.core.errors import StoreUnavailable
from darkroom.core.ports import Accounts, Operations
from darkroom.core.workers import WorkerToken

KEY_PREFIX = "dk_"
WORKER_PREFIX = "dw_"
SESSION_PREFIX = "ds_"
LOGIN_PREFIX = "dl_"
SECRET_BYTES = 32  # 43 url-safe characters
SHOWN_CHARACTERS = 10  # of a key, to tell it by
REMEMBERED_S = 2.0
REMEMBERED_MAX = 10_000  # secrets whose owners are remembered
SESSION_LIFE = timedelta(days=30)
LOGIN_LIFE = timedelta(hours=24)

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def new_secret(prefix: str) -> str:
    """A secret that nobody guesses: the prefix and 256 random bits in 43 url-safe characters."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> bytes:
    """What is stored in place of a secret. It is random and long, so one round of sha256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def well_formed(secret: str, prefix: str) -> bool:
    """Whether a text could be such a secret at all, which spares the store the question."""
    return secret.startswith(prefix) and _SECRET.match(secret, len(prefix)) is not None


@dataclass(frozen=True, kw_only=True)
class Known:
    """Who a secret belongs to, as of `at`. `key` is None for a session."""

    account: Account
    key: ApiKey | None
    at: datetime


class Credentials:
    """Looks up secrets, remembers the answers for `REMEMBERED_S`, and collects when keys were used. For one event loop."""

    def __init__(self, accounts: Accounts, operations: Operations) -> None:
        self._accounts = accounts
        self._operations = operations
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._worker_tokens: dict[bytes, tuple[WorkerToken, datetime]] = {}
        self._used: dict[UUID, datetime] = {}

    async def by_key(self, secret: str, *, now: datetime) -> Known | None:
        """Who an API key belongs to; None for an unknown or revoked one."""
        if not well_formed(secret, KEY_PREFIX):
            return None
        digest = hash_of(secret)
        known = self._fresh(digest, now)
        if known is None:
            found = await self._accounts.find_key(digest)
            known = self._learn(digest, Known(account=found[0], key=found[1], at=now) if found else None)
        if known is not None and known.key is not None:
            self._used[known.key.id] = now
        return known

    async def by_session(self, secret: str, *, now: datetime) -> Known | None:
        """Who a session belongs to; None for an unknown, ended or expired one."""
        if not well_formed(secret, SESSION_PREFIX):
            return None
        digest = hash_of(secret)
        known = self._fresh(digest, now)
        if known is None:
            account = await self._accounts.find_session(digest, now=now)
            known = self._learn(digest, Known(account=account, key=None, at=now) if account else None)
        return known

    async def by_worker_token(self, secret: str, *, now: datetime) -> WorkerToken | None:
        """The token that lets a worker in; None for an unknown or revoked one."""
        if not well_formed(secret, WORKER_PREFIX):
            return None
        digest = hash_of(secret)
        known = self._worker_tokens.get(digest)
        if known is not None and _age_s(known[1], now) < REMEMBERED_S:
            return known[0]
        found = await self._operations.find_worker_token(digest)
        if found is None:
            self._worker_tokens.pop(digest, None)
        else:
            self._worker_tokens[digest] = (found, now)
        return found

    def seen_before(self, secret: str) -> bool:
        """Whether this secret was good not long ago: then it is asked about even for an address that guessed too often."""
        return hash_of(secret) in self._known

    def forget_account(self, account_id: UUID) -> None:
        """An account has changed: the next request of its keys and sessions sees the change."""
        stale = [digest for digest, known in self._known.items() if known.account.id == account_id]
        for digest in stale:
            del self._known[digest]

    def forget_secret(self, secret: str) -> None:
        """A session has ended."""
        self._known.pop(hash_of(secret), None)

    def forget_worker_tokens(self) -> None:
        """A worker's token was revoked."""
        self._worker_tokens.clear()

    async def flush(self) -> None:
        """Writes when keys were last used, all in one go. Keeps them for the next time where the store is away."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._accounts.touch_keys(used)
        except StoreUnavailable:
            self._used = used | self._used

    def _fresh(self, digest: bytes, now: datetime) -> Known | None:
        known = self._known.get(digest)
        return known if known is not None and _age_s(known.at, now) < REMEMBERED_S else None

    def _learn(self, digest: bytes, known: Known | None) -> Known | None:
        self._known.pop(digest, None)
        if known is not None:
            self._known[digest] = known
            if len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        return known


def _age_s(at: datetime, now: datetime) -> float:
    """Seconds since then; for ever where the clock stepped back, so that nothing is remembered too long."""
    age_s = (now - at).total_seconds()
    return age_s if age_s >= 0 else float("inf")
