"""One round after another on one stage: accounts are made, customers live, faults strike; then all is settled and audited."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.chaos.accounts import admit
from benchmarks.chaos.audit import Books, answers, contradictions, living, open_books
from benchmarks.chaos.customers import Customer, Desk, live
from benchmarks.chaos.follower import EventFollower
from benchmarks.chaos.mini import mini_round
from benchmarks.chaos.pictures import picture_faults
from benchmarks.chaos.results import Result, keep_evidence, print_summary
from benchmarks.chaos.schedule import LEASE_S, SERVERS, WORKERS, Round, draw
from benchmarks.chaos.stage import HERE, Stage
from benchmarks.chaos.strikes import Striker

from darkroom.billing.plans import read_plans

SETTLED_WITHIN_S = 90.0
LOOK_EVERY_S = 0.3
CAUGHT_UP_WITHIN_S = 10.0
REAL_LEASE_S = 20.0
IDLE_AT_THE_END = (
    "Cancel 0 running task(s)"  # a server that stops closed a connection on which nobody had asked
)


async def run(options: argparse.Namespace, folder: Path) -> int:
    """All rounds; the exit code. Stops at the first that is not sound."""
    stage, results = Stage(folder, hurried=not options.real_times), list[Result]()
    began = time.monotonic()
    lease_s = REAL_LEASE_S if options.real_times else LEASE_S
    try:
        await stage.open(SERVERS)
        for number in range(options.rounds + options.mini):
            seed = options.seed + number
            plan = draw(
                seed, load_s=options.seconds, jobs=options.jobs, faults=options.faults, lease_s=lease_s
            )
            result = await (one_round if number < options.rounds else mini_round)(stage, plan)
            results.append(result)
            print(result, flush=True)
            if result.violations:
                keep_evidence(stage, result)
                break
    finally:
        await stage.close()
    print_summary(results, time.monotonic() - began)
    if any(result.violations for result in results):
        print(f"evidence: {folder}")
        return 1
    if options.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


async def one_round(stage: Stage, plan: Round) -> Result:
    """A round from its accounts to its audit."""
    began, result = time.monotonic(), Result(round=plan)
    customers, stage.token = await admit(stage.postgres.dsn, plan.seed, plan.plans)
    names = [f"w{plan.seed}-{number}" for number in range(WORKERS)]
    notes_from = _notes_size(stage)
    await stage.hire(names, plan.seed, plan.zombies)
    desk, quiet = Desk(stage.urls, stage.client_wire.url), Desk(stage.urls, None)
    striker = Striker(stage)
    try:
        async with _following(stage, customers[:2]) as followers:
            await asyncio.gather(
                striker.strike(plan.blows),
                *(
                    live(customer, customers, acts, desk, stage.owner_key())
                    for customer, acts in zip(customers, plan.acts)
                ),
            )
            await _settle(stage, customers, quiet, names)
            books = await open_books(stage.postgres.dsn, [customer.account for customer in customers])
            result.violations += await _followed(books, customers, followers)
        notes = _notes(stage, notes_from)
        result.violations += contradictions(books, customers, read_plans(HERE / "plans.toml").plans)
        result.violations += answers(books, notes)
        result.violations += await picture_faults(books, customers, quiet, stage.objects)
        result.violations += [f"a server logged what nobody foresaw: {line}" for line in _unforeseen(stage)]
    finally:
        await desk.close()
        await quiet.close()
        await stage.dismiss()
    result.count(books, notes, striker.done)
    result.seconds = time.monotonic() - began
    return result


@asynccontextmanager
async def _following(stage: Stage, customers: Sequence[Customer]) -> AsyncIterator[list[EventFollower]]:
    """Some customers watch their events all the while, over the same bad line."""
    followers = [EventFollower(stage.urls, each.key, stage.client_wire.url) for each in customers]
    tasks = [asyncio.create_task(follower.run()) for follower in followers]
    try:
        yield followers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _settle(stage: Stage, customers: Sequence[Customer], desk: Desk, names: Sequence[str]) -> None:
    """Waits until nothing of these accounts lives, or for long enough; readmits who was quarantined, as an operator would."""
    accounts, until = [customer.account for customer in customers], time.monotonic() + SETTLED_WITHIN_S
    while await living(stage.postgres.dsn, accounts) and time.monotonic() < until:
        found = (await desk.insist("GET", "/api/v1/admin/workers", stage.owner_key())).json()
        for worker in found.get("workers", []):
            if worker["id"] in names and worker["state"] == "quarantined":
                await desk.insist("POST", f"/api/v1/admin/workers/{worker['id']}/readmit", stage.owner_key())
        await asyncio.sleep(LOOK_EVERY_S)


async def _followed(
    books: Books, customers: Sequence[Customer], followers: Sequence[EventFollower]
) -> list[str]:
    """Every transition reached whoever followed, over all breaks."""
    faults = []
    for customer, follower in zip(customers, followers):
        wanted = {row["id"] for row in books.history if row["account_id"] == customer.account}
        for _ in range(round(CAUGHT_UP_WITHIN_S / LOOK_EVERY_S)):
            if not wanted - set(follower.seen):
                break
            await asyncio.sleep(LOOK_EVERY_S)
        if missed := wanted - set(follower.seen):
            faults.append(f"{customer.name}'s stream missed the events {sorted(missed)} of {len(wanted)}")
        if strange := set(follower.seen) - wanted:
            faults.append(f"{customer.name}'s stream told of events that are not theirs: {sorted(strange)}")
        if follower.seen != sorted(follower.seen):
            faults.append(f"{customer.name}'s stream went back in time: {follower.seen}")
        if follower.resets:
            faults.append(f"{customer.name}'s stream was reset {follower.resets} times")
    return faults


def _unforeseen(stage: Stage) -> list[str]:
    """What the servers logged as errors since the last look."""
    found = []
    for server in stage.servers:
        text = server.log.read_text(errors="replace")[server.read :]
        server.read += len(text)
        told = [line for line in text.splitlines() if " CRITICAL " in line or " ERROR " in line]
        found += [line for line in told if IDLE_AT_THE_END not in line]
    return found


def _notes_size(stage: Stage) -> int:
    path = stage.folder / "answers.jsonl"
    return path.stat().st_size if path.exists() else 0


def _notes(stage: Stage, start: int) -> list[dict[str, Any]]:
    """What workers were answered since then; the last line of one that was killed may be half."""
    path = stage.folder / "answers.jsonl"
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
