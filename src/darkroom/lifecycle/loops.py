"""A step made over and over for as long as the process lives, whatever the store does meanwhile. Knows no dispatcher."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from darkroom.core.errors import Unavailable

BACK_OFF_S = 0.25  # after the first failure, doubled with each that follows
BACK_OFF_MAX_S = 2.0

log = logging.getLogger(__name__)


async def repeat(
    step: Callable[[], Awaitable[None]],
    *,
    pause: Callable[[], Awaitable[None]],
    start_anew: Callable[[], None],
) -> None:
    """Until it is cancelled. `start_anew` is called where a step broke in a way that nobody foresaw."""
    failures = 0
    while True:
        try:
            await step()
        except Unavailable as error:
            failures += 1
            log.warning("the dispatcher goes on as soon as it can: %s", error)
            await asyncio.sleep(min(BACK_OFF_S * 2.0 ** min(failures - 1, 8), BACK_OFF_MAX_S))
        except Exception:  # the outermost loop: memory cannot be trusted now, the ledger can
            log.exception("the dispatcher begins anew from the ledger")
            start_anew()
            await asyncio.sleep(BACK_OFF_MAX_S)
        else:
            failures = 0
            await pause()
