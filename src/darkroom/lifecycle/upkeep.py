"""What the active dispatcher does all the time: take up what was lost, follow the ledger, write down what can wait.

Each step may fail with the store and is made again; what it was to do stays in memory until it is done.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from darkroom.core.errors import NotFound
from darkroom.core.jobs import JobState, Outcome, Reported
from darkroom.core.workers import WorkerState
from darkroom.lifecycle.handing_on import discard
from darkroom.lifecycle.memory import Memory
from darkroom.lifecycle.previews import Previews
from darkroom.lifecycle.recover import hand_back, recover_lost, survey
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run
from darkroom.lifecycle.trash import empty_old_trash
from darkroom.lifecycle.unserved import Unserved

RESYNC_EVERY_S = 5.0
WRITE_EVERY_S = 1.0
EMPTY_TRASH_EVERY_S = 60.0
LOOK_BACK_EVENTS = 256  # transitions may become visible out of order, by so many at most
EVENTS_MAX = 2_000  # new transitions that are read at once; for more, all active jobs are read instead
SILENT = "not heard of for a whole lease"
UNHEARD = "not heard of since the dispatcher began"

log = logging.getLogger(__name__)


class Upkeep:
    """The steps over one memory, from its rebuilding on. Times are seconds on the rooms' clock."""

    def __init__(self, rooms: Rooms, memory: Memory, previews: Previews) -> None:
        self._rooms = rooms
        self._memory = memory
        self._previews = previews
        self._one_at_a_time = asyncio.Lock()
        self._first_event = 0
        self._newest_event = 0
        self._resynced_at = 0.0
        self._unserved = Unserved()
        self._written_at = 0.0
        self._emptied_at = 0.0

    async def rebuild(self) -> None:
        """From the store alone: ready jobs to the queue, running ones to their workers, who have a lease to be heard of."""
        self._first_event = self._newest_event = await self._rooms.library.newest_event()
        self._memory.crew.believe(await self._rooms.operations.workers(), now=self._now())
        await self._resync()

    async def keep(self) -> None:
        """One round. StoreUnavailable: the rest of it is for the next round."""
        async with self._one_at_a_time:
            await self._round(self._now())

    async def _round(self, now: float) -> None:
        for worker_id in self._memory.crew.silent(now=now):
            reason = SILENT if worker_id in self._memory.crew else UNHEARD
            log.warning("worker %s is lost: %s", worker_id, reason)
            self._memory.lose(worker_id, reason)
        await self._take_up()
        await self._poll()
        if now - self._resynced_at >= RESYNC_EVERY_S:
            await self._resync()
        if now - self._written_at >= WRITE_EVERY_S:
            await self._write()
            self._written_at = now
        if now - self._emptied_at >= EMPTY_TRASH_EVERY_S:
            # Noted first: a store of pictures that is away must not hold up what comes before this, round after round.
            self._emptied_at = now
            await empty_old_trash(self._rooms)

    async def _take_up(self) -> None:
        """Lost runs go elsewhere, those handed back to their place, the unwanted end. StoreUnavailable: they stay noted."""
        memory = self._memory
        lost = list(memory.lost.values())
        if lost:
            self._forget_stale(lost, await recover_lost(self._rooms, [run.job for run in lost]))
        returned = list(memory.returned.values())
        if returned:
            self._forget_stale(returned, await hand_back(self._rooms, [run.job for run in returned]))
        for job_id in list(memory.unwanted):
            now = self._rooms.clock()
            self._rooms.tell(await self._rooms.ledger.request_cancel(job_id, account_id=None, now=now))
            memory.unwanted.discard(job_id)

    def _forget_stale(self, runs: list[Run], answers: list[Reported]) -> None:
        """What was accepted has been heard already; what was stale had ended otherwise."""
        for run, answer in zip(runs, answers, strict=True):
            if answer.outcome is not Outcome.ACCEPTED and self._memory.runs.get(run.job.id) is run:
                self._memory.end(run)
            self._memory.lost.pop(run.job.id, None)
            self._memory.returned.pop(run.job.id, None)

    async def _poll(self) -> None:
        """Jobs that other processes made ready. Reads nothing where all new transitions are this process's own."""
        events = self._memory.events
        newest = await self._rooms.library.newest_event()
        oldest = max(min(self._newest_event, newest) - LOOK_BACK_EVENTS, self._first_event)
        if newest - oldest > EVENTS_MAX:
            await self._resync()
        elif not all(event in events for event in range(oldest + 1, newest + 1)):
            moved = await self._rooms.library.moved_since(oldest, account_id=None, limit=EVENTS_MAX)
            fresh = [each for each in moved if each.id not in events]
            events.update(each.id for each in fresh)
            if any(each.state is JobState.READY and not self._memory.knows(each.job_id) for each in fresh):
                await self._resync()
        self._newest_event = newest
        if len(events) > 2 * EVENTS_MAX:
            self._memory.events = {event for event in events if event > newest - LOOK_BACK_EVENTS}

    async def _resync(self) -> None:
        self._memory.touched.clear()
        self._memory.touched.update(self._memory.claiming)
        found = await survey(self._rooms)
        self._resynced_at = self._now()
        self._memory.correct(found, now=self._resynced_at)
        self._unserved.look(found.ready, self._memory.crew, now=self._resynced_at)

    async def _write(self) -> None:
        """Notes of the last second, in one call of each kind. What could not be written stays noted."""
        memory, operations = self._memory, self._rooms.operations
        if heartbeats := dict(memory.crew.unsaved):
            await operations.see_workers(
                {each: datetime.fromtimestamp(at, UTC) for each, at in heartbeats.items()}
            )
            memory.crew.saved(heartbeats)
        if finishing := list(memory.finishing.values()):
            claims = [(run.job.id, run.claim.fence) for run in finishing]
            self._rooms.tell(await self._rooms.ledger.mark_finishing(claims, now=self._rooms.clock()))
            for run in finishing:
                memory.finishing.pop(run.job.id, None)
        for worker_id, (state, reason) in list(memory.states.items()):
            await self._write_state(worker_id, state, reason)
        if blocked := list(self._previews.blocked):
            await operations.log_verdicts(blocked)
            del self._previews.blocked[: len(blocked)]
        if ended := list(memory.ended):
            await self._previews.forget(ended)
            del memory.ended[: len(ended)]
        if unneeded := list(memory.unneeded):
            await discard(self._rooms, unneeded)
            del memory.unneeded[: len(unneeded)]

    async def _write_state(self, worker_id: str, state: WorkerState, reason: str) -> None:
        try:
            worker = await self._rooms.operations.set_worker_state(worker_id, state=state, reason=reason)
        except NotFound:
            log.warning("worker %s is not in the store, and cannot be marked %s", worker_id, state)
            self._memory.states.pop(worker_id, None)
            return
        memory = self._memory
        if memory.states.get(worker_id) == (state, reason):
            memory.crew.update(worker)
            del memory.states[worker_id]
        elif (
            worker_id in memory.crew
        ):  # it registered again meanwhile: that is to stand, whichever was written last
            member = memory.crew.get(worker_id).worker
            memory.states.setdefault(worker_id, (member.state, member.reason))

    def _now(self) -> float:
        return self._rooms.clock().timestamp()
