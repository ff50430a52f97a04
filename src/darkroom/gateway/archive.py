"""Pictures as one ZIP, written while it is sent: one file in memory at a time, however many there are. Knows no HTTP.

Stored, not packed: pictures are packed already (APPNOTE 6.3.10, with data descriptors, because a stream cannot be rewound).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.images import Image, ImageFile, Variant
from darkroom.core.ports import Objects
from darkroom.storage.objects import blob_key

MANIFEST = "manifest.json"
SLUG_MAX_CHARACTERS = 48
ENDINGS = {"image/png": "png", "image/webp": "webp", "image/avif": "avif"}
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a ZIP


class Outgoing(io.RawIOBase):
    """What was written and not yet taken. Cannot be rewound, so that the ZIP never wants to."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces += data
        return len(data)

    def take(self) -> bytes:
        """All since the last time."""
        taken = bytes(self._pieces)
        self._pieces.clear()
        return taken


def file_for_download(image: Image) -> ImageFile | None:
    """The PNG, or the largest that there is; None where there is none."""
    largest = max(image.files, key=lambda each: each.width * each.height, default=None)
    return image.file(Variant.PNG) or largest


def names_of(images: Sequence[Image]) -> dict[UUID, str]:
    """A file name for each image, like 2026-11-21_a-red-fox_01a2.png: ASCII, without folders, each different."""
    taken: set[str] = set()
    names = {}
    for image in images:
        file = file_for_download(image)
        ending = ENDINGS.get(file.media_type, "bin") if file else "png"
        stem = f"{image.created_at.astimezone(UTC):%Y-%m-%d}_{slug(image.prompt)}"
        digits = image.id.hex
        tries = (f"{stem}_{digits[-length:]}.{ending}" for length in (4, 8, 16, 32))
        names[image.id] = next(name for name in tries if name not in taken)
        taken.add(names[image.id])
    return names


def slug(prompt: str) -> str:
    """The first words of a prompt, in small letters and hyphens; "image" where it has none that ASCII can write."""
    words = re.sub(r"\S+::|https?://\S+|upload:\S+", " ", f" {prompt}".partition(" --")[0])
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    joined = "-".join(re.findall(r"[a-z0-9]+", plain))
    return joined[:SLUG_MAX_CHARACTERS].rstrip("-") or "image"


async def archive(images: Sequence[Image], objects: Objects) -> AsyncIterator[bytes]:
    """The ZIP, a file at a time, then its manifest. A file that cannot be had is named there, and the ZIP is whole."""
    outgoing, names = Outgoing(), names_of(images)
    entries = []
    with zipfile.ZipFile(outgoing, "w", zipfile.ZIP_STORED) as packed:
        for image in images:
            data, missing = await _bytes_of(image, objects)
            if data is not None:
                packed.writestr(_named(names[image.id], image.created_at), data)
                yield outgoing.take()
            entries.append(_entry(image, names[image.id], missing))
        text = json.dumps({"images": entries}, indent=2, ensure_ascii=False)
        packed.writestr(_named(MANIFEST, max(image.created_at for image in images)), text)
    yield outgoing.take()


async def _bytes_of(image: Image, objects: Objects) -> tuple[bytes | None, str]:
    """The picture, or why there is none."""
    file = file_for_download(image)
    if file is None:
        return None, "it has no file"
    try:
        data = await objects.get(blob_key(file.digest))
    except NotFound:
        return None, "its file is gone: it was deleted while this was written"
    except StoreUnavailable:
        return None, "the store could not be reached; download it again"
    if hashlib.sha256(data).hexdigest() != file.digest:
        return None, "its file is damaged"
    return data, ""


def _named(name: str, at: datetime) -> zipfile.ZipInfo:
    moment = at.astimezone(UTC).timetuple()[:6]
    return zipfile.ZipInfo(name, max(moment, EARLIEST))


def _entry(image: Image, name: str, missing: str) -> dict[str, Any]:
    file = file_for_download(image)
    return {
        "id": str(image.id),
        "job_id": str(image.job_id),
        "prompt": image.prompt,
        "seed": image.seed,
        "model": image.model,
        "action": image.recipe.action.value,
        "parents": list(dict.fromkeys(str(each.parent_id) for each in image.recipe.inputs)),
        "created": image.created_at.astimezone(UTC).isoformat(),
        "file": None if missing else name,
        "sha256": file.digest if file else None,
        "missing": missing or None,
    }
