"""Pictures that people bring along, after they were made safe and judged. Knows no network and no format but what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class UploadKind(StrEnum):
    PICTURE = "picture"
    """RGB; judged by the content policy before it is kept."""
    MASK = "mask"
    """Grey, 8 bits: white is drawn again, black stays."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A picture as it is kept: a PNG that we wrote ourselves, without metadata, at `blobs/<2 hex>/<digest>`.

    `source` is the address that it came from, "" for a file. `deleted_at` makes it a tombstone: its pixels are gone.
    """

    id: UUID
    account_id: UUID
    kind: UploadKind = UploadKind.PICTURE
    digest: str
    width: int
    height: int
    size_bytes: int
    source: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    policy: str = ""
    created_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CleanPicture:
    """A hostile file after it was decoded and written anew: `png` has neither metadata nor anything else of the original.

    `rgb` are its pixels row by row, 3 bytes each, for whoever judges them; b"" for a mask.
    """

    png: bytes
    width: int
    height: int
    rgb: bytes = b""
