"""Turns at bringing pictures in: few at once, of one account and of all, so that slow links and large files of one keep nobody waiting.

Knows no picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from darkroom.core.errors import Exhausted, Overloaded

AT_ONCE_MAX = 2  # pictures of one account on their way in
TOTAL_MAX = 16  # of all accounts; each may be 20 MiB of memory
WAITING_MAX = 16  # of one account that may wait for their turn
RETRY_AFTER_S = 5
PROMPTS_WAITING_MAX = 4  # of one account, with links
PROMPTS_TOTAL_MAX = (
    24  # with links, of all accounts: far fewer than may be submitted at once, so that others can
)


class Turns:
    """For one event loop. Remembers an account only while it asks."""

    def __init__(
        self, *, at_once_max: int = AT_ONCE_MAX, waiting_max: int = WAITING_MAX, total_max: int = TOTAL_MAX
    ) -> None:
        self._at_once_max = at_once_max
        self._waiting_max = waiting_max
        self._total_max = total_max
        self._under_way = 0
        self._turns: dict[UUID, asyncio.Semaphore] = {}
        self._asking: dict[UUID, int] = {}

    def __len__(self) -> int:
        return len(self._asking)

    def asking(self, account_id: UUID) -> int:
        """How many of an account have their turn or wait for it."""
        return self._asking.get(account_id, 0)

    @asynccontextmanager
    async def taken(self, account_id: UUID) -> AsyncIterator[None]:
        """While it is this account's turn. Exhausted (`rate_limited`) where too many of it wait already, Overloaded."""
        asking = self.asking(account_id)
        if asking >= self._at_once_max + self._waiting_max:
            raise Exhausted(
                f"More than {self._waiting_max} pictures of this account wait to be taken in.",
                code="rate_limited",
                hint=f"Try again in {RETRY_AFTER_S} s.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._asking[account_id] = asking + 1
        try:
            async with self._turns.setdefault(account_id, asyncio.Semaphore(self._at_once_max)):
                if self._under_way >= self._total_max:
                    raise Overloaded("More pictures are on their way in than this service can take at once.")
                self._under_way += 1
                try:
                    yield
                finally:
                    self._under_way -= 1
        finally:
            self._asking[account_id] -= 1
            if not self._asking[account_id]:
                del self._asking[account_id], self._turns[account_id]


def prompts_with_links() -> Turns:
    """Turns at submitting prompts whose links are to be fetched first, which takes as long as strangers' servers like."""
    return Turns(waiting_max=PROMPTS_WAITING_MAX, total_max=PROMPTS_TOTAL_MAX)
