"""The faults of a schedule, done to a stage and made good again. One at a time for each process, the database and the disk."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

import asyncpg
from benchmarks.chaos.schedule import Blow, Fault
from benchmarks.chaos.stage import Running, Stage
from benchmarks.chaos.wire import Cable, Wire

CABLES = {
    Fault.WORKER_REFUSED: Cable.REFUSED,
    Fault.WORKER_STALLED: Cable.STALLED,
    Fault.WORKER_DEAF: Cable.DEAF,
    Fault.CLIENTS_REFUSED: Cable.REFUSED,
    Fault.CLIENTS_DEAF: Cable.DEAF,
}
DRAINED_WITHIN_S = 8.0
LOOK_S = 1.0


class Striker:
    """Does faults, and counts those that were done."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._wire_turns: dict[Wire, asyncio.Lock] = {}
        self.done: list[Fault] = []

    async def strike(self, blows: Sequence[Blow]) -> None:
        """All of them in time; returns when the last one is made good."""
        began = time.monotonic()
        await asyncio.gather(*(self._strike(blow, began) for blow in blows))

    async def _strike(self, blow: Blow, began: float) -> None:
        await asyncio.sleep(max(0.0, began + blow.at_s - time.monotonic()))
        fault = blow.fault
        if fault in CABLES:
            await self._cut(blow)
        elif fault in (Fault.WORKER_KILLED, Fault.WORKER_STOPPED, Fault.WORKER_DRAINED):
            await self._hit_worker(self._stage.workers[blow.target], blow)
        elif fault is Fault.DISK_FULL:
            async with self._stage.disk_turn:
                await asyncio.to_thread(self._stage.fill_disk)
                await self._last(blow)
                await asyncio.to_thread(self._stage.empty_disk)
        elif "server" in fault.value or "standby" in fault.value:
            await self._hit_server(blow)
        else:
            async with self._stage.database_turn:
                await self._hit_database(blow)

    async def _last(self, blow: Blow) -> None:
        self.done.append(blow.fault)
        await asyncio.sleep(blow.for_s)

    async def _cut(self, blow: Blow) -> None:
        clients = blow.fault in (Fault.CLIENTS_REFUSED, Fault.CLIENTS_DEAF)
        wire = self._stage.client_wire if clients else self._stage.wires[blow.target]
        async with self._wire_turns.setdefault(wire, asyncio.Lock()):
            await wire.put(CABLES[blow.fault])
            await self._last(blow)
            await wire.put(Cable.WHOLE)

    async def _hit_worker(self, worker: Running, blow: Blow) -> None:
        async with worker.turn:
            if blow.fault is Fault.WORKER_STOPPED:
                worker.send(signal.SIGSTOP)
                await self._last(blow)
                worker.send(signal.SIGCONT)
            elif blow.fault is Fault.WORKER_KILLED:
                await worker.end(signal.SIGKILL)
                await self._last(blow)
                worker.start()
            else:
                worker.send(signal.SIGTERM)
                await self._last(blow)
                await worker.end(signal.SIGTERM, within_s=DRAINED_WITHIN_S)
                worker.start()

    async def _hit_server(self, blow: Blow) -> None:
        active = await self._active()
        standby = (active + 1) % len(self._stage.servers)
        server = self._stage.servers[standby if blow.fault is Fault.STANDBY_KILLED else active]
        async with server.turn:
            if blow.fault is Fault.SERVER_STOPPED:
                server.send(signal.SIGSTOP)
                await self._last(blow)
                server.send(signal.SIGCONT)
                return
            polite = blow.fault is Fault.SERVER_RESTARTED
            await server.end(signal.SIGTERM if polite else signal.SIGKILL)
            await self._last(blow)
            await self._stage.up(server)

    async def _active(self) -> int:
        """The number of the server that dispatches, as far as the store says; the first where it cannot say."""
        try:
            connection = await asyncpg.connect(self._stage.postgres.dsn, timeout=LOOK_S)
            try:
                url = await connection.fetchval(
                    "SELECT url FROM leases WHERE name = 'dispatch'", timeout=LOOK_S
                )
            finally:
                connection.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return 0
        return self._stage.urls.index(url) if url in self._stage.urls else 0

    async def _hit_database(self, blow: Blow) -> None:
        stage = self._stage
        if blow.fault is Fault.SESSIONS_ENDED:
            stage.end_sessions()
            await self._last(blow)
        elif blow.fault is Fault.DATABASE_STOPPED:
            stage.strike_database(signal.SIGSTOP)
            await self._last(blow)
            stage.strike_database(signal.SIGCONT)
        else:
            number = {
                Fault.DATABASE_FAST: signal.SIGINT,
                Fault.DATABASE_IMMEDIATE: signal.SIGQUIT,
                Fault.DATABASE_KILLED: signal.SIGKILL,
            }[blow.fault]
            stage.strike_database(number)
            await stage.database_gone()
            await self._last(blow)
            await asyncio.to_thread(stage.postgres.start)
