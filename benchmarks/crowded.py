"""Fills the owner's library with as many images as one wants, straight in the database: rows of real jobs, again and again.

Every row shows the files of a picture that was drawn, so that browsers load and decode real thumbnails.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from darkroom.core.ids import new_id
from darkroom.storage.postgres.embedded import EmbeddedPostgres

DAYS = 400  # over which the images are spread
IMAGES_OF_JOB = 4
BATCH_JOBS = 5_000


def fill(data: Path, images: int) -> None:
    """Adds images to the owner's library over `data`, whose server runs and has drawn some."""
    asyncio.run(_fill(data, images))


async def _fill(data: Path, images: int) -> None:
    with EmbeddedPostgres(data / "postgres") as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            jobs = await connection.fetch(
                "SELECT j.* FROM finished_jobs j WHERE state = 'completed' AND EXISTS"
                " (SELECT FROM images i WHERE i.job_id = j.id AND index = 3)"
            )
            pictures = await connection.fetch("SELECT * FROM images WHERE index IS NOT NULL ORDER BY index")
            await _copy(connection, jobs, pictures, images // IMAGES_OF_JOB)
            await connection.execute("VACUUM ANALYZE images, finished_jobs")
        finally:
            await connection.close()


async def _copy(
    connection: asyncpg.Connection, jobs: list[asyncpg.Record], pictures: list[asyncpg.Record], count: int
) -> None:
    rng, now = random.Random(1), datetime.now(UTC)
    step = timedelta(days=DAYS) / count
    of_job = {job["id"]: [each for each in pictures if each["job_id"] == job["id"]] for job in jobs}
    columns = await _columns(connection, "finished_jobs"), await _columns(connection, "images")
    for first in range(0, count, BATCH_JOBS):
        new_jobs, new_images = [], []
        for n in range(first, min(count, first + BATCH_JOBS)):
            job, at = rng.choice(jobs), now - timedelta(days=DAYS) + n * step
            made = {**job, "id": new_id(at), "batch_id": new_id(at), "created_at": at}
            made |= {"started_at": at, "finished_at": at}
            new_jobs.append(tuple(made[name] for name in columns[0]))
            for picture in of_job[job["id"]]:
                moment = at + timedelta(milliseconds=1 + picture["index"])
                shown = {**picture, "id": new_id(moment), "job_id": made["id"], "created_at": moment}
                new_images.append(tuple(shown[name] for name in columns[1]))
        await connection.copy_records_to_table("finished_jobs", records=new_jobs, columns=columns[0])
        await connection.copy_records_to_table("images", records=new_images, columns=columns[1])


async def _columns(connection: asyncpg.Connection, table: str) -> list[str]:
    """Those that can be written."""
    found = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = ''",
        table,
    )
    return [row["attname"] for row in found]
