"""Two queues that others keep well: procrastinate and PgQueuer, enqueuing and working off jobs that do nothing.

One process enqueues, one job a call, as a gateway would; another works. Each runs as its docs advise for throughput.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Protocol

import asyncpg
import procrastinate
import uvloop
from benchmarks.gateway.pace import arrivals, closed_loop, open_loop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

POOL_SIZE = 10  # connections of each process: as many as our own gateway has
TASKS_AT_ONCE = 32  # that enqueue, where it is about throughput
WORKERS = (
    4  # of procrastinate in its process: one fetches one job after the other, and is half as fast by itself
)
WORKING_AT_ONCE = 16  # jobs of each
PGQUEUER_BATCH = 50
TASK = "nothing"

Enqueue = Callable[[int, float], Awaitable[None]]
Handle = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Task:
    """`rate` 0 means as fast as it goes."""

    dsn: str
    rate: float
    seconds: float
    seed: int


class Peer(Protocol):
    unfinished: str
    """SQL that says whether any job is left."""

    async def prepare(self, dsn: str) -> None: ...

    def enqueuing(self, dsn: str) -> AbstractAsyncContextManager[Enqueue]: ...

    async def work(self, dsn: str, handle: Handle, stop: asyncio.Event) -> None: ...


class Procrastinate:
    unfinished = "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"

    def _app(self, dsn: str, *, pool_size: int = POOL_SIZE) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(conninfo=dsn, min_size=pool_size, max_size=pool_size)
        return procrastinate.App(connector=connector)

    async def prepare(self, dsn: str) -> None:
        async with self._app(dsn).open_async() as app:
            await app.schema_manager.apply_schema_async()

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[Enqueue]:
        async with self._app(dsn).open_async() as app:
            deferrer = app.configure_task(TASK, allow_unknown=True)

            async def enqueue(number: int, due: float) -> None:
                await deferrer.defer_async(due=due)

            yield enqueue

    async def work(self, dsn: str, handle: Handle, stop: asyncio.Event) -> None:
        app = self._app(dsn, pool_size=POOL_SIZE + WORKERS)  # each worker keeps one to listen

        @app.task(name=TASK)
        async def nothing(due: float) -> None:
            handle(due)

        async with app.open_async():
            working = asyncio.gather(
                *(
                    app.run_worker_async(
                        concurrency=WORKING_AT_ONCE, install_signal_handlers=False, delete_jobs="successful"
                    )
                    for _ in range(WORKERS)
                )
            )
            await stop.wait()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


class Pgqueuer:
    unfinished = "SELECT EXISTS (SELECT FROM pgqueuer)"

    async def prepare(self, dsn: str) -> None:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            await Queries(AsyncpgPoolDriver(pool)).install()

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[Enqueue]:
        async with asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
            queries = Queries(AsyncpgPoolDriver(pool))

            async def enqueue(number: int, due: float) -> None:
                await queries.enqueue(TASK, str(due).encode())

            yield enqueue

    async def work(self, dsn: str, handle: Handle, stop: asyncio.Event) -> None:
        async with asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
            queuer = PgQueuer.from_asyncpg_pool(pool)

            @queuer.entrypoint(TASK)
            async def nothing(job: Job) -> None:
                handle(float(job.payload or b"0"))

            working = asyncio.create_task(
                queuer.run(dequeue_timeout=timedelta(seconds=1), batch_size=PGQUEUER_BATCH)
            )
            await stop.wait()
            queuer.shutdown.set()
            await asyncio.wait([working], timeout=5)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


PEERS: dict[str, Peer] = {"procrastinate": Procrastinate(), "PgQueuer": Pgqueuer()}


async def _enqueue(peer: Peer, task: Task) -> None:
    async with peer.enqueuing(task.dsn) as enqueue:
        if task.rate:
            paced = await open_loop(arrivals(task.rate, task.seconds, task.seed), enqueue)
        else:
            paced = await closed_loop(task.seconds, TASKS_AT_ONCE, enqueue)
    json.dump(asdict(paced), sys.stdout)


async def _work(peer: Peer, task: Task) -> None:
    """Until SIGTERM; then tells how long after it was due each job was begun."""
    stop, waited = asyncio.Event(), []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await peer.work(task.dsn, lambda due: waited.append(time.time() - due), stop)
    json.dump(waited, sys.stdout)


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    part, name = sys.argv[1:]
    task = Task(**json.load(sys.stdin))
    uvloop.run({"enqueue": _enqueue, "work": _work}[part](PEERS[name], task))


if __name__ == "__main__":
    main()
