"""Fixtures for every room that wants a real database: one server for each test process, one fresh database for each test."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.embedded import DATABASE, EmbeddedPostgres
from darkroom.storage.postgres.migrate import migrate
from darkroom.storage.postgres.store import PostgresStore
from darkroom.storage.postgres.upkeep import tidy

SCHEMA = "darkroom_test"
# A test's data may be lost with the machine, though not with the server.
FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB"}

EMPTY = """
DO $$
DECLARE
    name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migrations' ORDER BY relname = 'accounts'
    LOOP
        EXECUTE format('DELETE FROM %s', name);
    END LOOP;
    FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
    LOOP
        PERFORM setval(name, 1, false);
    END LOOP;
END
$$
"""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running server with one database of our schema. Its folder goes with it: a cluster is 40 MB."""
    with tempfile.TemporaryDirectory(prefix="darkroom-test-") as folder:
        server = EmbeddedPostgres(Path(folder), settings=FAST)
        server.start()
        try:
            asyncio.run(_make_schema(server))
            yield server
        finally:
            server.stop()


async def _make_schema(server: EmbeddedPostgres) -> None:
    await _administer(server.dsn, f"CREATE DATABASE {SCHEMA}")
    await migrate(dsn_of(server, SCHEMA))
    database = await Database.connect(dsn_of(server, SCHEMA), pool_size=1)
    await tidy(database, now=datetime.now(UTC))
    await database.close()


def dsn_of(server: EmbeddedPostgres, database: str) -> str:
    return server.dsn.replace(f"/{DATABASE}?", f"/{database}?")


async def _administer(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def empty_postgres_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database without any table."""
    name = f"test_{next(_numbers)}"
    await _administer(postgres_server.dsn, f"CREATE DATABASE {name} STRATEGY file_copy")
    try:
        yield dsn_of(postgres_server, name)
    finally:
        await _administer(postgres_server.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def postgres_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database with our schema and nothing in it. Emptied after each test, which takes a tenth of making one."""
    dsn = dsn_of(postgres_server, SCHEMA)
    yield dsn
    await _administer(dsn, EMPTY)


@pytest.fixture
async def postgres_store(postgres_dsn: str) -> AsyncIterator[PostgresStore]:
    """An open store over a fresh database."""
    store = await PostgresStore.open(postgres_dsn, pool_size=8)
    try:
        yield store
    finally:
        await store.close()
