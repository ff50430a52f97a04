"""The story of the benchmark: bring up the service, warm it, load it, audit it; then the peers; then the streams."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from benchmarks.gateway.audit import audit, lives, settled
from benchmarks.gateway.figures import Spread, spread
from benchmarks.gateway.load import Order
from benchmarks.gateway.open_loop import Stretch, offer
from benchmarks.gateway.prompts import POOL_MAX, pool
from benchmarks.gateway.service import Service, admit, serving, working
from darkroom.storage.postgres.store import PostgresStore

WARM_RATE = 40.0  # new prompts a second


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        return uvloop.run(_run(options, Path(folder)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-gateway", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the open loop")
    parser.add_argument("--rate", type=float, default=400.0, help="jobs a second")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--prompts", type=int, default=1000, help=f"distinct prompts, at most {POOL_MAX}")
    parser.add_argument("--slots", type=int, default=256, help="jobs that the worker takes at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--skip-sse", action="store_true")
    parser.add_argument("--profile", type=Path, help="run the server under cProfile, and write that here")
    parser.add_argument("--json", type=Path, help="write all figures here, too")
    return parser.parse_args()


async def _run(options: argparse.Namespace, folder: Path) -> int:
    with serving(folder, profile=options.profile) as service:
        store = await PostgresStore.open(service.dsn, pool_size=2)
        try:
            keys = await admit(store, options.accounts, name="member")
        finally:
            await store.close()
        prompts = pool(options.prompts)
        with working(service, folder, slots=options.slots) as worker:
            warm = Order(
                url=service.url,
                keys=keys,
                prompts=prompts,
                rate=WARM_RATE,
                seconds=len(prompts) / WARM_RATE,
                seed=options.seed,
                in_turn=True,
            )
            warmed = await offer(service, warm, worker_pid=worker.pid)
            print("warm", warmed.statuses, warmed.submit, warmed.cost, flush=True)
            await settled(service.dsn)
            order = Order(
                url=service.url,
                keys=keys,
                prompts=prompts,
                rate=options.rate,
                seconds=options.seconds,
                seed=options.seed + 10,
            )
            done = await offer(service, order, worker_pid=worker.pid)
            left = await settled(service.dsn)
        print(done.offered, f"{done.accepted_per_s:.0f}/s", done.statuses, left, done.load_average)
        print("submit", done.submit)
        print("cost", done.cost)
        print(await lives(service.dsn, done.began, done.ended))
        notes = json.loads((folder / "worker.json").read_text())
        due = {each.job_id: each.due for each in done.submits if each.status == 202}
        print("due->worker", spread(notes["got"][each] - at for each, at in due.items() if each in notes["got"]))
        print("due->answered", spread(notes["answered"][each] - at for each, at in due.items() if each in notes["answered"]))
        print(notes["outcomes"])
        print(await audit(service.dsn, [*warmed.accepted, *done.accepted]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
