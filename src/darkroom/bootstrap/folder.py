"""The data folder of a server: one server at a time, what clients on this machine find it by, the owner's key.

Layout: `postgres/`, `objects/`, `logs/`, `server.json` while a server runs, `owner.key`, `lock`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom.core.errors import OutputError, Unavailable

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
RUNNING_MAX_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Running:
    """The server that runs over a data folder."""

    url: str
    pid: int
    version: str


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps every other server off it until the end. OutputError, Unavailable (somebody is there)."""
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        (folder / "logs").mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as fault:
        raise OutputError(
            f"the data folder {folder} cannot be used: {fault.strerror}. Set DARKROOM_DATA to another one."
        ) from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(descriptor)
        other = running(folder)
        where = f" at {other.url}" if other else ""
        raise Unavailable(
            f"a server runs over {folder} already{where}. Stop it first, or set DARKROOM_DATA to another folder."
        ) from fault
    try:
        yield
    finally:
        (folder / "server.json").unlink(missing_ok=True)
        os.close(descriptor)


def announce(folder: Path, server: Running) -> None:
    """Leaves word for clients on this machine; it is taken away when the lock is given up."""
    write_private(folder / "server.json", json.dumps(asdict(server)))


def running(folder: Path) -> Running | None:
    """The server over a data folder, where one lives; None where there is none, or what it left cannot be read."""
    try:
        text = (folder / "server.json").read_bytes()[:RUNNING_MAX_BYTES]
        found = json.loads(text)
        server = Running(url=str(found["url"]), pid=int(found["pid"]), version=str(found["version"]))
        os.kill(server.pid, 0)
    except PermissionError:
        return server
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return server


def owner_key(folder: Path) -> str:
    """The owner's API key on this machine, "" where there is none to be read."""
    with suppress(OSError):
        return (folder / "owner.key").read_text(encoding="ascii", errors="replace").strip()
    return ""


def write_private(path: Path, text: str) -> None:
    """A small file that only its owner can read, whole or not at all. OutputError where it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as fault:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {fault.strerror}") from fault
