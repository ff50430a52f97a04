"""The processes of a run: one database, two servers, the workers, and the wires between; brought up, struck, put right.

Everything lies under one folder. Knows no job.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.wire import Wire

from darkroom.storage.postgres.embedded import EmbeddedPostgres

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
START_S = 90.0
STOP_S = 20.0
DISK_BYTES = 512 * 1024 * 1024
TOKEN_VARIABLE = "DARKROOM_WORKER_TOKEN"


@dataclass
class Running:
    """A process that may be killed and started again. `wanted` is False while it is to be away."""

    command: list[str]
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    read: int = 0  # characters of its log that were looked at

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(self.environ),
                cwd=ROOT,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def end(self, number: int, *, within_s: float = STOP_S) -> None:
        """Sends a signal and waits for the end; kills it where that takes too long."""
        process = self.process
        if process is None:
            return
        self.send(number)
        try:
            await asyncio.to_thread(process.wait, within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait, within_s)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.process = None


class Stage:
    """Use `open`, and `close` at the end, whatever happened."""

    def __init__(self, folder: Path, *, hurried: bool = True) -> None:
        self.folder, self.hurried = folder, hurried
        self.postgres = EmbeddedPostgres(folder / "db")
        self.objects = folder / "objects"
        self.servers: list[Running] = []
        self.urls: list[str] = []
        self.workers: list[Running] = []
        self.wires: list[Wire] = []
        self.client_wire = Wire()
        self.disk_turn = asyncio.Lock()
        self.database_turn = asyncio.Lock()
        self.mounted = False
        self.token = ""

    # Up and down

    async def open(self, servers: int) -> None:
        self.objects.mkdir(parents=True, mode=0o700)
        self.mounted = self._mount()
        await asyncio.to_thread(self.postgres.start)
        for number in range(servers):
            port = _free_port()
            self.urls.append(f"http://127.0.0.1:{port}")
            self.servers.append(self._server(number, port))
        await asyncio.gather(*(self.up(server) for server in self.servers))
        await self.client_wire.open()

    def _server(self, number: int, port: int) -> Running:
        name = "benchmarks.chaos.hurried" if self.hurried else "darkroom.cli"
        command = [sys.executable, "-m", name, "serve", "--json", "--port", str(port), "--workers", "0"]
        environ = {
            **_plain_environment(),
            "DARKROOM_DATA": str(self.folder / f"server-{number}"),
            "DARKROOM_DATABASE_URL": self.postgres.dsn,
            "DARKROOM_OBJECTS": str(self.objects),
            "DARKROOM_PLANS": str(HERE / "plans.toml"),
            "DARKROOM_CONFIG": str(self.folder / "none.toml"),
        }
        if self.hurried:
            environ["DARKROOM_DISPATCH"] = str(HERE / "dispatch.toml")
        return Running([*command, "--until-closed"], environ, self.folder / f"server-{number}.log")

    async def up(self, server: Running) -> None:
        """Starts a server and waits until it says where it is; again where the database is away at that moment."""
        async with asyncio.timeout(START_S):
            while True:
                server.start()
                assert server.process is not None and server.process.stdout is not None
                line = await asyncio.to_thread(server.process.stdout.readline)
                if line and "url" in json.loads(line):
                    return
                with server.log.open("ab") as log:
                    log.write(b"did not start: " + line)
                await server.end(signal.SIGKILL)
                await asyncio.sleep(0.3)

    async def hire(self, names: list[str], seed: int, zombies: frozenset[int]) -> None:
        """Workers of these names, each at a wire of its own."""
        for number, name in enumerate(names):
            wire = Wire()
            await wire.open()
            self.wires.append(wire)
            command = [
                sys.executable,
                "-m",
                "benchmarks.chaos.fake",
                "--url",
                self.urls[number % len(self.urls)],
            ]
            command += ["--name", name, "--seed", f"{seed} {name}", "--watch-parent", str(os.getpid())]
            command += ["--notes", str(self.folder / "answers.jsonl")]
            command += ["--zombie"] * (number in zombies) + ["--unhurried"] * (not self.hurried)
            self.workers.append(self._worker(name, command, wire))
        for worker in self.workers:
            worker.start()

    async def hire_real(self, name: str) -> Running:
        """A worker that draws with mini-1."""
        wire = Wire()
        await wire.open()
        self.wires.append(wire)
        module = "benchmarks.chaos.hurried" if self.hurried else "darkroom.cli"
        command = [sys.executable, "-m", module, "worker", "--url", self.urls[0], "--name", name]
        self.workers.append(self._worker(name, [*command, "--watch-parent", str(os.getpid())], wire))
        self.workers[-1].start()
        return self.workers[-1]

    def _worker(self, name: str, command: list[str], wire: Wire) -> Running:
        environ = {**_plain_environment(), TOKEN_VARIABLE: self.token, "HTTP_PROXY": wire.url}
        return Running(command, environ, self.folder / f"{name}.log")

    async def dismiss(self) -> None:
        """The workers of a round go."""
        await asyncio.gather(*(worker.end(signal.SIGKILL) for worker in self.workers))
        await asyncio.gather(*(wire.close() for wire in self.wires))
        self.workers.clear()
        self.wires.clear()

    async def close(self) -> None:
        for each in (*self.servers, *self.workers):
            each.send(signal.SIGCONT)
        await self.dismiss()
        await asyncio.gather(*(server.end(signal.SIGTERM) for server in self.servers))
        await self.client_wire.close()
        await asyncio.to_thread(self.postgres.stop)
        if self.mounted:
            await asyncio.to_thread(self._unmount)

    def owner_key(self, number: int = 0) -> str:
        return (self.folder / f"server-{number}" / "owner.key").read_text(encoding="ascii").strip()

    # The database

    def database_processes(self) -> list[int]:
        """The server and all its children."""
        pid = self.postgres.pid()
        if pid is None:
            return []
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def strike_database(self, number: int) -> None:
        """A signal to the server; SIGKILL, SIGSTOP and SIGCONT to its children as well."""
        pids = self.database_processes()
        for pid in pids if number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT) else pids[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def end_sessions(self) -> None:
        """As an operator ends them: SIGTERM to every process of the server that talks to a client."""
        for pid in self.database_processes()[1:]:
            with suppress(OSError):
                if b"darkroom" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGTERM)

    async def database_gone(self) -> None:
        until = time.monotonic() + STOP_S
        while self.postgres.pid() is not None:
            assert time.monotonic() < until, "the database does not stop"
            await asyncio.sleep(0.02)

    # The disk

    def _mount(self) -> bool:
        """A small file system of its own for the objects, where we may make one."""
        if os.geteuid() != 0 or sys.platform != "linux":
            return False
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(self.objects)]
        return subprocess.run(mount, check=False, capture_output=True).returncode == 0

    def _unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.objects)], check=False)

    def fill_disk(self) -> None:
        """No byte more: ENOSPC on a mounted disk; else a limit on the size of files, which is EFBIG."""
        if not self.mounted:
            self._limit(1)
            return
        for _ in range(50):
            facts = os.statvfs(self.objects)
            if self._resize((facts.f_blocks - facts.f_bfree) * facts.f_frsize):
                return
        raise OSError("the disk of the objects cannot be made small")

    def empty_disk(self) -> None:
        if self.mounted:
            self._resize(DISK_BYTES)
        else:
            self._limit(resource.RLIM_INFINITY)

    def _resize(self, size_bytes: int) -> bool:
        """Whether it took: the kernel refuses a size below what is in use, which may have grown meanwhile."""
        remount = ["mount", "-o", f"remount,size={max(size_bytes, 4096)}", str(self.objects)]
        return subprocess.run(remount, check=False, capture_output=True).returncode == 0

    def _limit(self, size_bytes: int) -> None:
        for server in self.servers:
            if server.process is not None and server.alive:
                hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _plain_environment() -> dict[str, str]:
    """Ours, without what is said to Darkroom or about proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DARKROOM_") and not name.lower().endswith("_proxy")
    }
