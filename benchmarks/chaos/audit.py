"""When a round is over: was anything lost, stuck, doubled, overrun or drawn otherwise? Each contradiction is one sentence.

Reads the database directly, so that the service cannot hide anything from it; `showing` asks the service itself.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
from benchmarks.chaos.customers import Customer

from darkroom.core.accounts import Plan
from darkroom.core.jobs import ATTEMPTS_MAX, HOLDS_SLOT, REJECTIONS_MAX, TERMINAL, TRANSITIONS, JobState

Row = Mapping[str, Any]


@cache
def _queries() -> dict[str, str]:
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2]))


@dataclass(frozen=True, kw_only=True)
class Books:
    """Everything that the database holds of some accounts."""

    living: Sequence[Row]
    ended: Mapping[str, Row]
    history: Sequence[Row]
    entries: Sequence[Row]
    accounts: Sequence[Row]
    images: Sequence[Row]
    letters: Sequence[Row]
    stray: Sequence[Row]

    @property
    def successors(self) -> frozenset[str]:
        """Jobs that an operator made of dead letters: free, and ahead of any cap."""
        return frozenset(row["successor_id"] for row in self.letters if row["successor_id"])


async def open_books(dsn: str, accounts: Sequence[str]) -> Books:
    """At one moment."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = {name: await connection.fetch(sql, list(accounts)) for name, sql in _queries().items()}
    finally:
        await connection.close()
    return Books(**{**found, "ended": {row["id"]: row for row in found["ended"]}})


async def living(dsn: str, accounts: Sequence[str]) -> list[Row]:
    """The jobs that have not ended."""
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(_queries()["living"], list(accounts)))
    finally:
        await connection.close()


def contradictions(books: Books, customers: Sequence[Customer], plans: Mapping[str, Plan]) -> Iterator[str]:
    """All that is wrong."""
    for job in books.living:
        yield f"job {job['id']} is stuck: {dict(job)}"
    for row in books.stray:
        yield f"a stray row ({row['what']}) of job {row['job_id']}"
    yield from _promises(books, customers)
    yield from _stories(books)
    yield from _caps(books, customers, plans)
    yield from _money(books)
    yield from _sums(books)


def _promises(books: Books, customers: Sequence[Customer]) -> Iterator[str]:
    """What was answered against what is there."""
    by_source: dict[tuple[str, str], set[str]] = defaultdict(set)
    for job in books.ended.values():
        if job["id"] not in books.successors:
            by_source[job["account_id"], job["source"]].add(job["batch_id"])
    claimed: Counter[str] = Counter()
    for customer in customers:
        yield from (f"{customer.name}: {what}" for what in customer.strange)
        for wish in customer.wishes.values():
            who, there = f"{customer.name}, {wish.text!r}", by_source[customer.account, wish.text]
            yield from (f"{who}: {fault}" for fault in wish.faults)
            claimed.update(job["id"] for job in wish.jobs)
            for job in wish.jobs:
                yield from _kept(who, job, books)
            if wish.batch is not None and wish.batch not in there:
                yield f"{who}: batch {wish.batch} was accepted and is lost"
            if wish.key is not None and len(there) > 1:
                yield f"{who}: one key made {len(there)} batches"
            if wish.refused and there and not wish.unsure:
                yield f"{who}: refused ({wish.refused}), and there all the same"
            if wish.key is None and len(there) > 1:
                yield f"{who}: asked for once, and there {len(there)} times"
    yield from (f"job {job_id} was promised {n} times" for job_id, n in claimed.items() if n > 1)


def _kept(who: str, promised: Mapping[str, Any], books: Books) -> Iterator[str]:
    job = books.ended.get(promised["id"])
    if job is None:
        if not any(each["id"] == promised["id"] for each in books.living):
            yield f"{who}: job {promised['id']} is lost"
        return
    if job["hold_gpu_ms"] != promised["cost_gpu_ms"]:
        yield f"{who}: job {job['id']} was promised for {promised['cost_gpu_ms']}, and held {job['hold_gpu_ms']}"
    if not job["rejections"] and (job["seed"], job["prompt"]) != (promised["seed"], promised["prompt"]):
        yield f"{who}: job {job['id']} changed its prompt or seed without a rejection"


def _stories(books: Books) -> Iterator[str]:
    """Each job's history is one unbroken legal walk from birth to one end."""
    stories: dict[str, list[Row]] = defaultdict(list)
    for row in books.history:
        stories[row["job_id"]].append(row)
    for job_id in books.ended.keys() | stories.keys():
        yield from _story(job_id, stories[job_id], books.ended.get(job_id))


