"""What every ledger promises about claims: fresh fences, one claimant, the lease, and the way back to ready."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.contracts.world import Store, World, fence_of, unchanged

from darkroom.core.errors import NotActive
from darkroom.core.jobs import Cause, JobState, Outcome
from darkroom.core.params import Lane

READY, RUNNING, FINISHING, COMPLETED = (
    JobState.READY,
    JobState.RUNNING,
    JobState.FINISHING,
    JobState.COMPLETED,
)


class LedgerClaimContract:
    async def test_a_claimed_job_runs_under_a_fresh_fence(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two = await world.submitted(account), await world.submitted(account)
        world.wait(5)
        change = await store.ledger.claim(
            [two.id, one.id], worker_id="w", epoch=await world.epoch(), now=world.now
        )
        assert [job.id for job in change.jobs] == [two.id, one.id]
        assert {(job.state, job.worker_id, job.attempt, job.started_at) for job in change.jobs} == {
            (RUNNING, "w", 1, world.now)
        }
        assert len({fence_of(job) for job in change.jobs}) == 2
        assert {(each.was, each.state, each.cause) for each in change.moved} == {
            (READY, RUNNING, Cause.CLAIMED)
        }
        assert (await store.accounts.get(account.id)).running == 2

    async def test_fences_only_grow(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        fences = [fence_of(job)]
        for _ in range(3):
            (reported,) = await store.ledger.requeue([world.requeue(job)], now=world.now)
            (job,) = await world.claimed(*reported.change.jobs)
            fences.append(fence_of(job))
            fences.append(fence_of(await world.running(await world.account())))
        assert fences == sorted(set(fences))

    async def test_jobs_that_are_not_ready_are_left_out(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        change = (await world.submit(account, world.job(), world.job(), running_cap=1)).change
        ready, waiting = change.jobs
        running = await world.running(await world.account())
        change = await store.ledger.claim(
            [running.id, waiting.id, ready.id, uuid4()],
            worker_id="w",
            epoch=await world.epoch(),
            now=world.now,
        )
        assert [job.id for job in change.jobs] == [ready.id]
        assert (await store.library.job(running.id)).worker_id == "worker-1"

    async def test_one_job_is_claimed_once_however_many_ask(self, store: Store) -> None:
        world = World(store)
        job = await world.submitted(await world.account())
        await world.epoch()
        claims = await asyncio.gather(*(world.claimed(job, worker=f"w{i}") for i in range(5)))
        assert sorted(len(each) for each in claims) == [0, 0, 0, 0, 1]
        assert (await store.library.job(job.id)).attempt == 1

    async def test_only_the_holder_of_the_valid_lease_claims(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.submitted(account)
        acquire = store.operations.acquire_lease

        async def claim(epoch: int) -> list[JobState]:
            change = await store.ledger.claim([job.id], worker_id="w", epoch=epoch, now=world.now)
            return [each.state for each in change.jobs]

        with pytest.raises(NotActive):
            await claim(1)
        old = await acquire(holder="old", url="http://old", ttl_s=10, now=world.now)
        world.wait(11)
        with pytest.raises(NotActive):
            await claim(old.epoch)
        new = await acquire(holder="new", url="http://new", ttl_s=10, now=world.now)
        with pytest.raises(NotActive):
            await claim(old.epoch)
        assert (await store.library.job(job.id)).state is READY
        assert await claim(new.epoch) == [RUNNING]

    async def test_just_the_running_jobs_of_these_fences_become_finishing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        right, wrong = await world.running(account), await world.running(account)
        ready = await world.submitted(account)
        claims = [
            (wrong.id, fence_of(wrong) + 100),
            (right.id, fence_of(right)),
            (ready.id, 1),
            (uuid4(), 1),
        ]
        change = await store.ledger.mark_finishing(claims, now=world.now)
        assert [(job.id, job.state, job.fence) for job in change.jobs] == [
            (right.id, FINISHING, fence_of(right))
        ]
        assert [(each.was, each.state, each.cause) for each in change.moved] == [
            (RUNNING, FINISHING, Cause.PIXELS_MADE)
        ]
        assert await world.states(account) == [FINISHING, RUNNING, READY]
        assert (await store.ledger.mark_finishing(claims, now=world.now)).jobs == ()


class LedgerRequeueContract:
    @pytest.mark.parametrize("finishing", [False, True])
    async def test_a_lost_job_is_ready_again_in_its_old_place(self, store: Store, finishing: bool) -> None:
        world = World(store)
        account = await world.account()
        old = await (world.finishing if finishing else world.running)(account)
        world.wait(20)
        requeue = world.requeue(old, avoid="worker-1", detail="no heartbeat")
        (reported,) = await store.ledger.requeue([requeue], now=world.now)
        (job,) = reported.change.jobs
        assert (reported.job_id, reported.outcome, reported.change.promoted) == (
            old.id,
            Outcome.ACCEPTED,
            (),
        )
        assert (job.state, job.worker_id, job.avoid) == (READY, None, ("worker-1",))
        assert (job.not_before, job.ready_at) == (requeue.not_before, old.ready_at)
        assert (job.attempt, job.rejections, job.seed, job.prompt) == (1, 0, old.seed, old.prompt)
        (moved,) = reported.change.moved
        assert (moved.was, moved.state, moved.cause, moved.detail) == (
            old.state,
            READY,
            Cause.WORKER_LOST,
            "no heartbeat",
        )
        assert await world.held_gpu_ms(account) == 1_000
        assert (await store.accounts.get(account.id)).running == 1
        (again,) = await world.claimed(job, worker="worker-2")
        assert again.attempt == 2

    async def test_a_requeue_under_a_wrong_fence_is_stale(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        before = await world.seen(account)
        requeues = [world.requeue(job, fence=fence_of(job) + 1), world.requeue(job, job_id=uuid4())]
        reported = await store.ledger.requeue(requeues, now=world.now)
        assert [each.outcome for each in reported] == [Outcome.STALE] * 2
        assert await world.seen(account) == before

    async def test_the_same_requeue_again_changes_nothing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        requeue = world.requeue(job, avoid="worker-1")
        await store.ledger.requeue([requeue], now=world.now)
        kept, before = await store.library.job(job.id), await world.seen(account)
        (again,) = await store.ledger.requeue([requeue], now=world.now)
        assert again.outcome is not Outcome.ACCEPTED
        assert await world.seen(account) == before and await store.library.job(job.id) == kept

    async def test_workers_to_avoid_add_up(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        for worker in ("worker-1", "worker-2"):
            (reported,) = await store.ledger.requeue([world.requeue(job, avoid=worker)], now=world.now)
            (job,) = await world.claimed(*reported.change.jobs)
        assert set(job.avoid) == {"worker-1", "worker-2"}

    async def test_a_drain_is_no_attempt(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        drained = world.requeue(job, Cause.WORKER_DRAINED, counts_attempt=False)
        (reported,) = await store.ledger.requeue([drained], now=world.now)
        assert (reported.change.jobs[0].attempt, reported.change.jobs[0].rejections) == (0, 0)
        (again,) = await world.claimed(*reported.change.jobs)
        assert again.attempt == 1

    async def test_a_saved_state_stays_with_the_job_until_a_requeue_says_otherwise(
        self, store: Store
    ) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        assert job.saved is None
        for saved in ("staging/a/1/state.safetensors", "staging/a/2/state.safetensors", None):
            requeue = world.requeue(job, Cause.WORKER_DRAINED, counts_attempt=False, saved=saved)
            (reported,) = await store.ledger.requeue([requeue], now=world.now)
            assert [each.saved for each in reported.change.jobs] == [saved]
            assert [each.saved for each in await store.ledger.active_jobs()] == [saved]
            (job,) = await world.claimed(*reported.change.jobs)
            assert job.saved == saved == (await store.library.job(job.id)).saved

    async def test_a_stale_requeue_leaves_no_state(self, store: Store) -> None:
        world = World(store)
        old = await world.running(await world.account())
        (reported,) = await store.ledger.requeue([world.requeue(old, saved="staging/a")], now=world.now)
        (job,) = await world.claimed(*reported.change.jobs)
        late = await store.ledger.requeue([world.requeue(old, saved="staging/late")], now=world.now)
        assert [each.outcome for each in late] == [Outcome.STALE]
        assert (await store.library.job(job.id)).saved == "staging/a"

    async def test_an_ended_job_still_names_its_state_and_its_successor_has_none(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        jobs = [await world.running(account) for _ in range(3)]
        requeues = [world.requeue(job, saved=f"staging/{job.id}") for job in jobs]
        ready = [each.change.jobs[0] for each in await store.ledger.requeue(requeues, now=world.now)]
        finished, failed = await world.claimed(*ready[:2])
        ended = [
            *(await store.ledger.finish([world.finish(finished)]))[0].change.jobs,
            *(await store.ledger.end([world.ending(failed)], now=world.now))[0].change.jobs,
            *(await store.ledger.request_cancel(jobs[2].id, account_id=account.id, now=world.now)).jobs,
        ]
        assert [each.saved for each in ended] == [f"staging/{job.id}" for job in jobs]
        change = await store.ledger.resubmit(failed.id, new_id=world.id(), now=world.now)
        assert [each.saved for each in change.jobs] == [None]

    async def test_a_rejected_image_gets_a_new_seed_and_counts_a_rejection(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        for seed in (8, 9, 10):
            requeue = world.requeue(
                job, Cause.IMAGE_REJECTED, counts_attempt=False, prompt=f"a fox --seed {seed}", seed=seed
            )
            (reported,) = await store.ledger.requeue([requeue], now=world.now)
            assert [each.state for each in reported.change.moved] == [FINISHING, READY]
            (job,) = reported.change.jobs
            assert (job.seed, job.prompt, job.attempt) == (seed, f"a fox --seed {seed}", 0)
            (job,) = await world.claimed(job)
        assert (job.rejections, job.attempt) == (3, 1)
        await store.ledger.finish([world.finish(job)])
        (image, *_) = await store.library.images_of([job.id])
        assert (image.seed, image.prompt) == (10, "a fox --seed 10")

    async def test_a_rejection_of_a_finishing_job_is_one_step(self, store: Store) -> None:
        world = World(store)
        job = await world.finishing(await world.account())
        requeue = world.requeue(job, Cause.IMAGE_REJECTED, counts_attempt=False, prompt="p", seed=8)
        (reported,) = await store.ledger.requeue([requeue], now=world.now)
        assert [(each.was, each.state) for each in reported.change.moved] == [(FINISHING, READY)]
        assert reported.change.jobs[0].rejections == 1

    async def test_ended_and_unclaimed_jobs_are_not_requeued(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        await store.ledger.finish([world.finish(job)])
        ready = await world.submitted(account)
        before = await world.seen(account)
        requeues = [world.requeue(job), world.requeue(replace(ready, fence=fence_of(job)))]
        reported = await store.ledger.requeue(requeues, now=world.now)
        assert all(each.outcome is not Outcome.ACCEPTED for each in reported)
        assert await world.seen(account) == before

    async def test_active_jobs_are_those_with_a_slot_oldest_first(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        finishing = await world.finishing(one)
        ready, _waiting = (await world.submit(one, world.job(), world.job(), running_cap=2)).change.jobs
        running = await world.running(two, lane=Lane.TURBO)
        done = await world.running(two)
        await store.ledger.finish([world.finish(done)])
        active = await store.ledger.active_jobs()
        assert [job.id for job in active] == [finishing.id, ready.id, running.id]
        assert active[2] == running

    async def test_what_is_not_before_is_kept_for_the_dispatcher(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        later = world.now + timedelta(seconds=8)
        await store.ledger.requeue([world.requeue(job, not_before=later)], now=world.now)
        assert [each.not_before for each in await store.ledger.active_jobs()] == [later]

    async def test_reports_that_contradict_each_other_take_effect_once(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        answers = await asyncio.gather(
            store.ledger.requeue([world.requeue(job)], now=world.now),
            store.ledger.finish([world.finish(job)]),
            store.ledger.end([world.ending(job)], now=world.now),
        )
        assert [each.outcome for (each,) in answers].count(Outcome.ACCEPTED) == 1
        await unchanged(world, account, lambda: store.ledger.finish([world.finish(job, fence=0)]))
