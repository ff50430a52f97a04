"""The dispatcher: long pulls, workers and clients that get lost, heartbeats, previews, drains, and the breaker."""

from __future__ import annotations

import asyncio

import pytest
from tests.lifecycle.conftest import BAD, FINE, eventually

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.jobs import Change, JobState, Outcome
from darkroom.core.news import JobPreviewed, JobProgressed
from darkroom.core.params import Lane
from darkroom.core.verdicts import Subject
from darkroom.core.work import Claim, Fault, Instructions, Progress
from darkroom.core.workers import WorkerState
from darkroom.lifecycle.cancel import cancel
from darkroom.lifecycle.keys import preview_key
from darkroom.lifecycle.submit import submit

S = JobState


async def state(world, job) -> JobState:
    return (await world.job(job)).state


async def test_a_pull_that_waits_is_served_as_soon_as_a_job_is_there(world):
    ada = await world.account("ada")
    await world.worker()
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await eventually(lambda: len(world.dispatcher._memory.line) == 1)
    (job,) = await world.submit(ada)
    async with asyncio.timeout(5):  # no round of the loop was needed
        (assignment,) = await pulling
    assert assignment.claim.job_id == job.id


async def test_pulls_that_wait_together_share_what_comes_and_claim_it_in_one_call_each(world):
    ada = await world.account("ada", plan="pro")
    for name in ("w1", "w2"):
        await world.worker(name)
    pulls = [asyncio.create_task(world.pull(name, free=8, wait_s=20)) for name in ("w1", "w2")]
    await eventually(lambda: len(world.dispatcher._memory.line) == 2)
    world.ledger.calls.clear()
    await world.submit(ada, "a fox --repeat 4")
    async with asyncio.timeout(5):
        first, second = await asyncio.gather(*pulls)
    assert (len(first), len(second)) == (2, 2)
    assert world.ledger.calls.count("claim") == 2


async def test_a_worker_gets_no_more_than_it_has_room_for(world):
    ada = await world.account("ada")
    await world.worker(slots=2)
    await world.submit(ada, "a fox --repeat 4")
    assert len(await world.pull(free=9)) == 2
    assert await world.pull(free=0) == []
    with pytest.raises(NotFound) as refusal:
        await world.pull("nobody")
    assert refusal.value.code == "unknown_worker"


async def test_what_the_claim_refuses_is_not_assigned(world):
    ada = await world.account("ada")
    await world.worker()
    gone, stays = (await world.submit(ada))[0], (await world.submit(ada))[0]
    # another process cancels one: this dispatcher has not heard of it
    await world.store.ledger.request_cancel(gone.id, account_id=ada.id, now=world.clock())
    assert [each.claim.job_id for each in await world.pull()] == [stays.id]
    assert await world.pull() == []


async def test_a_client_that_hangs_up_while_it_waits_takes_nothing_with_it(world):
    ada = await world.account("ada")
    await world.worker()
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await eventually(lambda: len(world.dispatcher._memory.line) == 1)
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    (job,) = await world.submit(ada)
    assert [each.claim.job_id for each in await world.pull()] == [job.id]


