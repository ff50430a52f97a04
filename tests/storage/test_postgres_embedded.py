"""The embedded server: one for each folder, shared, found again after a crash, and kind about what it cannot do."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest
from tests.postgres_fixture import FAST

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres import embedded, service_user
from darkroom.storage.postgres.embedded import EmbeddedPostgres

STARTER = """
import os, signal, sys
from pathlib import Path
from darkroom.storage.postgres.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"}).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One cluster for all tests of this module; no server runs between them. Its path is too long for a socket.

    Not in pytest's own folder, which each pytest that starts closes to the user that the server runs as.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-test-") as above:
        yield Path(above) / ("a folder with a long name, " + "long " * 20)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder, settings=FAST)
    yield server
    server.stop()
    assert server.pid() is None


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_starts_answers_and_stops(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    assert dsn == server.dsn
    assert await ask(dsn, "SELECT current_database()") == "darkroom"
    assert await ask(dsn, "SHOW listen_addresses") == ""
    assert await ask(dsn, "SELECT lower('ÄÖ')") == "äö"
    server.stop()
    assert server.pid() is None
    server.stop()


async def test_what_was_answered_is_on_the_disk(folder: Path) -> None:
    with EmbeddedPostgres(folder) as dsn:
        assert await ask(dsn, "SHOW synchronous_commit") == "on"
        assert await ask(dsn, "SHOW fsync") == "on"


def test_nobody_else_may_look_at_the_data(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE(server.log.stat().st_mode) == 0o600
    socket_folder = Path(server.dsn.partition("?host=")[2])
    assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700


async def test_the_last_one_stops_it(server: EmbeddedPostgres, folder: Path) -> None:
    other = EmbeddedPostgres(folder, settings=FAST)
    server.start()
    pid = server.pid()
    other.start()
    assert other.pid() == pid
    server.stop()
    assert await ask(other.dsn, "SELECT 1") == 1
    other.stop()
    assert other.pid() is None


def test_a_server_whose_starter_died_is_found_and_stopped(server: EmbeddedPostgres, folder: Path) -> None:
    subprocess.run([sys.executable, "-c", STARTER, str(folder)], check=False, timeout=60)
    orphan = server.pid()
    assert orphan is not None
    server.start()
    assert server.pid() == orphan


async def test_it_recovers_from_a_crash_and_from_a_number_that_went_to_another_process(
    server: EmbeddedPostgres, folder: Path
) -> None:
    await ask(server.start(), "CREATE TABLE kept AS SELECT 7 AS number")
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    while server.pid() is not None:
        os.sched_yield()
    lines = (str(os.getpid()), *("",) * 6, "ready")
    (folder / "data" / "postmaster.pid").write_text("\n".join(lines))
    assert await ask(server.start(), "SELECT number FROM kept") == 7


def killed(server: EmbeddedPostgres) -> int:
    """Kills its first process, as a machine out of memory does; the number that it had."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while server.pid() is not None:
        os.sched_yield()
    return pid


async def test_one_that_was_killed_is_revived_by_each_of_its_users_and_started_once(
    server: EmbeddedPostgres, folder: Path
) -> None:
    other = EmbeddedPostgres(folder, settings=FAST)
    await ask(server.start(), "CREATE TABLE revived AS SELECT 7 AS number")
    other.start()
    assert not server.revive()
    for _ in range(2):
        dead = killed(server)
        revived = await asyncio.gather(*(asyncio.to_thread(each.revive) for each in (server, other)))
        assert sum(revived) == 1
        assert server.pid() not in (None, dead)
        assert await ask(server.dsn, "SELECT number FROM revived") == 7
    server.stop()
    assert await ask(other.dsn, "SELECT number FROM revived") == 7
    other.stop()
    assert other.pid() is None


async def test_one_that_was_killed_is_started_by_who_has_started_it_before(server: EmbeddedPostgres) -> None:
    await ask(server.start(), "CREATE TABLE restarted AS SELECT 7 AS number")
    killed(server)
    assert await ask(server.start(), "SELECT number FROM restarted") == 7


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
async def test_a_process_that_outlives_the_server_is_ended_before_the_next_start(
    server: EmbeddedPostgres,
) -> None:
    """A frozen one does not see that its server has died, and PostgreSQL refuses to start beside it."""
    connection = await asyncpg.connect(server.start())
    frozen = await connection.fetchval("SELECT pg_backend_pid()")
    os.kill(frozen, signal.SIGSTOP)
    killed(server)
    try:
        assert server.revive()
        assert await ask(server.dsn, "SELECT 1") == 1
    finally:
        connection.terminate()
        with suppress(ProcessLookupError):
            os.kill(frozen, signal.SIGCONT)


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_server_that_runs_without_our_doing_is_left_alone(
    server: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    pid, noted = server.pid(), folder / "data" / "postmaster.pid"
    assert pid is not None
    monkeypatch.setattr(embedded, "STOP_S", 0.1)
    text = noted.read_text()
    noted.write_text("")
    with pytest.raises(StoreUnavailable, match=f"without our doing .*{pid}.* Stop it first"):
        server.revive()
    noted.write_text(text)
    monkeypatch.undo()
    assert server.pid() == pid


def test_only_one_that_we_use_is_revived(server: EmbeddedPostgres) -> None:
    assert not server.revive()
    server.start()
    server.stop()
    assert not server.revive()
    assert server.pid() is None


def test_a_start_again_that_fails_says_why(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    killed(server)
    control, away = folder / "data" / "global" / "pg_control", folder / "pg_control"
    control.rename(away)
    with pytest.raises(StoreUnavailable, match="pg_control"):
        server.revive()
    away.rename(control)
    lock = folder / "turn.lock"
    lock.unlink()
    with pytest.raises(StoreUnavailable, match=r"cannot be started .*turn\.lock"):
        server.revive()
    lock.touch()
    assert server.revive()


def test_a_folder_with_two_names_has_one_server(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    link = folder.parent / "link"
    link.symlink_to(folder, target_is_directory=True)
    assert EmbeddedPostgres(link).pid() == server.pid()


def test_it_starts_though_the_number_in_the_lock_of_its_socket_went_to_another_process(
    server: EmbeddedPostgres,
) -> None:
    sockets = Path(unquote(server.start().partition("?host=")[2]))
    server.stop()
    user = service_user.find()
    with subprocess.Popen(["sleep", "60"], user=None if user is None else user.pw_uid) as other:
        try:
            sockets.mkdir(exist_ok=True)
            (sockets / ".s.PGSQL.5432.lock").write_text(f"{other.pid}\n")
            server.start()
            assert server.pid() not in (None, other.pid)
        finally:
            other.kill()


def test_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StoreUnavailable, match="made by PostgreSQL 15, and this Darkroom brings 18"):
        EmbeddedPostgres(tmp_path).start()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()


def test_a_start_that_fails_says_what_the_server_said(folder: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no_such_setting"):
        EmbeddedPostgres(folder, settings={"no_such_setting": "1"}).start()
