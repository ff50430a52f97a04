"""What every ledger promises about slots that are handed on, and about cancelling."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from tests.contracts.world import Store, World

from darkroom.core.errors import NotFound
from darkroom.core.jobs import Cause, Job, JobState
from darkroom.core.params import Lane

WAITING, READY, RUNNING, FINISHING = (
    JobState.WAITING,
    JobState.READY,
    JobState.RUNNING,
    JobState.FINISHING,
)
COMPLETED, CANCELLED, FAILED, REJECTED = (
    JobState.COMPLETED,
    JobState.CANCELLED,
    JobState.FAILED,
    JobState.REJECTED,
)


class LedgerSlotContract:
    """One account, cap 1: a job has the slot, others wait."""

    async def scene(self, world: World, *lanes: Lane) -> tuple[Job, list[Job]]:
        account = await world.account()
        running = await world.running(account)
        waiting = [world.job(lane=lane) for lane in lanes]
        change = (await world.submit(account, *waiting, running_cap=1)).change
        return running, list(change.jobs)

    @pytest.mark.parametrize("how", ["finish", "fail", "reject", "cancel"])
    async def test_every_end_hands_the_slot_on(self, store: Store, how: str) -> None:
        world = World(store)
        running, (next_job, last) = await self.scene(world, Lane.FAST, Lane.FAST)
        world.wait(1)
        if how == "finish":
            (reported,) = await store.ledger.finish([world.finish(running)])
        else:
            state = {"fail": FAILED, "reject": REJECTED, "cancel": CANCELLED}[how]
            (reported,) = await store.ledger.end([world.ending(running, state)], now=world.now)
        (promoted,) = reported.change.promoted
        assert (promoted.id, promoted.state, promoted.ready_at) == (next_job.id, READY, world.now)
        assert [job.id for job in reported.change.jobs] == [running.id]
        assert (reported.change.moved[-1].job_id, reported.change.moved[-1].cause) == (
            next_job.id,
            Cause.SLOT_FREE,
        )
        assert (await store.library.job(last.id)).state is WAITING
        account = await store.accounts.get(running.account_id)
        assert (account.running, account.waiting) == (1, 1)
        (again,) = await world.claimed(promoted)
        assert again.state is RUNNING

    async def test_turbo_goes_before_fast_before_relax_and_then_the_oldest(self, store: Store) -> None:
        world = World(store)
        lanes = (Lane.RELAX, Lane.FAST, Lane.TURBO, Lane.RELAX, Lane.TURBO, Lane.FAST)
        running, waiting = await self.scene(world, *lanes)
        order = []
        for _ in waiting:
            (reported,) = await store.ledger.finish([world.finish(running)])
            (promoted,) = reported.change.promoted
            order.append(waiting.index(next(job for job in waiting if job.id == promoted.id)))
            (running,) = await world.claimed(promoted)
        assert order == [2, 4, 1, 5, 0, 3]
        (reported,) = await store.ledger.finish([world.finish(running)])
        assert reported.change.promoted == ()

    async def test_a_slot_stays_in_its_account(self, store: Store) -> None:
        world = World(store)
        running = await world.running(await world.account())
        _other, (waits,) = await self.scene(world, Lane.FAST)
        (reported,) = await store.ledger.finish([world.finish(running)])
        assert reported.change.promoted == ()
        assert (await store.library.job(waits.id)).state is WAITING

    async def test_the_end_of_a_waiting_job_frees_no_slot(self, store: Store) -> None:
        world = World(store)
        running, (first, second) = await self.scene(world, Lane.FAST, Lane.FAST)
        change = await store.ledger.request_cancel(first.id, account_id=None, now=world.now)
        assert change.promoted == () and (await store.library.job(second.id)).state is WAITING
        (reported,) = await store.ledger.finish([world.finish(running)])
        assert [job.id for job in reported.change.promoted] == [second.id]

    async def test_a_batch_of_ends_hands_on_as_many_slots(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        running = [await world.running(account), await world.running(account)]
        waiting = (await world.submit(account, *(world.job() for _ in range(3)), running_cap=2)).change.jobs
        reported = await store.ledger.finish([world.finish(job) for job in running])
        assert [[job.id for job in each.change.promoted] for each in reported] == [
            [waiting[0].id],
            [waiting[1].id],
        ]
        kept = await store.accounts.get(account.id)
        assert (kept.running, kept.waiting) == (2, 1)

    async def test_a_job_ahead_of_the_cap_hands_on_no_slot_that_nobody_may_have(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        failed = await world.dead_letter(account)
        running = await world.running(account)
        await world.submit(account, running_cap=1)
        extra = (await store.ledger.resubmit(failed.id, new_id=world.id(), now=world.now)).jobs
        (extra_run,) = await world.claimed(*extra)
        (first,) = await store.ledger.finish([world.finish(extra_run)])
        (second,) = await store.ledger.finish([world.finish(running)])
        assert (len(first.change.promoted), len(second.change.promoted)) == (0, 1)
        assert (await store.accounts.get(account.id)).running == 1

    async def test_a_requeue_keeps_its_slot(self, store: Store) -> None:
        world = World(store)
        running, (waits,) = await self.scene(world, Lane.TURBO)
        (reported,) = await store.ledger.requeue([world.requeue(running)], now=world.now)
        assert reported.change.promoted == () and (await store.library.job(waits.id)).state is WAITING

    async def test_ends_and_submissions_at_once_never_overrun_the_cap(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        running = [await world.running(account), await world.running(account)]
        await asyncio.gather(
            *(store.ledger.finish([world.finish(job)]) for job in running),
            *(world.submit(account, running_cap=2) for _ in range(6)),
        )
        states = await world.states(account)
        kept = await store.accounts.get(account.id)
        assert (states.count(READY), states.count(WAITING)) == (kept.running, kept.waiting) == (2, 4)


class LedgerCancelContract:
    async def test_a_ready_job_is_cancelled_free_of_charge_and_its_slot_handed_on(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        ready, waiting = (await world.submit(account, world.job(), world.job(), running_cap=1)).change.jobs
        change = await store.ledger.request_cancel(ready.id, account_id=account.id, now=world.wait(1))
        assert [(job.id, job.state, job.finished_at) for job in change.jobs] == [
            (ready.id, CANCELLED, world.now)
        ]
        assert [job.id for job in change.promoted] == [waiting.id]
        assert [(each.job_id, each.cause) for each in change.moved] == [
            (ready.id, Cause.CANCELLED_BY_USER),
            (waiting.id, Cause.SLOT_FREE),
        ]
        balance = await store.accounts.balance(account.id)
        assert (balance.settled_gpu_ms, balance.held_gpu_ms) == (0, 1_000)

    async def test_a_waiting_job_is_cancelled_free_of_charge(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        (waiting,) = (await world.submit(account, running_cap=0)).change.jobs
        change = await store.ledger.request_cancel(
            waiting.id, account_id=None, by_operator=True, now=world.now
        )
        assert [each.cause for each in change.moved] == [Cause.CANCELLED_BY_OPERATOR]
        assert await world.states(account) == [CANCELLED]
        assert (await world.held_gpu_ms(account), (await store.accounts.get(account.id)).waiting) == (0, 0)

    @pytest.mark.parametrize("finishing", [False, True])
    async def test_a_claimed_job_is_marked_and_goes_on(self, store: Store, finishing: bool) -> None:
        world = World(store)
        account = await world.account()
        job = await (world.finishing if finishing else world.running)(account)
        change = await store.ledger.request_cancel(job.id, account_id=account.id, now=world.now)
        assert (change.moved, change.promoted) == ((), ())
        (marked,) = change.jobs
        assert marked.cancel_requested and (marked.state, marked.fence) == (job.state, job.fence)
        assert (await store.ledger.active_jobs())[0].cancel_requested
        assert await world.held_gpu_ms(account) == 1_000
        (reported,) = await store.ledger.end(
            [world.ending(marked, CANCELLED, measured_gpu_ms=70)], now=world.now
        )
        assert reported.change.jobs[0].charged_gpu_ms == 70

    async def test_ended_jobs_stay_as_they_are(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        done = await world.running(account)
        await store.ledger.finish([world.finish(done)])
        failed = await world.dead_letter(account)
        cancelled = await world.submitted(account)
        await store.ledger.request_cancel(cancelled.id, account_id=account.id, now=world.now)
        before = await world.seen(account)
        for job in (done, failed, cancelled):
            kept = await store.library.job(job.id)
            change = await store.ledger.request_cancel(job.id, account_id=account.id, now=world.wait(1))
            assert (change.jobs, change.moved) == ((kept,), ())
        assert await world.seen(account) == before

    async def test_a_cancelled_job_is_not_claimed(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.submitted(account)
        await store.ledger.request_cancel(job.id, account_id=account.id, now=world.now)
        assert await world.claimed(job) == []

    async def test_nobody_cancels_the_job_of_another(self, store: Store) -> None:
        world = World(store)
        owner, other = await world.account(), await world.account()
        job = await world.submitted(owner)
        for job_id, account_id in [(job.id, other.id), (uuid4(), owner.id)]:
            with pytest.raises(NotFound):
                await store.ledger.request_cancel(job_id, account_id=account_id, now=world.now)
        assert (await store.library.job(job.id)).state is READY

    async def test_cancel_and_claim_at_once_agree(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.submitted(account)
        await world.epoch()
        _change, claimed = await asyncio.gather(
            store.ledger.request_cancel(job.id, account_id=account.id, now=world.now), world.claimed(job)
        )
        kept = await store.library.job(job.id)
        assert (kept.state, kept.cancel_requested) == (RUNNING, True) if claimed else kept.state is CANCELLED