def _story(job_id: str, story: Sequence[Row], job: Row | None) -> Iterator[str]:
    path = " > ".join(f"{row['state']}({row['cause']})" for row in story)
    if not story or story[0]["was"] is not None or story[0]["state"] not in ("waiting", "ready"):
        yield f"job {job_id} was not born: {path}"
        return
    for before, after in pairwise(story):
        legal = JobState(after["state"]) in TRANSITIONS[JobState(before["state"])]
        if after["was"] != before["state"] or not legal:
            yield f"job {job_id} leapt from {before['state']} to {after['state']}: {path}"
    ends = [row["state"] for row in story if JobState(row["state"]) in TERMINAL]
    if job is not None and ends != [job["state"]]:
        yield f"job {job_id} is {job['state']}, and its history ended {ends}: {path}"
    if job is None and ends:
        yield f"job {job_id} ended, and is not kept: {path}"
    claims = sum(row["cause"] == "claimed" for row in story)
    uncounted = sum(
        row["cause"] in ("worker_drained", "image_rejected") and row["state"] == "ready" for row in story
    )
    if job is not None and job["attempt"] != claims - uncounted:
        yield f"job {job_id} counts {job['attempt']} attempts, its history {claims} - {uncounted}: {path}"
    if claims - uncounted > ATTEMPTS_MAX:
        yield f"job {job_id} was tried {claims - uncounted} times: {path}"
    if sum(row["cause"] == "image_rejected" for row in story) > REJECTIONS_MAX + 1:
        yield f"job {job_id} was drawn anew too often: {path}"


def _caps(books: Books, customers: Sequence[Customer], plans: Mapping[str, Plan]) -> Iterator[str]:
    """At no moment more slots or waiting places than the plan has; walked through the history in its order."""
    slots: Counter[str] = Counter()
    places: Counter[str] = Counter()
    plan_of = {customer.account: plans[customer.plan] for customer in customers}
    for row in books.history:
        if row["job_id"] in books.successors:
            continue
        account, plan = row["account_id"], plan_of[row["account_id"]]
        slots[account] += (row["state"] in HOLDS_SLOT) - (row["was"] in HOLDS_SLOT)
        places[account] += (row["state"] == "waiting") - (row["was"] == "waiting")
        if slots[account] > plan.running:
            yield f"event {row['id']}: {slots[account]} jobs hold slots on plan {plan.name} ({plan.running})"
        if places[account] > plan.waiting_cap:
            yield f"event {row['id']}: {places[account]} jobs wait on plan {plan.name} ({plan.waiting_cap})"
        if slots[account] < 0 or places[account] < 0:
            yield f"event {row['id']}: a slot was given back twice"


def _money(books: Books) -> Iterator[str]:
    """Held once, released once, charged at most once, and just what the job says."""
    by_job: dict[str, list[Row]] = defaultdict(list)
    for row in books.entries:
        if row["job_id"]:
            by_job[row["job_id"]].append(row)
    for job_id, rows in by_job.items():
        job, kinds = books.ended.get(job_id), Counter(row["kind"] for row in rows)
        amounts = {row["kind"]: row["amount_gpu_ms"] for row in rows}
        if job is None:
            continue
        if kinds["hold"] != 1 or kinds["release"] != 1 or kinds["settle"] > 1:
            yield f"job {job_id} has entries {dict(kinds)}"
        if not amounts.get("hold") == amounts.get("release") == job["hold_gpu_ms"]:
            yield f"job {job_id} held {amounts.get('hold')}, released {amounts.get('release')}, says {job['hold_gpu_ms']}"
        if amounts.get("settle", 0) != job["charged_gpu_ms"]:
            yield f"job {job_id} was charged {amounts.get('settle', 0)} and says {job['charged_gpu_ms']}"
        if job["charged_gpu_ms"] > job["hold_gpu_ms"]:
            yield f"job {job_id} was charged more than its hold"
        if job["state"] in ("failed", "rejected") and job["charged_gpu_ms"]:
            yield f"job {job_id} is {job['state']} and was charged {job['charged_gpu_ms']}"
        if job["state"] == "completed" and kinds["settle"] != 1:
            yield f"job {job_id} is completed and was not settled"
    for job_id in books.ended.keys() - by_job.keys():
        yield f"job {job_id} has no entries at all"


def _sums(books: Books) -> Iterator[str]:
    """The sums on an account's row are those of its entries, and with nothing alive nothing is held or counted."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for row in books.entries:
        totals[row["account_id"]][row["kind"]] += row["amount_gpu_ms"]
    alive = Counter(row["account_id"] for row in books.living)
    for row in books.accounts:
        total = totals[row["id"]]
        expected = (total["grant"], total["expire"], total["settle"], total["hold"] - total["release"])
        found = tuple(row[f"{name}_gpu_ms"] for name in ("granted", "expired", "settled", "held"))
        if found != expected:
            yield f"account {row['id']} says {found}, its entries {expected}"
        if not alive[row["id"]] and (row["running"], row["waiting"], row["held_gpu_ms"]) != (0, 0, 0):
            yield f"account {row['id']} has nothing alive and counts {dict(row)}"


def answers(books: Books, notes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What workers were told about their reports: each run is accepted once, and a completed job under its own fence."""
    accepted: Counter[tuple[str, int]] = Counter()
    for note in notes:
        if note["outcome"] == "accepted":
            accepted[note["job"], note["fence"]] += 1
            job = books.ended.get(note["job"])
            completion = note["kind"] == "Completion"
            if (
                job is not None
                and job["state"] == "completed"
                and completion
                and job["fence"] != note["fence"]
            ):
                moved = any(
                    row["job_id"] == note["job"] and row["cause"] in ("image_rejected", "worker_failed")
                    for row in books.history
                )
                if not moved:
                    yield f"job {note['job']} was completed under {job['fence']}, and {note['fence']} was accepted, too"
    for (job_id, fence), times in accepted.items():
        if times > 1:
            yield f"the report on job {job_id} under fence {fence} was accepted {times} times"
