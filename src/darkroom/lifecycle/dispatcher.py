"""The dispatcher: who holds the lease gives ready jobs to workers, and hears what becomes of them; the others say where it is.

Applies the policy of `dispatch` and the story of `lifecycle`. Knows no HTTP, and remembers nothing that is not in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from darkroom.core.errors import DarkroomError, NotActive, StoreUnavailable
from darkroom.core.jobs import Change, Job, JobState, Outcome
from darkroom.core.params import Lane
from darkroom.core.work import (
    PULL_WAIT_MAX_S,
    Assignment,
    Claim,
    Completion,
    EngineVitals,
    Failure,
    Instructions,
    Progress,
)
from darkroom.core.workers import Worker, WorkerState
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.dispatch.queue import Position, ReadyJob
from darkroom.dispatch.retry import retry_delay_s
from darkroom.lifecycle.handing_on import HandingOn
from darkroom.lifecycle.health import Health
from darkroom.lifecycle.hearing import beat, instructions, progressed, reported, run_of
from darkroom.lifecycle.lease import RENEW_EVERY_S, DispatchLease
from darkroom.lifecycle.line import Ticket
from darkroom.lifecycle.loops import repeat
from darkroom.lifecycle.memory import Memory
from darkroom.lifecycle.orders import Orders
from darkroom.lifecycle.previews import Previews
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run
from darkroom.lifecycle.upkeep import Upkeep

POLL_EVERY_S = 0.25
RELEASE_TIMEOUT_S = 2.0  # for giving the lease back at the end

log = logging.getLogger(__name__)


class Dispatcher:
    """One per process. Where another process dispatches, everything that workers and operators ask raises NotActive."""

    def __init__(
        self,
        rooms: Rooms,
        policy: DispatchPolicy,
        holder: str,
        url: str,
        rng: random.Random,
    ) -> None:
        """`holder` names this process, `url` is where workers find it. `rng` spreads retries."""
        self._rooms = replace(rooms, retry_delay_s=lambda attempt: retry_delay_s(attempt, rng, policy))
        self._policy = policy
        self._lease = DispatchLease(rooms.operations, holder=holder, url=url)
        self._memory: Memory | None = None
        self._upkeep: Upkeep | None = None
        self._epoch = 0
        self._ready = False
        self._previews = Previews(rooms)
        self._orders = Orders(rooms.operations)
        self._handing_on = HandingOn(rooms)
        self._stir = asyncio.Event()
        self._dealing = False
        self._afterthoughts: set[asyncio.Task[None]] = set()
        rooms.bell.listen(self._hear)

    # The loops

    async def run(self) -> None:
        """Dispatches or stands by until it is cancelled; then the lease is given back. The store may come and go."""
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(repeat(self.renew, pause=_renewal, start_anew=self._forget))
                loops.create_task(repeat(self.keep, pause=self._until_stirred, start_anew=self._forget))
        finally:
            self._forget()
            self._previews.stop()
            await self._release()

    async def tick(self) -> None:
        """One round of everything that `run` does over and over. StoreUnavailable."""
        await self.renew()
        await self.keep()

    async def renew(self) -> None:
        """Takes, prolongs or waits for the lease; who gets it rebuilds its memory from the ledger. StoreUnavailable."""
        await self._lease.renew(self._rooms.clock())
        if not self._lease.held(self._rooms.clock()) or self._epoch != self._lease.epoch:
            self._forget()
        if self._memory is None and self._lease.held(self._rooms.clock()):
            await self._take_over()

    async def keep(self) -> None:
        """One round of upkeep, where this process dispatches. StoreUnavailable: nothing is lost by it."""
        if self.active and self._upkeep is not None:
            await self._upkeep.keep()
            self._deal()

    async def _take_over(self) -> None:
        self._memory = Memory(self._rooms, self._policy)
        self._upkeep = Upkeep(self._rooms, self._memory, self._previews)
        self._epoch = self._lease.epoch
        try:
            await self._upkeep.rebuild()
            self._ready = True
        finally:
            if not self._ready:
                self._forget()
        log.info("dispatching under epoch %d", self._epoch)

    def _forget(self) -> None:
        """Not the active one (any more): all memory goes, and who waits for work is told."""
        if self._memory is not None:
            self._memory.line.call()
        self._memory, self._upkeep, self._ready = None, None, False

    async def _until_stirred(self) -> None:
        try:
            async with asyncio.timeout(POLL_EVERY_S):
                await self._stir.wait()
        except TimeoutError:
            pass
        self._stir.clear()

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await self._lease.release()
        except (StoreUnavailable, TimeoutError):
            log.warning("the lease could not be given back; it runs out by itself")

    # What this process hears of itself

    def _hear(self, change: Change) -> None:
        if self._memory is not None:
            self._memory.hear(change)
            self._deal_soon()

    def _deal_soon(self) -> None:
        """Once for all that is heard in this turn of the event loop."""
        if not self._dealing:
            self._dealing = True
            asyncio.get_running_loop().call_soon(self._deal)

    def _deal(self) -> None:
        self._dealing = False
        if self.active and self._memory is not None:
            self._memory.deal(now=self._now())

    # What people ask

    @property
    def active(self) -> bool:
        return self._ready and self._lease.held(self._rooms.clock())

    def position(self, job_id: UUID) -> Position | None:
        """What is expected to start before a ready job; None for any other, and on standby."""
        memory = self._memory
        if memory is None or job_id not in memory.queue:
            return None
        return memory.queue.position(job_id)

    def wait_s(self, job: Job, place: Position | None = None) -> float | None:
        """Seconds until a ready job starts: GPU time ahead of it over the workers that are there, each of which makes one
        millisecond of it in a millisecond, however many slots share it. None for other jobs, on standby, without workers.
        `place` is its position, where the caller has asked for that already.
        """
        place = place or self.position(job.id)
        return None if place is None or job.state is not JobState.READY else self._until(place)

    def expected_wait_s(self, job: ReadyJob) -> float | None:
        """The same of a job that is not in the queue, if it came into it now."""
        return None if self._memory is None else self._until(self._memory.queue.expected(job))

    def _until(self, place: Position) -> float | None:
        workers = sum(member.active for member in self._memory.crew) if self._memory is not None else 0
        return place.ahead_gpu_ms / 1000 / workers if workers else None

    def depth(self) -> Mapping[Lane, int]:
        """Ready jobs by lane; nothing on standby."""
        return self._memory.queue.depth() if self._memory is not None else {}

    def vitals(self) -> list[tuple[Worker, EngineVitals]]:
        """What the engines of the workers that are here said last; nothing on standby."""
        members = self._memory.crew if self._memory is not None else ()
        return [(each.worker, each.vitals) for each in members if each.vitals is not None]

    def health(self, worker_id: str) -> Health | None:
        """How a worker does; None on standby, where nobody knows."""
        return self._memory.health(worker_id, now=self._now()) if self._memory is not None else None

    # What workers ask

    async def register(self, worker: Worker) -> Worker:
        """A worker is there (again), with what it brings. A quarantined one stays so. StoreUnavailable."""
        return await self._orders.admit(self._active(), worker, now=self._now())

    async def pull(
        self,
        worker_id: str,
        *,
        free: int,
        warm: Sequence[str],
        wait_s: float,
        lanes: frozenset[Lane] = frozenset(Lane),
    ) -> list[Assignment]:
        """Work for up to `free` slots, as soon as there is some within `wait_s` (20 s at most); may be nothing.

        With `lanes`, only what is next in line anyway and in one of them: for a worker that is full of less urgent jobs.

        Where the caller is cancelled, what it was to get goes back to its place. NotFound (`unknown_worker`), StoreUnavailable.
        """
        memory = self._active()
        member = memory.crew.saw(worker_id, now=self._now())
        memory.crew.warmed(member, warm)
        if free <= 0 or member.worker.state is WorkerState.DRAINING:
            return []
        ticket = memory.line.join(worker_id, free=min(free, member.worker.slots), lanes=lanes)
        try:
            await self._wait(memory, ticket, wait_s)
        except asyncio.CancelledError:
            memory.unpick(ticket.picked)
            raise
        finally:
            memory.line.leave(ticket)
        if memory is not self._memory:
            raise self._lease.elsewhere()
        return await self._claimed(memory, ticket) if ticket.picked else []

    async def _wait(self, memory: Memory, ticket: Ticket, wait_s: float) -> None:
        memory.deal(now=self._now())
        if not ticket.served.done() and wait_s > 0:
            await asyncio.wait([ticket.served], timeout=min(wait_s, PULL_WAIT_MAX_S))

    async def _claimed(self, memory: Memory, ticket: Ticket) -> list[Assignment]:
        """The claim goes on where the caller goes away, and then its runs are handed back."""
        claiming = asyncio.create_task(self._claim(memory, ticket))
        try:
            runs = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            self._later(self._hand_back(memory, claiming))
            raise
        if (
            ticket.worker_id not in memory.crew
        ):  # lost while this was claimed for it: nobody would miss the runs
            memory.give_back(runs)
            self._stir.set()
        memory.crew.get(ticket.worker_id)
        try:
            return [await self._handing_on.assignment(run) for run in runs]
        except asyncio.CancelledError:
            memory.give_back(runs)
            self._stir.set()
            raise

    async def _claim(self, memory: Memory, ticket: Ticket) -> list[Run]:
        try:
            change = await self._rooms.ledger.claim(
                [job.id for job in ticket.picked],
                worker_id=ticket.worker_id,
                epoch=self._lease.epoch,
                now=self._rooms.clock(),
            )
            runs = memory.began(change, ticket.picked, now=self._now())
        except NotActive:
            self._forget()
            raise
        except StoreUnavailable:
            memory.unsure.update(job.id for job in ticket.picked)
            raise
        finally:
            memory.unpick(ticket.picked)
        self._rooms.tell(change)
        return runs

    async def _hand_back(self, memory: Memory, claiming: asyncio.Task[list[Run]]) -> None:
        try:
            memory.give_back(await claiming)
        except DarkroomError:
            return  # nothing was claimed, or the next survey finds it
        self._stir.set()

    def give_back(self, worker_id: str, claims: Sequence[Claim]) -> None:
        """Assignments that did not reach their worker: back to their place at once, counting as no attempt."""
        memory = self._active()
        memory.give_back([run for claim in claims if (run := run_of(memory, worker_id, claim)) is not None])
        self._stir.set()

    def heartbeat(
        self, worker_id: str, claims: Sequence[Claim], vitals: EngineVitals | None = None
    ) -> Instructions:
        """A worker lives and has these runs. Runs that it stopped speaking of are lost. NotFound (`unknown_worker`)."""
        memory = self._active()
        if beat(memory, worker_id, claims, vitals, now=self._now()):
            self._stir.set()
        return instructions(memory, worker_id, claims)

    def instructions(self, worker_id: str, claims: Sequence[Claim] = ()) -> Instructions:
        """What a worker that names `claims` is to be told."""
        return instructions(self._active(), worker_id, claims)

    def progress(self, worker_id: str, items: Sequence[Progress]) -> Instructions:
        """Steps and previews go to whoever looks on, and nothing waits for the store. NotFound (`unknown_worker`)."""
        memory = self._active()
        memory.crew.saw(worker_id, now=self._now())
        for item in items:
            run = run_of(memory, worker_id, item.claim)
            if run is not None:
                progressed(self._rooms, memory, self._previews, run, item)
        return instructions(memory, worker_id, [item.claim for item in items])

    async def report(self, worker_id: str, reports: Sequence[Completion | Failure]) -> list[Outcome]:
        """What became of runs, in order. StoreUnavailable: the very same reports are to be made again."""
        return await reported(self._rooms, self._active(), worker_id, reports)

    def holds(self, worker_id: str, claim: Claim) -> bool:
        """Whether a run is this worker's now: only then may it upload."""
        return run_of(self._active(), worker_id, claim) is not None

    async def leave(self, worker_id: str) -> None:
        """A worker goes in peace: what it still has goes back to its place. StoreUnavailable."""
        memory = self._active()
        memory.give_back(memory.runs.of(worker_id))
        memory.part(worker_id, "it left")
        self._stir.set()
        await self.keep()

    # What operators and the fleet ask

    def lost(self, worker_id: str) -> None:
        """A worker is known to be dead: its jobs run elsewhere at once. Does nothing on standby."""
        if self._memory is not None:
            self._memory.crash(worker_id, now=self._now())
            self._stir.set()

    def listen(self, *, drained: Callable[[str], None], readmitted: Callable[[str], None]) -> None:
        """Who hears which workers operators drained and readmitted here; must neither wait nor fail."""
        self._orders.listen(drained=drained, readmitted=readmitted)

    async def drain(self, worker_id: str) -> Worker:
        """It finishes what it has and gets nothing new. NotFound, StoreUnavailable."""
        return await self._orders.drain(self._active(), worker_id)

    async def quarantine(self, worker_id: str, reason: str = "an operator put it there") -> Worker:
        """It gets nothing until it is readmitted. NotFound, StoreUnavailable."""
        return await self._orders.quarantine(self._active(), worker_id, reason)

    async def readmit(self, worker_id: str) -> Worker:
        """It gets work again, as soon as it is here, and its failures are forgotten. NotFound, StoreUnavailable."""
        worker = await self._orders.readmit(self._active(), worker_id)
        self._deal_soon()
        return worker

    # Small things

    def _active(self) -> Memory:
        if self._memory is None or not self.active:
            if self._ready:
                self._forget()
            raise self._lease.elsewhere()
        return self._memory

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._afterthoughts.add(task)
        task.add_done_callback(self._afterthoughts.discard)

    def _now(self) -> float:
        return self._rooms.clock().timestamp()


async def _renewal() -> None:
    await asyncio.sleep(RENEW_EVERY_S)
