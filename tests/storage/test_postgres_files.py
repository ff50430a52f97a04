"""One deletes the last keeper of a file while others bring the very same bytes: whoever has a row has the file, in any order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.contracts.world import World

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound, Refused
from darkroom.core.gallery import HELD_FOR
from darkroom.core.uploads import Upload
from darkroom.lifecycle.holding import held, sweep_leftovers
from darkroom.lifecycle.keys import blob_key
from darkroom.lifecycle.uploads import delete_upload
from darkroom.storage.objects.memory import MemoryObjects
from darkroom.storage.postgres.store import PostgresStore

DATA, DIGEST = b"the very same picture", "c" * 64
KEY = blob_key(DIGEST)


class SlowObjects(MemoryObjects):
    """Puts and deletes wait at a gate, which is open unless it is shut; each says that it came there."""

    def __init__(self) -> None:
        super().__init__(secret=bytes(32), base_url="http://here")
        self.gates = {"put": asyncio.Event(), "delete": asyncio.Event()}
        self.came = {"put": asyncio.Event(), "delete": asyncio.Event()}
        for gate in self.gates.values():
            gate.set()

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        await super().put(key, data, media_type=media_type)
        await self._wait("put")  # it is there already: what follows is the row

    async def delete(self, keys: Any) -> None:
        await self._wait("delete")
        await super().delete(keys)

    async def _wait(self, what: str) -> None:
        self.came[what].set()
        await self.gates[what].wait()


class Shop:
    """The uploads of a few people over one database, with no picture in between."""

    def __init__(self, store: PostgresStore) -> None:
        self.world, self.objects = World(store), SlowObjects()
        self.store = store
        self.rooms: Any = SimpleNamespace(
            gallery=store.gallery, uploads=store.uploads, objects=self.objects, clock=lambda: self.world.now
        )

    async def bring(self, account: Account) -> Upload:
        async with held(self.rooms, [DIGEST]):
            await self.objects.put(KEY, DATA, media_type="image/png")
            return await self.store.uploads.add(self.world.upload(account, digest=DIGEST))

    async def there(self) -> bool:
        try:
            return await self.objects.get(KEY) == DATA
        except NotFound:
            return False


@pytest.fixture
def shop(postgres_store: PostgresStore) -> Shop:
    return Shop(postgres_store)


async def test_who_brings_a_file_waits_for_whoever_deletes_it(shop: Shop) -> None:
    ada, bob = await shop.world.account(), await shop.world.account()
    first = await shop.bring(ada)
    shop.objects.gates["delete"].clear()
    deleting = asyncio.create_task(delete_upload(shop.rooms, ada, first.id))
    await shop.objects.came["delete"].wait()
    shop.objects.came["put"].clear()
    bringing = asyncio.create_task(shop.bring(bob))
    await asyncio.sleep(0)
    shop.objects.gates["delete"].set()
    await deleting
    second = await bringing
    assert second.deleted_at is None and await shop.there()
    await sweep_leftovers(shop.rooms)
    assert await shop.there()


async def test_who_deletes_leaves_what_is_being_brought(shop: Shop) -> None:
    ada, bob = await shop.world.account(), await shop.world.account()
    first = await shop.bring(ada)
    shop.objects.gates["put"].clear()
    shop.objects.came["put"].clear()
    bringing = asyncio.create_task(shop.bring(bob))
    await shop.objects.came["put"].wait()
    await delete_upload(shop.rooms, ada, first.id)
    assert await sweep_leftovers(shop.rooms) == 0
    shop.objects.gates["put"].set()
    second = await bringing
    assert await shop.there()
    await delete_upload(shop.rooms, bob, second.id)
    assert not await shop.there()


async def test_a_file_that_no_row_came_to_keep_goes_when_its_hold_is_over(shop: Shop) -> None:
    ada = await shop.world.account()
    wrong = replace(ada, id=shop.world.id())
    with pytest.raises(Exception, match="foreign key"):
        await shop.bring(wrong)
    assert await sweep_leftovers(shop.rooms) == 0 and await shop.there()
    shop.world.wait(HELD_FOR.total_seconds())
    assert await sweep_leftovers(shop.rooms) == 1 and not await shop.there()


@pytest.mark.parametrize("seed", range(3))
async def test_many_bring_and_delete_the_same_file(shop: Shop, seed: int) -> None:
    rng = random.Random(seed)
    people = [await shop.world.account() for _ in range(6)]

    async def one(account: Account, turns: list[int]) -> None:
        for turn in turns:
            for _ in range(turn):
                await asyncio.sleep(0)
            upload = await shop.bring(account)
            assert await shop.there(), "there is a row, so there is a file"
            if turn % 3:
                await delete_upload(shop.rooms, account, upload.id)

    await asyncio.gather(*(one(each, [rng.randrange(9) for _ in range(6)]) for each in people))
    kept = [await shop.store.uploads.kept(each.id) for each in people]
    await sweep_leftovers(shop.rooms)
    assert await shop.there() == any(count for count, _ in kept)


async def test_a_job_gets_its_picture_or_is_refused(shop: Shop) -> None:
    """Deleted and asked for at the same moment, with whichever first."""
    ada = await shop.world.account()
    for turn in range(12):
        upload = await shop.bring(ada)
        asked = shop.world.submit(ada, shop.world.job(recipe=shop.world.recipe(upload), hold_gpu_ms=0))
        both = [asked, delete_upload(shop.rooms, ada, upload.id)]
        answers = await asyncio.gather(*both[:: 1 if turn % 2 else -1], return_exceptions=True)
        refused = [each for each in answers if isinstance(each, BaseException)]
        assert all(isinstance(each, Refused) for each in refused), refused
        assert await shop.there() != bool(refused), "who was accepted has the picture, and nobody else"
        for job in await shop.store.ledger.active_jobs():
            await shop.store.ledger.request_cancel(job.id, account_id=None, now=shop.world.now)
        await sweep_leftovers(shop.rooms)
        assert not await shop.there()
