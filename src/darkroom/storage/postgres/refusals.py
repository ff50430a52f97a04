"""What the SQL functions refuse (codes DR0xx), and what PostgreSQL cannot do at the moment, as errors of core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import asyncpg

from darkroom.core.errors import (
    Conflict,
    DarkroomError,
    Exhausted,
    NotActive,
    NotAllowed,
    NotFound,
    StoreUnavailable,
)
from darkroom.storage.limits import (
    already_appealed,
    folder_full,
    folder_name_taken,
    no_verdict,
    picture_deleted,
    too_many_appeals,
    too_many_folders,
    too_many_searches,
)

DISK_FULL = "53100"
AGAIN = frozenset({"40001", "40P01"})  # serialization failure, deadlock: the same call again will do
_AWAY = ("08", "53", "55", "57", "58", "XX")  # connection, resources, locks, operators, the machine itself
_NOT_LET_IN = ("28", "3D")
QUEUE_RETRY_S = 15


def refusal(error: asyncpg.PostgresError) -> DarkroomError | None:
    """The error of core that a database error stands for; None where it can only be a mistake of ours."""
    state = error.sqlstate or ""
    if state in _REFUSALS:
        return _REFUSALS[state](error.detail or "")
    if state == DISK_FULL:
        return StoreUnavailable(
            "The disk of the database is full, so nothing can be written. Nothing was lost or charged; "
            "free some space and try again."
        )
    if state in AGAIN or state.startswith(_AWAY):
        return StoreUnavailable(f"The database cannot answer at the moment ({error}). Try again.")
    if state.startswith(_NOT_LET_IN):
        return StoreUnavailable(f"The database does not let us in: {error}. Check its address and password.")
    return None


def key_conflict(detail: str) -> Conflict:
    return Conflict(
        f"The idempotency key {detail!r} was used for another request.",
        code="idempotency_conflict",
        hint="Use a new key for a new request, and the old one only to repeat the old request.",
    )


def _queue_full(detail: str) -> DarkroomError:
    waiting, would, cap = detail.split("/")
    return Exhausted(
        f"Your queue is full: {waiting} of your jobs wait, with this it would be {would}, and at most {cap} may.",
        code="queue_full",
        hint="Wait until some of your jobs are done, or cancel some.",
        retry_after_s=QUEUE_RETRY_S,
    )


def _time_exhausted(detail: str) -> DarkroomError:
    wanted, left, renews_in_s = detail.split("/")
    return Exhausted(
        f"This needs {wanted} ms of GPU time, and {left} ms are left this month.",
        code="fast_time_exhausted",
        hint="Use --relax where your plan has it, or wait for the next month.",
        retry_after_s=int(renews_in_s),
    )


def _already_resolved(detail: str) -> DarkroomError:
    job_id, resolution = detail.split("/")
    return Conflict(
        f"The dead letter of job {job_id} is resolved already: it was {resolution}.", code="already_resolved"
    )


def _name_taken(detail: str) -> DarkroomError:
    return Conflict(
        f"There is an account {detail!r} already.",
        code="name_taken",
        field="name",
        hint="Choose another name.",
    )


def _last_owner(detail: str) -> DarkroomError:
    return Conflict(
        f"Account {detail} is the last owner, and somebody must own this install.",
        code="last_owner",
        field="role",
        hint="Make another account an owner first.",
    )


_REFUSALS: Mapping[str, Callable[[str], DarkroomError]] = {
    "DR001": lambda detail: NotFound(f"There is no account {detail}."),
    "DR002": key_conflict,
    "DR003": lambda detail: NotAllowed(f"The account is blocked: {detail}.", code="account_blocked"),
    "DR004": _queue_full,
    "DR005": _time_exhausted,
    "DR006": lambda detail: NotActive(url=detail),
    "DR007": lambda detail: NotFound(f"There is no job {detail}."),
    "DR008": lambda detail: NotFound(f"There is no dead letter of job {detail}."),
    "DR009": _already_resolved,
    "DR010": _name_taken,
    "DR011": _last_owner,
    "DR012": picture_deleted,
    "DR020": lambda detail: NotFound(f"There is no image {detail}."),
    "DR021": lambda detail: NotFound(f"There is no folder {detail}."),
    "DR022": folder_name_taken,
    "DR023": lambda _: too_many_folders(),
    "DR024": lambda _: folder_full(),
    "DR025": lambda _: too_many_searches(),
    "DR030": no_verdict,
    "DR031": already_appealed,
    "DR032": too_many_appeals,
}
