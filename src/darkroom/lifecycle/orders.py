"""Who may work: workers register, operators have them drain, quarantine and readmit them. Knows no process; who starts some is told.

A worker that is not here is never called active: what the store says of it is what an operator goes by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from darkroom.core.ports import Operations
from darkroom.core.workers import Worker, WorkerState
from darkroom.lifecycle.memory import DRAINED, Memory

READMITTED = "readmitted; waits for it to register"


class Orders:
    """The memory is an argument: it is whoever's dispatches now. All raise NotFound and StoreUnavailable."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._drained: list[Callable[[str], None]] = []
        self._readmitted: list[Callable[[str], None]] = []
        self._one_at_a_time = asyncio.Lock()

    def listen(self, *, drained: Callable[[str], None], readmitted: Callable[[str], None]) -> None:
        """Who hears the ids of workers once such an order is given; must neither wait nor fail."""
        self._drained.append(drained)
        self._readmitted.append(readmitted)

    async def admit(self, memory: Memory, worker: Worker, *, now: float) -> Worker:
        """A worker registers; not while an order is on its way, which would take it for one that is not here."""
        async with self._one_at_a_time:
            stored = await self._operations.register_worker(worker)
            memory.join(stored, now=now)
        return stored

    async def drain(self, memory: Memory, worker_id: str) -> Worker:
        """A worker that is here finishes what it has first."""
        worker = await self._put(
            memory, worker_id, WorkerState.DRAINING, "an operator drains it", absent=DRAINED
        )
        memory.line.call(worker_id)
        for hear in self._drained:
            hear(worker_id)
        return worker

    async def quarantine(self, memory: Memory, worker_id: str, reason: str) -> Worker:
        """Here or not."""
        noted = memory.states.get(worker_id)
        worker = await self._operations.set_worker_state(
            worker_id, state=WorkerState.QUARANTINED, reason=reason
        )
        _written(memory, worker, noted)
        return worker

    async def readmit(self, memory: Memory, worker_id: str) -> Worker:
        """Its failures are forgotten, too."""
        worker = await self._put(memory, worker_id, WorkerState.ACTIVE, "", absent=READMITTED)
        memory.breaker.readmit(worker_id)
        for hear in self._readmitted:
            hear(worker_id)
        return worker

    async def _put(
        self, memory: Memory, worker_id: str, state: WorkerState, reason: str, *, absent: str
    ) -> Worker:
        """The state of a worker that is here; gone, with the reason `absent`, where it is not. It may go meanwhile."""
        async with self._one_at_a_time:
            while True:
                here, noted = worker_id in memory.crew, memory.states.get(worker_id)
                worker = await self._operations.set_worker_state(
                    worker_id,
                    state=state if here else WorkerState.GONE,
                    reason=reason if here else absent,
                )
                if here == (worker_id in memory.crew):
                    break
            _written(memory, worker, noted)
        return worker


def _written(memory: Memory, worker: Worker, noted: tuple[WorkerState, str] | None) -> None:
    """An order takes the place of what was noted before it, and not of what was noted since."""
    if memory.states.get(worker.id) == noted:
        memory.states.pop(worker.id, None)
    memory.crew.update(worker)
