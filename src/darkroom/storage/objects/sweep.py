"""Crashed and fenced-off runs leave staged objects behind; this takes them away. Knows no store and no job."""

from __future__ import annotations

from datetime import datetime, timedelta

from darkroom.storage.objects.keys import INCOMING, PREVIEWS, STAGING
from darkroom.storage.objects.seam import ObjectStore

DELETE_AT_ONCE = 500


async def sweep_staging(objects: ObjectStore, *, older_than: timedelta, now: datetime) -> int:
    """Deletes what was staged, previewed, or never received whole, and has not changed for `older_than`; how many that were.

    `older_than` must exceed the time that a run may take from its first upload to its report: half a day is plenty.
    """
    removed = 0
    for area in (STAGING, PREVIEWS, INCOMING):
        old = [stored.key async for stored in objects.listing(area) if now - stored.modified_at > older_than]
        for start in range(0, len(old), DELETE_AT_ONCE):
            await objects.delete(old[start : start + DELETE_AT_ONCE])
        removed += len(old)
    return removed
