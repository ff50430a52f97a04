"""A worker as a process of its own: what signals do to it, and how it ends."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from darkroom.cli.worker import worker_command

WAIT_S = 30.0
CODE = """
import logging, sys, time
from darkroom.core.work import EngineVitals, Failure, Fault
from darkroom.worker.generator import Files
from darkroom.worker.main import run_worker

class Endless:
    models = warm = ("mini-1",)
    device = "fake"
    busy = False
    vitals = EngineVitals()
    def add(self, assignment, saved=None, inputs=None):
        self.busy = True
    def save(self, claim):
        return b"half" if self.busy else None
    def cancel(self, claim):
        self.busy = False
    def step(self):
        time.sleep(0.01)
        return []

logging.basicConfig(level=logging.INFO)
limit = float(sys.argv[3])
sys.exit(run_worker(sys.argv[1], sys.argv[2], Endless(), None, name="box", drain_limit_s=limit))
"""


@asynccontextmanager
async def process(service: Any, token: str = "dw_right", limit_s: float = 60) -> AsyncIterator[Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CODE, service.url, token, str(limit_s), stderr=PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def end(started: Process) -> int:
    async with asyncio.timeout(WAIT_S):
        return await started.wait()


async def test_told_to_stop_while_idle_it_leaves_at_once(service: Any) -> None:
    async with process(service) as worker:
        await service.until(lambda: "/pull" in service.calls or service.heartbeats)
        worker.send_signal(signal.SIGTERM)
        assert await end(worker) == 0
    assert service.left == ["worker-1"]


async def test_told_to_stop_it_has_a_time_limit(service: Any) -> None:
    claim = service.job()
    async with process(service, limit_s=0.05) as worker:
        await service.until(lambda: [claim] in service.heartbeats)
        worker.send_signal(signal.SIGTERM)
        assert await end(worker) == 0
    assert [report["fault"] for report in service.reports] == ["drained"]


async def test_told_twice_it_hands_back_at_once(service: Any) -> None:
    claim = service.job()
    async with process(service) as worker:
        await service.until(lambda: [claim] in service.heartbeats)
        worker.send_signal(signal.SIGTERM)
        beats = len(service.heartbeats)
        await service.until(lambda: len(service.heartbeats) > beats + 2)
        assert service.reports == [] and worker.returncode is None
        worker.send_signal(signal.SIGTERM)
        assert await end(worker) == 0
    assert [report["fault"] for report in service.reports] == ["drained"]


async def test_interrupted_it_hands_back_at_once(service: Any) -> None:
    claim = service.job()
    async with process(service) as worker:
        await service.until(lambda: [claim] in service.heartbeats)
        worker.send_signal(signal.SIGINT)
        assert await end(worker) == 0
    assert [report["fault"] for report in service.reports] == ["drained"]
    assert service.left == ["worker-1"]


async def test_a_wrong_token_is_told_in_a_sentence(service: Any) -> None:
    async with process(service, token="dw_wrong") as worker:
        _, errors = await asyncio.wait_for(worker.communicate(), WAIT_S)
    assert worker.returncode == 3
    assert b"does not let this worker in: this token is not known. Check its token (--token)" in errors


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [(["--token", "dw_x"], "--url"), (["--url", "http://127.0.0.1:1"], "--token")],
)
def test_the_command_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], missing: str
) -> None:
    for name in ("DARKROOM_URL", "DARKROOM_WORKER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(worker_command, arguments)
    assert done.exit_code == 2 and f"a worker needs {missing}" in done.output
