"""Uploads in PostgreSQL (core.ports.Uploads): the pictures that people brought along. Their bytes are elsewhere."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.uploads import Upload, UploadKind
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Database
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries


class PostgresUploads:
    """Every call may be made again after StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("uploads")

    async def add(self, upload: Upload) -> Upload:
        while True:  # again where the earlier one was deleted between the two statements
            row = await self._database.row(
                self._sql["add"],
                upload.id,
                upload.account_id,
                upload.kind.value,
                upload.digest,
                upload.width,
                upload.height,
                upload.size_bytes,
                storable(upload.source),
                rows.scores_json(upload.scores),
                upload.policy,
                upload.created_at,
            ) or await self._database.row(
                self._sql["same"], upload.account_id, upload.kind.value, upload.digest, upload.id
            )
            if row is not None:
                return rows.upload(row)

    async def get(self, upload_id: UUID) -> Upload:
        row = await self._database.row(self._sql["get"], upload_id)
        if row is None:
            raise NotFound(f"There is no upload {upload_id}.")
        return rows.upload(row)

    async def all(
        self, account_id: UUID, *, before: UUID | None, limit: int, kind: UploadKind = UploadKind.PICTURE
    ) -> list[Upload]:
        found = await self._database.rows(self._sql["all"], account_id, before, limit, kind.value)
        return [rows.upload(row) for row in found]

    async def kept(self, account_id: UUID) -> tuple[int, int]:
        row = await self._database.row(self._sql["kept"], account_id)
        assert row is not None, "an aggregate is always one row"
        return row["count"], row["size_bytes"]

    async def delete(self, upload_id: UUID, *, account_id: UUID, now: datetime) -> tuple[Upload, bool]:
        row = await self._database.row(self._sql["delete"], upload_id, account_id, now)
        if row is None:
            raise NotFound(f"There is no upload {upload_id}.")
        return rows.upload(row), row["unkept"]
