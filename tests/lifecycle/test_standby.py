"""One dispatches, the others stand by: takeover from the ledger alone, other processes' jobs, and stores that come and go."""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.lifecycle.conftest import World, eventually

from darkroom.core.errors import NotActive, NotFound, StoreUnavailable
from darkroom.core.jobs import JobState, Outcome
from darkroom.core.ports import JobFilter
from darkroom.core.work import Fault, Progress
from darkroom.lifecycle.cancel import cancel
from darkroom.lifecycle.submit import submit

S = JobState


async def test_a_standby_says_where_to_go_and_takes_over_when_the_lease_runs_out(world):
    ada = await world.account("ada")
    await world.worker("w1")
    running, ready = (await world.submit(ada))[0], (await world.submit(ada))[0]
    (assignment,) = await world.pull(free=1)
    waiting = ready if assignment.claim.job_id == running.id else running
    standby = world.make_dispatcher("two", world.make_rooms())
    await standby.tick()
    for refused in (
        lambda: standby.pull("w1", free=1, warm=[], wait_s=0),
        lambda: standby.report("w1", []),
        lambda: standby.leave("w1"),
        lambda: standby.drain("w1"),
    ):
        with pytest.raises(NotActive) as told:
            await refused()
        assert told.value.url == "http://one"
    assert standby.position(ready.id) is None and not standby.active and dict(standby.depth()) == {}
    await world.later(4, standby)
    assert not standby.active  # the lease of one still runs
    await world.later(4, standby)
    assert standby.active and dict(standby.depth())
    with pytest.raises(NotActive):  # one was stopped, and wakes up: its time is over
        await world.pull()
    with pytest.raises(NotFound):
        standby.heartbeat("w1", [assignment.claim])
    await world.worker("w1", dispatcher=standby)
    assert standby.heartbeat("w1", [assignment.claim]).abandon == ()
    report = await world.complete(assignment)
    assert await standby.report("w1", [report]) == [Outcome.ACCEPTED]
    (next_one,) = await standby.pull("w1", free=1, warm=[], wait_s=0)
    assert next_one.claim.job_id == waiting.id
    await world.dispatcher.tick()
    assert not world.dispatcher.active
    with pytest.raises(NotActive) as told:
        await world.pull()
    assert told.value.url == "http://two"
    await world.check_money(ada)


async def test_after_a_takeover_workers_have_a_lease_to_be_heard_of(world):
    ada = await world.account("ada")
    await world.worker("w1")
    (job,) = await world.submit(ada)
    await world.pull()
    world.dispatcher = world.make_dispatcher("two", world.make_rooms())
    await world.later(8)
    assert world.dispatcher.active
    await world.later(18)
    assert (await world.job(job)).state is S.RUNNING
    await world.later(4)
    assert ((await world.job(job)).state, (await world.job(job)).avoid) == (S.READY, ("w1",))


async def test_a_waiting_pull_is_told_when_the_lease_is_lost(world):
    await world.worker()
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await eventually(lambda: len(world.dispatcher._memory.line) == 1)
    world.clock.move(7)
    standby = world.make_dispatcher("two", world.make_rooms())
    await standby.tick()
    await world.dispatcher.tick()
    with pytest.raises(NotActive) as told:
        async with asyncio.timeout(5):
            await pulling
    assert told.value.url == "http://two"


async def test_who_did_not_renew_the_lease_says_nothing_even_while_nobody_else_has_it(world):
    await world.worker()
    world.clock.move(7)
    assert not world.dispatcher.active
    with pytest.raises(NotActive):
        world.dispatcher.heartbeat("w1", [])
    await world.dispatcher.tick()
    assert world.dispatcher.active


