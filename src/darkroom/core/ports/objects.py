"""Bytes by key. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from darkroom.core.images import ImageFile


class Objects(Protocol):
    """Bytes by key. Keys are `staging/<job>/<fence>/<name>` until a verdict is stored, then `blobs/<2 hex>/<sha256>`.

    Looks at unfinished grids, judged before they are stored, are `previews/<job>/<number>.webp`.
    A read needs a signed URL, and whoever signs one has checked who asks.
    """

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Stores whole or not at all. StoreUnavailable where the disk is full or the store is away."""
        ...

    async def get(self, key: str) -> bytes:
        """NotFound where there is no such object."""
        ...

    async def adopt(self, staged_key: str, *, file: ImageFile) -> str:
        """Moves a staged object to its content address, after its digest and size have been compared; the new key.

        Idempotent: an object that has been adopted already is fine. Raises NotFound where it was never staged, OutputError
        where its bytes are not what `file` says.
        """
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Missing objects are no error."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]: ...

    async def read_url(self, key: str, *, expires_at: datetime, media_type: str, filename: str = "") -> str:
        """A URL that reads one object until it expires; `filename` makes it a download."""
        ...

    async def write_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        """A URL that writes one staged object until it expires, by PUT; or a path with its query, which whoever reaches the
        gateway resolves against the address at which they do."""
        ...

    async def staged_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        """A URL, or a path like `write_url`'s, that reads one staged object until it expires. For workers alone: nobody has judged it."""
        ...

    async def lent_url(self, digest: str, *, expires_at: datetime, media_type: str) -> str:
        """A URL, or a path like `write_url`'s, that reads the content of that sha256 until it expires, for a worker that draws with it."""
        ...
