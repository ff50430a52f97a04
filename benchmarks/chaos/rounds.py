"""One round after another on one stage: accounts are made, customers live, faults strike; then all is settled and audited."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.chaos.accounts import admit
from benchmarks.chaos.audit import Books, answers, contradictions, living, open_books
from benchmarks.chaos.customers import Counter as Desk
from benchmarks.chaos.customers import Customer, live
from benchmarks.chaos.follower import EventFollower
from benchmarks.chaos.pictures import picture_faults
from benchmarks.chaos.schedule import SERVERS, WORKERS, Round, draw
from benchmarks.chaos.stage import HERE, Stage
from benchmarks.chaos.strikes import Striker

from darkroom.billing.plans import read_plans

SETTLED_WITHIN_S = 90.0
LOOK_EVERY_S = 0.3
CAUGHT_UP_WITHIN_S = 10.0


@dataclass
class Result:
    """What became of a round."""

    round: Round
    faults: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    retried: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        faults = ", ".join(f"{n} {name}" if n > 1 else name for name, n in sorted(self.faults.items()))
        ended = ", ".join(f"{n} {name}" for name, n in sorted(self.ended.items()))
        said = ", ".join(f"{n} {name}" for name, n in sorted(self.answers.items()))
        verdict = f"{len(self.violations)} VIOLATIONS" if self.violations else "sound"
        return (
            f"seed {self.round.seed}: {verdict}; {ended}; {self.runs} runs, {self.retried} of retried jobs; "
            f"reports {said}; faults: {faults}; {self.seconds:.0f} s"
        )


async def run(options: argparse.Namespace, folder: Path) -> int:
    """All rounds; the exit code."""
    stage, results = Stage(folder, hurried=not options.real_times), []
    began = time.monotonic()
    try:
        await stage.open(SERVERS)
        for number in range(options.rounds):
            plan = draw(
                options.seed + number, load_s=options.seconds, jobs=options.jobs, faults=options.faults
            )
            result = await one_round(stage, plan)
            results.append(result)
            print(result, flush=True)
            if result.violations:
                _keep_evidence(folder, result)
                break
    finally:
        await stage.close()
    _summary(results, time.monotonic() - began)
    if any(result.violations for result in results):
        print(f"evidence: {folder}")
        return 1
    if options.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


async def one_round(stage: Stage, plan: Round) -> Result:
    """A round from its accounts to its audit."""
    began, result = time.monotonic(), Result(round=plan)
    customers, stage.token = await admit(stage.postgres.dsn, plan)
    accounts = [customer.account for customer in customers]
    names = [f"w{plan.seed}-{number}" for number in range(WORKERS)]
    notes_from = _notes_size(stage)
    await stage.hire(names, plan.seed, plan.zombies)
    desk, quiet = Desk(stage.urls, stage.client_wire.url), Desk(stage.urls, None)
    followers = [EventFollower(stage.urls, each.key, stage.client_wire.url) for each in customers[:2]]
    following = [asyncio.create_task(follower.run()) for follower in followers]
    striker = Striker(stage)
    try:
        await asyncio.gather(
            striker.strike(plan.blows),
            *(
                live(customer, customers, acts, desk, stage.owner_key())
                for customer, acts in zip(customers, plan.acts)
            ),
        )
        await _settle(stage, accounts, quiet, names)
        books = await open_books(stage.postgres.dsn, accounts)
        notes = _notes(stage, notes_from)
        result.violations += contradictions(books, customers, read_plans(HERE / "plans.toml").plans)
        result.violations += answers(books, notes)
        result.violations += await picture_faults(books, customers, quiet, stage.objects)
        result.violations += await _followed(books, customers, followers)
        result.violations += [
            f"an event loop or a task of a server ended in an unforeseen way: {line}"
            for line in _unforeseen(stage)
        ]
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await desk.close()
        await quiet.close()
        await stage.dismiss()
    _count(result, books, notes, striker)
    result.seconds = time.monotonic() - began
    return result


async def _settle(stage: Stage, accounts: list[str], desk: Desk, names: list[str]) -> None:
    """Waits until nothing of these accounts lives, or for long enough; readmits who was quarantined, as an operator would."""
    until = time.monotonic() + SETTLED_WITHIN_S
    while await living(stage.postgres.dsn, accounts) and time.monotonic() < until:
        found = (await desk.insist("GET", "/api/v1/admin/workers", stage.owner_key())).json()
        for worker in found.get("workers", []):
            if worker["id"] in names and worker["state"] == "quarantined":
                await desk.insist("POST", f"/api/v1/admin/workers/{worker['id']}/readmit", stage.owner_key())
        await asyncio.sleep(LOOK_EVERY_S)


async def _followed(books: Books, customers: list[Customer], followers: list[EventFollower]) -> list[str]:
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
        if follower.resets:
            faults.append(f"{customer.name}'s stream was reset {follower.resets} times")
    return faults


def _unforeseen(stage: Stage) -> list[str]:
    """What servers logged as nobody's plan: since the last look."""
    found = []
    for server in stage.servers:
        text = server.log.read_text(errors="replace")[server.read :]
        server.read += len(text)
        found += [line for line in text.splitlines() if " CRITICAL " in line or " ERROR " in line]
    return found


def _notes_size(stage: Stage) -> int:
    path = stage.folder / "answers.jsonl"
    return path.stat().st_size if path.exists() else 0


def _notes(stage: Stage, start: int) -> list[dict[str, Any]]:
    path = stage.folder / "answers.jsonl"
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _count(result: Result, books: Books, notes: list[dict[str, Any]], striker: Striker) -> None:
    result.faults.update(fault.value for fault in striker.done)
    result.ended.update(job["state"] for job in books.ended.values())
    result.ended.update({"stuck": len(books.living)} if books.living else {})
    result.answers.update(f"{note['outcome']}{' late' if note['late'] else ''}" for note in notes)
    result.runs = sum(row["cause"] == "claimed" for row in books.history)
    claims = Counter(row["job_id"] for row in books.history if row["cause"] == "claimed")
    result.retried = sum(n > 1 for n in claims.values())


def _keep_evidence(folder: Path, result: Result) -> None:
    found = {
        "seed": result.round.seed,
        "violations": result.violations,
        "schedule": asdict(result.round),
        "at": datetime.now(UTC).isoformat(),
    }
    (folder / "evidence.json").write_text(json.dumps(found, indent=1, default=str))
    for violation in result.violations[:20]:
        print(f"  {violation}", flush=True)


def _summary(results: list[Result], seconds: float) -> None:
    faults: Counter[str] = sum((result.faults for result in results), Counter())
    ended: Counter[str] = sum((result.ended for result in results), Counter())
    violations = sum(len(result.violations) for result in results)
    print(
        f"{len(results)} rounds in {seconds:.0f} s: {sum(ended.values())} jobs ({dict(ended)}), "
        f"{sum(result.runs for result in results)} runs, {sum(faults.values())} faults, {violations} violations"
    )
    for name, times in faults.most_common():
        print(f"  {times:4} {name}")
