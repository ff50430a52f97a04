"""A prompt becomes jobs: every refusal leaves nothing behind, a repeated request gives the first answer."""

from __future__ import annotations

import asyncio

import pytest

from darkroom.core.errors import (
    Blocked,
    Conflict,
    DarkroomError,
    Exhausted,
    ModerationUnavailable,
    NotAllowed,
    PromptError,
    StoreUnavailable,
)
from darkroom.core.jobs import JobState
from darkroom.core.params import Lane, Visibility
from darkroom.core.ports import JobFilter
from darkroom.lifecycle.placing import AGAIN_AFTER_S
from darkroom.lifecycle.submit import submit

TRIES = len(AGAIN_AFTER_S) + 1


async def nothing_happened(world, account) -> None:
    assert await world.store.library.jobs(JobFilter(), before=None, limit=10) == []
    assert (await world.store.accounts.balance(account.id)).held_gpu_ms == 0
    assert world.told.news == []


async def test_a_prompt_becomes_a_ready_job_with_its_hold_and_its_seed(world):
    ada = await world.account("ada")
    (job,) = await world.submit(ada, "a red fox::2 snow --no cats, dogs")
    assert job.state is JobState.READY and job.lane is Lane.FAST and job.source.startswith("a red fox")
    assert job.seed == 100 and "--seed 100" in job.prompt and "--v able-1" in job.prompt
    assert (await world.store.accounts.balance(ada.id)).held_gpu_ms == job.hold_gpu_ms > 0
    assert {"a red fox", "snow", "cats", "dogs"} <= set(world.moderator.checked)
    assert [news.job_id for news in world.told.news] == [job.id]
    (record,) = await world.store.operations.verdicts(before=None, limit=5, blocked_only=False)
    assert record.job_id == job.id and not record.verdict.blocked


async def test_a_batch_is_in_the_order_of_its_ids_and_each_job_has_its_own_seed(world):
    ada = await world.account("ada")
    jobs = await world.submit(ada, "a {red, green, blue} fox --repeat 2")
    assert [job.id for job in jobs] == sorted(job.id for job in jobs)
    assert len({job.seed for job in jobs}) == 6 and len({job.batch_id for job in jobs}) == 1


