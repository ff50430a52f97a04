"""A worker as a process: its signals and its exit code. Whoever calls it brings generator and scorer.

SIGTERM drains with a time limit; a second SIGTERM, or SIGINT, hands the jobs back at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from darkroom import __version__
from darkroom.core.errors import DarkroomError, NotAllowed
from darkroom.worker.generator import Finisher, Generator
from darkroom.worker.loop import Worker
from darkroom.worker.messages import Introduction
from darkroom.worker.protocol import Connection

SLOTS = 2  # so that one job is finished while the next is drawn
DRAIN_LIMIT_S = 25.0  # after SIGTERM
HOST_MAX = 80  # characters of a machine's name

DONE, FAILED, NOT_WELCOME = 0, 1, 3
"""Exit codes: drained; broken, and worth starting again; the token was refused, so starting again helps nobody."""

logger = logging.getLogger(__name__)


def run_worker(
    url: str,
    token: str,
    generator: Generator,
    finisher: Finisher,
    *,
    name: str = "",
    slots: int = SLOTS,
    drain_limit_s: float = DRAIN_LIMIT_S,
) -> int:
    """Work for the service at `url` until drained; the exit code of the process.

    The service takes two workers of one name for the same one: without `name`, it gets one that no other process has.
    """
    introduction = Introduction(
        name=name or _name_of_process(),
        device=generator.device,
        models=generator.models,
        slots=slots,
        version=__version__,
    )
    try:
        asyncio.run(_run(url, token, introduction, generator, finisher, drain_limit_s))
    except NotAllowed as error:
        logger.error(
            "%s does not let this worker in: %s. Check its token (--token)", url, error.message.rstrip(".")
        )
        return NOT_WELCOME
    except DarkroomError as error:
        logger.error("this worker cannot go on: %s", error.message)
        return FAILED
    return DONE


def _name_of_process() -> str:
    host = re.sub(r"[^A-Za-z0-9.-]", "-", platform.node()).lstrip(".-") or "worker"
    return f"{host[:HOST_MAX]}-{os.getpid()}"


async def _run(
    url: str,
    token: str,
    introduction: Introduction,
    generator: Generator,
    finisher: Finisher,
    drain_limit_s: float,
) -> None:
    async with Connection(url, token, introduction) as connection:
        worker = Worker(connection, generator, finisher)
        with _signals(worker, drain_limit_s):
            await worker.run()


@contextmanager
def _signals(worker: Worker, drain_limit_s: float) -> Iterator[None]:
    """Signals become calls in the event loop, where the system and this thread can have them."""
    loop = asyncio.get_running_loop()
    asked = False

    def terminate() -> None:
        nonlocal asked
        if asked:
            worker.hand_back()
        else:
            asked = True
            worker.drain(limit_s=drain_limit_s)

    handlers = {signal.SIGTERM: terminate, signal.SIGINT: worker.hand_back}
    with suppress(NotImplementedError, ValueError, RuntimeError):  # not here, or not in this thread
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        with suppress(NotImplementedError, ValueError, RuntimeError):
            for number in handlers:
                loop.remove_signal_handler(number)
