"""The store in PostgreSQL, behind the ports of core."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from darkroom.storage.postgres.accounts import PostgresAccounts
from darkroom.storage.postgres.appeals import PostgresAppeals
from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.gallery import PostgresGallery
from darkroom.storage.postgres.ledger import PostgresLedger
from darkroom.storage.postgres.library import PostgresLibrary
from darkroom.storage.postgres.lineage import PostgresLineage
from darkroom.storage.postgres.migrate import migrate
from darkroom.storage.postgres.operations import PostgresOperations
from darkroom.storage.postgres.upkeep import keep_tidy, tidy
from darkroom.storage.postgres.uploads import PostgresUploads

POOL_SIZE = 10  # connections


class PostgresStore:
    """All stores over one pool. Use `open`, and `close` at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upkeep: asyncio.Task[None] | None = None
        self.ledger = PostgresLedger(database)
        self.accounts = PostgresAccounts(database)
        self.library = PostgresLibrary(database)
        self.operations = PostgresOperations(database)
        self.uploads = PostgresUploads(database)
        self.lineage = PostgresLineage(database)
        self.gallery = PostgresGallery(database)
        self.appeals = PostgresAppeals(database)

    @classmethod
    async def open(cls, dsn: str, *, pool_size: int = POOL_SIZE) -> PostgresStore:
        """Brings the database to our schema and connects. StoreUnavailable where either fails."""
        await migrate(dsn)
        database = await Database.connect(dsn, pool_size=pool_size)
        store = cls(database)
        try:
            await tidy(database, now=datetime.now(UTC))
        except BaseException:
            await database.close()
            raise
        store._upkeep = asyncio.create_task(keep_tidy(database))
        return store

    async def close(self) -> None:
        """Gives all connections back; safe to call twice."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await self._upkeep
            self._upkeep = None
        await self._database.close()
