"""The stores of a server: PostgreSQL, embedded or by address, and the objects beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from darkroom.settings import Settings

if TYPE_CHECKING:
    from darkroom.storage.objects.seam import ObjectStore
    from darkroom.storage.postgres.store import PostgresStore

FILES_SECRET = "files"  # the name of the secret that signs links to files


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[PostgresStore]:
    """The database, migrated; an embedded one is started before and stopped after. StoreUnavailable, OutputError."""
    from darkroom.storage.postgres.embedded import EmbeddedPostgres
    from darkroom.storage.postgres.store import PostgresStore

    if settings.database_url:
        store = await PostgresStore.open(settings.database_url)
        try:
            yield store
        finally:
            await store.close()
        return
    with EmbeddedPostgres(settings.data / "postgres") as dsn:
        store = await PostgresStore.open(dsn)
        try:
            yield store
        finally:
            await store.close()


async def open_objects(settings: Settings, store: PostgresStore, *, base_url: str) -> ObjectStore:
    """The objects, with links signed by a secret that every server of this install shares."""
    from darkroom.storage.objects.location import open_objects as open_at

    secret = await store.operations.secret(FILES_SECRET)
    return open_at(settings.objects or settings.data / "objects", secret=secret, base_url=base_url)
