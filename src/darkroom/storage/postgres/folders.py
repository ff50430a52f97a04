"""Folders and saved searches in PostgreSQL: the part of core.ports.Gallery that asks only whose a thing is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.gallery import FOLDER_IMAGES_MAX, FOLDERS_MAX, SEARCHES_MAX, Folder, SavedSearch
from darkroom.storage.postgres.connection import Database, Record
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries


class PostgresFolders:
    """Limits are counted under a row lock, names are compared without case."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("gallery")

    async def add_folder(self, folder: Folder) -> Folder:
        name = storable(folder.name)
        row = await self._database.row(
            self._sql["add_folder"],
            folder.id,
            folder.account_id,
            name,
            name.casefold(),
            folder.created_at,
            FOLDERS_MAX,
        )
        return _folder(row)

    async def folder(self, folder_id: UUID, *, account_id: UUID) -> Folder:
        row = await self._database.row(self._sql["folder"], folder_id, account_id)
        return _folder(_there(row, folder_id))

    async def folders(self, account_id: UUID) -> list[Folder]:
        return [_folder(row) for row in await self._database.rows(self._sql["folders"], account_id)]

    async def rename_folder(self, folder_id: UUID, *, account_id: UUID, name: str) -> Folder:
        new = storable(name)
        row = await self._database.row(self._sql["rename_folder"], folder_id, account_id, new, new.casefold())
        _there(row, folder_id)
        return await self.folder(folder_id, account_id=account_id)

    async def delete_folder(self, folder_id: UUID, *, account_id: UUID) -> None:
        _there(await self._database.row(self._sql["delete_folder"], folder_id, account_id), folder_id)

    async def arrange(
        self,
        folder_id: UUID,
        *,
        account_id: UUID,
        add: Sequence[UUID] = (),
        remove: Sequence[UUID] = (),
        now: datetime,
    ) -> Folder:
        await self._database.row(
            self._sql["arrange"], folder_id, account_id, list(add), list(remove), now, FOLDER_IMAGES_MAX
        )
        return await self.folder(folder_id, account_id=account_id)

    async def add_search(self, search: SavedSearch) -> SavedSearch:
        row = await self._database.row(
            self._sql["add_search"],
            search.id,
            search.account_id,
            storable(search.name),
            storable(search.query),
            search.created_at,
            SEARCHES_MAX,
        )
        return _search(row)

    async def searches(self, account_id: UUID) -> list[SavedSearch]:
        return [_search(row) for row in await self._database.rows(self._sql["searches"], account_id)]

    async def delete_search(self, search_id: UUID, *, account_id: UUID) -> None:
        if await self._database.row(self._sql["delete_search"], search_id, account_id) is None:
            raise NotFound(f"There is no saved search {search_id}.")


def _there(row: Record | None, folder_id: UUID) -> Record:
    if row is None:
        raise NotFound(f"There is no folder {folder_id}.")
    return row


def _folder(row: Record) -> Folder:
    return Folder(
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        images=row["images"],
        created_at=row["created_at"],
    )


def _search(row: Record) -> SavedSearch:
    return SavedSearch(
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        query=row["query"],
        created_at=row["created_at"],
    )