async def test_who_gets_the_lease_back_after_somebody_else_begins_anew_from_the_ledger(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    world.clock.move(7)
    other = world.make_dispatcher("two", world.make_rooms())
    await other.tick()
    await world.worker("w2", dispatcher=other)
    (assignment,) = await other.pull("w2", free=1, warm=[], wait_s=0)
    await other._lease.release()
    await world.dispatcher.renew()
    assert world.dispatcher.position(job.id) is None
    assert world.dispatcher.holds("w2", assignment.claim)


async def test_the_ledger_refuses_claims_of_an_old_epoch(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    real = world.dispatcher._lease.held
    world.clock.move(7)
    await world.make_dispatcher("two", world.make_rooms()).tick()
    world.dispatcher._lease.held = lambda now: True  # its clock stands still
    with pytest.raises(NotActive):
        await world.pull()
    world.dispatcher._lease.held = real
    assert (await world.job(job)).state is S.READY


async def test_jobs_of_other_processes_are_found_by_the_next_round(world):
    ada = await world.account("ada")
    await world.worker()
    await world.later(2)
    elsewhere = world.make_rooms()
    job = (await submit(elsewhere, ada, text="a red fox")).change.jobs[0]
    assert await world.pull() == []
    await world.dispatcher.tick()  # no time has passed: this is the poll, not the survey
    assert [each.claim.job_id for each in await world.pull()] == [job.id]


async def test_a_round_reads_nothing_where_all_news_are_its_own(world):
    ada = await world.account("ada")
    await world.worker()
    await world.submit(ada)
    await world.draw((await world.pull())[0])
    world.library.calls.clear()
    world.ledger.calls.clear()
    await world.dispatcher.tick()
    assert world.library.calls == ["newest_event"] and world.ledger.calls == []


async def test_a_cancel_by_another_process_reaches_the_worker_with_the_next_survey(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    (assignment,) = await world.pull()
    await world.store.ledger.request_cancel(job.id, account_id=ada.id, now=world.clock())
    await world.later(6)
    assert world.dispatcher.heartbeat("w1", [assignment.claim]).cancel == (assignment.claim,)


@pytest.mark.parametrize("when", ["failing", "after"])
@pytest.mark.parametrize(
    "step", ["claim", "requeue", "end", "active_jobs", "mark_finishing", "request_cancel", "earlier"]
)
async def test_whatever_of_the_ledger_fails_the_job_is_not_lost(world, step, when):
    """A life with a cancel, a loss and a finishing mark in it, while one call fails somewhere."""
    await _survives(world, world.ledger, step, when)


@pytest.mark.parametrize("when", ["failing", "after"])
@pytest.mark.parametrize(
    "step", ["acquire_lease", "see_workers", "register_worker", "set_worker_state", "log_verdicts"]
)
async def test_whatever_of_operations_fails_the_job_is_not_lost(world, step, when):
    await _survives(world, world.operations, step, when)


@pytest.mark.parametrize("step", ["newest_event", "moved_since", "history", "job"])
async def test_whatever_of_the_library_fails_the_job_is_not_lost(world, step):
    await _survives(world, world.library, step, "failing")


async def _survives(world: World, store, step: str, when: str) -> None:
    ada, rng = await world.account("ada"), random.Random(5)
    for _ in range(6):
        await world.submit(ada, "a fox", idempotency_key=None)
        world.clock.move(0.01)
    getattr(store, when)[step] = 2
    for turn in range(400):
        try:
            await world.later(2)
            await _play(world, ada, rng, turn, more=getattr(store, when)[step] > 0)
        except (StoreUnavailable, NotFound, NotActive):
            pass
        left = await world.store.ledger.active_jobs()
        if not left and getattr(store, when)[step] == 0:
            break
    assert getattr(store, when)[step] == 0, "the step that was to fail was never asked for"
    jobs = await world.store.library.jobs(JobFilter(), before=None, limit=100)
    assert [job for job in jobs if job.state not in (S.COMPLETED, S.CANCELLED, S.FAILED)] == []
    assert any(job.state is S.COMPLETED for job in jobs)
    await world.check_money(ada)


async def _play(world: World, ada, rng: random.Random, turn: int, *, more: bool) -> None:
    """One turn of a worker that does this and that."""
    name = f"w{turn // 20}"
    if turn % 20 == 19:
        world.dispatcher.lost(name)
        return
    if turn % 7 == 1 and more:
        await world.submit(ada, "a fox", idempotency_key=f"key {turn}")
        await submit(world.make_rooms(), ada, text="an owl")  # another process
    await world.worker(name)
    for assignment in await world.pull(name, free=2):
        job = await world.job_of(assignment)
        world.dispatcher.progress(name, [Progress(claim=assignment.claim, done=1, total=1, finishing=True)])
        if rng.random() < 0.2:
            await cancel(world.rooms, job.id, account_id=ada.id)
        how = rng.choice(["draw", "draw", "draw", "reject", "job", "infrastructure", "cancelled", "keep"])
        if how == "draw":
            await world.draw(assignment, name)
        elif how == "reject":
            await world.draw(assignment, name, scores={"nsfw": 1.0})
        elif how != "keep":
            await world.fail(assignment, Fault(how), name)
            await world.fail(assignment, Fault(how), name)  # and once more, too late
    world.dispatcher.heartbeat(name, [])


async def test_the_loop_goes_on_when_the_store_fails_and_gives_the_lease_back_at_the_end(world):
    ada = await world.account("ada")
    world.operations.failing["acquire_lease"] = 1
    world.library.failing["newest_event"] = 1
    running = asyncio.create_task(world.dispatcher.run())
    await world.worker()
    pulling = asyncio.create_task(world.pull(wait_s=20))
    await submit(world.make_rooms(), ada, text="a fox")  # by another process: only the loop can find it
    async with asyncio.timeout(10):
        assert len(await pulling) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    standby = world.make_dispatcher("two", world.make_rooms())
    await standby.tick()
    assert standby.active
