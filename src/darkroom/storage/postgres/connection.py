"""The pool of connections, and the one way in which a statement runs: one round trip, one transaction.

A database that is away is StoreUnavailable; the pool heals by itself. Knows no table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import asyncpg

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres.refusals import AGAIN, refusal

ANSWER_S = 10.0  # for a connection from the pool and the statement's answer together
CONNECT_S = 5.0
RELEASE_S = 1.0  # for a statement that was given up to end; then its connection is closed
TRIES = 4  # of a statement that met a deadlock or a serialization failure
STATEMENTS_CACHED = 200  # prepared, on each connection

Record = Any
"""asyncpg.Record: a row by column name. It has no types of its own."""

_T = TypeVar("_T")


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Leaves out what resets a session: we change none of its state, and it would double the round trips."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """Runs statements. Open it with `connect`; safe for any number of tasks."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, pool_size: int) -> Database:
        """Connects at least once; StoreUnavailable where that fails."""
        pool = asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=pool_size,
            timeout=CONNECT_S,
            statement_cache_size=STATEMENTS_CACHED,
            max_cached_statement_lifetime=0,
            connection_class=_Connection,
            server_settings={"application_name": "darkroom", "jit": "off", "timezone": "UTC"},
        )
        return cls(await guarded(lambda: asyncio.wait_for(pool, ANSWER_S)))

    async def close(self) -> None:
        """Waits for what is under way, and no longer than ANSWER_S."""
        try:
            await asyncio.wait_for(self._pool.close(), ANSWER_S)
        except TimeoutError:
            self._pool.terminate()

    async def rows(self, sql: str, *arguments: object) -> list[Record]:
        """All rows of one statement."""

        async def run() -> list[Record]:
            async with asyncio.timeout(ANSWER_S):
                connection = await self._pool.acquire()
                try:
                    return list(await connection.fetch(sql, *arguments))
                finally:
                    await self._release(connection)

        return await guarded(run)

    async def _release(self, connection: _Connection) -> None:
        """Gives it back, in bounded time: a server that is frozen does not even answer that a statement was cancelled."""
        with suppress(TimeoutError):  # what the statement itself raised is what is told
            await self._pool.release(connection, timeout=RELEASE_S)

    async def row(self, sql: str, *arguments: object) -> Record | None:
        """The first row, or None."""
        found = await self.rows(sql, *arguments)
        return found[0] if found else None


async def guarded(run: Callable[[], Awaitable[_T]]) -> _T:
    """Runs, and again after a deadlock; turns what the database says into errors of core."""
    for attempt in range(1, TRIES + 1):
        try:
            return await run()
        except asyncpg.PostgresError as error:
            if error.sqlstate in AGAIN and attempt < TRIES:
                continue
            refused = refusal(error)
            if refused is None:
                raise
            raise refused from error
        except asyncpg.DataError:
            raise  # arguments of the wrong type: ours
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            told = str(error) or "it does not answer"
            raise StoreUnavailable(f"The database cannot be reached ({told}). Try again.") from error
    raise AssertionError("unreachable")
