"""The schema: up from every version, once however many start, refused where it is not ours; and it knows the legal transitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tests.contracts.world import World

from darkroom.core.errors import StoreUnavailable
from darkroom.core.jobs import TERMINAL, TRANSITIONS, JobState
from darkroom.storage.postgres import migrate as migrating
from darkroom.storage.postgres import statements
from darkroom.storage.postgres.migrate import migrate
from darkroom.storage.postgres.store import PostgresStore

ALL = [script.name for script in statements.migrations()]


@pytest.fixture
async def connection(postgres_dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def works(dsn: str) -> None:
    """A job goes through its whole life on this database."""
    store = await PostgresStore.open(dsn)
    try:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        await store.ledger.finish([world.finish(job)])
        assert await world.path(job) == ["ready", "running", "finishing", "completed"]
    finally:
        await store.close()


@pytest.mark.parametrize("version", range(len(ALL)))
async def test_from_every_earlier_version(empty_postgres_dsn: str, version: int) -> None:
    assert await migrate(empty_postgres_dsn, up_to=version) == ALL[:version]
    assert await migrate(empty_postgres_dsn) == [*ALL[version:], "functions"]
    assert await migrate(empty_postgres_dsn) == []
    await works(empty_postgres_dsn)


async def test_two_that_start_at_once_migrate_once(empty_postgres_dsn: str) -> None:
    done = await asyncio.gather(*(migrate(empty_postgres_dsn) for _ in range(4)))
    assert sorted(done, key=len) == [[], [], [], [*ALL, "functions"]]


async def test_a_newer_database_is_refused(postgres_dsn: str, connection: Any) -> None:
    newer = len(ALL) + 1
    await connection.execute("INSERT INTO schema_migrations VALUES ($1, 'to come', 'abc')", newer)
    try:
        with pytest.raises(StoreUnavailable, match=f"has schema {newer}, .* knows only {len(ALL)}"):
            await PostgresStore.open(postgres_dsn)
    finally:
        await connection.execute("DELETE FROM schema_migrations WHERE version = $1", newer)


async def test_an_edited_migration_is_refused(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = statements.migrations()
    edited = (replace(first, text=first.text + "-- better"), *others)
    monkeypatch.setattr(migrating, "migrations", lambda: edited)
    with pytest.raises(StoreUnavailable, match="never edited"):
        await migrate(postgres_dsn)


async def test_a_migration_that_fails_leaves_nothing_behind(
    empty_postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = statements.Script(
        version=len(ALL) + 1, name="broken", text="CREATE TABLE half (); SELECT no_such_thing();"
    )
    monkeypatch.setattr(migrating, "migrations", lambda: (*statements.migrations(), broken))
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(empty_postgres_dsn)
    monkeypatch.undo()
    assert await migrate(empty_postgres_dsn) == ["functions"]
    connection = await asyncpg.connect(empty_postgres_dsn)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    await connection.close()


async def test_functions_follow_a_change_of_theirs(
    empty_postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty_postgres_dsn)
    functions = statements.functions()
    changed = replace(functions, text=functions.text + "\n-- changed")
    monkeypatch.setattr(migrating, "functions", lambda: changed)
    assert await migrate(empty_postgres_dsn) == ["functions"]
    assert await migrate(empty_postgres_dsn) == []
    await works(empty_postgres_dsn)


async def is_written(connection: Any, was: JobState | None, state: JobState) -> bool:
    ids = [uuid4() for _ in range(3)]
    try:
        await connection.execute(
            "INSERT INTO job_history (account_id, job_id, batch_id, was, state, cause, at)"
            " VALUES ($1, $2, $3, $4, $5, 'any', now())",
            *ids,
            was and was.value,
            state.value,
        )
    except asyncpg.CheckViolationError:
        return False
    return True


async def test_the_database_knows_the_legal_transitions(connection: Any) -> None:
    written = {pair for pair in product(JobState, JobState) if await is_written(connection, *pair)}
    assert written == {(was, state) for was, following in TRANSITIONS.items() for state in following}
    born = {state for state in JobState if await is_written(connection, None, state)}
    assert born == {JobState.WAITING, JobState.READY}


async def test_each_state_has_its_table(connection: Any) -> None:
    definitions = {
        row["conname"]: row["text"]
        for row in await connection.fetch(
            "SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname LIKE '%jobs_%'"
        )
    }
    live, ended = definitions["jobs_live"], definitions["finished_jobs_ended"]
    assert {state for state in JobState if f"'{state.value}'" in ended} == TERMINAL
    assert {state for state in JobState if f"'{state.value}'" in live} == set(JobState) - TERMINAL


def test_every_query_file_reads_and_no_name_is_empty() -> None:
    for room in ("ledger", "accounts", "library", "lineage", "operations", "schema", "uploads"):
        assert all(statements.queries(room).values()), room
