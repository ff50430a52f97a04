"""Finished jobs by day: made ahead, filled from the default, pruned, and never without a place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tests.contracts.world import START, World

from darkroom.core.ids import new_id
from darkroom.core.jobs import JobState
from darkroom.core.ports import JobFilter
from darkroom.storage.postgres.statements import queries
from darkroom.storage.postgres.store import PostgresStore
from darkroom.storage.postgres.upkeep import DAYS_AHEAD

PREPARE = "SELECT finished_jobs_prepare($1, $2)"


@pytest.fixture
async def connection(empty_postgres_dsn: str) -> AsyncIterator[Any]:
    """Of a database of its own: partitions outlive the emptying of the shared one."""
    store = await PostgresStore.open(empty_postgres_dsn)
    await store.close()
    connection = await asyncpg.connect(empty_postgres_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def world(connection: Any, empty_postgres_dsn: str) -> AsyncIterator[World]:
    store = await PostgresStore.open(empty_postgres_dsn)
    yield World(store)
    await store.close()


async def days(connection: Any) -> list[str]:
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'finished_jobs'::regclass"
        " ORDER BY 1"
    )
    return [row["name"].removeprefix("finished_jobs_") for row in rows]


async def where(connection: Any, job_id: Any) -> str:
    name: str = await connection.fetchval(
        "SELECT tableoid::regclass::text FROM finished_jobs WHERE id = $1", job_id
    )
    return name.removeprefix("finished_jobs_")


async def test_opening_makes_the_days_ahead(connection: Any) -> None:
    today = datetime.now(UTC)
    wanted = {f"{today + timedelta(days=n):%Y%m%d}" for n in range(1, DAYS_AHEAD + 1)}
    assert wanted <= set(await days(connection)) and "default" in await days(connection)


async def test_what_no_day_was_made_for_is_kept_and_moves_when_its_day_is_made(
    connection: Any, world: World
) -> None:
    account = await world.account()
    job = await world.running(account)
    await world.store.ledger.finish([world.finish(job)])
    assert await where(connection, job.id) == "default"
    assert await connection.fetchval(PREPARE, START, 1) == 2
    assert await connection.fetchval(PREPARE, START, 1) == 0
    assert await where(connection, job.id) == f"{START:%Y%m%d}"
    assert (await world.store.library.job(job.id)).state is JobState.COMPLETED


async def test_a_day_begins_and_ends_at_midnight_utc(connection: Any, world: World) -> None:
    midnight = START.replace(hour=0)
    await connection.fetchval(PREPARE, START, 0)
    account = await world.account()
    moments = (midnight - timedelta(milliseconds=1), midnight, midnight + timedelta(days=1, milliseconds=-1))
    jobs = [await world.submitted(account, id=new_id(moment)) for moment in moments]
    for job in jobs:
        await world.store.ledger.request_cancel(job.id, account_id=None, now=world.now)
    assert [await where(connection, job.id) for job in jobs] == [
        "default",
        f"{START:%Y%m%d}",
        f"{START:%Y%m%d}",
    ]


async def test_a_look_up_by_id_reads_one_day(connection: Any) -> None:
    await connection.fetchval(PREPARE, START, 3)
    job_id = new_id(START + timedelta(days=2))
    plan = await connection.fetch(f"EXPLAIN SELECT * FROM finished_jobs WHERE id = '{job_id}'")
    text = "\n".join(row[0] for row in plan)
    assert text.count("finished_jobs_") and f"on finished_jobs_{START + timedelta(days=2):%Y%m%d}" in text
    assert text.count("Scan") == 1


async def test_what_ended_is_read_off_an_index_of_the_days_that_can_hold_it(connection: Any) -> None:
    await connection.fetchval(PREPARE, START, 6)
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    plan = await connection.fetch(
        f"EXPLAIN SELECT sum(images), sum(measured_gpu_ms) FROM finished_jobs WHERE finished_at >= '{START}'"
        f" AND id >= first_id_at('{START + timedelta(days=4)}') GROUP BY lane, state, date_bin('1 h', finished_at, '{START}')"
    )
    scans = [row[0] for row in plan if "Scan" in row[0]]
    assert all("Index Only Scan" in scan and "_finished_at_" in scan for scan in scans)
    assert not any(f"{START + timedelta(days=n):%Y%m%d}" in scan for n in range(4) for scan in scans)
    assert any(f"{START + timedelta(days=5):%Y%m%d}" in scan for scan in scans)


async def test_refusals_are_read_off_their_own_index(connection: Any) -> None:
    await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    asked = f"EXPLAIN {queries('appeals')['refusals']}"
    plan = "\n".join(row[0] for row in await connection.fetch(asked, new_id(START), None, 20))
    assert "Index Scan Backward using moderation_log_refused" in plan and "Sort" not in plan


async def test_a_list_runs_over_all_days_newest_first(connection: Any, world: World) -> None:
    await connection.fetchval(PREPARE, START, 2)
    account, jobs = await world.account(), []
    for _ in range(5):
        jobs.append(await world.submitted(account))
        await world.store.ledger.request_cancel(jobs[-1].id, account_id=None, now=world.now)
        world.wait(86_400)
    library, mine = world.store.library, JobFilter(account_id=account.id)
    page = await library.jobs(mine, before=None, limit=3)
    rest = await library.jobs(mine, before=page[-1].id, limit=3)
    assert [job.id for job in (*page, *rest)] == [job.id for job in reversed(jobs)]


async def test_days_are_made_beside_finishing_jobs(connection: Any, world: World) -> None:
    account = await world.account()
    jobs = [await world.running(account, id=new_id(START + timedelta(days=n % 4))) for n in range(3)]
    await asyncio.gather(
        connection.fetchval(PREPARE, START, 4),
        *(world.store.ledger.finish([world.finish(job)]) for job in jobs),
    )
    await connection.fetchval(PREPARE, START, 4)
    assert {await where(connection, job.id) for job in jobs} == {
        f"{START + timedelta(days=n):%Y%m%d}" for n in range(3)
    }
