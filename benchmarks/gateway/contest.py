"""The peers and our own bare ledger on the same PostgreSQL server, each in a database of its own, one after the other.

First as fast as it goes, with all jobs worked off at the end; then at the rate of the open loop.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg
from benchmarks.gateway.figures import Cost, Meter, Spread, load_average, spread
from benchmarks.gateway.pace import Paced
from benchmarks.gateway.peers import PEERS, Peer, Task
from benchmarks.gateway.service import Service

OURS = "Darkroom's ledger"
DRAIN_S = 60.0
READY_S = 30.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One contender's jobs: `per_s` through the whole life, `left` of them never, CPU while it lasted."""

    jobs: int
    per_s: float
    enqueue: Spread
    claim: Spread
    left: bool
    postgres_ms: float
    python_ms: float
    """CPU milliseconds a job."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """`flat_out` is the median of `all_flat_out`, jobs a second."""

    name: str
    flat_out: Leg
    all_flat_out: Sequence[float]
    paced: Leg
    load_average: str


async def contest(
    service: Service, *, rate: float, seconds: float, seed: int, repeats: int
) -> list[Contender]:
    """Ours first, then each peer."""
    found = []
    for name in (OURS, *PEERS):
        flat_out = [await _leg_of(service, name, 0.0, seconds, seed + n) for n in range(repeats)]
        flat_out.sort(key=lambda leg: leg.per_s)
        paced = await _leg_of(service, name, rate, seconds, seed)
        found.append(
            Contender(
                name=name,
                flat_out=flat_out[len(flat_out) // 2],
                all_flat_out=[leg.per_s for leg in flat_out],
                paced=paced,
                load_average=load_average(),
            )
        )
    return found


async def _leg_of(service: Service, name: str, rate: float, seconds: float, seed: int) -> Leg:
    """In a database of its own, which is dropped afterwards."""
    database = f"bench_{re.sub('[^a-z]', '', name.lower())}"
    task = Task(dsn=service.dsn.replace("/darkroom?", f"/{database}?"), rate=rate, seconds=seconds, seed=seed)
    await _execute(service.dsn, f"CREATE DATABASE {database}")
    try:
        return await (_ours(task, service) if name == OURS else _theirs(name, task, service))
    finally:
        await _execute(service.dsn, f"DROP DATABASE {database} WITH (FORCE)")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _ours(task: Task, service: Service) -> Leg:
    process = await _start("benchmarks.gateway.bare", [], task)
    meter = Meter({"PostgreSQL": (service.postgres_pid, True)}, clock=time.monotonic())
    told, cost = await _told_and_cost(process, meter)
    paced = Paced(**told["paced"])
    return _leg(paced, told["waited"], ended=told["drained"], left=False, cost=cost, python_s=told["cpu_s"])


async def _told_and_cost(process: asyncio.subprocess.Process, meter: Meter) -> tuple[dict[str, Any], Cost]:
    """What a process told, and what all cost until it began to tell."""
    assert process.stdout is not None
    first = await process.stdout.read(1)
    cost = meter.stop(clock=time.monotonic())
    rest = await process.stdout.read()
    await process.wait()
    return json.loads(first + rest), cost


async def _theirs(name: str, task: Task, service: Service) -> Leg:
    peer = PEERS[name]
    await peer.prepare(task.dsn)
    worker = await _start("benchmarks.gateway.peers", ["work", name], task)
    try:
        assert worker.stdout is not None
        await asyncio.wait_for(worker.stdout.readline(), READY_S)
        enqueuer = await _start("benchmarks.gateway.peers", ["enqueue", name], task)
        watched = {
            "PostgreSQL": (service.postgres_pid, True),
            "worker": (worker.pid, False),
        }
        meter = Meter(watched, clock=time.monotonic())
        told, _ = await enqueuer.communicate()
        left = await _drained(task.dsn, peer)
        ended, cost = time.time(), meter.stop(clock=time.monotonic())
        worker.terminate()
        waited, _ = await asyncio.wait_for(worker.communicate(), READY_S)
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    paced = Paced(**json.loads(told))
    python_s = paced.cpu_s + cost.shares["worker"] * cost.seconds
    return _leg(paced, json.loads(waited), ended=ended, left=left, cost=cost, python_s=python_s)


async def _drained(dsn: str, peer: Peer) -> bool:
    """Waits until nothing is left; whether something still is when the time is over."""
    connection, until = await asyncpg.connect(dsn), time.monotonic() + DRAIN_S
    try:
        while await connection.fetchval(peer.unfinished):
            if time.monotonic() > until:
                return True
            await asyncio.sleep(LOOK_EVERY_S)
        return False
    finally:
        await connection.close()


async def _start(module: str, arguments: Sequence[str], task: Task) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(task)).encode())
    process.stdin.close()
    return process


def _leg(
    paced: Paced, waited: Sequence[float], *, ended: float, left: bool, cost: Cost, python_s: float
) -> Leg:
    jobs = max(1, len(paced.took_s))
    return Leg(
        jobs=len(paced.took_s),
        per_s=len(waited) / (ended - paced.began),
        enqueue=spread(paced.took_s),
        claim=spread(waited),
        left=left,
        postgres_ms=1000 * cost.shares["PostgreSQL"] * cost.seconds / jobs,
        python_ms=1000 * python_s / jobs,
    )