@pytest.mark.parametrize(
    ("plan", "text", "lane", "error", "code"),
    [
        ("pro", "", None, PromptError, "empty_prompt"),
        ("pro", "a fox --ar 1", None, PromptError, "invalid_parameter"),
        ("pro", "a fox --v other-1", None, PromptError, "unsupported_by_model"),
        ("free", "a fox --repeat 5", None, PromptError, "plan_required"),
        ("free", "a fox --stealth", None, PromptError, "plan_required"),
        ("free", "a fox --relax", None, NotAllowed, "lane_not_in_plan"),
        ("free", "a fox", Lane.RELAX, NotAllowed, "lane_not_in_plan"),
        ("pro", "a fox --fast", Lane.TURBO, PromptError, "parameter_conflict"),
        ("pro", "a fox --repeat 2", Lane.RELAX, PromptError, "batch_not_in_relax"),
        ("pro", "a fox --repeat 2 --relax", None, PromptError, "batch_not_in_relax"),
        ("pro", "a fox, forbidden", None, Blocked, "prompt_blocked"),
        ("pro", "a fox --no forbidden", None, Blocked, "prompt_blocked"),
        ("free", "a {b, c} fox --repeat 2 --hd", None, None, ""),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(world, plan, text, lane, error, code):
    ada = await world.account("ada", plan=plan)
    if error is None:
        assert len(await world.submit(ada, text, lane=lane)) == 4
        return
    with pytest.raises(DarkroomError) as refusal:
        await world.submit(ada, text, lane=lane)
    assert isinstance(refusal.value, error) and refusal.value.code == code
    await nothing_happened(world, ada)


async def test_a_blocked_prompt_is_logged_with_its_verdict_and_told_in_the_policys_words(world):
    ada = await world.account("ada")
    with pytest.raises(Blocked) as refusal:
        await world.submit(ada, "a forbidden fox")
    category = world.rooms.image_policy.categories[0]
    assert refusal.value.category == category.name and refusal.value.message == category.sentence
    (record,) = await world.store.operations.verdicts(before=None, limit=5, blocked_only=True)
    assert record.account_id == ada.id and record.text == "a forbidden fox" and record.job_id is None


async def test_a_blocked_account_is_refused_before_anything_is_looked_at(world):
    ada = await world.account("ada", blocked_reason="spam")
    with pytest.raises(NotAllowed) as refusal:
        await world.submit(ada)
    assert refusal.value.code == "account_blocked" and world.moderator.checked == []


async def test_without_moderation_nothing_is_accepted(world):
    ada = await world.account("ada")
    world.moderator.broken = True
    with pytest.raises(ModerationUnavailable):
        await world.submit(ada)
    await nothing_happened(world, ada)


async def test_a_full_queue_and_used_up_time_are_told_apart(world):
    ada = await world.account("ada", plan="free")
    for _ in range(11):
        await world.submit(ada)
    with pytest.raises(Exhausted) as refusal:
        await world.submit(ada)
    assert refusal.value.code == "queue_full"
    bob = await world.account("bob", plan="free", grant_gpu_ms=1)
    with pytest.raises(Exhausted) as refusal:
        await world.submit(bob)
    assert refusal.value.code == "fast_time_exhausted"


async def test_lane_and_visibility_come_from_the_account_where_nobody_says_otherwise(world):
    ada = await world.account("ada", lane=Lane.RELAX, visibility=Visibility.STEALTH)
    (job,) = await world.submit(ada)
    assert (job.lane, job.visibility, job.hold_gpu_ms) == (Lane.RELAX, Visibility.STEALTH, 0)
    (job,) = await world.submit(ada, "a fox --turbo --public")
    assert (job.lane, job.visibility, job.price_percent) == (Lane.TURBO, Visibility.PUBLIC, 200)


async def test_the_same_key_gives_the_first_jobs_without_a_second_check(world):
    ada = await world.account("ada")
    first = await submit(world.rooms, ada, text="a {b, c} fox", lane=None, idempotency_key="k")
    told, checked = len(world.told.news), len(world.moderator.checked)
    world.moderator.broken = True
    again = await submit(world.rooms, ada, text="a {b, c} fox", lane=None, idempotency_key="k")
    assert again.replayed and not first.replayed
    assert [(j.id, j.seed) for j in again.change.jobs] == [(j.id, j.seed) for j in first.change.jobs]
    assert (len(world.told.news), len(world.moderator.checked)) == (told, checked)
    world.moderator.broken = False
    for text, lane in (("another fox", None), ("a {b, c} fox", Lane.TURBO)):
        with pytest.raises(Conflict) as refusal:
            await submit(world.rooms, ada, text=text, lane=lane, idempotency_key="k")
        assert refusal.value.code == "idempotency_conflict"
    bob = await world.account("bob")
    assert not (await submit(world.rooms, bob, text="a fox", lane=None, idempotency_key="k")).replayed
    await world.check_money(ada, bob)


async def test_the_same_key_at_the_same_moment_makes_one_job(world):
    ada = await world.account("ada")
    answers = await asyncio.gather(
        *(submit(world.rooms, ada, text="a fox", lane=None, idempotency_key="k") for _ in range(8))
    )
    assert len({answer.change.jobs[0].id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert len(world.told.news) == 1


async def test_with_the_store_away_nothing_is_told_and_a_repeat_is_safe(world):
    ada = await world.account("ada")
    world.ledger.failing["submit"] = TRIES
    with pytest.raises(StoreUnavailable):
        await world.submit(ada)
    await nothing_happened(world, ada)
    world.ledger.after["submit"] = TRIES  # it was written, and nobody heard of it
    with pytest.raises(StoreUnavailable):
        await world.submit(ada, idempotency_key="k")
    (job,) = await world.submit(ada, idempotency_key="k")
    assert job.state is JobState.READY
    await world.check_money(ada)


async def test_an_answer_that_was_lost_is_asked_for_again(world):
    """Without a key, too: who sees no error submits nothing twice."""
    ada = await world.account("ada")
    world.ledger.after["submit"] = 1
    (job,) = await world.submit(ada)
    assert job.state is JobState.READY
    assert [each.id for each in await world.store.ledger.active_jobs()] == [job.id]
    await world.check_money(ada)
