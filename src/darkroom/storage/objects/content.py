"""Whether staged bytes are what a worker says they are. Knows no store."""

from __future__ import annotations

import hashlib
from pathlib import Path

from darkroom.core.errors import NotFound, OutputError
from darkroom.core.images import ImageFile


def check_size(staged_key: str, size_bytes: int, file: ImageFile) -> None:
    """Raises OutputError where a staged object has another size than its file is said to have."""
    if size_bytes != file.size_bytes:
        raise OutputError(
            f"{staged_key} has {size_bytes} bytes, but was reported with {file.size_bytes}; upload it again"
        )


def check_digest(staged_key: str, digest: str, file: ImageFile) -> None:
    """Raises OutputError where a staged object has another sha256 than its file is said to have."""
    if digest != file.digest:
        raise OutputError(
            f"{staged_key} has the sha256 {digest}, but was reported with {file.digest}; upload it again"
        )


def check_bytes(staged_key: str, data: bytes, file: ImageFile) -> None:
    """Raises OutputError where the bytes are not what the file is said to be."""
    check_size(staged_key, len(data), file)
    check_digest(staged_key, hashlib.sha256(data).hexdigest(), file)


def check_path(staged_key: str, path: Path, file: ImageFile) -> None:
    """As `check_bytes`, without reading the whole file into memory."""
    with path.open("rb") as opened:
        check_size(staged_key, path.stat().st_size, file)
        check_digest(staged_key, hashlib.file_digest(opened, "sha256").hexdigest(), file)


def missing(key: str) -> NotFound:
    return NotFound(f"there is no object {key}")
