"""Turns at reading and moderating prompts: CPU work of milliseconds to seconds, from which one account must not keep the others.

Runs in threads of its own, so that files and stores never wait behind it. Knows no prompt and no policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from darkroom.core.errors import Exhausted

THREADS = 2  # more would only fight over the interpreter, and the dispatcher's heartbeat with them
WAITING_MAX = 32  # checks of one account that may wait for their turn
RETRY_AFTER_S = 5

_T = TypeVar("_T")


class Checks:
    """Of each account one check at a time, in the order of asking. For one event loop."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._turns: dict[UUID, asyncio.Lock] = {}
        self._asking: dict[UUID, int] = {}

    async def run(self, account_id: UUID, check: Callable[[], _T]) -> _T:
        """What the check returns or raises. Raises Exhausted (`rate_limited`) where too many of the account wait already."""
        if self._asking.get(account_id, 0) > WAITING_MAX:
            raise Exhausted(
                f"More than {WAITING_MAX} prompts of this account wait to be checked.",
                code="rate_limited",
                hint=f"Try again in {RETRY_AFTER_S} s.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._asking[account_id] = self._asking.get(account_id, 0) + 1
        try:
            async with self._turns.setdefault(account_id, asyncio.Lock()):
                return await asyncio.get_running_loop().run_in_executor(self._threads(), check)
        finally:
            self._asking[account_id] -= 1
            if not self._asking[account_id]:
                del self._asking[account_id], self._turns[account_id]

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="moderation")
        return self._pool
