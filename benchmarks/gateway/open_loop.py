"""One open-loop stretch against the service: the load generator's process, what everybody cost, what the client saw."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.gateway.figures import Cost, Meter, Spread, load_average, spread
from benchmarks.gateway.load import Order, Submit
from benchmarks.gateway.service import Service


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What the client saw of one order. `began` and `ended` (epoch seconds) hold every moment at which a request was due."""

    offered: int
    accepted_per_s: float
    statuses: Mapping[int, int]
    submit: Spread
    cost: Cost
    began: float
    ended: float
    load_average: str
    submits: Sequence[Submit]

    @property
    def accepted(self) -> list[str]:
        return [each.job_id for each in self.submits if each.status == 202]


async def offer(service: Service, order: Order, *, worker_pid: int) -> Stretch:
    """Runs an order to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.gateway.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        watched = {
            "PostgreSQL": (service.postgres_pid, True),
            "gateway": (service.pid, False),
            "worker": (worker_pid, False),
            "load": (process.pid, False),
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(order)).encode())
        process.stdin.close()
        meter = Meter(watched, clock=time.monotonic())
        reading = asyncio.create_task(process.communicate())
        await asyncio.wait([reading], timeout=order.seconds)
        cost = meter.stop(clock=time.monotonic())
        told, _ = await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    submits = [Submit(**each) for each in json.loads(told)]
    return _stretch(submits, cost)


def _stretch(submits: Sequence[Submit], cost: Cost) -> Stretch:
    began, ended = min(each.due for each in submits), max(each.due for each in submits)
    accepted = [each for each in submits if each.status == 202]
    return Stretch(
        offered=len(submits),
        accepted_per_s=len(accepted) / (max(each.answered for each in submits) - began),
        statuses=dict(Counter(each.status for each in submits)),
        submit=spread(each.answered - each.due for each in accepted),
        cost=cost,
        began=began,
        ended=ended,
        load_average=load_average(),
        submits=submits,
    )
