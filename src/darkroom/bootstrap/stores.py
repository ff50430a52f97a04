"""The stores of a server: PostgreSQL, embedded or by address, and the objects beside it.

An embedded PostgreSQL that dies is started again; one by address is its operator's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from darkroom.core.errors import StoreUnavailable
from darkroom.settings import Settings

if TYPE_CHECKING:
    from darkroom.storage.objects.seam import ObjectStore
    from darkroom.storage.postgres.embedded import EmbeddedPostgres
    from darkroom.storage.postgres.store import PostgresStore

LOOK_S = 1.0  # how often we look whether the embedded database lives
BACKOFF_MAX_S = 30.0  # between starts of one that keeps dying, or does not start
HEALTHY_AFTER_S = 60.0  # a database that lived so long is started again at once

FILES_SECRET = "files"  # the name of the secret that signs links to files

log = logging.getLogger("darkroom.server")


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[PostgresStore]:
    """The database, migrated. StoreUnavailable, OutputError.

    An embedded one is started before, started again whenever it dies, and stopped after.
    """
    from darkroom.storage.postgres.embedded import EmbeddedPostgres
    from darkroom.storage.postgres.store import PostgresStore

    if settings.database_url:
        store = await PostgresStore.open(settings.database_url)
        try:
            yield store
        finally:
            await store.close()
        return
    server = EmbeddedPostgres(settings.data / "postgres")
    with server as dsn:
        async with _watched(server):
            store = await PostgresStore.open(dsn)
            try:
                yield store
            finally:
                await store.close()


@asynccontextmanager
async def _watched(server: EmbeddedPostgres) -> AsyncIterator[None]:
    """Watches meanwhile. A start that is under way at the end is waited for, so that it is not left to itself."""
    ended = asyncio.Event()
    watching = asyncio.ensure_future(keep_alive(server, ended))
    watching.add_done_callback(_mourn)
    try:
        yield
    finally:
        ended.set()
        await asyncio.wait([watching])


async def keep_alive(server: EmbeddedPostgres, ended: asyncio.Event) -> None:
    """Starts the server again whenever it has died, until `ended`: at once, and where that does not last ever later."""
    clock = asyncio.get_running_loop().time
    starts, started_at, wait_s = 0, 0.0, LOOK_S
    while not await _came_within(wait_s, ended):
        wait_s, fault = LOOK_S, None
        try:
            died = await asyncio.to_thread(server.revive)
        except StoreUnavailable as error:
            died, fault = True, error
        if died:
            wait_s = min(LOOK_S * 2.0 ** min(starts, 16), BACKOFF_MAX_S)
            starts, started_at = starts + 1, clock()
            if fault is None:
                log.warning("the embedded database had died; it was started again")
            else:
                log.error(
                    "the embedded database is dead; its start is tried again in %.0f s: %s",
                    wait_s,
                    fault.message,
                )
        elif clock() - started_at > HEALTHY_AFTER_S:
            starts = 0


async def _came_within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _mourn(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.critical("nobody watches the embedded database any more; restart the server", exc_info=fault)


async def open_objects(settings: Settings, store: PostgresStore, *, base_url: str) -> ObjectStore:
    """The objects, with links signed by a secret that every server of this install shares."""
    from darkroom.storage.objects.location import open_objects as open_at

    secret = await store.operations.secret(FILES_SECRET)
    return open_at(settings.objects or settings.data / "objects", secret=secret, base_url=base_url)
