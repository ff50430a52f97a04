"""What a database needs now and then: partitions for the days to come, and old keys and sessions forgotten."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.statements import queries

DAYS_AHEAD = 7
EVERY_S = 3600.0
IDEMPOTENCY_KEPT = timedelta(days=2)

_log = logging.getLogger(__name__)


async def tidy(database: Database, *, now: datetime) -> None:
    """Once through. Any number of processes may do it at the same time."""
    sql = queries("operations")
    await database.rows(sql["prepare_days"], now, DAYS_AHEAD)
    await database.rows(sql["forget_keys"], now - IDEMPOTENCY_KEPT)
    await database.rows(sql["forget_logins"], now)
    await database.rows(sql["forget_sessions"], now)


async def keep_tidy(database: Database) -> None:
    """Every hour, until cancelled. What fails is told and tried again in an hour: there are days in hand."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await tidy(database, now=datetime.now(UTC))
        except StoreUnavailable as error:
            _log.warning("The database was not tidied, which is tried again in an hour: %s", error)
