"""The nouns of the queue: a job that may run, a worker that asks, a place in the queue. All times are seconds on one clock."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from darkroom.core.params import Lane


@dataclass(frozen=True, kw_only=True)
class ReadyJob:
    """A ready job. `cost_gpu_ms` is the estimate of its GPU time, whatever its price; `weight` its plan's.

    The id is a UUIDv7 and decides the place among the jobs of its account. Before `not_before` (0: at once) it is nobody's turn.
    `avoid` are the workers that lost or failed it.
    """

    id: UUID
    account_id: UUID
    lane: Lane
    model: str
    weight: int = 1
    cost_gpu_ms: int
    ready_at: float
    not_before: float = 0.0
    avoid: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        assert self.weight > 0, "a plan's weight is at least 1"

    @property
    def turn(self) -> float:
        """What one run takes of its account's share."""
        return max(self.cost_gpu_ms, 1) / self.weight


@dataclass(frozen=True, kw_only=True)
class WorkerView:
    """A worker with a free slot: the models it can draw with, and those that it has loaded."""

    id: str
    models: frozenset[str]
    warm: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Position:
    """How many jobs, and how much GPU time, are expected to start before a job."""

    ahead: int
    ahead_gpu_ms: int