async def test_a_client_that_hangs_up_during_the_claim_gives_its_jobs_back_uncounted(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    gate = world.ledger.gates["claim"] = asyncio.Event()
    pulling = asyncio.create_task(world.pull())
    await eventually(lambda: "claim" in world.ledger.calls)
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    gate.set()
    await eventually(lambda: len(world.dispatcher._memory.returned) == 1)
    await world.dispatcher.tick()
    assert ((await world.job(job)).state, (await world.job(job)).attempt) == (S.READY, 0)
    (again,) = await world.pull()
    assert again.attempt == 1
    world.dispatcher.give_back("w1", [again.claim])  # the answer never reached it
    await world.dispatcher.tick()
    assert ((await world.job(job)).state, (await world.job(job)).attempt) == (S.READY, 0)


async def test_a_client_that_hangs_up_just_when_it_is_served_takes_nothing_with_it(world):
    ada = await world.account("ada")
    await world.worker()
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await eventually(lambda: len(world.dispatcher._memory.line) == 1)
    job = (await submit(world.make_rooms(), ada, text="a fox")).change.jobs[0]
    world.rooms.bell.ring(Change(jobs=(job,)))
    world.dispatcher._deal()
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    assert [each.claim.job_id for each in await world.pull()] == [job.id]


async def test_jobs_whose_claim_failed_are_back_at_once(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    world.ledger.failing["claim"] = 1
    with pytest.raises(StoreUnavailable):
        await world.pull()
    assert [each.claim.job_id for each in await world.pull()] == [job.id]


async def test_old_news_of_a_job_that_runs_changes_nothing(world):
    ada = await world.account("ada")
    await world.worker()
    (ready,) = await world.submit(ada)
    (assignment,) = await world.pull()
    world.rooms.bell.ring(Change(jobs=(ready,)))
    assert world.dispatcher.heartbeat("w1", [assignment.claim]) == Instructions()
    assert await world.pull() == []


async def test_a_silent_workers_jobs_run_elsewhere(world):
    ada = await world.account("ada")
    await world.worker("w1")
    (job,) = await world.submit(ada)
    (old,) = await world.pull("w1")
    await world.later(19)
    assert await state(world, job) is S.RUNNING
    await world.worker("w2")
    await world.later(3)
    (new,) = await world.pull("w2")
    assert (new.claim.job_id, new.attempt, new.seed) == (job.id, 2, old.seed)
    assert (await world.job(job)).avoid == ("w1",)
    with pytest.raises(NotFound):
        world.dispatcher.heartbeat("w1", [old.claim])
    await world.worker("w1")
    assert world.dispatcher.heartbeat("w1", [old.claim]).abandon == (old.claim,)
    workers = {worker.id: worker.state for worker in await world.store.operations.workers()}
    assert workers == {"w1": WorkerState.ACTIVE, "w2": WorkerState.ACTIVE}


async def test_heartbeats_keep_a_worker_and_are_written_together(world):
    ada = await world.account("ada")
    await world.worker("w1")
    await world.worker("w2")
    await world.submit(ada)
    (assignment,) = await world.pull("w1")
    for _ in range(8):
        await world.later(4)
        assert world.dispatcher.heartbeat("w1", [assignment.claim]) == Instructions()
        world.dispatcher.heartbeat("w2", [])
    world.operations.calls.clear()
    await world.later(2)
    assert world.operations.calls.count("see_workers") == 1
    seen = {worker.id: worker.seen_at for worker in await world.store.operations.workers()}
    assert seen["w1"] == seen["w2"] > (await world.job_of(assignment)).started_at


async def test_a_job_that_its_worker_does_not_name_twice_is_lost(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    (assignment,) = await world.pull()
    for _ in range(3):  # within the first ten seconds it may not know yet
        await world.later(2)
        world.dispatcher.heartbeat("w1", [])
    await world.later(6)
    world.dispatcher.heartbeat("w1", [])
    world.dispatcher.heartbeat("w1", [assignment.claim])  # in a row, or it does not count
    world.dispatcher.heartbeat("w1", [])
    await world.dispatcher.tick()
    assert await state(world, job) is S.RUNNING
    world.dispatcher.heartbeat("w1", [])
    await world.dispatcher.tick()
    assert (await world.job(job)).avoid == ("w1",) and await state(world, job) is S.READY


async def test_three_lost_workers_make_a_dead_letter(world):
    ada = await world.account("ada")
    (job,) = await world.submit(ada)
    for name in ("w1", "w2", "w3"):
        await world.worker(name)
        assert len(await world.pull(name)) == 1
        world.dispatcher.lost(name)
        await world.dispatcher.tick()
    ended = await world.job(job)
    assert (ended.state, ended.error_code, ended.charged_gpu_ms) == (S.FAILED, "worker_lost", 0)
    await world.check_money(ada)


async def test_a_job_that_is_cancelled_while_its_worker_is_lost_ends_cancelled(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    await world.pull()
    await cancel(world.rooms, job.id, account_id=ada.id)
    world.dispatcher.lost("w1")
    await world.dispatcher.tick()
    assert await state(world, job) is S.CANCELLED


async def test_a_cancel_ends_the_waiting_of_its_worker(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    (assignment,) = await world.pull()
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await eventually(lambda: len(world.dispatcher._memory.line) == 1)
    await cancel(world.rooms, job.id, account_id=ada.id)
    async with asyncio.timeout(5):
        assert await pulling == []
    assert world.dispatcher.instructions("w1").cancel == (assignment.claim,)


async def test_who_leaves_hands_back_what_it_has(world):
    ada = await world.account("ada")
    await world.worker("w1")
    await world.worker("w2")
    (job,) = await world.submit(ada)
    await world.pull("w1")
    await world.dispatcher.leave("w1")
    assert ((await world.job(job)).state, (await world.job(job)).attempt) == (S.READY, 0)
    assert len(await world.pull("w2")) == 1
    with pytest.raises(NotFound):
        await world.pull("w1")


async def test_drain_quarantine_and_readmit(world):
    ada = await world.account("ada")
    await world.worker("w1")
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await eventually(lambda: len(world.dispatcher._memory.line) == 1)
    await world.dispatcher.drain("w1")
    async with asyncio.timeout(5):
        assert await pulling == []
    assert world.dispatcher.instructions("w1").drain
    await world.submit(ada)
    assert await world.pull(wait_s=20) == []
    await world.dispatcher.quarantine("w1")
    assert await world.pull() == []
    await world.worker("w1")  # started again, and still in quarantine
    assert await world.pull() == [] and not world.dispatcher.instructions("w1").drain
    await world.dispatcher.readmit("w1")
    assert len(await world.pull()) == 1
    with pytest.raises(NotFound):
        await world.dispatcher.drain("nobody")


async def test_failures_open_the_breaker_then_one_canary_then_quarantine(world):
    ada = await world.account("ada", plan="pro")
    await world.worker("w1")
    await world.submit(ada, "a fox --repeat 10")
    for assignment in (await world.pull())[:3]:
        await world.fail(assignment, Fault.INFRASTRUCTURE)
    assert await world.pull() == []
    for waits_s in (32, 62):
        for _ in range(waits_s // 2):
            await world.later(2)
            world.dispatcher.heartbeat("w1", [run.claim for run in world.dispatcher._memory.runs.of("w1")])
        running = world.dispatcher._memory.runs.of("w1")
        for run in running:  # while it is busy there is no canary
            assert await world.pull() == []
            await world.fail(run.assignment, Fault.DRAINED)
        (canary,) = await world.pull(free=4)
        assert await world.pull(free=4) == []
        await world.fail(canary, Fault.INFRASTRUCTURE)
        assert await world.pull() == []
    await world.later(2)
    (worker,) = await world.store.operations.workers()
    assert (worker.state, worker.reason) == (WorkerState.QUARANTINED, "its breaker opened too often")


async def test_a_full_worker_takes_one_more_of_a_more_urgent_lane(world):
    ada = await world.account("ada", plan="pro")
    await world.worker("w1", slots=1)
    (slow,) = await world.submit(ada, "a fox", lane=Lane.RELAX)
    (held,) = await world.pull(free=1)
    await world.submit(ada, "a fox", lane=Lane.RELAX)
    urgent = frozenset({Lane.TURBO, Lane.FAST})
    how = {"free": 1, "warm": [], "lanes": urgent}
    assert await world.dispatcher.pull("w1", wait_s=0, **how) == []
    waiting = asyncio.create_task(world.dispatcher.pull("w1", wait_s=20, **how))
    await asyncio.sleep(0)
    (quick,) = await world.submit(ada, "a fox", lane=Lane.TURBO)
    (urgent_one,) = await asyncio.wait_for(waiting, 10)
    assert (held.claim.job_id, urgent_one.claim.job_id) == (slow.id, quick.id)


async def test_progress_is_told_and_marked_without_waiting_for_the_store(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    (assignment,) = await world.pull()
    world.ledger.calls.clear()
    old = Claim(job_id=job.id, fence=assignment.claim.fence - 1)
    told = world.dispatcher.progress(
        "w1",
        [
            Progress(claim=assignment.claim, done=3, total=16),
            Progress(claim=assignment.claim, done=16, total=16, finishing=True),
            Progress(claim=old, done=1, total=2),
        ],
    )
    assert told.abandon == (old,)
    assert world.ledger.calls == []
    steps = [each.done for each in world.told.news if isinstance(each, JobProgressed)]
    assert steps == [3, 16]
    await world.later(2)
    assert await state(world, job) is S.FINISHING
    assert await world.draw(assignment) is Outcome.ACCEPTED


async def test_previews_are_judged_kept_told_and_gone_with_the_job(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    (assignment,) = await world.pull()
    claim = assignment.claim

    def preview(data: bytes, scores) -> None:
        world.dispatcher.progress("w1", [Progress(claim=claim, preview=data, scores=scores)])

    preview(b"unscored", {})
    preview(b"bad", BAD)
    preview(b"old", FINE)
    preview(b"new", FINE)  # overtakes the one that waits
    await world.dispatcher._previews.settled()
    (told,) = [each for each in world.told.news if isinstance(each, JobPreviewed)]
    assert (told.number, told.key) == (2, preview_key(job.id, 2))
    assert await world.kept.get(told.key) == b"new"
    world.objects.failing["put"] = 1
    preview(b"lost", FINE)
    await world.dispatcher._previews.settled()
    await world.draw(assignment)
    await world.later(2)
    assert [key async for key in world.kept.keys("previews/")] == []
    logged = await world.store.operations.verdicts(
        before=None, limit=5, blocked_only=True, subject=Subject.PREVIEW
    )
    assert [record.job_id for record in logged] == [job.id]


async def test_uploads_are_for_who_holds_the_claim(world):
    ada = await world.account("ada")
    await world.worker("w1")
    await world.submit(ada)
    (assignment,) = await world.pull()
    claim = assignment.claim
    assert world.dispatcher.holds("w1", claim)
    assert not world.dispatcher.holds("w2", claim)
    assert not world.dispatcher.holds("w1", Claim(job_id=claim.job_id, fence=claim.fence + 1))


async def test_position_and_wait_are_known_for_ready_jobs_only(world):
    ada = await world.account("ada")
    (first,) = await world.submit(ada)
    world.clock.move(0.1)
    (second,) = await world.submit(ada)
    assert world.dispatcher.wait_s(second) is None  # nobody there to draw it
    await world.worker()
    place = world.dispatcher.position(second.id)
    assert place is not None and place.ahead == 1
    assert world.dispatcher.wait_s(second) == place.ahead_gpu_ms / 1000 > 0
    await world.pull(free=1)
    assert world.dispatcher.position(first.id) is None
    assert world.dispatcher.wait_s(await world.job(first)) is None


async def test_a_worker_whose_process_dies_over_every_job_gets_no_more_for_a_while(world):
    """Each death counts once, however many runs it took along; one that had nothing in hand counts for nothing."""
    bob = await world.account("bob", plan="pro")
    for _ in range(5):
        await world.worker("w1")
        world.dispatcher.lost("w1")
    for death in range(3):
        await world.worker("w1")
        jobs = await world.submit(bob, "a fox --repeat 2")
        assert len(await world.pull(free=2)) == 2, f"stopped before death {death + 1}"
        world.dispatcher.lost("w1")
        await world.later(2)
        for job in jobs:
            await cancel(world.rooms, job.id, account_id=bob.id)
    await world.worker("w1")
    await world.submit(bob)
    assert await world.pull(free=2) == []
    for _ in range(16):
        await world.later(2)
        world.dispatcher.heartbeat("w1", [])
    assert len(await world.pull(free=2)) == 1
