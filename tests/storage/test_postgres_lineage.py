"""The lineage in PostgreSQL where graphs are large, races are close, and rows are older than the schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.contracts.world import World

from darkroom.core.ids import new_id
from darkroom.core.images import Ratio
from darkroom.core.lineage import Direction
from darkroom.core.params import Visibility
from darkroom.core.ports import ImageFilter
from darkroom.storage.postgres import lineage
from darkroom.storage.postgres.migrate import migrate
from darkroom.storage.postgres.store import PostgresStore

START = datetime(2026, 4, 1, tzinfo=UTC)
JOB = (
    "INSERT INTO finished_jobs (id, account_id, batch_id, state, lane, visibility, source, prompt, words, model, seed,"
    " images, hold_gpu_ms, price_percent, weight, attempt, rejections, avoid, cancel_requested, created_at, notes)"
    " SELECT id, $2, id, 'completed', 'fast', $3, '', '', '', 'mini-1', 7, 1, 0, 0, 1, 1, 0, '{}', false, $4, '{}'"
    " FROM unnest($1::uuid[]) AS id"
)


@pytest.fixture
async def connection(postgres_dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def family(connection: Any, parents: Sequence[Sequence[int]]) -> list[UUID]:
    """Image n is made from the images `parents[n]`, each by a job of its own; written as the ledger would, all at once."""
    jobs = [new_id(START + timedelta(milliseconds=2 * n)) for n in range(len(parents))]
    images = [new_id(START + timedelta(milliseconds=2 * n + 1)) for n in range(len(parents))]
    await connection.execute(JOB, jobs, jobs[0], "public", START)
    await connection.executemany(
        "INSERT INTO images (id, job_id, account_id, index, files, scores, policy, provenance, created_at, visibility)"
        " VALUES ($1, $2, $3, 0, '[]', '{}', '', '{}', $4, 'public')",
        [(image, job, jobs[0], START) for image, job in zip(images, jobs, strict=True)],
    )
    await connection.executemany(
        "INSERT INTO lineage_edges (job_id, position, parent_id, parent_kind, parent_group, role, weight, drawn)"
        " VALUES ($1, $2, $3, 'image', $4, 'prompt', 1, true)",
        [
            (jobs[n], place, images[parent], jobs[parent] if parents[parent] else images[parent])
            for n, own in enumerate(parents)
            for place, parent in enumerate(own)
        ],
    )
    return images


async def walked(store: PostgresStore, image_id: UUID, direction: Direction) -> list[UUID]:
    found, after = [], None
    while True:
        page = await store.lineage.page(image_id, direction, after=after, limit=500)
        found += [node.id for node in page.nodes]
        after = page.after
        if after is None:
            return found


async def test_a_chain_of_thousands(postgres_store: PostgresStore, connection: Any) -> None:
    chain = await family(connection, [[], *([n] for n in range(2_999))])
    assert await walked(postgres_store, chain[-1], Direction.ANCESTORS) == chain[-2::-1]
    assert await walked(postgres_store, chain[0], Direction.DESCENDANTS) == chain[1:]
    assert await walked(postgres_store, chain[1_500], Direction.GRAPH) == [
        each for each in reversed(chain) if each != chain[1_500]
    ]


async def test_a_fan_of_thousands(postgres_store: PostgresStore, connection: Any) -> None:
    root, *fan = await family(connection, [[], *([0] for _ in range(3_000))])
    assert await walked(postgres_store, root, Direction.DESCENDANTS) == fan
    assert await walked(postgres_store, fan[7], Direction.GRAPH) == [
        *reversed(fan[8:]),
        *reversed(fan[:7]),
        root,
    ]


async def test_a_walk_stops_after_so_many_groups_the_nearest_first(
    postgres_store: PostgresStore, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = await family(connection, [[], *([n] for n in range(50))])
    monkeypatch.setattr(lineage, "GROUPS_MAX", 9)
    assert await walked(postgres_store, chain[-1], Direction.ANCESTORS) == chain[-2:-11:-1]
    assert await walked(postgres_store, chain[0], Direction.DESCENDANTS) == chain[1:10]
    near = await walked(postgres_store, chain[25], Direction.GRAPH)
    assert near == [each for each in reversed(chain[21:30]) if each != chain[25]]


async def test_two_that_delete_the_same_file_at_once_let_go_of_it_once(postgres_store: PostgresStore) -> None:
    world = World(postgres_store)
    accounts = [await world.account() for _ in range(6)]
    first = await world.uploaded(accounts[0])
    same = [first, *[await world.uploaded(each, digest=first.digest) for each in accounts[1:]]]
    deleted = await asyncio.gather(
        *(postgres_store.uploads.delete(each.id, account_id=each.account_id, now=world.now) for each in same)
    )
    assert sum(unkept for _, unkept in deleted) >= 1
    assert await postgres_store.uploads.all(accounts[0].id, before=None, limit=9) == []


async def test_the_same_picture_brought_many_times_at_once_is_one(postgres_store: PostgresStore) -> None:
    world = World(postgres_store)
    account = await world.account()
    first = world.upload(account)
    same = [first, *(world.upload(account, digest=first.digest) for _ in range(5))]
    kept = await asyncio.gather(*map(postgres_store.uploads.add, same))
    assert len({each.id for each in kept}) == 1


async def test_images_of_an_older_schema_get_the_visibility_of_their_jobs_and_a_ratio(
    empty_postgres_dsn: str,
) -> None:
    await migrate(empty_postgres_dsn, up_to=5)
    jobs = [new_id(START, randomness=n) for n in range(3)]
    images = [new_id(START, randomness=9 + n) for n in range(3)]
    files = ['[["png", "d1", "image/png", 320, 224, 9]]', "[]", '[["png", "d2", "image/png", 8, 8, 9]]']
    connection = await asyncpg.connect(empty_postgres_dsn)
    await connection.execute(JOB, jobs[:1], jobs[0], "public", START)
    await connection.execute(JOB, jobs[1:2], jobs[0], "stealth", START)
    await connection.executemany(
        "INSERT INTO images (id, job_id, account_id, index, files, scores, policy, provenance, created_at)"
        " VALUES ($1, $2, $3, 0, $5, '{}', '', '{}', $4)",
        [(image, job, jobs[0], START, file) for image, job, file in zip(images, jobs, files, strict=True)],
    )
    await connection.close()
    store = await PostgresStore.open(empty_postgres_dsn)
    try:
        public, stealth = [await store.library.image(each) for each in images[:2]]
        assert (public.visibility, stealth.visibility) == (Visibility.PUBLIC, Visibility.STEALTH)
        assert (public.recipe.inputs, public.trashed_at, public.deleted_at) == ((), None, None)
        wide = ImageFilter(account_id=jobs[0], ratio=Ratio.LANDSCAPE)
        assert await store.gallery.find(wide, before=None, limit=5) == [public]
        assert await store.gallery.count(wide) == 1
        for direction in Direction:
            assert await walked(store, public.id, direction) == []
    finally:
        await store.close()


async def test_what_json_cannot_hold_does_not_break_a_submission(postgres_store: PostgresStore) -> None:
    world = World(postgres_store)
    account = await world.account()
    recipe = world.recipe(await world.uploaded(account))
    odd = replace(recipe, inputs=(replace(recipe.inputs[0], source="a\x00b\ud800c\\u0000"),))
    submitted = await world.submitted(account, recipe=odd)
    assert submitted.recipe.inputs[0].source == "abc\\u0000"
    assert await postgres_store.library.job(submitted.id) == submitted
    (running,) = await world.claimed(submitted)
    finish = world.finish(running)
    await postgres_store.ledger.finish([finish])
    assert len(await walked(postgres_store, finish.images[0].id, Direction.ANCESTORS)) == 1


async def test_a_job_of_words_alone_writes_nothing_of_a_lineage(
    postgres_store: PostgresStore, connection: Any
) -> None:
    world = World(postgres_store)
    await world.made(await world.account())
    assert await connection.fetchval("SELECT count(*) FROM lineage_edges") == 0
    assert await connection.fetchval("SELECT count(*) FROM finished_jobs WHERE recipe IS NOT NULL") == 0
