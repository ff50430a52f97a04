"""What a review of the story found: runs nobody watched, cancels that got lost, answers that were lost after a commit."""

from __future__ import annotations

import asyncio

import pytest
from tests.lifecycle.conftest import BAD, eventually

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.ids import new_id
from darkroom.core.jobs import Cause, Ending, JobState
from darkroom.core.work import Failure, Fault
from darkroom.core.workers import WorkerState
from darkroom.lifecycle.cancel import cancel
from darkroom.lifecycle.submit import submit

S = JobState


async def test_a_worker_that_dies_during_its_claim_gets_nothing_and_loses_nothing(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    gate = world.ledger.gates["claim"] = asyncio.Event()
    pulling = asyncio.create_task(world.pull())
    await eventually(lambda: "claim" in world.ledger.calls)
    world.dispatcher.lost("w1")  # its process has ended; the claim is on its way
    gate.set()
    with pytest.raises(NotFound) as refusal:
        await pulling
    assert refusal.value.code == "unknown_worker"
    await world.dispatcher.tick()
    assert ((await world.job(job)).state, (await world.job(job)).attempt) == (S.READY, 0)


async def test_a_run_whose_worker_is_not_in_the_crew_is_found_by_the_survey(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    await world.pull()
    world.dispatcher._memory.crew.remove("w1")  # however that came about
    await world.later(32)
    assert (await world.job(job)).state is S.READY
    assert world.dispatcher._memory.crew.silent(now=world.clock().timestamp() + 3600) == []  # it is lost once


async def test_who_hands_back_while_the_store_is_away_and_then_ends_has_lost_nothing(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    await world.pull()
    world.ledger.failing["requeue"] = 1
    with pytest.raises(StoreUnavailable):
        await world.dispatcher.leave("w1")
    world.dispatcher.lost("w1")  # its process ended, as was to be expected
    await world.dispatcher.tick()
    now = await world.job(job)
    assert (now.state, now.attempt, now.avoid) == (S.READY, 0, ())


async def test_a_cancelled_job_that_is_handed_back_ends(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    await world.pull()
    await cancel(world.rooms, job.id, account_id=ada.id)
    await world.dispatcher.leave("w1")
    assert (await world.job(job)).state is S.CANCELLED
    await world.check_money(ada)


async def test_a_cancel_that_comes_while_the_run_is_put_back_is_kept(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    (assignment,) = await world.pull()
    gate = world.ledger.gates["requeue"] = asyncio.Event()
    failing = asyncio.create_task(world.fail(assignment, Fault.INFRASTRUCTURE))
    await eventually(lambda: "requeue" in world.ledger.calls)
    await cancel(world.rooms, job.id, account_id=ada.id)  # still running: it is only marked
    gate.set()
    await failing
    await world.dispatcher.tick()
    assert (await world.job(job)).state is S.CANCELLED
    assert len(world.dispatcher._memory.queue) == 0
    await world.check_money(ada)


async def test_ready_jobs_that_another_process_cancelled_leave_the_queue_with_the_next_survey(world):
    ada = await world.account("ada")
    (job,) = await world.submit(ada)
    await world.store.ledger.request_cancel(job.id, account_id=ada.id, now=world.clock())
    await world.later(6)
    assert world.dispatcher.position(job.id) is None
    assert sum(world.dispatcher.depth().values()) == 0


async def test_a_quarantine_that_is_not_written_yet_outlives_a_registration(world):
    ada = await world.account("ada", plan="unlimited")
    await world.worker()
    world.dispatcher._memory.states["w1"] = (WorkerState.QUARANTINED, "its breaker opened too often")
    await world.worker()  # its process began anew at once
    await world.later(2)
    (stored,) = await world.store.operations.workers()
    assert stored.state is WorkerState.QUARANTINED
    assert await world.submit(ada) and await world.pull() == []


async def test_a_repeat_after_a_resubmitted_dead_letter_answers_with_the_first_jobs_alone(world):
    ada = await world.account("ada")
    await world.worker()
    first = await world.submit(ada, idempotency_key="k")
    (assignment,) = await world.pull()
    ending = Ending(
        job_id=first[0].id, fence=assignment.claim.fence, state=S.FAILED, cause=Cause.OUT_OF_ATTEMPTS,
        error_code="worker_failed", error_message="it broke",
    )  # fmt: skip
    await world.store.ledger.end([ending], now=world.clock())
    world.clock.move(60)
    await world.store.ledger.resubmit(first[0].id, new_id=new_id(world.clock()), now=world.clock())
    again = await submit(world.rooms, ada, text="a red fox", idempotency_key="k")
    assert again.replayed and [job.id for job in again.change.jobs] == [first[0].id]


async def test_an_account_on_a_plan_that_is_no_longer_in_the_file_is_on_the_default_one(world):
    ada = await world.account("ada")
    moved = await world.store.accounts.update(ada.id, plan="of-last-year")
    (job,) = await world.submit(moved)
    assert job.weight == world.rooms.plans.plan(world.rooms.plans.default).weight


@pytest.mark.parametrize("how", ["left", "lost", "lost before it is written"])
async def test_a_quarantine_outlives_the_end_of_its_process(world, how):
    ada = await world.account("ada", plan="unlimited")
    await world.worker()
    if how == "lost before it is written":
        world.dispatcher._memory.states["w1"] = (WorkerState.QUARANTINED, "its breaker opened too often")
    else:
        await world.dispatcher.quarantine("w1")
    if how == "left":
        await world.dispatcher.leave("w1")
    else:
        world.dispatcher.lost("w1")
    await world.later(2)
    await world.worker()  # started again
    await world.later(2)
    (stored,) = await world.store.operations.workers()
    assert stored.state is WorkerState.QUARANTINED
    assert await world.submit(ada) and await world.pull() == []


@pytest.mark.parametrize("how", ["rejected", "failed"])
async def test_a_run_in_vain_counts_for_its_accounts_share(world, how):
    accounts = [await world.account(name) for name in ("ada", "bea")]
    await world.worker()
    jobs = []
    for account in accounts:
        jobs.append(await world.submit(account, "a fox --repeat 2"))
        world.clock.move(0.01)
    (assignment,) = await world.pull(free=1)
    assert assignment.claim.job_id == jobs[0][0].id
    cost = world.dispatcher._memory.runs.get(jobs[0][0].id).cost_gpu_ms
    if how == "rejected":
        await world.draw(assignment, scores=BAD, measured_gpu_ms=cost)
    else:
        failure = Failure(
            claim=assignment.claim, fault=Fault.JOB, message="it broke", measured_gpu_ms=cost, device="cpu"
        )
        await world.dispatcher.report("w1", [failure])
    (following,) = await world.pull(free=1)
    assert following.claim.job_id == jobs[1][0].id  # ada has had her turn


async def test_a_claim_that_was_written_without_an_answer_costs_no_attempt(world):
    ada = await world.account("ada")
    await world.worker()
    (job,) = await world.submit(ada)
    world.ledger.after["claim"] = 1
    with pytest.raises(StoreUnavailable):
        await world.pull()
    assert (await world.job(job)).state is S.RUNNING
    assert await world.pull() == []  # the ledger refuses it: it runs already
    for _ in range(4):
        await world.later(2)
        world.dispatcher.heartbeat("w1", [])
    now = await world.job(job)
    assert (now.state, now.attempt, now.avoid) == (S.READY, 0, ())
    (assignment,) = await world.pull()
    assert assignment.claim.job_id == job.id and not world.dispatcher._memory.unsure
