"""The database away, back, and going away under load: StoreUnavailable, nothing double, and the pool heals by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.contracts.world import World
from tests.postgres_fixture import FAST

from darkroom.core.accounts import Account
from darkroom.core.errors import StoreUnavailable
from darkroom.core.jobs import JobState, Submission
from darkroom.core.ports import JobFilter
from darkroom.storage.postgres import connection as connection_module
from darkroom.storage.postgres.connection import Database, guarded
from darkroom.storage.postgres.embedded import EmbeddedPostgres
from darkroom.storage.postgres.store import PostgresStore

WAIT_S = 30


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A server of its own, which the test may stop."""
    with tempfile.TemporaryDirectory(prefix="darkroom-test-") as folder:
        server = EmbeddedPostgres(Path(folder), settings=FAST)
        server.start()
        try:
            yield server
        finally:
            server.stop()


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await PostgresStore.open(f"postgresql://postgres@/darkroom?host={tmp_path}")


async def test_no_such_database(postgres_server: EmbeddedPostgres) -> None:
    with pytest.raises(StoreUnavailable, match="does not let us in"):
        await PostgresStore.open(postgres_server.dsn.replace("/darkroom?", "/nothing?"))


async def until_accepted(store: PostgresStore, submission: Submission, failed: asyncio.Event) -> None:
    """Submits, and the very same again for as long as the store is away."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await store.ledger.submit(submission)
                return
            except StoreUnavailable:
                failed.set()
                await asyncio.sleep(0.05)  # what a client does; nothing is waited for by it


async def jobs_of(store: PostgresStore, account: Account) -> list[JobState]:
    found = await store.library.jobs(JobFilter(account_id=account.id), before=None, limit=10_000)
    return [job.state for job in found]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT])
async def test_a_restart_under_load_loses_and_doubles_nothing(server: EmbeddedPostgres, sign: int) -> None:
    store = await PostgresStore.open(server.dsn, pool_size=6)
    try:
        world, failed = World(store), asyncio.Event()
        account = await world.account(grant_gpu_ms=10_000_000)
        wanted = [world.submission(account, waiting_cap=10_000) for _ in range(200)]
        crowd = [asyncio.create_task(until_accepted(store, each, failed)) for each in wanted[:100]]
        await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
        pid = server.pid()
        assert pid is not None
        os.kill(pid, sign)
        late = asyncio.gather(*(until_accepted(store, each, failed) for each in wanted[100:]))
        async with asyncio.timeout(WAIT_S):
            await failed.wait()
        await asyncio.to_thread(server.start)
        await asyncio.gather(*crowd, late)
        assert len(await jobs_of(store, account)) == 200
        assert await world.held_gpu_ms(account) == 200 * 1_000
        row = await store.accounts.get(account.id)
        assert (row.running, row.waiting) == (3, 197)
    finally:
        await store.close()


def processes_of(server: EmbeddedPostgres) -> list[int]:
    """The server and one process for each of its connections."""
    pid = server.pid()
    told = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(pid or 0), *(int(word) for word in told.stdout.split())]


async def test_a_server_that_is_frozen_is_not_waited_for(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not even answer that a statement was cancelled."""
    monkeypatch.setattr(connection_module, "ANSWER_S", 0.3)
    monkeypatch.setattr(connection_module, "RELEASE_S", 0.1)
    database = await Database.connect(server.dsn, pool_size=2)
    frozen = processes_of(server)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(WAIT_S):
            asked = await asyncio.gather(
                *(database.rows("SELECT 1") for _ in range(4)), return_exceptions=True
            )
        assert [type(each) for each in asked] == [StoreUnavailable] * 4
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    monkeypatch.undo()
    try:
        assert len(await asyncio.gather(*(database.rows("SELECT 1") for _ in range(4)))) == 4
    finally:
        await database.close()


async def test_a_pool_whose_connections_were_cut_heals(
    postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    await asyncio.gather(*(postgres_store.operations.ping() for _ in range(8)))
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await asyncio.gather(*(postgres_store.operations.ping() for _ in range(8)))
                break
            except StoreUnavailable:
                continue


async def test_deadlocks_are_tried_again_and_not_for_ever() -> None:
    tries = 0

    async def run() -> int:
        nonlocal tries
        tries += 1
        if tries % 5 != 3:
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return tries

    assert await guarded(run) == 3
    with pytest.raises(StoreUnavailable, match="deadlock detected"):
        await guarded(run)


async def test_a_full_disk_is_said_to_be_one() -> None:
    async def run() -> None:
        raise asyncpg.DiskFullError("could not extend file")

    with pytest.raises(StoreUnavailable, match="disk of the database is full"):
        await guarded(run)


async def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    async def run() -> None:
        raise asyncpg.UndefinedTableError("relation does not exist")

    with pytest.raises(asyncpg.UndefinedTableError):
        await guarded(run)
