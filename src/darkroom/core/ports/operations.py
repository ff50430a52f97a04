"""What operators look at and turn, and who is told. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from darkroom.core.figures import Ended, LaneQueue
from darkroom.core.jobs import (
    DeadLetter,
)
from darkroom.core.news import News
from darkroom.core.verdicts import ModerationRecord, Subject
from darkroom.core.workers import Lease, Worker, WorkerState, WorkerToken


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """What tells early that a service is in trouble. `open_dead_letters` is counted up to 10,000.

    `oldest_ready_at` is None where no job is ready, `database_bytes` where there is no database.
    """

    open_dead_letters: int
    oldest_ready_at: datetime | None
    database_bytes: int | None


class Operations(Protocol):
    """What operators look at and turn: workers, the dispatch lease, dead letters, the moderation log, secrets."""

    async def acquire_lease(self, *, holder: str, url: str, ttl_s: float, now: datetime) -> Lease:
        """Takes the dispatch lease where it is free, expired or ours, and prolongs it; returns whose it is now.

        The epoch grows when the holder changes. Who gets back a lease with another holder is on standby.
        """
        ...

    async def release_lease(self, *, holder: str) -> None: ...

    async def register_worker(self, worker: Worker) -> Worker:
        """Stores a worker, or brings the one with its id up to date; quarantine outlives registration."""
        ...

    async def see_workers(self, seen: Mapping[str, datetime]) -> None:
        """Many heartbeats as one update."""
        ...

    async def set_worker_state(self, worker_id: str, *, state: WorkerState, reason: str) -> Worker:
        """NotFound where there is none."""
        ...

    async def workers(self) -> list[Worker]: ...

    async def add_worker_token(self, token: WorkerToken, *, secret_hash: bytes) -> WorkerToken: ...

    async def worker_tokens(self) -> list[WorkerToken]: ...

    async def find_worker_token(self, secret_hash: bytes) -> WorkerToken | None:
        """None for an unknown or revoked one."""
        ...

    async def revoke_worker_token(self, token_id: str, *, now: datetime) -> WorkerToken: ...

    async def dead_letters(self, *, before: UUID | None, limit: int, open_only: bool) -> list[DeadLetter]: ...

    async def dead_letter(self, job_id: UUID) -> DeadLetter: ...

    async def drop_dead_letter(self, job_id: UUID, *, now: datetime) -> DeadLetter:
        """NotFound, Conflict (`already_resolved`)."""
        ...

    async def log_verdicts(self, records: Sequence[ModerationRecord]) -> None: ...

    async def verdicts(
        self,
        *,
        before: int | None,
        limit: int,
        blocked_only: bool,
        account_id: UUID | None = None,
        subject: Subject | None = None,
    ) -> list[ModerationRecord]:
        """Newest first."""
        ...

    async def secret(self, name: str) -> bytes:
        """32 random bytes that every process of this install shares under a name; made when first asked for."""
        ...

    async def lane_queues(self, since: datetime) -> list[LaneQueue]:
        """Every lane, turbo first; `since` is from when on what began is told."""
        ...

    async def ended(self, since: datetime, *, bucket_s: int) -> list[Ended]:
        """What ended since then, in stretches of so many seconds from that moment on; the empty ones are missing.

        Jobs that took longer than LONGEST_LIFE from their submission are left out.
        """
        ...

    async def vitals(self) -> Vitals:
        """Asked every few seconds by whoever watches."""
        ...

    async def ping(self) -> None:
        """Returns when the store answers; raises StoreUnavailable."""
        ...


class Publisher(Protocol):
    """Where news goes. Never waits, never fails: who cannot keep up misses progress and reads the truth from the store."""

    def publish(self, news: News) -> None: ...
