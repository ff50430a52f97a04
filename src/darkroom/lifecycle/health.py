"""How a worker does, as far as the process that dispatches knows: heard of when, trusted how far, how busy. Memory only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from darkroom.core.work import HEARTBEAT_EVERY_S
from darkroom.dispatch.breaker import BreakerState

WINDOW_S = 60.0  # over which the use of a device is told


@dataclass(frozen=True, kw_only=True)
class Health:
    """`unseen_s` and `busy_share` are None for a worker that is not here; `failures_recent` are those that the breaker counts."""

    unseen_s: float | None
    breaker: BreakerState
    running: int
    busy_share: float | None
    failures_recent: int


class Meter:
    """How busy a device was over the last minute, from a counter of its milliseconds that comes with heartbeats."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float]] = deque()

    def read(self, device_ms: float, *, now: float) -> None:
        """A counter that went back belongs to a new process: what was read before says nothing about it."""
        if self._readings and device_ms < self._readings[-1][1]:
            self._readings.clear()
        self._readings.append((now, device_ms))
        while len(self._readings) > 2 and self._readings[1][0] <= now - WINDOW_S:
            self._readings.popleft()

    def share(self, *, now: float) -> float | None:
        """0 to 1; None before there are two readings, and where the newest is older than the window."""
        if len(self._readings) < 2 or self._readings[-1][0] < now - WINDOW_S:
            return None
        (since, before_ms), (until, after_ms) = self._readings[0], self._readings[-1]
        elapsed_s = max(until - since, HEARTBEAT_EVERY_S / 2)  # two readings in one moment are no measurement
        return min(1.0, (after_ms - before_ms) / 1000 / elapsed_s)
