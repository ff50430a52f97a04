"""What every store promises of the figures that operators read: the queue of each lane, and what ended over time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contracts.world import START, Store, World

from darkroom.core.figures import LONGEST_LIFE, Ended, LaneQueue
from darkroom.core.jobs import JobState
from darkroom.core.params import Lane

HOUR = timedelta(hours=1)


class FiguresContract:
    async def queue(self, world: World, lane: Lane) -> LaneQueue:
        """One lane as it is now, with what began in the last hour."""
        queues = await world.store.operations.lane_queues(world.now - HOUR)
        assert [each.lane for each in queues] == [Lane.TURBO, Lane.FAST, Lane.RELAX]
        return next(each for each in queues if each.lane is lane)

    async def test_an_idle_service_has_empty_lanes(self, store: Store) -> None:
        world = World(store)
        for lane in Lane:
            assert await self.queue(world, lane) == LaneQueue(lane=lane)

    async def test_jobs_are_counted_where_they_are(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        await world.running(account)
        await world.finishing(account)
        oldest = await world.submitted(account)
        world.wait(5)
        await world.submitted(account)  # three slots are taken
        await world.submitted(await world.account(), lane=Lane.RELAX)
        await world.store.ledger.request_cancel(
            (await world.submitted(account)).id, account_id=None, now=world.now
        )
        fast = await self.queue(world, Lane.FAST)
        assert (fast.waiting, fast.ready, fast.running, fast.finishing) == (1, 1, 1, 1)
        assert fast.oldest_ready_at == oldest.ready_at and fast.started == 2
        relax = await self.queue(world, Lane.RELAX)
        assert (relax.ready, relax.running, relax.oldest_ready_at) == (1, 0, world.now)

    async def test_waits_are_those_of_the_last_hour(self, store: Store) -> None:
        world = World(store)
        for wait_s in (0, 10, 20, 100):
            job = await world.submitted(await world.account())
            world.wait(wait_s)
            (claimed,) = await world.claimed(job)
            if wait_s == 20:
                await store.ledger.finish([world.finish(claimed)])
        fast = await self.queue(world, Lane.FAST)
        assert (fast.started, fast.wait_p50_s) == (4, 15.0)
        assert fast.wait_p95_s == pytest.approx(20 + 0.85 * 80)
        world.wait(3600 - 50)  # the last of them began within the hour, the others not
        fast = await self.queue(world, Lane.FAST)
        assert (fast.started, fast.wait_p50_s, fast.wait_p95_s) == (1, 100.0, 100.0)
        world.wait(3600)
        assert (await self.queue(world, Lane.FAST)).wait_p50_s is None

    async def test_a_second_attempt_began_and_says_nothing_of_the_queue(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account())
        world.wait(600)
        await store.ledger.requeue([world.requeue(job)], now=world.now)
        await world.claimed(job)
        fast = await self.queue(world, Lane.FAST)
        assert (fast.started, fast.wait_p50_s) == (1, None)

    async def test_what_ended_is_told_by_stretch_lane_and_state(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        for seconds in (0, 30, 30):  # two in the first minute, one on the first moment of the next
            world.wait(seconds)
            await store.ledger.finish([world.finish(await world.running(account))])
        world.wait(10)
        relaxed = await world.running(account, lane=Lane.RELAX)
        await store.ledger.end([world.ending(relaxed, measured_gpu_ms=70)], now=world.now)
        cancelled = await world.submitted(account)
        await store.ledger.request_cancel(cancelled.id, account_id=None, now=world.now)
        await world.submitted(account)  # not over
        found = await store.operations.ended(START, bucket_s=60)
        minute = START + timedelta(minutes=1)
        assert {(each.at, each.lane, each.state): each for each in found} == {
            (each.at, each.lane, each.state): each
            for each in (
                self.ended(START, Lane.FAST, JobState.COMPLETED, jobs=2, gpu_ms=800),
                self.ended(minute, Lane.FAST, JobState.COMPLETED, gpu_ms=400),
                self.ended(minute, Lane.RELAX, JobState.FAILED, gpu_ms=70),
                self.ended(minute, Lane.FAST, JobState.CANCELLED),
            )
        }
        later = await store.operations.ended(minute + timedelta(seconds=1), bucket_s=60)
        assert {each.state for each in later} == {JobState.FAILED, JobState.CANCELLED}

    def ended(self, at: object, lane: Lane, state: JobState, *, jobs: int = 1, gpu_ms: int = 0) -> Ended:
        return Ended(at=at, lane=lane, state=state, jobs=jobs, images=4 * jobs, gpu_ms=gpu_ms)  # type: ignore[arg-type]

    async def test_what_lived_too_long_is_left_out(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        old = await world.submitted(account)
        world.wait(2 * 86_400)
        young = await world.submitted(account)
        world.wait((LONGEST_LIFE - timedelta(days=1)).total_seconds())
        for job in (old, young):
            await store.ledger.request_cancel(job.id, account_id=None, now=world.now)
        (found,) = await store.operations.ended(world.now - HOUR, bucket_s=60)
        assert found.jobs == 1
