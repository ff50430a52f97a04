"""The real thing: `darkroom serve` as a process of its own over a folder of its own, and who talks to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

START_S = 60.0
STOP_S = 30.0


@dataclass
class Served:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    url: str
    data: Path
    login_url: str

    @property
    def key(self) -> str:
        return (self.data / "owner.key").read_text(encoding="ascii").strip()

    def client(self, secret: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key if secret is None else secret}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def stop(self) -> int:
        """Asks it to stop, as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_S)


def serve(data: Path, *options: str, **environ: str) -> Served:
    """Starts a server and waits until it says where it is. What it logs goes to `serve.log` beside its data."""
    command = [sys.executable, "-m", "darkroom.cli", "serve", "--json", "--port", "0", *options]
    with data.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "DARKROOM_DATA": str(data), **environ},
        )
    assert process.stdout is not None
    guard = threading.Timer(START_S, process.kill)
    guard.start()
    line = process.stdout.readline()
    guard.cancel()
    if not line:
        process.wait(STOP_S)
        raise AssertionError(f"the server did not start: {data.with_suffix('.log').read_text()[-3000:]}")
    told = json.loads(line)
    return Served(process=process, url=told["url"], data=data, login_url=told["login_url"])


def ended(served: Served) -> None:
    """Stops a server whatever state it is in."""
    if served.process.poll() is None:
        try:
            served.stop()
        except subprocess.TimeoutExpired:
            served.process.kill()
            served.process.wait(STOP_S)
    assert served.process.stdout is not None
    served.process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without workers, for all tests of a module."""
    running = serve(tmp_path_factory.mktemp("service") / "data", "--workers", "0")
    yield running
    ended(running)
