"""Objects as files of one folder. The gateway serves them; several processes of one machine may share the folder.

A file is written beside the others, synced, and only then renamed, so that a key leads to the whole object or to nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from darkroom.core.errors import StoreUnavailable
from darkroom.core.images import ImageFile
from darkroom.storage.objects.content import check_path, missing
from darkroom.storage.objects.keys import (
    INCOMING,
    blob_key,
    checked_key,
    checked_staging,
    folder_of,
)
from darkroom.storage.objects.links import Link, Signer
from darkroom.storage.objects.seam import Stored

PIECE_BYTES = 256 * 1024
RENAME_TRIES = 5  # somebody may take away the empty folder between making it and using it
FILE_MODE = 0o600  # pictures are read through the service alone
FOLDER_MODE = 0o700
ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class FolderObjects:
    """core.ports.Objects, and what the gateway needs to serve it."""

    def __init__(self, folder: Path, *, secret: bytes, base_url: str) -> None:
        self._folder = folder
        self._signer = Signer(secret=secret, base_url=base_url)

    async def free_bytes(self) -> int | None:
        """What may still be written on the folder's file system; None before the folder is made."""
        try:
            return (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
        except OSError:
            return None

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        await asyncio.to_thread(self._put, checked_key(key), data)

    async def get(self, key: str) -> bytes:
        return await asyncio.to_thread(self._get, checked_key(key))

    async def adopt(self, staged_key: str, *, file: ImageFile) -> str:
        return await asyncio.to_thread(self._adopt, checked_staging(staged_key), file)

    async def delete(self, keys: Sequence[str]) -> None:
        checked = [key if key.startswith(INCOMING) else checked_key(key) for key in keys]
        await asyncio.to_thread(self._delete, checked)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        async for stored in self.listing(prefix):
            if not stored.key.startswith(INCOMING):
                yield stored.key

    async def listing(self, prefix: str) -> AsyncIterator[Stored]:
        for stored in await asyncio.to_thread(
            lambda: sorted(self._listed(prefix), key=lambda each: each.key)
        ):
            yield stored

    async def read_url(self, key: str, *, expires_at: datetime, media_type: str, filename: str = "") -> str:
        return self._signer.read_url(key, expires_at=expires_at, media_type=media_type, filename=filename)

    async def write_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        return self._signer.write_url(key, expires_at=expires_at, media_type=media_type)

    async def staged_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        return self._signer.staged_url(key, expires_at=expires_at, media_type=media_type)

    async def lent_url(self, digest: str, *, expires_at: datetime, media_type: str) -> str:
        return self._signer.lent_url(digest, expires_at=expires_at, media_type=media_type)

    def verify(self, method: str, key: str, query: Mapping[str, str], *, now: datetime) -> Link:
        return self._signer.verify(method, key, query, now=now)

    async def size_bytes(self, key: str) -> int:
        with self._told(key):
            return (await asyncio.to_thread(self._path(checked_key(key)).stat)).st_size

    async def read(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        with self._told(key):
            file = await asyncio.to_thread(self._path(checked_key(key)).open, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            while start < stop and (
                piece := await asyncio.to_thread(file.read, min(PIECE_BYTES, stop - start))
            ):
                start += len(piece)
                yield piece
        finally:
            file.close()

    async def receive(self, key: str, pieces: AsyncIterator[bytes], *, media_type: str) -> None:
        checked, part = checked_key(key), self._new_part()
        with self._told(), _taken_away(part):
            file = await asyncio.to_thread(self._create, part)
            with file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
                await asyncio.to_thread(_synced, file)
            await asyncio.to_thread(self._publish, part, self._path(checked))

    # -- what runs in threads, because disks wait -----------------------------------------------------------------

    def _put(self, key: str, data: bytes) -> None:
        part = self._new_part()
        with self._told(), _taken_away(part):
            with self._create(part) as file:
                file.write(data)
                _synced(file)
            self._publish(part, self._path(key))

    def _get(self, key: str) -> bytes:
        with self._told(key):
            return self._path(key).read_bytes()

    def _adopt(self, staged_key: str, file: ImageFile) -> str:
        """The staged file gets a second, private name first: whoever still holds its URL cannot change what is compared."""
        key, part = blob_key(file.digest), self._new_part()
        staged, blob = self._path(staged_key), self._path(key)
        with self._told(staged_key), _taken_away(part):
            part.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            try:
                _second_name(staged, part)
            except FileNotFoundError:
                if blob.exists():
                    return key
                raise
            check_path(staged_key, part, file)
            if not blob.exists():  # where two come at once, the second puts the same bytes
                self._publish(part, blob)
        self._delete([staged_key])
        return key

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            path = self._path(key)
            with self._told(), suppress(NotADirectoryError):
                path.unlink(missing_ok=True)
            for parent in list(path.relative_to(self._folder).parents)[:-2]:  # the areas themselves stay
                try:
                    (self._folder / parent).rmdir()
                except OSError:
                    break  # it holds something else

    def _listed(self, prefix: str) -> Iterator[Stored]:
        top = self._folder / folder_of(prefix)
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # it went while we walked
                    facts = path.stat()
                    yield Stored(
                        key=path.relative_to(self._folder).as_posix(),
                        size_bytes=facts.st_size,
                        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
                    )

    def _path(self, key: str) -> Path:
        return self._folder / key

    def _new_part(self) -> Path:
        return self._path(f"{INCOMING}{secrets.token_hex(16)}")

    def _create(self, part: Path) -> BinaryIO:
        part.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        return os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE), "wb")

    def _publish(self, part: Path, path: Path) -> None:
        for attempt in range(RENAME_TRIES):
            path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            try:
                os.replace(part, path)
                break
            except FileNotFoundError:
                if attempt == RENAME_TRIES - 1:
                    raise
        _sync_folder(path.parent)

    @contextmanager
    def _told(self, read_key: str | None = None) -> Iterator[None]:
        """What the disk says, as what the port promises; where `read_key` should be there, its absence is NotFound."""
        try:
            yield
        except OSError as error:
            if read_key is not None and isinstance(error, ABSENT):
                raise missing(read_key) from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                problem = "there is no room left on the disk of the object store"
            else:
                problem = f"the folder of the object store cannot be used ({error.strerror or error})"
            raise StoreUnavailable(f"{problem}; nothing was stored, try again later") from error


@contextmanager
def _taken_away(part: Path) -> Iterator[None]:
    """Whatever happens, no half file stays; one that was published has left its name already."""
    try:
        yield
    finally:
        with suppress(OSError):
            part.unlink()


def _second_name(path: Path, second: Path) -> None:
    try:
        os.link(path, second)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copyfile(path, second)
        with second.open("rb+") as file:
            os.fsync(file.fileno())


def _synced(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself durable, where folders can be opened."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
