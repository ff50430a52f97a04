"""The process beside a device as the service sees it, and the lease that makes one dispatcher the active one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WorkerState(StrEnum):
    ACTIVE = "active"
    DRAINING = "draining"
    """Finishes what it has and gets nothing new."""
    QUARANTINED = "quarantined"
    """Gets nothing until an operator or a diagnostic readmits it."""
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker as it registered. `slots` is how many jobs it takes at once, `models` what it can draw with."""

    id: str
    name: str
    device: str
    models: tuple[str, ...]
    slots: int
    version: str
    state: WorkerState = WorkerState.ACTIVE
    reason: str = ""
    registered_at: datetime
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who dispatches until when. `epoch` grows with each new holder; `url` is where workers find it."""

    holder: str
    epoch: int
    url: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class WorkerToken:
    """What lets a worker in. Only a hash of the token is kept."""

    id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None
