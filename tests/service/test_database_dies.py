"""The embedded database is killed: the server starts it again, keeps what it was told, and takes jobs as before."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import httpx
import pytest
from tests.service.conftest import Served, ended, serve, until

from darkroom.bootstrap import stores
from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres.embedded import EmbeddedPostgres

STARTED_AGAIN = "the embedded database had died; it was started again"
NOT_STARTED = "the embedded database is dead; its start is tried again in"


@pytest.fixture
def served() -> Iterator[Served]:
    """A server of its own. Not in pytest's own folder, which each pytest closes to the user the database runs as."""
    with tempfile.TemporaryDirectory(prefix="darkroom-test-") as folder:
        running = serve(Path(folder) / "data", "--workers", "0")
        try:
            yield running
        finally:
            ended(running)


def database(served: Served) -> EmbeddedPostgres:
    return EmbeddedPostgres(served.data / "postgres")


def kill(served: Served) -> int:
    """Kills the database as a machine out of memory does; the number that its process had."""
    pid = database(served).pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def logged(served: Served) -> str:
    return served.data.with_suffix(".log").read_text(encoding="utf-8")


def ready(client: httpx.Client) -> bool:
    with suppress(httpx.TimeoutException):
        return client.get("/readyz").status_code == 200
    return False


def submit(client: httpx.Client) -> str:
    answer = client.post("/api/v1/jobs", json={"prompt": "a red fox"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


def test_a_database_that_was_killed_is_started_again(served: Served) -> None:
    with served.client() as client:
        before = submit(client)
        for times in (1, 2):  # it goes on watching
            dead = kill(served)
            until(lambda times=times: logged(served).count(STARTED_AGAIN) == times)
            until(lambda: ready(client))
            assert database(served).pid() not in (None, dead)
            assert client.get(f"/api/v1/jobs/{before}").json()["id"] == before
            assert client.get(f"/api/v1/jobs/{submit(client)}").status_code == 200
    assert served.stop() == 0
    assert database(served).pid() is None
    assert logged(served).count(STARTED_AGAIN) == 2, "a stop is no death"


def test_a_start_that_fails_is_told_and_tried_again(served: Served) -> None:
    control, away = served.data / "postgres/data/global/pg_control", served.data / "pg_control"
    with served.client() as client:
        before = submit(client)
        control.rename(away)
        kill(served)
        until(lambda: NOT_STARTED in logged(served))
        assert "pg_control" in logged(served)
        assert not ready(client)
        away.rename(control)
        until(lambda: ready(client))
        assert client.get(f"/api/v1/jobs/{before}").json()["id"] == before


def test_a_server_that_is_stopped_while_its_database_is_dead_leaves_none(served: Served) -> None:
    kill(served)
    assert served.stop() == 0
    assert database(served).pid() is None


class Revivals:
    """A database that fares as it is told: it lives, has died, or does not start for a reason. Then the watch ends."""

    def __init__(self, *fates: bool | str) -> None:
        self.fates, self.ended, self.waits = list(fates), asyncio.Event(), list[float]()

    def revive(self) -> bool:
        fate = self.fates.pop(0)
        if isinstance(fate, str):
            raise StoreUnavailable(fate)
        return fate

    async def came_within(self, seconds: float, event: asyncio.Event) -> bool:
        assert event is self.ended
        self.waits.append(seconds)
        return not self.fates

    async def watch(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        monkeypatch.setattr(stores, "_came_within", self.came_within)
        await stores.keep_alive(cast(EmbeddedPostgres, self), self.ended)
        return self.waits


async def test_starts_that_do_not_last_come_ever_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fates = (False, "no room", True, "no room", *("no luck",) * 4)
    waits = await Revivals(*fates).watch(monkeypatch)
    assert waits == [1, 1, 1, 2, 4, 8, 16, 30, 30]
    first, second, *_ = caplog.record_tuples
    assert first == ("darkroom.server", logging.ERROR, f"{NOT_STARTED} 1 s: no room")
    assert second == ("darkroom.server", logging.WARNING, STARTED_AGAIN)


async def test_one_that_lived_for_long_is_started_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await Revivals(True, True, False, True).watch(monkeypatch) == [1, 1, 2, 1, 4]
    monkeypatch.setattr(stores, "HEALTHY_AFTER_S", -1.0)
    assert await Revivals(True, True, False, True).watch(monkeypatch) == [1, 1, 2, 1, 1]


async def test_a_watch_ends_when_it_is_told_to() -> None:
    told = asyncio.Event()
    told.set()
    fates = Revivals()
    await stores.keep_alive(cast(EmbeddedPostgres, fates), told)


async def test_an_end_waits_for_the_start_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOOK_S", 0.0)
    loop, begun, seen = asyncio.get_running_loop(), asyncio.Event(), list[str]()

    class Slow:
        def revive(self) -> bool:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(leaving.wait(), loop).result(30)
            seen.append("started")
            return True

    leaving = asyncio.Event()
    async with stores._watched(cast(EmbeddedPostgres, Slow())):
        await begun.wait()
        loop.call_soon(leaving.set)
    assert seen == ["started"]
