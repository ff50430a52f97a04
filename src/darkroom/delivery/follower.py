"""Brings the transitions that other processes wrote onto this process's bus, by reading the history behind them.

The bus knows repeated ids, so the follower may look back: ids become visible out of order across accounts.
"""

from __future__ import annotations

import asyncio
import logging

from darkroom.core.errors import StoreUnavailable
from darkroom.core.ports import Library
from darkroom.delivery.bus import EventBus

EVERY_S = 1.0
LOOK_BACK = 500  # ids before the newest seen one that are read again
BATCH = 2_000  # transitions in one read

log = logging.getLogger(__name__)


class Follower:
    """One for each process. `step` reads once; `run` reads for ever."""

    def __init__(self, library: Library, bus: EventBus) -> None:
        self._library, self._bus = library, bus
        self._start = 0
        self._newest: int | None = None

    async def step(self) -> int:
        """Publishes what is new and returns how many transitions were read. The first call only finds out where now is.

        Reads none where the bus has heard of all of them: whoever writes here tells it.
        """
        if self._newest is None:
            self._start = self._newest = await self._library.newest_event()
            return 0
        since = max(self._start, self._newest - LOOK_BACK)
        newest = await self._library.newest_event()
        if all(self._bus.knows(event_id) for event_id in range(since + 1, newest + 1)):
            self._newest = max(self._newest, newest)
            return 0
        found = await self._library.moved_since(since, account_id=None, limit=BATCH)
        for moved in found:
            self._bus.publish(moved)
            self._newest = max(self._newest, moved.id)
        return len(found)

    async def run(self) -> None:
        """Until cancelled. A store that is away is asked again."""
        while True:
            try:
                full = await self.step() == BATCH
            except StoreUnavailable as fault:
                log.warning("the history cannot be followed at the moment: %s", fault.message)
                full = False
            if not full:
                await asyncio.sleep(EVERY_S)
