"""The workers of this machine: a subprocess for each device, started again when it fails, stopped when the server stops.

Knows processes, exit codes and their logs, and nothing of jobs.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import os
import platform
import random
import re
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from darkroom.fleet.devices import Device, cpu_devices

BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 60.0
HEALTHY_AFTER_S = 60.0  # a worker that lived so long starts its backoff afresh
LOG_MAX_BYTES = 4 * 1024 * 1024  # of one file; the one before it is kept, too
READ_BYTES = 64 * 1024
LAST_LINE_BYTES = 500  # of a log, that are quoted at most
LAST_WORDS_S = 1.0  # for what a process wrote before it ended
HOST_MAX = 80  # characters of a machine's name
NOT_STARTED = 127  # the exit code of a process that there never was
FINAL_CODES = frozenset({0, 3})  # drained; not let in: starting it again would change nothing

TOKEN_VARIABLE = "DARKROOM_WORKER_TOKEN"
SECRETS = ("DARKROOM_DATABASE_URL", "DARKROOM_OBJECTS", "DARKROOM_KEY")
SECRET_PREFIXES = ("AWS_", "PG")

logger = logging.getLogger(__name__)


def worker_command(device: Device, url: str) -> Sequence[str]:
    """How a worker of this very installation is started."""
    worker = (sys.executable, "-m", "darkroom.cli", "worker")
    return (*worker, "--url", url, "--name", device.name, "--watch-parent", str(os.getpid()))


class LocalFleet:
    """One worker for each of `devices`; without them, `workers` of them on the processor (None: one).

    Workers are called by the machine and the device, `box-cpu`: the same after a restart, another on another machine.
    `on_exit` hears the name of every worker whose process ended; `exit_codes` keeps its last code. What a worker writes
    goes to a file of its own in `logs`, or to nowhere. One that was drained, or whose token was refused, is not started again
    before it is woken.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        logs: Path | None = None,
        workers: int | None = None,
        devices: Sequence[Device] | None = None,
        host: str | None = None,
        on_exit: Callable[[str], None] = lambda name: None,
        command: Callable[[Device, str], Sequence[str]] = worker_command,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._url, self._token, self._logs = url, token, logs
        host = _host() if host is None else host
        if devices is None:
            devices = cpu_devices(1 if workers is None else workers)
        named = [replace(device, name=f"{host}-{device.name}") for device in devices]
        self._devices = {device.name: device for device in named}
        self.exit_codes: dict[str, int] = {}
        self._on_exit, self._command = on_exit, command
        self._clock, self._sleep, self._rng = clock, sleep, rng or random.Random()
        self._processes: dict[str, Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._drained: set[str] = set()
        self._woken: set[str] = set()
        self._resting: set[asyncio.Task[Any]] = set()
        self._stopping = False

    @property
    def running(self) -> Mapping[str, int]:
        """The process ids of the workers that run, by name."""
        return {name: process.pid for name, process in self._processes.items()}

    async def start(self) -> None:
        """Starts every worker and returns; they are watched until `stop`."""
        assert not self._keepers, "a fleet starts once"
        if self._logs is not None:
            await asyncio.to_thread(self._logs.mkdir, parents=True, exist_ok=True)
        for device in self._devices.values():
            self._keepers[device.name] = asyncio.create_task(self._keep(device))

    def drain(self, name: str) -> None:
        """A worker is to stay stopped once its process has ended, however it ends. Does nothing for one of another fleet."""
        if name in self._devices:
            self._drained.add(name)
            self._woken.discard(name)

    def wake(self, name: str) -> None:
        """Starts a worker that was not to be started again; one whose process is still leaving, when that has left.

        Does nothing for one of another fleet, nor once the fleet stops.
        """
        if name not in self._keepers or self._stopping:
            return
        self._drained.discard(name)
        if self._keepers[name].done():
            self._keepers[name] = asyncio.create_task(self._keep(self._devices[name]))
        else:
            self._woken.add(name)

    async def stop(self, grace_s: float) -> None:
        """Asks every worker to finish and leave; after half of the time, to hand back its jobs; in the end kills it."""
        self._stopping = True
        for resting in list(self._resting):
            resting.cancel()
        for _ in range(2):
            for process in self._processes.values():
                _send(process.terminate)
            if self._keepers:
                await asyncio.wait(self._keepers.values(), timeout=grace_s / 2)
        for name, process in self._processes.items():
            logger.warning("worker %s does not leave and is killed", name)
            _send(process.kill)
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)

    async def _keep(self, device: Device) -> None:
        """One device's worker, again and again, until it is not to be started any more."""
        tries, name = 0, device.name
        while name not in self._drained:
            self._woken.discard(name)
            began = self._clock()
            code = await self._live(device)
            self.exit_codes[name] = code
            self._on_exit(name)
            if self._stays_down(name, code):
                break
            if code in FINAL_CODES:  # it was woken meanwhile
                continue
            tries = 1 if self._clock() - began >= HEALTHY_AFTER_S else tries + 1
            wait_s, why = self._backoff_s(tries), await asyncio.to_thread(self._why, device)
            logger.warning(
                "worker %s ended (exit code %d); it starts again in %.1f s%s", name, code, wait_s, why
            )
            await self._rest(wait_s)
        logger.info("worker %s is not started again (exit code %d)", name, self.exit_codes.get(name, 0))

    def _stays_down(self, name: str, code: int) -> bool:
        drained = name in self._drained or (code in FINAL_CODES and name not in self._woken)
        return self._stopping or drained

    async def _rest(self, wait_s: float) -> None:
        """A pause that `stop` may cut short."""
        task = asyncio.current_task()
        assert task is not None, "keepers are tasks"
        self._resting.add(task)
        try:
            await self._sleep(wait_s)
        finally:
            self._resting.discard(task)

    async def _live(self, device: Device) -> int:
        """One life of a worker; its exit code."""
        log = self._open_log(device)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(device, self._url),
                env=_environment(os.environ, device, self._token),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                start_new_session=True,  # an interrupt from the terminal is the server's to pass on
            )
        except OSError as error:
            logger.error("worker %s cannot be started: %s", device.name, error)
            log.close()
            return NOT_STARTED
        self._processes[device.name] = process
        if self._stopping:
            _send(process.terminate)
        copying = asyncio.create_task(_copy(process, log))
        try:
            code = await process.wait()
            await asyncio.wait([copying], timeout=LAST_WORDS_S)
        finally:
            del self._processes[device.name]
            copying.cancel()
        return code

    def _why(self, device: Device) -> str:
        """Where to read why a worker ended, and the last line of it."""
        path = self._log_path(device)
        if path is None:
            return ""
        try:
            with path.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_LINE_BYTES))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return f" (see {path})"
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f" (see {path}, which ends: {last})" if last else f" (see {path})"

    def _log_path(self, device: Device) -> Path | None:
        return self._logs / f"worker-{device.name}.log" if self._logs else None

    def _open_log(self, device: Device) -> RotatingFileHandler:
        path = self._log_path(device) or Path(os.devnull)
        limit = LOG_MAX_BYTES if self._logs else 0  # nothing is renamed where nothing is kept
        log = RotatingFileHandler(path, maxBytes=limit, backupCount=1, encoding="utf-8", delay=True)
        log.terminator = ""
        return log

    def _backoff_s(self, tries: int) -> float:
        """1, 2, 4, ... 60 s with jitter, for the number of failures in a row."""
        return min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(tries - 1, 10)) * self._rng.uniform(0.8, 1.2)


async def _copy(process: Process, log: RotatingFileHandler) -> None:
    """What a worker writes goes to its log, until it closes its end."""
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while data := await process.stdout.read(READ_BYTES):
            log.handle(logging.makeLogRecord({"msg": decoder.decode(data)}))
    finally:
        log.close()


def _host() -> str:
    """This machine's name, of characters that may stand in the name of a file and of a worker."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", platform.node()).lstrip(".-")[:HOST_MAX] or "here"


def _environment(environ: Mapping[str, str], device: Device, token: str) -> dict[str, str]:
    """What a worker may know: neither the database nor the object store's keys are its business."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in SECRETS and not name.startswith(SECRET_PREFIXES)
    }
    return {**kept, **device.environment, TOKEN_VARIABLE: token}


def _send(signalling: Callable[[], None]) -> None:
    """To a process that may have ended just now."""
    with suppress(ProcessLookupError):
        signalling()
