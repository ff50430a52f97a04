"""What the object stores can do beyond core.ports.Objects: be listed with ages, and be served by the gateway. Protocols, no code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from darkroom.core.ports import Objects
from darkroom.storage.objects.links import Link


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectStore(Objects, Protocol):
    """An object store that knows how old its objects are, so that what crashed runs left can be swept."""

    def listing(self, prefix: str) -> AsyncIterator[Stored]:
        """The objects under a folder (`staging/a` is never `staging/ab`), by key; "" is all of them."""
        ...


@runtime_checkable
class Served(ObjectStore, Protocol):
    """An object store whose URLs lead to the gateway, which asks it what they allow and moves the bytes."""

    def verify(self, method: str, key: str, query: Mapping[str, str], *, now: datetime) -> Link:
        """Raises NotAllowed: `link_invalid`, `link_expired`."""
        ...

    async def size_bytes(self, key: str) -> int:
        """NotFound where there is no such object."""
        ...

    def read(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `stop`, piece by piece."""
        ...

    async def receive(self, key: str, pieces: AsyncIterator[bytes], *, media_type: str) -> None:
        """Stores what comes, whole or not at all: whatever `pieces` raises is raised here, and nothing is left."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A store that knows how much room it has left."""

    async def free_bytes(self) -> int | None:
        """What may still be written; None where it cannot be told."""
        ...
