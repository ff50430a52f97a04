"""Brings a database to the schema of this code: numbered migrations, then the functions. Two servers may start at once."""

from __future__ import annotations

import asyncpg

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres.connection import CONNECT_S, guarded
from darkroom.storage.postgres.statements import Script, functions, migrations, queries

SERVER_VERSION_MIN = 160000  # PostgreSQL 16


async def migrate(dsn: str, *, up_to: int | None = None) -> list[str]:
    """Applies what is missing and returns the names; `up_to` stops early, for tests of the way up.

    StoreUnavailable where the database is away, is older than PostgreSQL 16, was made by a newer Darkroom, or holds another
    migration under one of our numbers.
    """
    return await guarded(lambda: _migrate(dsn, up_to))


async def _migrate(dsn: str, up_to: int | None) -> list[str]:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_S)
    try:
        await _check_server(connection)
        await connection.execute(queries("schema")["lock"])
        return await _apply(connection, up_to)
    finally:
        await connection.close()  # which gives the lock back, too


async def _check_server(connection: asyncpg.Connection) -> None:
    version = await connection.fetchval(queries("schema")["server_version"])
    if version < SERVER_VERSION_MIN:
        raise StoreUnavailable(
            f"The database is PostgreSQL {version // 10000}, and Darkroom needs {SERVER_VERSION_MIN // 10000} or newer."
        )


async def _apply(connection: asyncpg.Connection, up_to: int | None) -> list[str]:
    sql = queries("schema")
    await connection.execute(sql["book"])
    applied = {row["version"]: row["checksum"] for row in await connection.fetch(sql["applied"])}
    _check_known(applied)
    wanted = [each for each in migrations() if up_to is None or each.version <= up_to]
    missing = [each for each in wanted if each.version not in applied]
    # Functions speak of the newest schema, so they follow only a complete one.
    if up_to is None and (missing or applied.get(functions().version) != functions().checksum):
        missing.append(functions())
    for script in missing:
        async with connection.transaction():
            await connection.execute(script.text)
            await connection.execute(sql["note"], script.version, script.name, script.checksum)
    return [script.name for script in missing]


def _check_known(applied: dict[int, str]) -> None:
    known: dict[int, Script] = {each.version: each for each in migrations()}
    newest = max(applied, default=0)
    if newest > len(known):
        raise StoreUnavailable(
            f"The database has schema {newest}, and this Darkroom knows only {len(known)}: a newer one has used it. "
            "Start that one, or restore a backup from before."
        )
    for version, checksum in applied.items():
        if version and checksum != known[version].checksum:
            raise StoreUnavailable(
                f"Migration {version} ({known[version].name}) of the database is not the one of this Darkroom. "
                "A migration is never edited once it was applied; add a new one."
            )
