"""Many at once on PostgreSQL: caps hold, one of several endings wins, nobody waits for each other for ever, events come in order."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from tests.contracts.world import World, fence_of

from darkroom.core.accounts import Account, EntryKind
from darkroom.core.errors import Exhausted
from darkroom.core.jobs import Cause, Job, JobState, Outcome, Reported, Submitted
from darkroom.core.ports import JobFilter
from darkroom.storage.postgres.store import PostgresStore


@pytest.fixture
async def world(postgres_store: PostgresStore) -> World:
    # All connections are made first: while one is being made, others would be done already, and nothing would meet.
    await asyncio.gather(*(postgres_store.operations.ping() for _ in range(8)))
    return World(postgres_store)


async def counted(world: World, account: Account) -> tuple[int, int]:
    """Running and waiting as the jobs say, which the account's row must say, too."""
    states = await world.states(account)
    waiting = states.count(JobState.WAITING)
    holding = sum(state in (JobState.READY, JobState.RUNNING, JobState.FINISHING) for state in states)
    row = await world.store.accounts.get(account.id)
    assert (row.running, row.waiting) == (holding, waiting)
    return holding, waiting


async def test_no_crowd_of_submissions_overruns_a_cap(world: World) -> None:
    account = await world.account()
    crowd = [world.submission(account, world.job(), world.job()) for _ in range(40)]
    answers = await asyncio.gather(
        *(world.store.ledger.submit(each) for each in crowd), return_exceptions=True
    )
    refused = [each for each in answers if isinstance(each, Exhausted)]
    assert len(refused) == 40 - 6 and {each.code for each in refused} == {"queue_full"}
    assert await counted(world, account) == (3, 9)  # 13 places, taken two by two


async def test_no_crowd_of_submissions_spends_more_than_there_is(world: World) -> None:
    account = await world.account(grant_gpu_ms=4_500)
    crowd = [world.submission(account, waiting_cap=100) for _ in range(30)]
    answers = await asyncio.gather(
        *(world.store.ledger.submit(each) for each in crowd), return_exceptions=True
    )
    assert sum(isinstance(each, Submitted) for each in answers) == 4
    assert {each.code for each in answers if isinstance(each, Exhausted)} == {"fast_time_exhausted"}
    assert await world.available_gpu_ms(account) == 500


async def test_one_key_from_many_at_once_is_one_submission(world: World) -> None:
    account = await world.account()
    crowd = [world.submission(account, idempotency_key="k", body_digest="d") for _ in range(12)]
    answers = await asyncio.gather(*(world.store.ledger.submit(each) for each in crowd))
    assert len({each.change.jobs[0].id for each in answers}) == 1
    assert sorted(each.replayed for each in answers) == [False] + [True] * 11
    assert await world.held_gpu_ms(account) == 1_000


def ways_out(world: World, job: Job) -> list[Any]:
    ledger = world.store.ledger
    failed = world.ending(job, JobState.FAILED)
    return [
        ledger.finish([world.finish(job)]),
        ledger.finish([world.finish(job)]),
        ledger.requeue([world.requeue(job)], now=world.now),
        ledger.requeue([world.requeue(job, Cause.IMAGE_REJECTED)], now=world.now),
        ledger.end([failed], now=world.now),
        ledger.end([world.ending(job, JobState.CANCELLED)], now=world.now),
        ledger.request_cancel(job.id, account_id=job.account_id, now=world.now),
    ]


@pytest.mark.parametrize("first", range(7))
async def test_of_all_ways_out_of_a_run_one_is_taken(world: World, first: int) -> None:
    account = await world.account()
    job = await world.running(account)
    ways = ways_out(world, job)
    answers = await asyncio.gather(*ways[first:], *ways[:first])
    reported: list[Reported] = [each for found in answers if isinstance(found, list) for each in found]
    assert [each.outcome for each in reported].count(Outcome.ACCEPTED) == 1
    await counted(world, account)
    entries = await world.store.accounts.statement(account.id, before=None, limit=10)
    kinds = [each.kind for each in entries if each.job_id == job.id]
    assert len(set(kinds)) == len(kinds)
    ended = (await world.store.library.job(job.id)).finished_at is not None
    assert (EntryKind.RELEASE in kinds) is ended
    assert await world.held_gpu_ms(account) == (0 if ended else 1_000)


