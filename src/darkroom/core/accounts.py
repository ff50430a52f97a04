"""Who may do what: accounts, plans, keys, sessions, and the account's money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from darkroom.core.params import Lane, Visibility


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Scope(StrEnum):
    """What a key may do. A session of the studio has every scope that its account's role allows."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an account may use. Times are GPU-milliseconds; None means without limit.

    `weight` is the plan's share in fair queueing. `images_kept_days` None: for ever.
    """

    name: str
    title: str
    fast_gpu_ms_month: int | None
    turbo: bool = True
    relax: bool = True
    running: int = 3
    waiting: int = 10
    batch: int = 10
    stealth: bool = False
    weight: int = 1
    images_kept_days: int | None = None
    requests_per_minute: int = 600

    @property
    def unlimited(self) -> bool:
        return self.fast_gpu_ms_month is None

    @property
    def waiting_cap(self) -> int:
        """Jobs that may wait: as many as the plan says, and never less than its largest batch."""
        return max(self.waiting, self.batch)


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person or a team. `blocked_reason` is "" unless an operator blocked it. `period_end` is when time is granted anew."""

    id: UUID
    name: str
    role: Role
    plan: str
    lane: Lane = Lane.FAST
    visibility: Visibility = Visibility.PUBLIC
    running: int = 0
    waiting: int = 0
    blocked_reason: str = ""
    created_at: datetime
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key without its secret, of which only a hash is kept. `prefix` is its first characters, to tell it by."""

    id: UUID
    account_id: UUID
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class EntryKind(StrEnum):
    """The kinds of ledger entries; all amounts are positive GPU-milliseconds."""

    GRANT = "grant"
    """Time given, monthly or by an operator."""
    EXPIRE = "expire"
    """What was left of a month, taken back at its end."""
    HOLD = "hold"
    """Set aside for a job."""
    RELEASE = "release"
    """The whole hold, given back when the job ends."""
    SETTLE = "settle"
    """What a job was charged, never more than its hold."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger. Unique by (job, kind) where there is a job."""

    id: int
    account_id: UUID
    job_id: UUID | None
    kind: EntryKind
    amount_gpu_ms: int
    at: datetime
    note: str = ""


USAGE_LOOKBACK = timedelta(
    days=31
)  # before the days whose usage is told; what waited longer than that is left out


@dataclass(frozen=True, kw_only=True)
class DayUsage:
    """What the jobs of an account that ended on one day (UTC) took in one lane. `images` are those of completed jobs."""

    day: date
    lane: Lane
    gpu_ms: int
    jobs: int
    images: int


@dataclass(frozen=True, kw_only=True)
class Balance:
    """An account's sums. `available` is what can still be held; it may be negative on an unlimited plan, where nobody asks."""

    granted_gpu_ms: int = 0
    expired_gpu_ms: int = 0
    settled_gpu_ms: int = 0
    held_gpu_ms: int = 0

    @property
    def available_gpu_ms(self) -> int:
        return self.granted_gpu_ms - self.expired_gpu_ms - self.settled_gpu_ms - self.held_gpu_ms
