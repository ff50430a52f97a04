"""Whether this worker may still believe that its jobs are its own. Knows no job; reads a clock that is given to it."""

from __future__ import annotations

import time
from collections.abc import Callable


def boot_clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock: a lease does so, too."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """Counts from the moment at which the last answered heartbeat was *sent*, so that it ends before the service's own."""

    def __init__(self, *, abort_after_s: float, clock: Callable[[], float] = boot_clock) -> None:
        self._abort_after_s, self._clock = abort_after_s, clock
        self._answered_at = clock()

    def now(self) -> float:
        return self._clock()

    def answered(self, sent_at: float) -> None:
        """A heartbeat that was sent at this moment has been answered."""
        self._answered_at = max(self._answered_at, sent_at)

    @property
    def lost(self) -> bool:
        return self._clock() - self._answered_at > self._abort_after_s
