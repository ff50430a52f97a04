"""The story of a worker: register, pull, draw, finish, report; and beside that heartbeats, progress and the lease.

One event loop; drawing and finishing have threads of their own (`desk`). Knows neither torch nor pictures.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from darkroom.core.errors import ModelError, NotAllowed, Refused, Unavailable
from darkroom.core.params import Lane
from darkroom.core.work import PULL_WAIT_MAX_S, Instructions
from darkroom.worker.desk import Desk
from darkroom.worker.generator import Finisher, Generator
from darkroom.worker.handing_on import HAND_ON_WITHIN_S
from darkroom.worker.lease import Lease, boot_clock
from darkroom.worker.messages import Pulled, Registration
from darkroom.worker.protocol import Connection, backoff_s

PULL_PAUSE_S = 0.01  # between two pulls, so that what comes in a rush comes in few calls
PROGRESS_EVERY_S = 0.25
LEASE_CHECK_EVERY_S = 0.25
LEAVE_WITHIN_S = 5.0  # for the last reports, and again for the goodbye; then the process goes

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Worker:
    """One worker beside one device. `run` it once; the other methods are called from the same event loop."""

    def __init__(
        self,
        connection: Connection,
        generator: Generator,
        finisher: Finisher,
        *,
        clock: Callable[[], float] = boot_clock,
        rng: random.Random | None = None,
    ) -> None:
        self._connection, self._generator, self._finisher = connection, generator, finisher
        self._clock, self._rng = clock, rng or random.Random()
        self._draining, self._leaving = asyncio.Event(), asyncio.Event()
        self._desk: Desk | None = None
        self._broken = ""

    async def run(self) -> None:
        """Work until drained. Raises NotAllowed for a refused token, and ModelError where the generator is broken."""
        desk = Desk(
            self._connection, self._generator, self._finisher, rng=self._rng, broken=self._generator_broke
        )
        desk.open()
        self._desk = desk
        try:
            registration = await self._registered()
            if registration is not None:
                await self._work(desk, registration)
                await self._say_goodbye()
        finally:
            await asyncio.to_thread(desk.close)
        if self._broken:
            raise ModelError(f"{self._broken}; this worker ends, so that a new one may start afresh")

    def drain(self, *, limit_s: float | None = None) -> None:
        """Take nothing new, finish what is held, then leave; after `limit_s` give back what is left."""
        logger.info("draining")
        self._draining.set()
        if limit_s is not None:
            asyncio.get_running_loop().call_later(limit_s, self.hand_back)

    def hand_back(self) -> None:
        """Give back what is held, and leave; its steps are handed on where that takes no longer than a moment."""
        self._draining.set()
        self._leaving.set()
        if self._desk:
            self._desk.hand_back()

    async def _registered(self) -> Registration | None:
        """Registers, however long that takes; None where this worker is told to leave before."""
        tries = 0
        while not self._draining.is_set():
            try:
                return await self._connection.register()
            except Unavailable as error:
                tries += 1
                logger.warning("cannot register yet: %s", error.message)
                await _within(backoff_s(tries, self._rng), self._draining.wait())
        return None

    async def _work(self, desk: Desk, registration: Registration) -> None:
        """All loops at once, until this worker may leave or one of them cannot go on."""
        logger.info("registered as %s", registration.worker_id)
        lease = Lease(abort_after_s=registration.abort_after_s, clock=self._clock)
        loops = (
            self._end(desk),
            self._pull(desk, lease, desk.runs.room, self._pull_once),
            self._pull(desk, lease, desk.runs.crowded, self._pull_urgent),
            self._beat(desk, lease, registration.heartbeat_s),
            self._watch(desk, lease),
            self._tell(desk),
            desk.reporter.run(),
        )
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _cancel(*tasks)

    async def _end(self, desk: Desk) -> None:
        """Returns when this worker is drained and holds nothing, or has no more time for it."""
        await self._draining.wait()
        await _first(desk.runs.emptied(), self._leaving.wait())
        await _within(HAND_ON_WITHIN_S + LEAVE_WITHIN_S, desk.runs.emptied())

    async def _say_goodbye(self) -> None:
        try:
            await asyncio.wait_for(self._connection.leave(), LEAVE_WITHIN_S)
        except (Unavailable, Refused, TimeoutError) as error:
            logger.warning("left without a goodbye: %s", error)

    async def _pull(
        self,
        desk: Desk,
        lease: Lease,
        ready: Callable[[], Awaitable[None]],
        ask: Callable[[Desk], Awaitable[None]],
    ) -> None:
        """Asks for work whenever it is ready for some, and the service is known to hear this worker's heartbeat."""
        tries = 0
        while True:
            await ready()
            if self._draining.is_set():
                await asyncio.Event().wait()  # for the end
            try:
                if lease.lost:
                    await self._beat_once(desk, lease)
                await ask(desk)
                tries = 0
                await asyncio.sleep(PULL_PAUSE_S)
            except Unavailable as error:
                tries += 1
                logger.warning("cannot pull: %s", error.message)
                await asyncio.sleep(backoff_s(tries, self._rng))

    async def _pull_once(self, desk: Desk) -> None:
        """For the slots that are free."""
        await self._pulled(desk, desk.runs.free, ())

    async def _pull_urgent(self, desk: Desk) -> None:
        """Beside that, where none is free: the generator lets what is held wait at its step for a more urgent job."""
        if lanes := desk.runs.urgent:
            await self._pulled(desk, 1, lanes)

    async def _pulled(self, desk: Desk, free: int, lanes: Sequence[Lane]) -> None:
        warm = self._generator.warm
        asked = asyncio.ensure_future(
            self._connection.pull(free=free, warm=warm, wait_s=PULL_WAIT_MAX_S, lanes=lanes)
        )
        await _first(asked, self._draining.wait())
        if asked.cancelled():
            return
        pulled: Pulled = asked.result()
        for assignment in pulled.jobs:
            desk.take(assignment)
        for job in pulled.unreadable:
            desk.refuse(job.claim, job.reason)
        self._obey(desk, pulled.instructions)
        if self._leaving.is_set():
            desk.hand_back()

    async def _beat(self, desk: Desk, lease: Lease, every_s: float) -> None:
        while True:
            try:
                await self._beat_once(desk, lease)
            except Unavailable as error:
                logger.warning("no heartbeat: %s", error.message)
            await asyncio.sleep(every_s)

    async def _beat_once(self, desk: Desk, lease: Lease) -> None:
        sent_at = lease.now()
        claims = [run.claim for run in desk.runs]
        instructions = await self._connection.heartbeat(claims, self._generator.vitals)
        lease.answered(sent_at)
        self._obey(desk, instructions)

    async def _watch(self, desk: Desk, lease: Lease) -> None:
        """Lets go of every run as soon as the service may be about to believe that this worker is lost."""
        while True:
            await asyncio.sleep(LEASE_CHECK_EVERY_S)
            if lease.lost:
                desk.abandon_unreported("no heartbeat was answered in time")

    async def _tell(self, desk: Desk) -> None:
        """Progress of all runs, together, four times a second; what cannot be told is not told later."""
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            items = [await desk.progress(run, self._clock()) for run in desk.runs if run.untold]
            if not items:
                continue
            try:
                self._obey(desk, await self._connection.progress(items))
            except NotAllowed:
                raise
            except (Unavailable, Refused) as error:
                logger.info("progress was not told: %s", error.message)

    def _obey(self, desk: Desk, instructions: Instructions) -> None:
        desk.obey(instructions)
        if instructions.drain and not self._draining.is_set():
            self.drain()

    def _generator_broke(self, reason: str) -> None:
        self._broken = reason
        self.hand_back()


async def _first(*waits: Awaitable[object]) -> None:
    """Returns when the first of them is done; the others are cancelled. What they raised is theirs to tell."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancel(*tasks)


async def _cancel(*tasks: asyncio.Future[T]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _within(limit_s: float, wait: Awaitable[object]) -> None:
    """Wait at most so long."""
    try:
        await asyncio.wait_for(wait, limit_s)
    except TimeoutError:
        return
