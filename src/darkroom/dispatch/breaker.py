"""Which workers may be trusted with work: a breaker for each, from the failures that were not a job's fault.

Knows no job but its id, no connection and no clock: `now` is in seconds, and only grows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from darkroom.dispatch.policy import DispatchPolicy


class Allowance(StrEnum):
    """How much work a worker may be given."""

    NONE = "none"
    CANARY = "canary"
    """One job at a time: whoever dispatches sees to it that the worker has no other."""
    ALL = "all"


class BreakerState(StrEnum):
    """How a breaker stands, as operators are told."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    QUARANTINED = "quarantined"


@dataclass(kw_only=True)
class _Record:
    failures: dict[UUID, float] = field(default_factory=dict)
    opened: deque[float] = field(default_factory=deque)
    open_until: float | None = None
    quarantined: bool = False


class Breaker:
    """Closed, open, half-open or quarantined, for each worker. Nothing is kept of workers that never failed."""

    def __init__(self, policy: DispatchPolicy) -> None:
        self._policy = policy
        self._records: dict[str, _Record] = {}

    def failed(self, worker: str, job_id: UUID, *, now: float) -> None:
        """An infrastructure failure: counts once for each job. The canary's failure opens the breaker again at once."""
        record = self._records.setdefault(worker, _Record())
        if record.quarantined or (record.open_until is not None and now < record.open_until):
            return  # what was under way when the breaker opened says nothing new
        if record.open_until is not None:
            self._open(record, now)
            return
        record.failures[job_id] = now
        since = now - self._policy.breaker_window_s
        record.failures = {job: at for job, at in record.failures.items() if at > since}
        if len(record.failures) >= self._policy.breaker_failures:
            self._open(record, now)

    def succeeded(self, worker: str, *, now: float) -> None:
        """A run went well. Closes a half-open breaker; how often it was open is remembered for the quarantine."""
        record = self._records.get(worker)
        if record is None or record.quarantined or record.open_until is None or now < record.open_until:
            return
        record.open_until = None  # opening had cleared the failures

    def allows(self, worker: str, *, now: float) -> Allowance:
        """What a worker may get now."""
        record = self._records.get(worker)
        if record is None:
            return Allowance.ALL
        if record.quarantined:
            return Allowance.NONE
        if record.open_until is None:
            return Allowance.ALL
        return Allowance.NONE if now < record.open_until else Allowance.CANARY

    def quarantined(self, worker: str) -> bool:
        """Whether a worker gets nothing until it is readmitted."""
        record = self._records.get(worker)
        return record is not None and record.quarantined

    def state(self, worker: str, *, now: float) -> BreakerState:
        """How a worker's breaker stands; closed for one that never failed."""
        record = self._records.get(worker)
        if record is None or (record.open_until is None and not record.quarantined):
            return BreakerState.CLOSED
        if record.quarantined:
            return BreakerState.QUARANTINED
        return BreakerState.OPEN if record.open_until and now < record.open_until else BreakerState.HALF_OPEN

    def failures(self, worker: str, *, now: float) -> int:
        """How many of its failures still count; none do once they have opened the breaker."""
        record = self._records.get(worker)
        since = now - self._policy.breaker_window_s
        return sum(at > since for at in record.failures.values()) if record else 0

    def readmit(self, worker: str) -> None:
        """Forgets everything about a worker: it starts as if it were new."""
        self._records.pop(worker, None)

    def _open(self, record: _Record, now: float) -> None:
        while record.opened and record.opened[0] <= now - self._policy.quarantine_window_s:
            record.opened.popleft()
        record.opened.append(now)
        record.failures.clear()
        backoff_s = self._policy.breaker_backoff_s * 2.0 ** min(len(record.opened) - 1, 32)
        record.open_until = now + min(backoff_s, self._policy.breaker_backoff_max_s)
        record.quarantined = len(record.opened) >= self._policy.quarantine_opens
