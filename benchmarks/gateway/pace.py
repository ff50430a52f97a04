"""When things are asked for: at moments drawn beforehand, whatever the answers do, or as fast as some tasks can.

In an open loop latency counts from the moment at which a thing was due, so that whoever stalls is seen to stall.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LEAD_S = 0.2  # before the first arrival


@dataclass(frozen=True, kw_only=True)
class Paced:
    """Seconds each took, the epoch seconds of the first moment and the last answer, and the CPU seconds of this process."""

    took_s: list[float]
    began: float
    ended: float
    cpu_s: float


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the start: a Poisson process of `rate` a second."""
    rng, at, found = random.Random(seed), 0.0, []
    while (at := at + rng.expovariate(rate)) < seconds:
        found.append(at)
    return found


async def open_loop(moments: list[float], do: Callable[[int, float], Awaitable[None]]) -> Paced:
    """Calls `do(number, epoch seconds at which it was due)` at each moment."""
    loop, took, tasks, spent_s = asyncio.get_running_loop(), [], set(), time.process_time()
    began, epoch = loop.time() + LEAD_S, time.time() + LEAD_S

    async def one(number: int, due: float) -> None:
        await do(number, epoch + due)
        took.append(loop.time() - began - due)

    for number, due in enumerate(moments):
        wait_s = began + due - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        task = loop.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return Paced(took_s=took, began=epoch, ended=time.time(), cpu_s=time.process_time() - spent_s)


async def closed_loop(seconds: float, tasks: int, do: Callable[[int, float], Awaitable[None]]) -> Paced:
    """So many tasks, each asking again as soon as it was answered."""
    took: list[float] = []
    spent_s = time.process_time()
    began, until = time.time(), time.monotonic() + seconds

    async def again(first: int) -> None:
        number = first
        while time.monotonic() < until:
            asked = time.monotonic()
            await do(number, time.time())
            took.append(time.monotonic() - asked)
            number += tasks

    await asyncio.gather(*(again(first) for first in range(tasks)))
    return Paced(took_s=took, began=began, ended=time.time(), cpu_s=time.process_time() - spent_s)
