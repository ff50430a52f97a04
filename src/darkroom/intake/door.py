"""The door through which pictures of other people come in: decoded within limits, fetched from public addresses only.

Decoding is done in threads of its own, few at once. Knows no account and no policy: who may bring what is the lifecycle's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from darkroom.core.errors import Overloaded, Refused
from darkroom.core.uploads import CleanPicture
from darkroom.intake.containers import broken
from darkroom.intake.pictures import read_mask, read_picture

DECODES_AT_ONCE_MAX = 2  # the largest pictures take 0.6 GiB each while they are decoded
DECODES_WAITING_MAX = 16
DECODE_MAX_S = 20.0  # from its turn on
WAIT_MAX_S = 40.0  # for its turn


class Links(Protocol):
    """What fetches links: `intake.fetching.Fetcher`."""

    async def fetch(self, url: str) -> bytes: ...


def public_links() -> Links:
    """Fetches from the public internet. Imported late: its HTTP client takes a tenth of a second to load, and most starts need none."""
    from darkroom.intake.fetching import Fetcher

    return Fetcher()


class Door:
    """Implements `core.ports.Intake`. `links` makes what fetches them, at the first; without it every link is refused.

    For one event loop.
    """

    def __init__(
        self,
        *,
        links: Callable[[], Links] | None = None,
        decode_max_s: float = DECODE_MAX_S,
        waiting_max: int = DECODES_WAITING_MAX,
    ) -> None:
        self._links = links
        self._fetcher: Links | None = None
        self._decode_max_s = decode_max_s
        self._waiting_max = waiting_max
        self._waiting = 0
        self._threads: ThreadPoolExecutor | None = None
        self._turns = asyncio.Semaphore(DECODES_AT_ONCE_MAX)

    async def read(self, data: bytes) -> CleanPicture:
        """What a file shows. Refused (`picture_invalid`, `too_large`), Overloaded."""
        return await self._decode(read_picture, data)

    async def read_mask(self, data: bytes) -> CleanPicture:
        """A PNG as grey levels. Refused (`mask_invalid`, `too_large`), Overloaded."""
        return await self._decode(read_mask, data)

    async def fetch(self, url: str) -> bytes:
        """The bytes at a public address. Refused (`link_refused`, `link_failed`, `too_large`), Overloaded."""
        if self._links is None:
            raise Refused(
                "This service fetches no pictures from links.",
                code="link_refused",
                hint="Send the picture itself as a file.",
                field="url",
            )
        if self._fetcher is None:
            self._fetcher = await asyncio.to_thread(self._links)
        return await self._fetcher.fetch(url)

    async def _decode(self, read: Callable[[bytes], CleanPicture], data: bytes) -> CleanPicture:
        """A thread cannot be stopped: one that takes too long keeps its turn until it ends, and nobody waits for it."""
        await self._turn()
        work = asyncio.get_running_loop().run_in_executor(self._pool(), read, data)
        work.add_done_callback(self._done)
        done, _ = await asyncio.wait([work], timeout=self._decode_max_s)
        if not done:
            raise broken(f"it takes more than {self._decode_max_s:g} s to decode")
        return work.result()

    async def _turn(self) -> None:
        if self._waiting >= self._waiting_max:
            raise Overloaded(
                "More pictures are being read than this service can take; try again in a moment."
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_MAX_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Overloaded("Pictures take long to be read at the moment; try again in a moment.") from None
        finally:
            self._waiting -= 1

    def _done(self, work: asyncio.Future[CleanPicture]) -> None:
        self._turns.release()
        if not work.cancelled():
            work.exception()  # so that one nobody waited for is not reported as forgotten

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(DECODES_AT_ONCE_MAX, thread_name_prefix="intake")
        return self._threads
