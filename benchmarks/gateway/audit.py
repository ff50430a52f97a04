"""What the database says when all is over: is every accepted job there once, is the money right, was any cap exceeded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import asyncpg
from benchmarks.gateway.figures import Spread, spread
from benchmarks.gateway.service import PLAN

from darkroom.billing.plans import read_plans

SETTLED_WITHIN_S = 60.0  # after the last answer
LOOK_EVERY_S = 0.1


@cache
def _queries() -> dict[str, str]:
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2]))


@dataclass(frozen=True, kw_only=True)
class Audit:
    """`lost` were accepted and are not completed; `double` were published or settled more than once, or not held and released
    just once; `unknown` are completed though no answer told us of them (an answer that got lost)."""

    accepted: int
    completed: int
    lost: int
    double: int
    unknown: int
    unbalanced: int
    deepest_running: int
    deepest_waiting: int

    def __str__(self) -> str:
        plan = read_plans().plan(PLAN)
        return (
            f"{self.accepted} accepted, {self.completed} completed, {self.lost} lost, {self.double} double, "
            f"{self.unknown} unanswered but done; {self.unbalanced} accounts do not balance; of one account at most "
            f"{self.deepest_running} ran (cap {plan.running}) and {self.deepest_waiting} waited (cap {plan.waiting_cap})"
        )


@dataclass(frozen=True, kw_only=True)
class Lives:
    """From the history: times by the service's own clock, taken when each transaction began."""

    queued: Spread
    whole: Spread


async def settled(dsn: str, *, within_s: float = SETTLED_WITHIN_S) -> int:
    """Waits until no job lives any more; how many still do when the time is over."""
    connection = await asyncpg.connect(dsn)
    try:
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while living := int(await connection.fetchval(_queries()["living"])):
            if loop.time() > until:
                return living
            await asyncio.sleep(LOOK_EVERY_S)
        return 0
    finally:
        await connection.close()


async def audit(dsn: str, accepted: Iterable[str]) -> Audit:
    """Compares what was answered with what is stored."""
    ids, sql, connection = list(accepted), _queries(), await asyncpg.connect(dsn)
    try:
        ended = {row["id"]: row for row in await connection.fetch(sql["ended"])}
        unbalanced = await connection.fetch(sql["unbalanced"])
        deepest = await connection.fetchrow(sql["deepest"])
    finally:
        await connection.close()
    done = {each for each, row in ended.items() if row["state"] == "completed"}
    once = {each for each in done if _once(ended[each])}
    return Audit(
        accepted=len(ids),
        completed=len(done),
        lost=len(set(ids) - done),
        double=len(done - once) + len(ids) - len(set(ids)),
        unknown=len(done - set(ids)),
        unbalanced=len(unbalanced),
        deepest_running=deepest["slots"],
        deepest_waiting=deepest["places"],
    )


def _once(row: asyncpg.Record) -> bool:
    return all(row[name] == 1 for name in ("published", "held", "released", "settled"))


async def lives(dsn: str, began: float, ended: float) -> Lives:
    """Of the jobs that were submitted between two moments (epoch seconds)."""
    connection = await asyncpg.connect(dsn)
    try:
        moments = [datetime.fromtimestamp(each, UTC) for each in (began, ended)]
        rows = await connection.fetch(_queries()["claims"], *moments)
    finally:
        await connection.close()
    return Lives(queued=spread(row["queued_s"] for row in rows), whole=spread(row["life_s"] for row in rows))
