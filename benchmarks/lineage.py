"""`make bench-lineage`: how long a page of a large family of images takes, from the store's port, in a PostgreSQL of our own.

Graphs of 10,000 images that are hard in different ways; the first page of 100 nodes (the API's default) and one of 500 (its
most) from the middle, with all that is told of a node. Beside each, in the same run, one plain recursive query over a bare
table of edges from image to image, which answers with ids alone. `CPU ms` is what both processes
worked for one page: what it takes on a machine that does nothing else.
Bars: ancestors within 50 ms, a page of the graph within 100 ms. A timing is never a test: nothing here fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID

import asyncpg

from darkroom.core.ids import new_id
from darkroom.core.lineage import Direction
from darkroom.storage.postgres.embedded import EmbeddedPostgres
from darkroom.storage.postgres.store import PostgresStore

NODES = 10_000
PAGE, PAGE_MAX = 100, 500
BARS_MS = {Direction.ANCESTORS: 50.0, Direction.DESCENDANTS: 50.0, Direction.GRAPH: 100.0}
START = datetime(2026, 3, 1, tzinfo=UTC)
ROW = "{:<10}{:<13}{:<12}{:>8}{:>11}{:>9}{:>8}{:>13}{:>8}"

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
BARE = {
    Direction.ANCESTORS: ("child", "parent", "<", "DESC"),
    Direction.DESCENDANTS: ("parent", "child", ">", "ASC"),
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A job with its images, and the images that it was made from."""

    id: UUID
    at: datetime
    images: tuple[UUID, ...]
    parents: tuple[UUID, ...]


class Family:
    """A graph as it grows; every id is larger than all before."""

    def __init__(self, name: str, start: datetime) -> None:
        self.name = name
        self.jobs: list[Made] = []
        self.images: list[UUID] = []
        self._now = start

    def make(self, parents: Sequence[UUID] = (), *, images: int = 1) -> tuple[UUID, ...]:
        self._now += timedelta(milliseconds=20)
        own = tuple(new_id(self._now + timedelta(milliseconds=1 + n)) for n in range(images))
        self.jobs.append(Made(id=new_id(self._now), at=self._now, images=own, parents=tuple(parents)))
        self.images += own
        return own


def chain(start: datetime) -> Family:
    """Each from the one before; every tenth is a side branch that goes no further."""
    family = Family("chain", start)
    last = family.make()
    for n in range(NODES - 1):
        made = family.make(last)
        last = last if n % 10 == 9 else made
    return family


