"""The library in PostgreSQL (core.ports.Library): what is there to be looked at. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.images import Image
from darkroom.core.jobs import Job, JobMoved, JobState
from darkroom.core.params import Lane
from darkroom.core.ports import JobFilter
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries


class PostgresLibrary:
    """Each read sees one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("library")

    async def job(self, job_id: UUID) -> Job:
        row = await self._database.row(self._sql["job"], job_id)
        if row is None:
            raise NotFound(f"There is no job {job_id}.")
        return rows.job(row)

    async def jobs(self, wanted: JobFilter, *, before: UUID | None, limit: int) -> list[Job]:
        found = await self._database.rows(
            self._sql["jobs"],
            wanted.account_id,
            [each.value for each in wanted.states],
            None if wanted.lane is None else wanted.lane.value,
            wanted.model,
            wanted.batch_id,
            storable(wanted.text),
            before,
            limit,
        )
        return [rows.job(row) for row in found]

    async def history(self, job_id: UUID) -> list[JobMoved]:
        return [rows.moved(row) for row in await self._database.rows(self._sql["history"], job_id)]

    async def moved_since(self, event_id: int, *, account_id: UUID | None, limit: int) -> list[JobMoved]:
        found = await self._database.rows(self._sql["moved_since"], event_id, account_id, limit)
        return [rows.moved(row) for row in found]

    async def newest_event(self, account_id: UUID | None = None) -> int:
        query = "newest_event" if account_id is None else "newest_event_of"
        row = await self._database.row(self._sql[query], *(() if account_id is None else (account_id,)))
        assert row is not None, "an aggregate has one row"
        return int(row["id"])

    async def image(self, image_id: UUID) -> Image:
        row = await self._database.row(self._sql["image"], image_id)
        if row is None:
            raise NotFound(f"There is no image {image_id}.")
        return rows.image(row)

    async def images_of(self, job_ids: Sequence[UUID]) -> list[Image]:
        found = await self._database.rows(self._sql["images_of"], job_ids)
        return [rows.image(row) for row in found]

    async def images(
        self, account_id: UUID, *, before: UUID | None, limit: int, text: str = ""
    ) -> list[Image]:
        found = await self._database.rows(self._sql["images"], account_id, before, limit, storable(text))
        return [rows.image(row) for row in found]

    async def waiting_ahead(self, jobs: Sequence[Job]) -> Mapping[UUID, int]:
        accounts = list({job.account_id for job in jobs})
        found = await self._database.rows(self._sql["waiting_ahead"], accounts, [job.id for job in jobs])
        return {row["job_id"]: row["ahead"] for row in found}

    async def queue_depth(self) -> Mapping[tuple[JobState, Lane], int]:
        found = await self._database.rows(self._sql["queue_depth"])
        return {(JobState(row["state"]), Lane(row["lane"])): row["jobs"] for row in found}
