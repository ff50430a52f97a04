"""What becomes of a run: published, drawn again, tried elsewhere, given up. Each report counts once, under its fence."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.jobs import JobState, Outcome
from darkroom.core.verdicts import Subject
from darkroom.core.work import Claim, Completion, Failure, Fault
from darkroom.lifecycle.cancel import cancel
from darkroom.lifecycle.keys import staging_key

S = JobState


async def started(world, text="a red fox --seed 5", **account):
    """A job that worker w1 has."""
    ada = await world.account("ada", **account)
    await world.worker()
    (job,) = await world.submit(ada, text)
    (assignment,) = await world.pull()
    return ada, job, assignment


async def test_the_whole_life(world):
    ada, job, assignment = await started(world)
    assert (assignment.seed, assignment.images, assignment.attempt) == (5, 4, 1)
    assert await world.draw(assignment, measured_gpu_ms=900) is Outcome.ACCEPTED
    done = await world.job(job)
    assert (done.state, done.charged_gpu_ms) == (S.COMPLETED, 900)
    assert await world.history(job) == ["ready", "running", "finishing", "completed"]
    images = await world.store.library.images_of([job.id])
    assert [image.index for image in images] == [0, 1, 2, 3, None]
    assert all(image.policy and image.scores for image in images)
    for image in images:
        data = await world.kept.get(f"blobs/{image.files[0].digest[:2]}/{image.files[0].digest}")
        assert hashlib.sha256(data).hexdigest() == image.files[0].digest
    assert [key async for key in world.kept.keys("staging/")] == []
    assert [each.state.value for each in world.told.news if each.job_id == job.id] == await world.history(job)
    await world.check_money(ada)


async def test_a_report_counts_once(world):
    ada, job, assignment = await started(world)
    report = await world.complete(assignment)
    ask = world.dispatcher.report
    assert await ask("w1", [report, report]) == [Outcome.ACCEPTED, Outcome.REPEATED]
    assert await ask("w1", [report]) == [Outcome.REPEATED]
    late = Failure(claim=assignment.claim, fault=Fault.JOB, message="no")
    unknown = replace(late, claim=Claim(job_id=ada.id, fence=1))
    assert await ask("w1", [late, unknown]) == [Outcome.STALE, Outcome.STALE]
    assert len(await world.store.library.images_of([job.id])) == 5
    await world.check_money(ada)


async def test_a_late_report_under_an_old_fence_changes_nothing(world):
    ada, job, old = await started(world)
    late = await world.complete(old)
    world.dispatcher.lost("w1")
    await world.dispatcher.tick()
    await world.worker("w2")
    (new,) = await world.pull("w2")
    assert new.claim.fence > old.claim.fence and (new.seed, new.prompt) == (old.seed, old.prompt)
    assert await world.dispatcher.report("w1", [late]) == [Outcome.STALE]
    assert (await world.job(job)).state is S.RUNNING
    assert await world.draw(new, "w2") is Outcome.ACCEPTED
    assert await world.dispatcher.report("w1", [late]) == [Outcome.STALE]
    await world.check_money(ada)


async def test_rejected_pictures_are_drawn_again_with_new_seeds_then_given_up_free_of_charge(world):
    ada, job, assignment = await started(world)
    seeds, prompts = [assignment.seed], [assignment.prompt]
    for _ in range(3):
        assert await world.draw(assignment, scores={"nsfw": 0.9}) is Outcome.ACCEPTED
        (assignment,) = await world.pull()
        seeds.append(assignment.seed)
        prompts.append(assignment.prompt)
        assert assignment.attempt == 1  # a rejection is no failure
    assert len(set(seeds)) == 4 and all(f"--seed {s}" in p for s, p in zip(seeds, prompts))
    assert await world.draw(assignment, scores={"nsfw": 0.9}) is Outcome.ACCEPTED
    ended = await world.job(job)
    assert (ended.state, ended.error_code, ended.charged_gpu_ms) == (S.REJECTED, "output_blocked", 0)
    assert await world.store.library.images_of([job.id]) == []
    assert [key async for key in world.kept.keys("")] == []
    logged = await world.store.operations.verdicts(
        before=None, limit=9, blocked_only=True, subject=Subject.IMAGE
    )
    assert [record.job_id for record in logged] == [job.id] * 4
    await world.check_money(ada)


@pytest.mark.parametrize("scores", [{}, {"other": 0.1}, {"nsfw": float("nan")}, {"nsfw": 2.0}])
async def test_pictures_without_good_scores_are_never_published(world, scores):
    _, job, assignment = await started(world)
    assert await world.draw(assignment, scores=scores) is Outcome.ACCEPTED
    again = await world.job(job)
    assert (again.state, again.avoid) == (S.READY, ("w1",))
    assert await world.store.library.images_of([job.id]) == []


async def test_a_completion_without_all_pictures_or_with_wrong_files_is_the_workers_failure(world):
    _, job, assignment = await started(world)
    report = await world.complete(assignment)
    assert await world.dispatcher.report("w1", [replace(report, images=report.images[1:])]) == ["accepted"]
    assert (await world.job(job)).state is S.READY
    for spoil in ("missing", "different"):
        await world.later(60)
        await world.worker()
        (assignment,) = await world.pull()
        report = await world.complete(assignment)
        key = staging_key(assignment.claim, "2.png")
        await world.kept.delete([key])
        if spoil == "different":
            await world.kept.put(key, b"something else", media_type="image/png")
        assert await world.dispatcher.report("w1", [report]) == [Outcome.ACCEPTED]
    ended = await world.job(job)
    assert (ended.state, ended.error_code) == (S.FAILED, "worker_failed")
    assert await world.store.library.images_of([job.id]) == []


async def test_infrastructure_failures_are_tried_elsewhere_later_and_three_are_a_dead_letter(world):
    ada, job, assignment = await started(world)
    for attempt in (1, 2, 3):
        assert assignment.attempt == attempt
        assert await world.fail(assignment, Fault.INFRASTRUCTURE) is Outcome.ACCEPTED
        if attempt < 3:
            now = await world.job(job)
            assert now.state is S.READY and now.not_before > world.clock() and now.avoid[-1] == "w1"
            assert await world.pull() == []  # not yet
            await world.later(10)
            (assignment,) = await world.pull()
    ended = await world.job(job)
    assert (ended.state, ended.charged_gpu_ms) == (S.FAILED, 0)
    letter = await world.store.operations.dead_letter(job.id)
    assert (letter.error_message, letter.attempts, letter.device) == ("it broke", 3, "cpu")
    await world.check_money(ada)


async def test_a_job_that_fails_on_two_healthy_workers_is_a_dead_letter(world):
    _, job, assignment = await started(world)
    await world.fail(assignment, Fault.JOB)
    await world.worker("w2")
    await world.later(10)
    assert await world.pull("w1") == []  # it keeps away from where it failed
    (assignment,) = await world.pull("w2")
    await world.fail(assignment, Fault.JOB, "w2")
    ended = await world.job(job)
    assert (ended.state, ended.error_code) == (S.FAILED, "job_failed")
    await world.store.operations.dead_letter(job.id)


async def test_a_drained_run_counts_as_no_attempt(world):
    _, job, assignment = await started(world)
    await world.fail(assignment, Fault.DRAINED)
    assert ((await world.job(job)).attempt, (await world.job(job)).avoid) == (0, ())
    (again,) = await world.pull()
    assert again.attempt == 1 and again.seed == assignment.seed


async def test_cancelling_waiting_ready_and_ended_jobs(world):
    ada = await world.account("ada", plan="free")
    (ready,), (waiting,) = await world.submit(ada), await world.submit(ada)
    bob = await world.account("bob")
    with pytest.raises(NotFound):
        await cancel(world.rooms, ready.id, account_id=bob.id)
    assert (await cancel(world.rooms, waiting.id, account_id=ada.id)).state is S.CANCELLED
    (next_one,) = await world.submit(ada)
    assert next_one.state is S.WAITING
    assert (await cancel(world.rooms, ready.id, account_id=None)).state is S.CANCELLED
    assert (await world.job(next_one)).state is S.READY  # the slot was handed on
    await world.worker()
    assert [each.claim.job_id for each in await world.pull()] == [next_one.id]
    assert (await cancel(world.rooms, ready.id, account_id=ada.id)).state is S.CANCELLED
    await world.check_money(ada)


@pytest.mark.parametrize("fault", [Fault.CANCELLED, Fault.INFRASTRUCTURE, Fault.JOB, Fault.DRAINED])
async def test_a_running_job_is_stopped_and_what_was_measured_is_charged(world, fault):
    ada, job, assignment = await started(world)
    assert (await cancel(world.rooms, job.id, account_id=ada.id)).cancel_requested
    assert world.dispatcher.heartbeat("w1", [assignment.claim]).cancel == (assignment.claim,)
    await world.fail(assignment, fault)
    ended = await world.job(job)
    assert (ended.state, ended.charged_gpu_ms) == (S.CANCELLED, 500)
    assert world.dispatcher.heartbeat("w1", []).cancel == ()
    await world.check_money(ada)


async def test_a_cancelled_job_whose_pictures_are_done_is_published_and_one_that_is_rejected_is_not(world):
    ada, job, assignment = await started(world)
    await cancel(world.rooms, job.id, account_id=ada.id)
    assert await world.draw(assignment) is Outcome.ACCEPTED
    assert (await world.job(job)).state is S.COMPLETED
    (other,) = await world.submit(ada)
    (assignment,) = await world.pull()
    await cancel(world.rooms, other.id, account_id=ada.id)
    await world.draw(assignment, scores={"nsfw": 1.0})
    assert ((await world.job(other)).state, (await world.job(other)).charged_gpu_ms) == (S.CANCELLED, 0)


@pytest.mark.parametrize("when", ["failing", "after"])
@pytest.mark.parametrize("step", ["adopt", "finish"])
async def test_a_store_that_fails_while_a_run_is_published_loses_nothing(world, step, when):
    ada, job, assignment = await started(world)
    report = await world.complete(assignment)
    store = world.objects if step == "adopt" else world.ledger
    getattr(store, when)[step] = 1
    with pytest.raises(StoreUnavailable):
        await world.dispatcher.report("w1", [report])
    (outcome,) = await world.dispatcher.report("w1", [report])
    assert outcome is (Outcome.REPEATED if (step, when) == ("finish", "after") else Outcome.ACCEPTED)
    assert (await world.job(job)).state is S.COMPLETED
    assert len(await world.store.library.images_of([job.id])) == 5
    await world.check_money(ada)


@pytest.mark.parametrize("when", ["failing", "after"])
@pytest.mark.parametrize("step", ["requeue", "log_verdicts"])
async def test_a_store_that_fails_while_a_run_is_rejected_loses_nothing(world, step, when):
    ada, _, assignment = await started(world)
    report = await world.complete(assignment, scores={"nsfw": 1.0})
    getattr(world.ledger if step == "requeue" else world.operations, when)[step] = 1
    with pytest.raises(StoreUnavailable):
        await world.dispatcher.report("w1", [report])
    await world.dispatcher.report("w1", [report])
    await world.later(6)  # a survey corrects what was not heard
    (again,) = await world.pull()
    assert again.claim.fence > assignment.claim.fence and again.seed != assignment.seed
    assert await world.draw(again) is Outcome.ACCEPTED
    await world.check_money(ada)


async def test_many_reports_are_one_call_of_each_kind(world):
    ada = await world.account("ada")
    await world.worker(slots=12)
    for _ in range(12):
        await world.submit(ada)
    assignments = await world.pull(free=12)
    assert len(assignments) == 12
    reports: list[Completion | Failure] = [await world.complete(each) for each in assignments[:6]]
    reports += [
        Failure(claim=each.claim, fault=Fault.INFRASTRUCTURE, message="x") for each in assignments[6:9]
    ]
    reports += [Failure(claim=each.claim, fault=Fault.CANCELLED, message="") for each in assignments[9:]]
    world.ledger.calls.clear()
    assert await world.dispatcher.report("w1", reports) == [Outcome.ACCEPTED] * 12
    assert sorted(world.ledger.calls) == ["end", "finish", "requeue"]
