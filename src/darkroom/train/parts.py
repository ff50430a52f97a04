"""Large files in parts that any mail box, form or store will take, and together again.

A manifest `NAME.parts.json` names the parts and the digest of the whole. It is replaced last and at one stroke, so a process
killed in the middle of a save leaves the save before. Knows nothing of what is in a file.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from darkroom.core.errors import OutputError

PART_BYTES = 15 * 2**20
"""Of one part; under 16 MiB, with room for whatever wraps it."""
_DIGEST_LETTERS = 12


def write_parts(content: bytes, folder: Path, name: str, *, part_bytes: int = PART_BYTES) -> Path:
    """Write `content` as parts of `name` in place of what was there; the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest()
    starts = range(0, max(1, len(content)), part_bytes)
    names = [f"{name}.{digest[:_DIGEST_LETTERS]}.{number:02d}" for number in range(len(starts))]
    for part, start in zip(names, starts, strict=True):
        _write(folder / part, content[start : start + part_bytes])
    document = {"name": name, "bytes": len(content), "sha256": digest, "parts": names}
    manifest = manifest_of(folder, name)
    _write(manifest, json.dumps(document, indent=1).encode())
    for old in _stale(folder, name, set(names)):
        old.unlink(missing_ok=True)
    return manifest


def has_parts(folder: Path, name: str) -> bool:
    return manifest_of(folder, name).exists()


def read_parts(folder: Path, name: str) -> bytes:
    """The whole file. Raises OutputError where a part is missing or the whole is not what was written."""
    manifest = manifest_of(folder, name)
    try:
        document = json.loads(manifest.read_text(encoding="utf-8"))
        content = b"".join((folder / Path(part).name).read_bytes() for part in document["parts"])
        expected = document["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise OutputError(f"{name} cannot be joined from {manifest}: {fault}") from fault
    if hashlib.sha256(content).hexdigest() != expected:
        raise OutputError(
            f"{name} joined from {manifest} is damaged: its digest differs; copy the parts again"
        )
    return content


def join_parts(folder: Path, name: str, to: Path) -> Path:
    """Write the whole file into the folder `to`, or nothing. Raises OutputError."""
    content = read_parts(folder, name)
    to.mkdir(parents=True, exist_ok=True)
    _write(to / name, content)
    return to / name


def manifest_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.parts.json"


def _stale(folder: Path, name: str, kept: set[str]) -> list[Path]:
    """Parts of earlier saves, and what a killed save left."""
    return [path for path in folder.glob(f"{name}.*.[0-9][0-9]*") if path.name not in kept]


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    os.replace(partial, path)