async def test_batches_over_the_same_accounts_in_any_order_get_through(world: World) -> None:
    accounts = [await world.account() for _ in range(6)]
    jobs = [await world.running(each) for each in accounts for _ in range(3)]
    waiting = [await world.submitted(each) for each in accounts for _ in range(2)]
    ledger, half = world.store.ledger, len(jobs) // 2
    claims = [(job.id, fence_of(job)) for job in jobs]
    await asyncio.gather(
        ledger.finish([world.finish(job) for job in jobs[:half]]),
        ledger.finish([world.finish(job) for job in reversed(jobs[half:])]),
        ledger.mark_finishing(claims, now=world.now),
        ledger.mark_finishing(claims[::-1], now=world.now),
        *(ledger.request_cancel(job.id, account_id=None, now=world.now) for job in reversed(waiting)),
        *(world.submit(each) for each in reversed(accounts)),
    )
    for account in accounts:
        await counted(world, account)
    finished = await world.store.library.jobs(
        JobFilter(states=frozenset({JobState.COMPLETED})), before=None, limit=100
    )
    assert {job.id for job in finished} == {job.id for job in jobs}


async def test_events_of_one_account_become_visible_in_order(world: World) -> None:
    account, seen, over = await world.account(), [0], asyncio.Event()

    async def follow() -> None:
        while not over.is_set():
            moved = await world.store.library.moved_since(seen[-1], account_id=account.id, limit=1_000)
            seen.extend(each.id for each in moved)

    async def live(n: int) -> None:
        job = (await world.submit(account, running_cap=50, waiting_cap=50)).change.jobs[0]
        for claimed in await world.claimed(job):
            await world.store.ledger.finish([world.finish(claimed)])

    await world.epoch()
    follower = asyncio.create_task(follow())
    await asyncio.gather(*(live(n) for n in range(30)))
    over.set()
    await follower
    seen += [
        e.id for e in await world.store.library.moved_since(seen[-1], account_id=account.id, limit=1_000)
    ]
    everything = await world.store.library.moved_since(0, account_id=account.id, limit=1_000)
    assert all(one < two for one, two in pairwise(seen))
    assert seen[1:] == [each.id for each in everything] and len(everything) == 30 * 4


async def test_a_claim_whose_answer_was_lost_is_given_again(world: World) -> None:
    account = await world.account()
    job = await world.submitted(account)
    (first,) = await world.claimed(job)
    (again,) = await world.claimed(job)
    assert again == first
    assert await world.claimed(job, worker="worker-2") == []
    world.wait(1)
    assert await world.claimed(job) == []
    assert await world.path(job) == ["ready", "running"]


async def changes(world: World, name: str) -> tuple[Job, Any]:
    """A job, and a call that is about to change it."""
    account, ledger = await world.account(), world.store.ledger
    unclaimed = name in ("claim", "request_cancel")
    job = await (world.submitted(account) if unclaimed else world.running(account))
    epoch = await world.epoch()
    calls = {
        "claim": lambda: ledger.claim([job.id], worker_id="w", epoch=epoch, now=world.now),
        "mark_finishing": lambda: ledger.mark_finishing([(job.id, fence_of(job))], now=world.now),
        "finish": lambda: ledger.finish([world.finish(job)]),
        "requeue": lambda: ledger.requeue([world.requeue(job)], now=world.now),
        "end": lambda: ledger.end([world.ending(job)], now=world.now),
        "request_cancel": lambda: ledger.request_cancel(job.id, account_id=None, now=world.now),
    }
    return job, calls[name]()


async def waiters(connection: Any) -> int:
    count: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return count


@pytest.mark.parametrize("name", ["claim", "mark_finishing", "finish", "requeue", "end", "request_cancel"])
async def test_the_account_is_locked_before_the_job(world: World, postgres_dsn: str, name: str) -> None:
    job, call = await changes(world, name)
    holder, onlooker = await asyncpg.connect(postgres_dsn), await asyncpg.connect(postgres_dsn)
    holding = holder.transaction()
    await holding.start()
    await holder.execute("SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE", job.account_id)
    changing = asyncio.create_task(call)
    async with asyncio.timeout(10):
        while not await waiters(onlooker):
            assert not changing.done(), "it went past the lock"
    await onlooker.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE NOWAIT", job.id)
    await holding.rollback()
    await changing
    assert len(await world.path(job)) > (1 if name in ("claim", "request_cancel") else 2)
    await holder.close()
    await onlooker.close()
