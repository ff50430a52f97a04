"""Bytes become files, whole or not at all. Knows no picture and no format."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from darkroom.core.errors import OutputError

PART_SUFFIX = ".part"
STEM_TRIES = 10_000
FILE_MODE = 0o666  # less the umask, as for any file a person makes


def check_folder(folder: Path) -> None:
    """Make the folder where it is missing and show that a file can be written in it. OutputError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = _part(folder, "trial")
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
        trial.unlink()
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot write in the folder {folder}: {_reason(error)}. Choose another with -o FOLDER"
        ) from error


def free_stem(folder: Path, stem: str, endings: Sequence[str]) -> str:
    """The stem itself, or with -2, -3, ... so that none of `STEM + ending` exists."""
    for number in range(1, STEM_TRIES):
        candidate = stem if number == 1 else f"{stem}-{number}"
        if not any(os.path.lexists(folder / f"{candidate}{ending}") for ending in endings):
            return candidate
    raise OutputError(
        f"{folder} already has {STEM_TRIES} pictures called {stem}; choose another folder with -o FOLDER"
    )


def write_whole(path: Path, data: bytes) -> None:
    """`write_pieces` of one piece."""
    write_pieces(path, (data,))


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file so that it is there in full or not at all, even if the power fails or the process is stopped.

    The bytes go to a temporary file in the same folder, to the disk, and only then to their name. Raises OutputError
    where the name is taken, the folder cannot be written or the disk is full; nothing is left behind then, nor where the pieces
    end with an error of their own.
    """
    part = _part(path.parent, path.name)
    try:
        _write_synced(part, pieces)
        _publish(part, path)
        _sync_folder(path.parent)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        with suppress(
            OSError, ValueError
        ):  # it is gone when all went well, and was never there when nothing did
            part.unlink()


def _part(folder: Path, name: str) -> Path:
    """A hidden name in the folder that nobody else takes."""
    return folder / f".{name}.{secrets.token_hex(4)}{PART_SUFFIX}"


def _write_synced(part: Path, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _publish(part: Path, path: Path) -> None:
    """Give the finished file its name without replacing another. A hard link fails where the name is taken, atomically;
    file systems without links get a check and a rename."""
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        os.rename(part, path)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where folders can be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
