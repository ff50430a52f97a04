"""Submitting at a moderate rate, by turns without and with a crowd of idle listeners, who are other accounts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace

from benchmarks.gateway.figures import resident_bytes
from benchmarks.gateway.load import Order
from benchmarks.gateway.open_loop import Stretch, offer
from benchmarks.gateway.service import Service
from benchmarks.gateway.streams import Listening

OPEN_S = 130.0
CLOSE_S = 30.0
FORGET_S = 1.0  # for the server to hear that the listeners have gone


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One stretch without and one with listeners. `still_open` of them were there at its end."""

    alone: Stretch
    crowded: Stretch
    still_open: int
    bytes_a_listener: float
    """What the server grew by while they came, for each of them."""


async def pairs(
    service: Service,
    order: Order,
    listening: Listening,
    *,
    runs: int,
    worker_pid: int,
    tell: Callable[[int, Pair], None],
) -> Sequence[Pair]:
    """So many runs, told one by one."""
    found = []
    for number in range(runs):
        mine = replace(order, seed=order.seed + 2 * number)
        alone = await offer(service, mine, worker_pid=worker_pid)
        before = resident_bytes(service.pid)
        async with _crowd(listening) as leaving:
            grown = resident_bytes(service.pid) - before
            crowded = await offer(service, replace(mine, seed=mine.seed + 1), worker_pid=worker_pid)
            still_open = await leaving()
        pair = Pair(
            alone=alone,
            crowded=crowded,
            still_open=still_open,
            bytes_a_listener=grown / listening.count,
        )
        tell(number + 1, pair)
        found.append(pair)
        await asyncio.sleep(FORGET_S)
    return found


@asynccontextmanager
async def _crowd(listening: Listening) -> AsyncIterator[Callable[[], asyncio.Future[int]]]:
    """The listeners' process, once all are there. What is yielded sends them away, and says how many were left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.gateway.streams"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None

    async def leave() -> int:
        process.terminate()
        told, _ = await asyncio.wait_for(process.communicate(), CLOSE_S)
        return int(json.loads(told)["open"])

    try:
        process.stdin.write(json.dumps(asdict(listening)).encode())
        process.stdin.close()
        ready = await asyncio.wait_for(process.stdout.readline(), OPEN_S)
        if ready != b"ready\n":
            raise SystemExit("the listeners could not open their streams")
        yield lambda: asyncio.ensure_future(leave())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
