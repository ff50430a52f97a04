"""Folders and saved searches in memory: the part of core.ports.Gallery that asks only whose a thing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.gallery import FOLDER_IMAGES_MAX, FOLDERS_MAX, SEARCHES_MAX, Folder, SavedSearch
from darkroom.core.images import Image
from darkroom.storage.limits import folder_full, folder_name_taken, too_many_folders, too_many_searches
from darkroom.storage.memory.state import State


class MemoryFolders:
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._shelves = state.shelves

    async def add_folder(self, folder: Folder) -> Folder:
        own = await self.folders(folder.account_id)
        self._check_name(own, folder)
        if len(own) >= FOLDERS_MAX:
            raise too_many_folders()
        self._shelves.folders[folder.id] = replace(folder, images=0)
        return self._shelves.folders[folder.id]

    async def folder(self, folder_id: UUID, *, account_id: UUID) -> Folder:
        folder = self._shelves.folders.get(folder_id)
        if folder is None or folder.account_id != account_id:
            raise NotFound(f"There is no folder {folder_id}.")
        lying = [self._state.images[each] for each in self._shelves.lying_in[folder_id]]
        return replace(folder, images=sum(each.trashed_at is None for each in lying))

    async def folders(self, account_id: UUID) -> list[Folder]:
        own = [each for each in self._shelves.folders.values() if each.account_id == account_id]
        own.sort(key=lambda each: (each.name.casefold(), each.id))
        return [await self.folder(each.id, account_id=account_id) for each in own]

    async def rename_folder(self, folder_id: UUID, *, account_id: UUID, name: str) -> Folder:
        renamed = replace(await self.folder(folder_id, account_id=account_id), name=name)
        self._check_name(await self.folders(account_id), renamed)
        self._shelves.folders[folder_id] = renamed
        return renamed

    def _check_name(self, own: Sequence[Folder], folder: Folder) -> None:
        same = (each for each in own if each.name.casefold() == folder.name.casefold())
        if any(each.id != folder.id for each in same):
            raise folder_name_taken(folder.name)

    async def delete_folder(self, folder_id: UUID, *, account_id: UUID) -> None:
        await self.folder(folder_id, account_id=account_id)
        del self._shelves.folders[folder_id]
        self._shelves.lying_in.pop(folder_id, None)

    async def arrange(
        self,
        folder_id: UUID,
        *,
        account_id: UUID,
        add: Sequence[UUID] = (),
        remove: Sequence[UUID] = (),
        now: datetime,
    ) -> Folder:
        await self.folder(folder_id, account_id=account_id)
        added = {each.id for each in self._own(add, account_id)}
        lying = (self._shelves.lying_in[folder_id] | added) - set(remove)
        if len(lying) > FOLDER_IMAGES_MAX:
            raise folder_full()
        self._shelves.lying_in[folder_id] = lying
        return await self.folder(folder_id, account_id=account_id)

    async def add_search(self, search: SavedSearch) -> SavedSearch:
        if len(await self.searches(search.account_id)) >= SEARCHES_MAX:
            raise too_many_searches()
        self._shelves.searches[search.id] = search
        return search

    async def searches(self, account_id: UUID) -> list[SavedSearch]:
        searches = self._shelves.searches
        return [searches[each] for each in sorted(searches) if searches[each].account_id == account_id]

    async def delete_search(self, search_id: UUID, *, account_id: UUID) -> None:
        search = self._shelves.searches.get(search_id)
        if search is None or search.account_id != account_id:
            raise NotFound(f"There is no saved search {search_id}.")
        del self._shelves.searches[search_id]

    def _own(self, image_ids: Sequence[UUID], account_id: UUID) -> list[Image]:
        """Images of the account that are neither grids nor deleted, each once. NotFound names the first that is not."""
        found = []
        for image_id in dict.fromkeys(image_ids):
            image = self._state.images.get(image_id)
            if image is None or image.account_id != account_id:
                raise NotFound(f"There is no image {image_id}.")
            if image.index is None or image.deleted_at is not None:
                raise NotFound(f"There is no image {image_id}.")
            found.append(image)
        return found
