"""The owner of an install and its servers' own workers: made once, however many servers start, and nobody locked out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from darkroom.billing.plans import read_plans
from darkroom.bootstrap.folder import owner_key
from darkroom.bootstrap.owner import admit_local_workers, welcome
from darkroom.core.accounts import Account, Role
from darkroom.gateway.credentials import hash_of
from darkroom.storage.memory.store import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def test_the_first_start_makes_the_owner_and_the_next_finds_them(
    store: MemoryStore, tmp_path: Path
) -> None:
    first = await welcome(store.accounts, read_plans(), data=tmp_path, now=NOW)
    key = owner_key(tmp_path)
    again = await welcome(store.accounts, read_plans(), data=tmp_path, now=NOW)
    assert (first.first_start, again.first_start) == (True, False)
    assert owner_key(tmp_path) == key
    found = await store.accounts.find_key(hash_of(key))
    assert found is not None and found[0].role is Role.OWNER


async def test_of_two_servers_that_start_at_once_one_makes_the_owner(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_looked, everyone = asyncio.Barrier(2), store.accounts.all

    async def look(*, after: UUID | None, limit: int) -> Sequence[Account]:
        found = await everyone(after=after, limit=limit)
        if not found:
            await both_looked.wait()
        return found

    monkeypatch.setattr(store.accounts, "all", look)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    started = await asyncio.gather(
        *(welcome(store.accounts, read_plans(), data=folder, now=NOW) for folder in folders)
    )
    assert sorted(each.first_start for each in started) == [False, True]
    owners = [await store.accounts.find_key(hash_of(owner_key(folder))) for folder in folders]
    assert len({found[0].id for found in owners if found}) == 1


async def test_a_server_that_starts_again_locks_out_its_own_old_workers_and_nobody_elses(
    store: MemoryStore,
) -> None:
    async def admitted(place: str) -> bytes:
        return hash_of(await admit_local_workers(store.operations, place=place, now=NOW))

    here, there = await admitted("box:/data"), await admitted("other:/data")
    again = await admitted("box:/data")
    assert await store.operations.find_worker_token(here) is None
    assert await store.operations.find_worker_token(there) is not None
    assert await store.operations.find_worker_token(again) is not None
