"""What every ledger promises about pictures and money: published and settled once, whoever says so and however often."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from tests.contracts.world import Store, World, fence_of

from darkroom.core.accounts import EntryKind
from darkroom.core.jobs import Cause, JobState, Outcome

READY, RUNNING, FINISHING, COMPLETED = (
    JobState.READY,
    JobState.RUNNING,
    JobState.FINISHING,
    JobState.COMPLETED,
)


class LedgerFinishContract:
    async def test_a_finished_job_is_published_and_settled(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.finishing(account)
        world.wait(3)
        finish = world.finish(job)
        (reported,) = await store.ledger.finish([finish])
        (done,) = reported.change.jobs
        assert (reported.job_id, reported.outcome) == (job.id, Outcome.ACCEPTED)
        assert (done.state, done.measured_gpu_ms, done.charged_gpu_ms) == (COMPLETED, 400, 400)
        assert (done.finished_at, done.notes) == (world.now, finish.notes)
        assert [(each.was, each.state, each.cause) for each in reported.change.moved] == [
            (FINISHING, COMPLETED, Cause.PUBLISHED)
        ]
        images = await store.library.images_of([job.id])
        assert [image.id for image in images] == [new.id for new in finish.images]
        balance = await store.accounts.balance(account.id)
        assert (balance.held_gpu_ms, balance.settled_gpu_ms) == (0, 400)
        assert (await store.accounts.get(account.id)).running == 0
        assert await store.library.job(job.id) == done

    async def test_what_the_worker_notes_comes_after_what_was_said_at_first(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        submitted = await world.submit(account, world.job(notes=("it shrinks", "one\x00 is left away")))
        (job,) = submitted.change.jobs
        assert len(job.notes) == 2 and await store.library.job(job.id) == job
        (claimed,) = await world.claimed(job)
        assert claimed.notes == job.notes
        (reported,) = await store.ledger.finish([world.finish(claimed)])
        (done,) = reported.change.jobs
        assert done.notes == (*job.notes, "seed was drawn") == (await store.library.job(job.id)).notes

    async def test_a_running_job_passes_through_finishing(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        (reported,) = await store.ledger.finish([world.finish(job)])
        assert [each.state for each in reported.change.moved] == [FINISHING, COMPLETED]
        assert await world.path(job) == [READY, RUNNING, FINISHING, COMPLETED]

    @pytest.mark.parametrize(
        ("hold", "percent", "measured", "charged"),
        [
            (1_000, 100, 400, 400),
            (1_000, 200, 400, 800),
            (1_000, 200, 600, 1_000),
            (1_000, 0, 400, 0),
            (1_000, 100, 0, 0),
            (1_000, 50, 399, 199),
            (0, 100, 400, 0),
        ],
    )
    async def test_the_charge_is_what_was_measured_and_never_more_than_the_hold(
        self, store: Store, hold: int, percent: int, measured: int, charged: int
    ) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account, hold_gpu_ms=hold, price_percent=percent)
        await store.ledger.finish([world.finish(job, measured_gpu_ms=measured)])
        assert (await store.library.job(job.id)).charged_gpu_ms == charged
        balance = await store.accounts.balance(account.id)
        assert (balance.settled_gpu_ms, balance.held_gpu_ms) == (charged, 0)
        assert balance.available_gpu_ms == 100_000 - charged

    async def test_hold_release_and_settle_are_written_once_each(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        await store.ledger.finish([world.finish(job)])
        await store.ledger.finish([world.finish(job)])
        lines = await store.accounts.statement(account.id, before=None, limit=10)
        assert sorted((each.kind, each.amount_gpu_ms) for each in lines if each.job_id == job.id) == [
            (EntryKind.HOLD, 1_000),
            (EntryKind.RELEASE, 1_000),
            (EntryKind.SETTLE, 400),
        ]

    async def test_the_same_completion_again_is_repeated(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        await store.ledger.finish([world.finish(job)])
        before = await world.seen(account)
        (again,) = await store.ledger.finish([world.finish(job, measured_gpu_ms=999)])
        assert again.outcome is Outcome.REPEATED and again.change.moved == ()
        assert await world.seen(account) == before
        assert len(await store.library.images_of([job.id])) == 3

    async def test_a_wrong_fence_publishes_nothing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        before = await world.seen(account)
        wrong = fence_of(job) + 1
        reported = await store.ledger.finish([world.finish(job, fence=wrong)])
        unknown = await store.ledger.finish([world.finish(job, job_id=uuid4())])
        assert [each.outcome for each in reported + unknown] == [Outcome.STALE] * 2
        assert await world.seen(account) == before and await store.library.images_of([job.id]) == []
        await store.ledger.finish([world.finish(job)])
        (late,) = await store.ledger.finish([world.finish(job, fence=wrong)])
        assert late.outcome is Outcome.STALE

    async def test_a_completion_that_comes_after_a_requeue_is_stale(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        lost = await world.running(account)
        await store.ledger.requeue([world.requeue(lost)], now=world.now)
        before = await world.seen(account)
        (late,) = await store.ledger.finish([world.finish(lost)])
        assert late.outcome is Outcome.STALE and await world.seen(account) == before
        (again,) = await world.claimed(await store.library.job(lost.id), worker="worker-2")
        (late,) = await store.ledger.finish([world.finish(lost)])
        assert late.outcome is Outcome.STALE
        (done,) = await store.ledger.finish([world.finish(again)])
        (late,) = await store.ledger.finish([world.finish(lost)])
        assert (done.outcome, late.outcome) == (Outcome.ACCEPTED, Outcome.STALE)
        assert (await store.accounts.balance(account.id)).settled_gpu_ms == 400

    async def test_a_job_that_was_to_be_cancelled_and_got_done_is_completed(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        await store.ledger.request_cancel(job.id, account_id=account.id, now=world.now)
        (reported,) = await store.ledger.finish([world.finish(job)])
        assert reported.outcome is Outcome.ACCEPTED
        assert (await store.library.job(job.id)).charged_gpu_ms == 400

    async def test_each_item_stands_alone(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        first, second, third = await world.running(one), await world.running(two), await world.running(one)
        finishes = [
            world.finish(third),
            world.finish(first, fence=fence_of(first) + 100),
            world.finish(second),
            world.finish(first),
        ]
        reported = await store.ledger.finish(finishes)
        assert [each.job_id for each in reported] == [third.id, first.id, second.id, first.id]
        assert [each.outcome for each in reported] == [
            Outcome.ACCEPTED,
            Outcome.STALE,
            Outcome.ACCEPTED,
            Outcome.ACCEPTED,
        ]
        assert [[job.id for job in each.change.jobs] for each in reported if each.change.moved] == [
            [third.id],
            [second.id],
            [first.id],
        ]

    async def test_the_same_completion_twice_in_one_call_is_charged_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        finish = world.finish(job)
        reported = await store.ledger.finish([finish, finish])
        assert [each.outcome for each in reported].count(Outcome.ACCEPTED) == 1
        assert (await store.accounts.balance(account.id)).settled_gpu_ms == 400
        assert len(await store.library.images_of([job.id])) == 3

    async def test_the_same_completion_many_times_at_once_is_charged_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        finish = world.finish(job)
        answers = await asyncio.gather(*(store.ledger.finish([finish]) for _ in range(5)))
        assert sorted(each.outcome for (each,) in answers) == [Outcome.ACCEPTED] + [Outcome.REPEATED] * 4
        assert (await store.accounts.balance(account.id)).settled_gpu_ms == 400
