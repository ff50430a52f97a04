"""Uploads in memory (core.ports.Uploads): the pictures that people brought along. Their bytes are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.uploads import Upload, UploadKind
from darkroom.storage.memory.state import State


class MemoryUploads:
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def add(self, upload: Upload) -> Upload:
        same = (upload.account_id, upload.kind, upload.digest)
        for old in self._state.uploads.values():
            if (old.account_id, old.kind, old.digest) == same and old.deleted_at is None:
                return old
        self._state.uploads.setdefault(upload.id, upload)
        return self._state.uploads[upload.id]

    async def get(self, upload_id: UUID) -> Upload:
        if upload_id not in self._state.uploads:
            raise NotFound(f"There is no upload {upload_id}.")
        return self._state.uploads[upload_id]

    async def all(
        self, account_id: UUID, *, before: UUID | None, limit: int, kind: UploadKind = UploadKind.PICTURE
    ) -> list[Upload]:
        uploads = self._state.uploads
        newest = (uploads[each] for each in sorted(uploads, reverse=True) if before is None or each < before)
        wanted = (account_id, kind, None)
        return [each for each in newest if (each.account_id, each.kind, each.deleted_at) == wanted][:limit]

    async def kept(self, account_id: UUID) -> tuple[int, int]:
        sizes = [
            each.size_bytes
            for each in self._state.uploads.values()
            if each.account_id == account_id and each.deleted_at is None
        ]
        return len(sizes), sum(sizes)

    async def delete(self, upload_id: UUID, *, account_id: UUID, now: datetime) -> tuple[Upload, bool]:
        old = await self.get(upload_id)
        if old.account_id != account_id:
            raise NotFound(f"There is no upload {upload_id}.")
        gone = replace(old, deleted_at=old.deleted_at or now)
        self._state.uploads[upload_id] = gone
        self._state.shelves.leftovers.setdefault(gone.digest, None)
        return gone, bool(digests_unkept(self._state, [gone.digest]))


def digests_unkept(state: State, digests: Iterable[str]) -> list[str]:
    """Which of these files nothing keeps: no upload and no image that is not deleted, no job that has not ended, no hold."""
    kept = {each.digest for each in state.uploads.values() if each.deleted_at is None}
    kept.update(file.digest for image in state.images.values() for file in image.files)
    kept.update(*(held for held, _ in state.shelves.holds.values()))
    kept.update(digest for each in state.living for digest in state.jobs[each].recipe.digests)
    return sorted(set(digests) - kept)
