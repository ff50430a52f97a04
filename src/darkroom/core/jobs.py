"""The job and its life: the states, which of them may follow which, and what each step leaves behind.

Times are aware datetimes in UTC, money is whole GPU-milliseconds. Knows no database, no HTTP and no price list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from darkroom.core.params import IMAGES_PER_JOB, Lane, Visibility
from darkroom.core.recipes import EMPTY, Recipe
from darkroom.core.verdicts import Verdict


class JobState(StrEnum):
    WAITING = "waiting"
    """Accepted; its account has no free running slot."""
    READY = "ready"
    """Holds a slot, in the queue."""
    RUNNING = "running"
    """Claimed by a worker under a fence."""
    FINISHING = "finishing"
    """The pixels are there; scores, encoding and upload are under way."""
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Cause(StrEnum):
    """Why a job changed its state."""

    SUBMITTED = "submitted"
    SLOT_FREE = "slot_free"
    CLAIMED = "claimed"
    PIXELS_MADE = "pixels_made"
    PUBLISHED = "published"
    WORKER_LOST = "worker_lost"
    WORKER_FAILED = "worker_failed"
    """The device or its surroundings failed, not the job."""
    JOB_FAILED = "job_failed"
    """The job itself failed on a healthy worker."""
    WORKER_DRAINED = "worker_drained"
    IMAGE_REJECTED = "image_rejected"
    CANCELLED_BY_USER = "cancelled_by_user"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"
    OUT_OF_ATTEMPTS = "out_of_attempts"


_S = JobState
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    _S.WAITING: frozenset({_S.READY, _S.CANCELLED}),
    _S.READY: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.READY, _S.FINISHING, _S.FAILED, _S.CANCELLED}),
    _S.FINISHING: frozenset({_S.READY, _S.COMPLETED, _S.REJECTED, _S.FAILED, _S.CANCELLED}),
    _S.COMPLETED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""The legal next states. A job that is accepted is born waiting or ready. Whoever finishes a running job walks it through finishing."""

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
HOLDS_SLOT = frozenset({JobState.READY, JobState.RUNNING, JobState.FINISHING})
CLAIMED = frozenset({JobState.RUNNING, JobState.FINISHING})

ATTEMPTS_MAX = 3  # runs on a worker, after which a job is a dead letter
HEALTHY_FAILURES_MAX = 2  # healthy workers on which a job may fail
REJECTIONS_MAX = 3  # new seeds after a rejected image


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """One job as it is submitted. `prompt` is canonical text with its seed; `words` what it can be found by.

    `hold_gpu_ms` is what is set aside, `price_percent` what a measured millisecond costs (turbo 200, fast 100, relax 0),
    `weight` the plan's share in fair queueing. The inputs of `recipe` become edges of the lineage. `verdict` goes into the
    moderation log in the same transaction. `notes` are what was to be said when it was asked for; the job begins with them, and what
    the worker notes comes after.
    """

    id: UUID
    prompt: str
    words: str
    model: str
    seed: int
    lane: Lane
    visibility: Visibility
    hold_gpu_ms: int
    price_percent: int
    weight: int = 1
    images: int = IMAGES_PER_JOB
    recipe: Recipe = EMPTY
    verdict: Verdict | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What one request asks for: all of its jobs or none.

    `running_cap` and `waiting_cap` count the account's jobs in these states. `unlimited` accounts have no balance to exhaust.
    `source` is the text as it was typed. With an `idempotency_key`, the same key and `body_digest` give the first answer again.
    """

    account_id: UUID
    batch_id: UUID
    source: str
    jobs: tuple[NewJob, ...]
    running_cap: int
    waiting_cap: int
    unlimited: bool
    idempotency_key: str | None = None
    body_digest: str = ""
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the ledger holds it. Fields of later states are None until then.

    `fence` only grows over the claims of all jobs. `avoid` names workers that lost or failed it. `not_before` delays a retry.
    `saved` is the key of the states that a worker left behind when it handed the job back; an ended job only names what it
    once was.
    """

    id: UUID
    account_id: UUID
    batch_id: UUID
    state: JobState
    lane: Lane
    visibility: Visibility
    source: str
    prompt: str
    model: str
    seed: int
    images: int
    hold_gpu_ms: int
    price_percent: int
    weight: int
    attempt: int = 0
    rejections: int = 0
    avoid: tuple[str, ...] = ()
    worker_id: str | None = None
    fence: int | None = None
    cancel_requested: bool = False
    created_at: datetime
    ready_at: datetime | None = None
    not_before: datetime | None = None
    saved: str | None = None
    recipe: Recipe = EMPTY
    started_at: datetime | None = None
    finished_at: datetime | None = None
    measured_gpu_ms: int | None = None
    charged_gpu_ms: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobMoved:
    """One transition, which is one row of the history and one durable event. `was` is None at birth.

    `id` only grows; for one account it grows in the order in which the transitions became visible.
    """

    id: int
    account_id: UUID
    job_id: UUID
    batch_id: UUID
    was: JobState | None
    state: JobState
    cause: Cause
    at: datetime
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one operation of the ledger did: the jobs as they are now, and every transition, in order.

    `jobs` holds the jobs that the operation was about, in its order; `promoted` those that got a slot by it.
    """

    jobs: tuple[Job, ...] = ()
    moved: tuple[JobMoved, ...] = ()
    promoted: tuple[Job, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The answer to a submission; `replayed` where the idempotency key had been used for the same body."""

    change: Change
    replayed: bool = False


class Outcome(StrEnum):
    """What became of a fenced report."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    """The very same report had been accepted before; nothing changed now."""
    STALE = "stale"
    """The fence is old, or the job is no longer with this worker; nothing changed."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The ledger's answer to one fenced report."""

    job_id: UUID
    outcome: Outcome
    change: Change = field(default_factory=Change)


@dataclass(frozen=True, kw_only=True)
class Requeue:
    """Back to ready under the same hold, slot and place. `prompt` and `seed` are given where a new seed is needed.

    `avoid` is the worker to keep away from. `counts_attempt` is False for a rejection or a drain, which are no failures.
    `saved` is where the states of its images are from now on, None to begin anew.
    """

    job_id: UUID
    fence: int
    cause: Cause
    not_before: datetime
    avoid: str | None = None
    counts_attempt: bool = True
    prompt: str | None = None
    seed: int | None = None
    saved: str | None = None
    detail: str = ""
    measured_gpu_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Ending:
    """An end without pictures: rejected, failed or cancelled. `fence` is None for a job that no worker has.

    `measured_gpu_ms` is charged for a job cancelled while it ran, and only then. A failed job leaves a dead letter.
    """

    job_id: UUID
    fence: int | None
    state: JobState
    cause: Cause
    error_code: str
    error_message: str
    measured_gpu_ms: int = 0
    device: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A job that failed for good, for an operator to look at. `resolution` is "", "requeued" or "dropped"."""

    job_id: UUID
    account_id: UUID
    prompt: str
    model: str
    seed: int
    error_message: str
    device: str
    fingerprint: str
    attempts: int
    avoided: tuple[str, ...]
    at: datetime
    resolution: str = ""
    resolved_at: datetime | None = None
    successor_id: UUID | None = None
