"""The narrow seams behind which the stores and the classifiers stand: Protocols, no code.

Each has a real implementation and one in memory, and both pass one contract suite (tests/contracts). Every operation that
writes is one transaction: it happens whole or not at all. `now` comes from the caller, so that a test can own the clock.
Each may raise StoreUnavailable, and then nothing was changed, or the very same call may safely be made again
(but `Accounts.grant`, which would grant twice).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from darkroom.core.accounts import Account, ApiKey, Balance, Entry, Role
from darkroom.core.images import Finish, Image, ImageFile
from darkroom.core.jobs import (
    Change,
    DeadLetter,
    Ending,
    Job,
    JobMoved,
    JobState,
    Reported,
    Requeue,
    Submission,
    Submitted,
)
from darkroom.core.news import News
from darkroom.core.params import Lane, Visibility
from darkroom.core.verdicts import ModerationRecord
from darkroom.core.workers import Lease, Worker, WorkerState, WorkerToken

if TYPE_CHECKING:
    from darkroom.core.verdicts import Subject


class Ledger(Protocol):
    """Jobs and what they cost. Lock order: accounts by id, then jobs by id, then entries."""

    async def submit(self, submission: Submission) -> Submitted:
        """Hold and enqueue all jobs of a submission under the account's row lock.

        Jobs get slots while `running_cap` allows, the rest wait. Raises Exhausted (`queue_full`, `fast_time_exhausted`),
        Conflict (`idempotency_conflict`: the key was used for another body), NotAllowed (`account_blocked`), NotFound.
        """
        ...

    async def earlier(self, account_id: UUID, *, idempotency_key: str, body_digest: str) -> Submitted | None:
        """The answer that this key was given for this body; None where the key is new, which `submit` decides for good.

        Raises Conflict (`idempotency_conflict`).
        """
        ...

    async def claim(self, job_ids: Sequence[UUID], *, worker_id: str, epoch: int, now: datetime) -> Change:
        """Ready jobs become running under fresh fences; attempt + 1. Jobs that are not ready (any more) are left out.

        Raises NotActive where `epoch` is not that of the valid dispatch lease.
        """
        ...

    async def mark_finishing(self, claims: Sequence[tuple[UUID, int]], *, now: datetime) -> Change:
        """Running jobs under just these fences become finishing; others are left out."""
        ...

    async def finish(self, finishes: Sequence[Finish]) -> list[Reported]:
        """Publish and settle: running or finishing -> completed, images stored, hold released, charge settled, slot freed and
        given to the account's longest waiting job (turbo before fast before relax). Each item stands alone; accounts are locked sorted.

        The charge is min(hold, measured x price_percent / 100). REPEATED where the job is completed under this very fence.
        """
        ...

    async def requeue(self, requeues: Sequence[Requeue], *, now: datetime) -> list[Reported]:
        """Running or finishing -> ready under the same hold and slot; IMAGE_REJECTED counts a rejection and passes through finishing.

        The saved states are then those that the requeue names, and none where it names none.
        """
        ...

    async def end(self, endings: Sequence[Ending], *, now: datetime) -> list[Reported]:
        """Rejected, failed or cancelled: hold released, slot freed and handed on. A failed job leaves a dead letter.

        REPEATED where the job is in that state already; STALE where the fence is not the job's.
        """
        ...

    async def request_cancel(
        self, job_id: UUID, *, account_id: UUID | None, by_operator: bool = False, now: datetime
    ) -> Change:
        """Waiting and ready jobs are cancelled free of charge; running ones are marked; ended ones stay as they are.

        Raises NotFound where `account_id` is given and the job is not its.
        """
        ...

    async def active_jobs(self) -> list[Job]:
        """Every job that is ready, running or finishing, oldest first: what a dispatcher is rebuilt from."""
        ...

    async def resubmit(self, dead_letter: UUID, *, new_id: UUID, now: datetime) -> Change:
        """A dead letter becomes a new job with the same prompt and seed, free of charge (hold 0, price 0), ahead of any cap.

        Raises NotFound, Conflict (`already_resolved`).
        """
        ...


class Accounts(Protocol):
    """People, their keys and sessions, and their money."""

    async def create(self, account: Account, *, grant_gpu_ms: int) -> Account:
        """A new account with its first grant. Conflict (`name_taken`) where the name is in use."""
        ...

    async def get(self, account_id: UUID) -> Account: ...

    async def all(self, *, after: UUID | None, limit: int) -> list[Account]:
        """By id, oldest first."""
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

    async def grant(self, account_id: UUID, *, amount_gpu_ms: int, note: str, now: datetime) -> Balance: ...

    async def renew(
        self, account_id: UUID, *, grant_gpu_ms: int, period_end: datetime, now: datetime
    ) -> Account:
        """A new month: what is available expires, the new grant comes in. Does nothing before the old period has ended.

        What was used beyond all grants (on an unlimited plan) is granted after the fact, so that no debt goes into the month.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What a list of jobs is narrowed to; every field that is given must hold. `text` is a full-text search over the words."""

    account_id: UUID | None = None
    states: frozenset[JobState] = frozenset()
    lane: Lane | None = None
    model: str | None = None
    batch_id: UUID | None = None
    text: str = ""


class Library(Protocol):
    """What is there to be looked at: jobs in any state, their history, published images. Writes nothing."""

    async def job(self, job_id: UUID) -> Job:
        """NotFound where there is none. Whose it is, the caller checks."""
        ...

    async def jobs(self, wanted: JobFilter, *, before: UUID | None, limit: int) -> list[Job]:
        """Newest first; `before` is the id of the last job seen."""
        ...

    async def history(self, job_id: UUID) -> list[JobMoved]:
        """Oldest first."""
        ...

    async def moved_since(self, event_id: int, *, account_id: UUID | None, limit: int) -> list[JobMoved]:
        """Transitions with a larger id, oldest first; of one account, or of all."""
        ...

    async def newest_event(self, account_id: UUID | None = None) -> int:
        """The id of the newest transition, of one account or of all; 0 where there is none."""
        ...

    async def image(self, image_id: UUID) -> Image:
        """NotFound where there is none. Whose it is, the caller checks."""
        ...

    async def images_of(self, job_ids: Sequence[UUID]) -> list[Image]:
        """The published images and grids of some jobs, by job and index, the grid last."""
        ...

    async def images(
        self, account_id: UUID, *, before: UUID | None, limit: int, text: str = ""
    ) -> list[Image]:
        """An account's images without grids, newest first."""
        ...

    async def waiting_ahead(self, jobs: Sequence[Job]) -> Mapping[UUID, int]:
        """Of those of these jobs that wait for a slot of their account: how many of its waiting jobs get one before it."""
        ...

    async def queue_depth(self) -> Mapping[tuple[JobState, Lane], int]:
        """How many jobs are in each state that is not an end, by lane."""
        ...


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

    async def vitals(self) -> Vitals:
        """Asked every few seconds by whoever watches."""
        ...

    async def ping(self) -> None:
        """Returns when the store answers; raises StoreUnavailable."""
        ...


