"""`make bench-gateway`: bring up the service, load it, audit it; then the peers on the same server; then idle listeners.

The worker is a real one whose generator draws nothing and whose pictures have no files; all else is what an operator runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import uvloop
from benchmarks.gateway import report
from benchmarks.gateway.audit import audit
from benchmarks.gateway.contest import contest
from benchmarks.gateway.idle import Pair, pairs
from benchmarks.gateway.load import Order
from benchmarks.gateway.prompts import POOL_MAX, pool
from benchmarks.gateway.service import PLAN, Service, admit, serving, working
from benchmarks.gateway.stages import highest, hold, warm
from benchmarks.gateway.streams import Listening

from darkroom.storage.postgres.store import PostgresStore

STOPPED = 143  # the exit code where SIGTERM came
FLAT_OUT_S = 10.0
CONTEST_S = 6.0
LISTENER_ACCOUNTS = 60  # of which each may follow its events 20 times


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        try:
            figures = uvloop.run(_run(options, Path(folder)))
        except asyncio.CancelledError:
            return STOPPED
    if options.json:
        options.json.write_text(json.dumps(report.without_requests(figures), indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-gateway", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the open loop")
    parser.add_argument("--rate", type=float, default=400.0, help="jobs a second")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--prompts", type=int, default=500, help=f"distinct prompts, at most {POOL_MAX}")
    parser.add_argument("--slots", type=int, default=256, help="jobs that the worker takes at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--contest-seconds", type=float, default=CONTEST_S, help="of each run of a peer")
    parser.add_argument("--contest-repeats", type=int, default=3)
    parser.add_argument("--skip-sse", action="store_true")
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--sse-rate", type=float, default=50.0)
    parser.add_argument("--sse-runs", type=int, default=5)
    parser.add_argument("--sse-seconds", type=float, default=30.0)
    parser.add_argument("--profile", type=Path, help="look at what the server does, and write that here")
    parser.add_argument("--json", type=Path, help="write all figures here, too")
    return parser.parse_args()


async def _run(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    report.machine()
    with serving(folder, profile=options.profile) as service:
        store = await PostgresStore.open(service.dsn, pool_size=2)
        try:
            keys = await admit(store, options.accounts, name="member")
            listeners = await admit(store, LISTENER_ACCOUNTS, name="listener")
        finally:
            await store.close()
        report.say(
            f"{options.accounts} accounts on the plan {PLAN}, {options.prompts} distinct prompts under real moderation, "
            f"a worker with {options.slots} slots that draws in 0 ms and uploads no files (4 scored images a job)"
        )
        order = Order(
            url=service.url,
            keys=keys,
            prompts=pool(options.prompts),
            rate=options.rate,
            seconds=options.seconds,
            seed=options.seed,
        )
        figures, accepted = await _loaded(options, service, order, folder)
        if not options.skip_peers:
            figures["peers"] = await _peers(options, service, order, folder, accepted)
        if not options.skip_sse:
            figures["listeners"] = await _listeners(options, service, order, listeners, folder, accepted)
        checked = await audit(service.dsn, accepted)
        report.audit(checked)
        return {**figures, "audit": asdict(checked)}


async def _loaded(
    options: argparse.Namespace, service: Service, order: Order, folder: Path
) -> tuple[dict[str, object], list[str]]:
    """The open loop; where it is not held, the rate that is. Figures, and every job that was accepted."""
    warmed = await warm(service, order, folder, slots=options.slots)
    report.new_prompts(warmed)
    found = await hold(service, replace(order, seed=order.seed + 1), folder, slots=options.slots)
    report.held(found, wanted=order.rate)
    accepted = [*warmed.accepted, *found.stretch.accepted]
    figures: dict[str, object] = {"warm": asdict(warmed), "open_loop": asdict(found)}
    if not found.held:
        steps = await highest(service, order, folder, slots=options.slots)
        for rate, step in steps:
            report.held(step, wanted=rate)
            accepted += step.stretch.accepted
        figures["steps"] = [{"rate": rate, **asdict(step)} for rate, step in steps]
    return figures, accepted


async def _peers(
    options: argparse.Namespace, service: Service, order: Order, folder: Path, accepted: list[str]
) -> object:
    """The service itself flat out, and beside it the peers."""
    seconds = min(FLAT_OUT_S, options.seconds)
    flat_out = await hold(
        service, replace(order, rate=0.0, seconds=seconds, seed=order.seed + 3), folder, slots=options.slots
    )
    accepted += flat_out.stretch.accepted
    contenders = await contest(
        service,
        rate=order.rate,
        seconds=options.contest_seconds,
        seed=order.seed,
        repeats=options.contest_repeats,
    )
    report.contest(contenders, http_per_s=flat_out.completed_per_s, rate=order.rate)
    return {"http": asdict(flat_out), "contenders": [asdict(each) for each in contenders]}


async def _listeners(
    options: argparse.Namespace,
    service: Service,
    order: Order,
    keys: Sequence[str],
    folder: Path,
    accepted: list[str],
) -> object:
    report.say(
        "",
        f"Submit at {options.sse_rate:.0f}/s for {options.sse_seconds:.0f} s, without and with {options.listeners} idle "
        f"event streams of {len(keys)} other accounts:",
    )
    moderate = replace(order, rate=options.sse_rate, seconds=options.sse_seconds, seed=order.seed + 5)
    with working(service, folder, slots=options.slots) as worker:
        found: Sequence[Pair] = await pairs(
            service,
            moderate,
            Listening(url=service.url, keys=keys, count=options.listeners),
            runs=options.sse_runs,
            worker_pid=worker.pid,
            tell=partial(report.pair, listeners=options.listeners),
        )
    report.pairs(found)
    for each in found:
        accepted += [*each.alone.accepted, *each.crowded.accepted]
    return [asdict(each) for each in found]


if __name__ == "__main__":
    sys.exit(main())
