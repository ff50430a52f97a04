"""A job that one worker began and another goes on with: where its state is, how long it is kept, and who may name it."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.lifecycle.conftest import BAD

from darkroom.core.errors import Refused
from darkroom.core.jobs import JobState, Outcome
from darkroom.core.work import STATE_NAME, EngineVitals, Failure, Fault
from darkroom.lifecycle.cancel import cancel
from darkroom.lifecycle.keys import staging_key

S = JobState


async def started(world, *, name="ada"):
    """An account, its job, and the run of it."""
    account = await world.account(name)
    if not [member.worker.id for member in world.dispatcher._memory.crew]:
        await world.worker()
    (job,) = await world.submit(account)
    (assignment,) = await world.pull()
    return account, job, assignment


async def handed_on(world, assignment, *, worker="w1", data=b"half"):
    """A worker uploads the state of a run and gives the job back."""
    await world.kept.put(
        staging_key(assignment.claim, STATE_NAME), data, media_type="application/octet-stream"
    )
    failure = Failure(claim=assignment.claim, fault=Fault.DRAINED, message="leaving", saved=STATE_NAME)
    (outcome,) = await world.dispatcher.report(worker, [failure])
    return outcome


async def kept(world):
    return [key async for key in world.kept.keys("staging/")]


async def test_the_next_run_is_told_where_the_state_is(world):
    _, job, first = await started(world)
    assert first.saved_url == ""
    assert await handed_on(world, first) is Outcome.ACCEPTED
    (second,) = await world.pull()
    key = staging_key(first.claim, STATE_NAME)
    assert second.saved_url.startswith(f"/files/{key}?") and (await world.job(job)).saved == key
    assert (second.claim.job_id, second.seed, second.attempt) == (job.id, first.seed, 1)
    await world.later(2)
    assert await kept(world) == [key]


async def test_when_the_job_is_done_its_state_goes_and_it_is_charged_what_is_reported_once(world):
    ada, job, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    assert await world.draw(second, measured_gpu_ms=900) is Outcome.ACCEPTED
    await world.later(2)
    assert await kept(world) == []
    assert (await world.job(job)).charged_gpu_ms == 900
    await world.check_money(ada)


async def test_a_newer_state_takes_the_place_of_an_older(world):
    _, _, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    await handed_on(world, second, data=b"most")
    await world.later(2)
    assert await kept(world) == [staging_key(second.claim, STATE_NAME)]
    (third,) = await world.pull()
    assert f"/{second.claim.fence}/" in third.saved_url


async def test_handed_back_without_a_newer_state_the_older_is_still_good(world):
    _, _, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    await world.fail(second, Fault.DRAINED)
    (third,) = await world.pull()
    world.dispatcher.give_back("w1", [third.claim])  # it never reached its worker
    await world.later(2)
    (fourth,) = await world.pull()
    assert f"/{first.claim.fence}/" in third.saved_url and f"/{first.claim.fence}/" in fourth.saved_url


@pytest.mark.parametrize("fault", [Fault.JOB, Fault.INFRASTRUCTURE])
async def test_after_a_failure_it_begins_anew(world, fault):
    _, job, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    await world.fail(second, fault)
    await world.worker("w2")
    await world.later(10)
    (third,) = await world.pull("w2")
    assert (third.claim.job_id, third.saved_url) == (job.id, "")
    assert await kept(world) == []


async def test_after_a_loss_it_begins_anew(world):
    _, job, first = await started(world)
    await handed_on(world, first)
    await world.pull()
    world.dispatcher.lost("w1")
    await world.worker("w2")
    await world.later(2)
    (third,) = await world.pull("w2")
    assert (third.claim.job_id, third.saved_url) == (job.id, "")
    await world.later(2)
    assert await kept(world) == []


async def test_with_a_new_seed_it_begins_anew(world):
    _, job, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    await world.draw(second, scores=BAD)
    (third,) = await world.pull()
    assert (third.claim.job_id, third.saved_url) == (job.id, "") and third.seed != first.seed
    await world.later(2)
    assert await kept(world) == []


@pytest.mark.parametrize("running", [False, True])
async def test_a_cancelled_job_leaves_no_state(world, running):
    ada, job, first = await started(world)
    await handed_on(world, first)
    if running:
        (second,) = await world.pull()
    await cancel(world.rooms, job.id, account_id=ada.id)
    if running:
        await handed_on(world, second)  # it was leaving just then
    assert (await world.job(job)).state is S.CANCELLED
    await world.later(2)
    assert await kept(world) == []


async def test_who_shows_an_old_fence_hands_nothing_on(world):
    _, job, first = await started(world)
    await world.fail(first, Fault.DRAINED)
    (second,) = await world.pull()
    assert await handed_on(world, first, data=b"stale") is Outcome.STALE
    assert (await world.job(job)).saved is None
    await handed_on(world, second, data=b"good")
    assert await handed_on(world, first, data=b"stale") is Outcome.STALE
    (third,) = await world.pull()
    assert f"/{second.claim.fence}/" in third.saved_url
    await world.later(2)
    assert staging_key(second.claim, STATE_NAME) in await kept(world)


async def test_the_very_same_report_again_does_not_take_the_state_away(world):
    _, _, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    await handed_on(world, first)
    await world.later(2)
    assert await kept(world) == [staging_key(first.claim, STATE_NAME)]
    assert second.saved_url


async def test_only_the_own_file_of_that_name_is_a_state(world):
    _, job, first = await started(world)
    failure = Failure(claim=first.claim, fault=Fault.DRAINED, message="", saved="../1/0.png")
    await world.dispatcher.report("w1", [failure])
    assert (await world.job(job)).saved is None


async def test_a_failure_that_is_no_drain_leaves_no_state(world):
    _, job, first = await started(world)
    await world.kept.put(staging_key(first.claim, STATE_NAME), b"?", media_type="application/octet-stream")
    failure = Failure(claim=first.claim, fault=Fault.INFRASTRUCTURE, message="fire", saved=STATE_NAME)
    await world.dispatcher.report("w1", [failure])
    assert (await world.job(job)).saved is None
    await world.later(2)
    assert await kept(world) == []


async def test_where_there_is_no_way_to_the_state_the_job_runs_all_the_same(world, monkeypatch):
    async def refused(*arguments, **more):
        raise Refused("no", code="no", hint="")

    _, job, first = await started(world)
    await handed_on(world, first)
    monkeypatch.setattr(world.kept, "staged_url", refused)
    (second,) = await world.pull()
    assert (second.claim.job_id, second.saved_url) == (job.id, "")


async def test_another_dispatcher_knows_of_the_state(world):
    _, job, first = await started(world)
    await handed_on(world, first)
    world.dispatcher = world.make_dispatcher("two")
    world.clock.move(10)
    await world.dispatcher.tick()
    await world.worker("w2")
    (second,) = await world.pull("w2")
    assert second.claim.job_id == job.id and f"/{first.claim.fence}/" in second.saved_url
    await world.draw(second, "w2")
    await world.later(2)
    assert await kept(world) == []


async def test_a_way_to_a_state_ends_after_a_while(world):
    _, _, first = await started(world)
    await handed_on(world, first)
    (second,) = await world.pull()
    expires = int(second.saved_url.partition("expires=")[2].partition("&")[0])
    assert expires == int((world.clock() + timedelta(minutes=15)).timestamp())


async def test_a_flow_is_equal_for_one_account_and_tells_nothing_of_it(world):
    ada, bob = await world.account("ada"), await world.account("bob")
    await world.worker()
    for account in (ada, ada, bob):
        await world.submit(account)
    flows = {}
    for assignment in await world.pull():
        flows.setdefault((await world.job_of(assignment)).account_id, []).append(assignment.flow)
    (one, same), (other,) = flows[ada.id], flows[bob.id]
    assert one == same != other and len(one) == 24
    for hashed in (hashlib.sha256(ada.id.bytes), hashlib.sha256(str(ada.id).encode())):
        assert not hashed.hexdigest().startswith(one)
    elsewhere = world.make_dispatcher("two")
    assert elsewhere._handing_on.flow(ada.id) != one == world.dispatcher._handing_on.flow(ada.id)


async def test_vitals_are_those_of_the_workers_that_are_here(world):
    await world.worker("w1")
    await world.worker("w2")
    assert world.dispatcher.vitals() == []
    vitals = EngineVitals(passes=3)
    world.dispatcher.heartbeat("w1", [], vitals)
    world.dispatcher.heartbeat("w2", [], replace(vitals, passes=4))
    world.dispatcher.heartbeat("w2", [], replace(vitals, passes=5))
    assert [(worker.name, said.passes) for worker, said in world.dispatcher.vitals()] == [
        ("w1", 3),
        ("w2", 5),
    ]
    await world.worker("w2")  # a new process of that name has said nothing yet
    world.dispatcher.lost("w1")
    assert world.dispatcher.vitals() == []