class Objects(Protocol):
    """Bytes by key. Keys are `staging/<job>/<fence>/<name>` until a verdict is stored, then `blobs/<2 hex>/<sha256>`.

    Looks at unfinished grids, judged before they are stored, are `previews/<job>/<number>.webp`.
    A read needs a signed URL, and whoever signs one has checked who asks.
    """

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Stores whole or not at all. StoreUnavailable where the disk is full or the store is away."""
        ...

    async def get(self, key: str) -> bytes:
        """NotFound where there is no such object."""
        ...

    async def adopt(self, staged_key: str, *, file: ImageFile) -> str:
        """Moves a staged object to its content address, after its digest and size have been compared; the new key.

        Idempotent: an object that has been adopted already is fine. Raises NotFound where it was never staged, OutputError
        where its bytes are not what `file` says.
        """
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Missing objects are no error."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]: ...

    async def read_url(self, key: str, *, expires_at: datetime, media_type: str, filename: str = "") -> str:
        """A URL that reads one object until it expires; `filename` makes it a download."""
        ...

    async def write_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        """A URL that writes one staged object until it expires, by PUT; or a path with its query, which whoever reaches the
        gateway resolves against the address at which they do."""
        ...

    async def staged_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        """A URL, or a path like `write_url`'s, that reads one staged object until it expires. For workers alone: nobody has judged it."""
        ...


class Publisher(Protocol):
    """Where news goes. Never waits, never fails: who cannot keep up misses progress and reads the truth from the store."""

    def publish(self, news: News) -> None: ...


class TextEmbedder(Protocol):
    """Sentences to unit vectors, so that a dot product is their likeness in meaning."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """One vector for each text. Raises ModerationUnavailable where the model cannot run."""
        ...


class ImageScorer(Protocol):
    """Pixels to probabilities by category."""

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        """`rgb` row by row, 3 bytes a pixel. Raises ModerationUnavailable where the model cannot run."""
        ...
