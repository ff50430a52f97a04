"""The stages against the service: warm up, the open loop, the rate that can be held, and as fast as it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.gateway.audit import lives, settled
from benchmarks.gateway.figures import Spread, spread
from benchmarks.gateway.load import Order
from benchmarks.gateway.open_loop import Stretch, offer
from benchmarks.gateway.service import Service, working

NEW_PROMPTS_PER_S = 40.0  # while warming up
SETTLED_AFTER_S = 3.0  # the last request, if the rate was held
SUBMIT_P99_MAX_MS = 1_000.0  # likewise
STEPS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
STEP_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Held:
    """One stretch with what became of its jobs. `held`: all accepted, soon answered, and soon settled."""

    stretch: Stretch
    held: bool
    completed_per_s: float
    queued: Spread
    at_worker: Spread
    settled: Spread
    outcomes: Mapping[str, int]


async def warm(service: Service, order: Order, folder: Path, *, slots: int) -> Stretch:
    """Every prompt once."""
    seconds = len(order.prompts) / NEW_PROMPTS_PER_S
    every = replace(order, rate=NEW_PROMPTS_PER_S, seconds=seconds, in_turn=True)
    with working(service, folder, slots=slots) as worker:
        found = await offer(service, every, worker_pid=worker.pid)
        await settled(service.dsn)
    return found


async def hold(service: Service, order: Order, folder: Path, *, slots: int) -> Held:
    """One stretch with a worker of its own, until all is settled."""
    with working(service, folder, slots=slots) as worker:
        stretch = await offer(service, order, worker_pid=worker.pid)
        left = await settled(service.dsn)
        over = time.time()
    notes = json.loads((folder / "worker.json").read_text())
    due = {each.job_id: each.due for each in stretch.submits if each.status == 202}
    history = await lives(service.dsn, stretch.began, over)
    settled_at = [notes["answered"][each] for each in due if each in notes["answered"]]
    last = max(settled_at, default=over)
    return Held(
        stretch=stretch,
        held=not left
        and set(stretch.statuses) == {202}
        and stretch.submit.p99 < SUBMIT_P99_MAX_MS
        and last - stretch.ended < SETTLED_AFTER_S,
        completed_per_s=len(settled_at) / (last - stretch.began),
        queued=history.queued,
        at_worker=spread(notes["got"][each] - at for each, at in due.items() if each in notes["got"]),
        settled=spread(notes["answered"][each] - at for each, at in due.items() if each in notes["answered"]),
        outcomes=notes["outcomes"],
    )


async def highest(
    service: Service, order: Order, folder: Path, *, slots: int
) -> Sequence[tuple[float, Held]]:
    """Steps down from a rate that was not held, until one is."""
    found: list[tuple[float, Held]] = []
    for number, share in enumerate(STEPS, start=1):
        rate = order.rate * share
        step = replace(order, rate=rate, seconds=min(order.seconds, STEP_S), seed=order.seed + 100 * number)
        found.append((rate, await hold(service, step, folder, slots=slots)))
        if found[-1][1].held:
            break
    return found
