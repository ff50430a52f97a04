"""What is stored, as dicts by key, and the few writes that every store shares. Knows no state machine."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from darkroom.core.accounts import Account, ApiKey, Balance, Entry, EntryKind
from darkroom.core.appeals import Appeal
from darkroom.core.errors import NotFound
from darkroom.core.images import Image
from darkroom.core.jobs import DeadLetter, Job, JobMoved
from darkroom.core.uploads import Upload
from darkroom.core.verdicts import ModerationRecord
from darkroom.core.workers import Lease, Worker, WorkerToken
from darkroom.storage.memory.shelves import Shelves


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an idempotency key was first used for."""

    body_digest: str
    job_ids: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Who a login link or a session stands for, and until when."""

    account_id: UUID
    expires_at: datetime


_TOTALS = {
    EntryKind.GRANT: (1, 0, 0, 0),
    EntryKind.EXPIRE: (0, 1, 0, 0),
    EntryKind.SETTLE: (0, 0, 1, 0),
    EntryKind.HOLD: (0, 0, 0, 1),
    EntryKind.RELEASE: (0, 0, 0, -1),
}
"""How an entry changes what is granted, expired, settled and held."""


@dataclass(kw_only=True)
class State:
    """Everything there is. `living` and `waiting` repeat what the jobs' states say, so that nobody walks over the ended ones.

    `running_caps` is what each account's newest submission said: how far freed slots may be handed on.
    """

    accounts: dict[UUID, Account] = field(default_factory=dict)
    balances: dict[UUID, Balance] = field(default_factory=lambda: defaultdict(Balance))
    entries: list[Entry] = field(default_factory=list)
    booked: set[tuple[UUID, EntryKind]] = field(default_factory=set)
    keys: dict[UUID, ApiKey] = field(default_factory=dict)
    key_ids: dict[bytes, UUID] = field(default_factory=dict)
    logins: dict[bytes, Ticket] = field(default_factory=dict)
    sessions: dict[bytes, Ticket] = field(default_factory=dict)

    jobs: dict[UUID, Job] = field(default_factory=dict)
    words: dict[UUID, str] = field(default_factory=dict)
    living: set[UUID] = field(default_factory=set)
    waiting: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    running_caps: dict[UUID, int] = field(default_factory=dict)
    moves: list[JobMoved] = field(default_factory=list)
    replies: dict[tuple[UUID, str], Reply] = field(default_factory=dict)
    images: dict[UUID, Image] = field(default_factory=dict)
    uploads: dict[UUID, Upload] = field(default_factory=dict)
    shelves: Shelves = field(default_factory=Shelves)
    dead_letters: dict[UUID, DeadLetter] = field(default_factory=dict)
    newest_fence: int = 0

    lease: Lease | None = None
    newest_epoch: int = 0
    workers: dict[str, Worker] = field(default_factory=dict)
    worker_tokens: dict[str, WorkerToken] = field(default_factory=dict)
    worker_token_ids: dict[bytes, str] = field(default_factory=dict)
    verdicts: list[ModerationRecord] = field(default_factory=list)
    appeals: dict[UUID, Appeal] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)

    def account(self, account_id: UUID) -> Account:
        """The account; NotFound where there is none."""
        if account_id not in self.accounts:
            raise NotFound(f"There is no account {account_id}.")
        return self.accounts[account_id]

    def job(self, job_id: UUID) -> Job:
        """The job; NotFound where there is none."""
        if job_id not in self.jobs:
            raise NotFound(f"There is no job {job_id}.")
        return self.jobs[job_id]

    def dead_letter(self, job_id: UUID) -> DeadLetter:
        """The dead letter of a job; NotFound where there is none."""
        if job_id not in self.dead_letters:
            raise NotFound(f"There is no dead letter of job {job_id}.")
        return self.dead_letters[job_id]

    def book(
        self,
        account_id: UUID,
        kind: EntryKind,
        amount_gpu_ms: int,
        *,
        at: datetime,
        job_id: UUID | None = None,
        note: str = "",
    ) -> None:
        """Writes one line of the ledger, once for each job and kind, and adds it to the balance. Nothing is no line."""
        assert amount_gpu_ms >= 0, "amounts are positive: the kind says which way they go"
        if amount_gpu_ms == 0:
            return
        if job_id is not None:
            assert (job_id, kind) not in self.booked, f"job {job_id} has its {kind} entry already"
            self.booked.add((job_id, kind))
        self.entries.append(
            Entry(
                id=len(self.entries) + 1,
                account_id=account_id,
                job_id=job_id,
                kind=kind,
                amount_gpu_ms=amount_gpu_ms,
                at=at,
                note=note,
            )
        )
        granted, expired, settled, held = (sign * amount_gpu_ms for sign in _TOTALS[kind])
        old = self.balances[account_id]
        self.balances[account_id] = Balance(
            granted_gpu_ms=old.granted_gpu_ms + granted,
            expired_gpu_ms=old.expired_gpu_ms + expired,
            settled_gpu_ms=old.settled_gpu_ms + settled,
            held_gpu_ms=old.held_gpu_ms + held,
        )

    def log_verdict(self, record: ModerationRecord) -> None:
        """Keeps a verdict under the next id."""
        self.verdicts.append(replace(record, id=len(self.verdicts) + 1))