def fan(start: datetime) -> Family:
    """Everything from one image, four at a time."""
    family = Family("fan", start)
    root = family.make()
    for _ in range((NODES - 1) // 4):
        family.make(root, images=4)
    return family


def diamonds(start: datetime) -> Family:
    """Four images from all four before them: 4 ** 2,500 paths."""
    family = Family("diamonds", start)
    last = family.make(images=4)
    for _ in range(NODES // 4 - 1):
        last = family.make(last, images=4)
    return family


def tangle(start: datetime) -> Family:
    """Four images from one to four of the 50 newest, or of all."""
    rng, family = random.Random(5), Family("tangle", start)
    family.make(images=4)
    for n in range(NODES // 4 - 1):
        near = family.images[-50:] if n % 20 else family.images
        family.make(rng.sample(near, rng.randint(1, min(4, len(near)))), images=4)
    return family


def singles(start: datetime) -> Family:
    """One image from two to four of the 200 newest: a group for each node, the most there can be."""
    rng, family = random.Random(6), Family("singles", start)
    for _ in range(4):
        family.make()
    while len(family.images) < NODES:
        family.make(rng.sample(family.images[-200:], rng.randint(2, 4)))
    return family


async def keep(connection: asyncpg.Connection, family: Family, account: UUID) -> None:
    """Writes a family as the ledger would have, many rows at a time; jobs with inputs are groups."""
    job_of = {image: job for job in family.jobs for image in job.images}
    copy = connection.copy_records_to_table
    jobs = [
        (
            job.id, account, job.id, "completed", "fast", "public", "a red fox", "a red fox --seed 7", "a red fox",
            "mini-1", 7, len(job.images), 0, 0, 1, 1, 0, [], False, job.at, [], _recipe(job),
        )
        for job in family.jobs
    ]  # fmt: skip
    await copy(
        "finished_jobs",
        records=jobs,
        columns=[
            "id", "account_id", "batch_id", "state", "lane", "visibility", "source", "prompt", "words", "model", "seed",
            "images", "hold_gpu_ms", "price_percent", "weight", "attempt", "rejections", "avoid", "cancel_requested",
            "created_at", "notes", "recipe",
        ],
    )  # fmt: skip
    images = [
        (image, job.id, account, n, _files(image), "{}", "p", "{}" + " " * 900, job.at, "public")
        for job in family.jobs
        for n, image in enumerate(job.images)
    ]
    names = "id job_id account_id index files scores policy provenance created_at visibility"
    await copy("images", records=images, columns=names.split())
    edges = [
        (job.id, n, parent, "image", job_of[parent].id if job_of[parent].parents else parent, "prompt", 1.0, True)
        for job in family.jobs
        for n, parent in enumerate(job.parents)
    ]  # fmt: skip
    names = "job_id position parent_id parent_kind parent_group role weight drawn"
    await copy("lineage_edges", records=edges, columns=names.split())
    bare = [(image, parent) for job in family.jobs for image in job.images for parent in job.parents]
    await copy("bare_edges", records=bare, columns=["child", "parent"])


def _recipe(job: Made) -> str | None:
    inputs = [{"role": "prompt", "parent_id": str(each), "kind": "image"} for each in job.parents]
    return json.dumps({"action": "blend", "inputs": inputs}) if inputs else None


def _files(image: UUID) -> str:
    rows = [
        [variant, f"{number}{image.int:063x}", f"image/{variant}", 256, 256, 90_000]
        for number, variant in enumerate(("png", "webp", "avif", "thumbnail"))
    ]
    return json.dumps(rows)


@dataclass(frozen=True, kw_only=True)
class Timed:
    cpu_ms: float
    median_ms: float
    p95_ms: float


async def timed(ask: Callable[[], Awaitable[object]], backends: Sequence[int], repeats: int) -> Timed:
    """`backends` are the process ids of the server that answer."""
    taken, worked_s = [], cpu_s(backends)
    for _ in range(repeats):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1000)
    return Timed(
        cpu_ms=(cpu_s(backends) - worked_s) * 1000 / repeats,
        median_ms=median(taken),
        p95_ms=quantiles(taken, n=20)[-1],
    )


def cpu_s(backends: Sequence[int]) -> float:
    """What this process and those have worked, in steps of a clock tick."""
    ticks = 0
    for pid in backends:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()


def bare_sql(direction: Direction) -> str:
    """What one would write first: the ids of one page, over edges from image to image."""
    if direction is Direction.GRAPH:
        step = (
            "SELECT parent AS id FROM bare_edges WHERE child = w.id UNION ALL"
            " SELECT child FROM bare_edges WHERE parent = w.id"
        )
        return _page(f"SELECT n.id FROM walk w, LATERAL ({step}) AS n", "<", "DESC")
    of, to, beyond, order = BARE[direction]
    return _page(f"SELECT e.{to} FROM walk w JOIN bare_edges e ON e.{of} = w.id", beyond, order)


def _page(step: str, beyond: str, order: str) -> str:
    return (
        f"WITH RECURSIVE walk (id) AS (SELECT $1::uuid UNION {step}) SELECT id FROM walk"
        f" WHERE id <> $1 AND ($2::uuid IS NULL OR id {beyond} $2) ORDER BY id {order} LIMIT $3"
    )


async def ask_all(store: PostgresStore, bare: asyncpg.Connection, family: Family, repeats: int) -> None:
    """Every direction from where it reaches most, its first page and one from the middle."""
    middle = family.images[len(family.images) // 2]
    asked = {
        Direction.ANCESTORS: family.images[-1],
        Direction.DESCENDANTS: family.images[0],
        Direction.GRAPH: middle,
    }
    backends = [row["pid"] for row in await bare.fetch(BACKENDS)]
    for direction, image in asked.items():
        for place, after, limit in (("first", None, PAGE), ("middle", middle, PAGE_MAX)):
            ask = partial(store.lineage.page, image, direction, after=after, limit=limit)
            nodes = len((await ask()).nodes)
            ours = await timed(ask, backends, repeats)
            bare_ask = partial(bare.fetch, bare_sql(direction), image, after, limit)
            plain = await timed(bare_ask, backends, repeats)
            print(
                ROW.format(
                    family.name, direction.value, f"{place} {nodes}", f"{ours.cpu_ms:.1f}", f"{ours.median_ms:.1f}",
                    f"{ours.p95_ms:.1f}", f"{ours.median_ms / BARS_MS[direction]:.2f}", f"{plain.median_ms:.1f}",
                    f"{ours.median_ms / plain.median_ms:.2f}",
                )
            )  # fmt: skip


async def measure(dsn: str, repeats: int) -> None:
    store = await PostgresStore.open(dsn)
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    try:
        await connection.execute(
            "CREATE TABLE bare_edges (child uuid, parent uuid, PRIMARY KEY (child, parent));"
            "CREATE INDEX bare_edges_parent ON bare_edges (parent, child)"
        )
        families = [
            grow(START + timedelta(hours=n)) for n, grow in enumerate((chain, fan, diamonds, tangle, singles))
        ]
        for family in families:
            await keep(connection, family, new_id(START))
        await connection.execute("VACUUM ANALYZE")
        print(
            ROW.format(
                "family",
                "direction",
                "page",
                "CPU ms",
                "median ms",
                "p95 ms",
                "/ bar",
                "bare CTE ms",
                "/ bare",
            )
        )
        for family in families:
            await ask_all(store, connection, family, repeats)
    finally:
        await connection.close()
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-") as folder,
        EmbeddedPostgres(Path(folder)) as dsn,
    ):
        asyncio.run(measure(dsn, arguments.repeats))


if __name__ == "__main__":
    main()
