"""A server for the time of one command: a process of its own over the data folder, stopped when the command ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from darkroom.cli.address import Address
from darkroom.cli.plain import plain
from darkroom.core.errors import Unavailable

if TYPE_CHECKING:
    from darkroom.settings import Settings

START_S = 120.0  # to answer; the first start makes a database
STOP_S = 30.0  # to drain, before it is killed
LOOK_EVERY_S = 0.1
TAIL_LINES = 12
TAIL_MAX_BYTES = 16_384
SERVE = (sys.executable, "-m", "darkroom.cli", "serve")
COMMAND = (*SERVE, "--json", "--until-closed", "--host", "127.0.0.1", "--port", "0")
OURS = ("DARKROOM_URL", "DARKROOM_PUBLIC_URL")
"""Settings of a server that others reach, which this one is not."""


class CannotStart(Unavailable):
    """The server does not start."""

    code = "server_failed"


@dataclass(frozen=True, kw_only=True)
class Started:
    """A server that was started. `check` raises CannotStart where it has ended by itself."""

    address: Address
    check: Callable[[], None]


@contextmanager
def embedded(settings: Settings, *, check: Callable[[], None]) -> Iterator[Started]:
    """A server over the data folder that lives as long as the block. `check` is called while it starts and may raise.

    CannotStart, with the end of what it said, where it does not.
    """
    from darkroom.bootstrap.folder import owner_key

    environ = {name: value for name, value in os.environ.items() if name not in OURS}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,  # nobody writes: the server stops when we end, however we end
            stdout=subprocess.PIPE,
            stderr=log,
            env=environ,
            start_new_session=True,  # Ctrl-C is for us; what becomes of the server we decide
        )
        try:
            url = _url_of(_first_line(process, check), log)
            address = Address(url=url, key=settings.key or owner_key(settings.data))
            yield Started(address=address, check=lambda: _check_alive(process, log))
        finally:
            _stop(process)


def _check_alive(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    if process.poll() is not None:
        raise CannotStart(f"the server of this machine has stopped:\n{_tail(log)}")


def _first_line(process: subprocess.Popen[bytes], check: Callable[[], None]) -> bytes:
    """What the server says first; b"" where it ends without a word or takes too long."""
    assert process.stdout is not None
    said: list[bytes] = []
    reader = threading.Thread(target=_read_line, args=(process.stdout, said), name="embedded", daemon=True)
    reader.start()
    for _ in range(int(START_S / LOOK_EVERY_S)):
        check()
        reader.join(LOOK_EVERY_S)
        if not reader.is_alive():
            break
    return said[0] if said else b""


def _read_line(stream: IO[bytes], said: list[bytes]) -> None:
    said.append(stream.readline())


def _url_of(line: bytes, log: IO[bytes]) -> str:
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError, TypeError):
        raise CannotStart(_reason(line, log)) from None


def _reason(line: bytes, log: IO[bytes]) -> str:
    """Why it did not start: its own error where it said one, and the end of its log."""
    try:
        own = str(json.loads(line)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        own = ""
    return (
        f"the server of this machine could not be started:\n{_tail(log, own)}\n"
        "Start it with `darkroom serve --verbose` to see more, or draw without one: `darkroom imagine --here`."
    )


def _tail(log: IO[bytes], own: str = "") -> str:
    """The last lines of a log, indented."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_MAX_BYTES))
    tail = log.read().decode("utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"  {plain(each)}" for each in ([own] if own else []) + tail) or "  it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks it to stop, and kills it where it does not."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
