"""Objects in a dictionary, for tests and simulations. Nothing outlives the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from darkroom.core.images import ImageFile
from darkroom.storage.objects.content import check_bytes, missing
from darkroom.storage.objects.keys import blob_key, checked_key, checked_staging, folder_of
from darkroom.storage.objects.links import Link, Signer
from darkroom.storage.objects.seam import Stored


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    data: bytes
    modified_at: datetime


class MemoryObjects:
    """core.ports.Objects, and what the gateway needs to serve it. `clock` dates what is put."""

    def __init__(self, *, secret: bytes, base_url: str, clock: Callable[[], datetime] = system_clock) -> None:
        self._signer = Signer(secret=secret, base_url=base_url)
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        self._kept[checked_key(key)] = _Kept(data=bytes(data), modified_at=self._clock())

    async def get(self, key: str) -> bytes:
        return self._find(key).data

    async def adopt(self, staged_key: str, *, file: ImageFile) -> str:
        staged, key = checked_staging(staged_key), blob_key(file.digest)
        if staged in self._kept:
            check_bytes(staged, self._kept[staged].data, file)
            self._kept.setdefault(key, self._kept[staged])
            del self._kept[staged]
        elif key not in self._kept:
            raise missing(staged)
        return key

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._kept.pop(checked_key(key), None)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        async for stored in self.listing(prefix):
            yield stored.key

    async def listing(self, prefix: str) -> AsyncIterator[Stored]:
        for key, kept in sorted(self._kept.items()):
            if key.startswith(folder_of(prefix)):
                yield Stored(key=key, size_bytes=len(kept.data), modified_at=kept.modified_at)

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
        return len(self._find(key).data)

    async def read(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        yield self._find(key).data[start:stop]

    async def receive(self, key: str, pieces: AsyncIterator[bytes], *, media_type: str) -> None:
        await self.put(key, b"".join([piece async for piece in pieces]), media_type=media_type)

    def _find(self, key: str) -> _Kept:
        if checked_key(key) not in self._kept:
            raise missing(key)
        return self._kept[key]
