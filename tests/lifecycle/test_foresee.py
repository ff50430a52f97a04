"""What submitting would do, told before: the same prices, every refusal that submitting would give, and nothing left behind."""

from __future__ import annotations

import threading

import pytest

from darkroom.core.errors import DarkroomError, Exhausted, ModerationUnavailable, Refused
from darkroom.core.params import Lane, Visibility
from darkroom.core.ports import ImageFilter, JobFilter
from darkroom.lifecycle import foresee as foreseeing
from darkroom.lifecycle import placing
from darkroom.lifecycle import submit as submitting
from darkroom.lifecycle.foresee import COUNTED_MAX, SHOWN_MAX, foresee
from darkroom.lifecycle.submit import quote
from darkroom.prompt import format_prompt


async def seen(world, account, text, **more):
    return await foresee(world.rooms, account, world.rooms.plans.in_force(account.plan), text, **more)


def told(found, text):
    """Each fault: its code, and the text under it."""
    return [(each.code, each.place and text[slice(*each.place)]) for each in found.faults]


async def test_a_prompt_comes_to_what_submitting_it_comes_to(world):
    ada = await world.account("ada")
    text = "a {red, blue} fox --ar 3:2 --repeat 2 --draft"
    found = await seen(world, ada, text)
    jobs = await world.submit(ada, text)
    assert found.faults == () and (found.jobs, found.images) == (4, 16)
    assert found.costs_gpu_ms[Lane.FAST] == sum(job.hold_gpu_ms for job in jobs)
    assert found.cost_gpu_ms == found.costs_gpu_ms[Lane.FAST]
    assert (found.lane, found.visibility, found.model) == (Lane.FAST, Visibility.PUBLIC, "able-1")
    assert (
        found.prompts
        == ("a red fox --ar 3:2 --v able-1 --draft",) * 2 + ("a blue fox --ar 3:2 --v able-1 --draft",) * 2
    )
    assert found.size == (224, 160), "a draft is smaller"
    assert found.costs_gpu_ms[Lane.TURBO] == 2 * found.costs_gpu_ms[Lane.FAST]
    assert found.costs_gpu_ms[Lane.RELAX] == 0 and found.allowed == {Lane.TURBO, Lane.FAST}, "relax takes one"


async def test_it_leaves_nothing_behind(world):
    ada = await world.account("ada", plan="free")
    for text in (
        "a red fox",
        "a forbidden fox",
        "a fox --ar 99:1",
        "https://x.org/a.png fox",
        "a fox --stealth",
    ):
        await seen(world, ada, text)
    assert await world.store.library.jobs(JobFilter(), before=None, limit=10) == []
    assert (await world.store.accounts.balance(ada.id)).held_gpu_ms == 0
    assert await world.store.operations.verdicts(before=None, limit=9, blocked_only=False) == []
    assert await world.store.uploads.all(ada.id, before=None, limit=9) == []
    assert world.told.news == []


async def refusal(world, account, text) -> str:
    """The code for which submitting is refused; "" where it is not."""
    try:
        await quote(world.rooms, account, text=text)
    except DarkroomError as error:
        return error.code
    return ""


PROMPTS = [
    "",
    "a red fox",
    "a fox --ar 3",
    "a fox --v other-1",
    "a fox --v nobody",
    "a fox --repeat 5",
    "a {1,2,3,4,5} fox",
    "a fox --stealth",
    "a fox --relax",
    "a {red, blue} fox --relax",
    "a fox --turbo",
    "a forbidden fox",
    "a fox --no forbidden",
    "upload:nowhere a fox",
    "upload:01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b a fox",
    "a fox --sref upload:nowhere",
    "a fox --seed 5 --sref random",
    "x" * 7_000,
]


@pytest.mark.parametrize("plan", ["free", "pro"])
@pytest.mark.parametrize("text", PROMPTS, ids=lambda text: text[:40])
async def test_it_is_valid_just_where_submitting_is_and_says_why_with_the_same_code(world, text, plan):
    account = await world.account("ada", plan=plan)
    found = await seen(world, account, text)
    assert await refusal(world, account, text) in ({each.code for each in found.faults} or {""})
    assert (found.costs_gpu_ms == {}) == (found.size is None) == (not found.prompts)


async def test_every_rule_is_asked_whatever_the_others_said(world):
    ada = await world.account("ada", plan="free", grant_gpu_ms=0, visibility=Visibility.STEALTH)
    text = "a forbidden fox upload --relax --sref upload:nowhere"
    found = await seen(world, ada, text)
    assert told(found, text) == [
        ("lane_not_in_plan", "--relax"),
        ("plan_required", None),
        ("prompt_blocked", None),
        ("invalid_link", "upload:nowhere"),
    ]
    assert found.allowed == {Lane.TURBO, Lane.FAST} and found.left_gpu_ms == 0
    poor = await seen(world, ada, "a fox --public")
    assert told(poor, "a fox --public") == [("fast_time_exhausted", None)]


async def test_the_lane_is_the_requests_else_the_prompts_else_the_accounts(world):
    ada = await world.account("ada", lane=Lane.RELAX)
    assert (await seen(world, ada, "a fox")).lane is Lane.RELAX
    assert (await seen(world, ada, "a fox --turbo --ar")).lane is Lane.TURBO, "also where it cannot be read"
    assert (await seen(world, ada, "a fox", lane=Lane.FAST)).lane is Lane.FAST
    text = "a fox --turbo"
    both = await seen(world, ada, text, lane=Lane.FAST)
    assert told(both, text) == [("parameter_conflict", "--turbo")]


async def test_each_job_of_a_batch_is_priced_in_its_own_lane(world):
    ada = await world.account("ada")
    text = "a {fox, ship --stealth, boat --turbo}"
    found = await seen(world, ada, text)
    jobs = await world.submit(ada, text)
    assert [job.lane for job in jobs] == [Lane.FAST, Lane.FAST, Lane.TURBO]
    assert found.faults == () and found.cost_gpu_ms == sum(job.hold_gpu_ms for job in jobs)
    assert (found.lane, found.visibility) == (Lane.FAST, Visibility.PUBLIC), "those of the first"
    poor = await world.account("bob", grant_gpu_ms=found.cost_gpu_ms - 1)
    assert [each.code for each in (await seen(world, poor, text)).faults] == ["fast_time_exhausted"]
    just = await world.account("eve", grant_gpu_ms=found.cost_gpu_ms)
    assert (await seen(world, just, text)).faults == ()


async def test_a_prompt_that_cannot_be_read_is_still_counted_and_its_model_named(world):
    ada = await world.account("ada", plan="free")
    many = await seen(world, ada, "a {1,2,3} {4,5,6} fox")
    assert (many.jobs, many.images, told(many, "a {1,2,3} {4,5,6} fox")) == (
        9,
        36,
        [("plan_required", "{1,2,3}")],
    )
    repeated = await seen(world, ada, "a {1,2} fox --repeat 30")
    assert (repeated.jobs, repeated.images) == (60, 240)
    assert (await seen(world, ada, "a fox {1,2,3} --foo")).jobs == 3
    assert (await seen(world, ada, "a fox {1,2")).jobs == 0
    assert (await seen(world, ada, "{1,2}" * 300)).jobs == COUNTED_MAX
    assert (await seen(world, ada, "a fox --ar --v ABLE-1")).model == "able-1"
    assert (await seen(world, ada, "a fox --v nobody")).model is None
    assert (await seen(world, ada, "a fox --ar")).model == "able-1"


async def test_no_more_than_so_many_jobs_are_spelt_out(world):
    ada = await world.account("ada")
    found = await seen(world, ada, "a {1,2,3,4,5,6,7,8,9} fox")
    assert len(found.prompts) == SHOWN_MAX and found.jobs == 9


async def test_the_event_loop_neither_spells_out_what_is_not_shown_nor_looks_for_names(world, monkeypatch):
    """Each takes milliseconds of a long prompt, and people who type ask five times a second."""
    ada, spelt, threads = await world.account("ada"), [], set[str]()

    def spell(params):
        spelt.append(params)
        return format_prompt(params)

    def proofread(first, *_args, **_limits):
        threads.add(threading.current_thread().name)
        return (first,)

    for module in (foreseeing, placing):
        monkeypatch.setattr(module, "format_prompt", spell)
    monkeypatch.setattr(foreseeing, "proofread", proofread)
    await seen(world, ada, "a {1,2,3,4,5,6,7,8,9} fox")
    assert len(spelt) == SHOWN_MAX
    await seen(world, ada, "a fox --foo")
    assert len(threads) == 1 and threading.current_thread().name not in threads


async def test_addresses_are_not_fetched_and_it_says_so(world):
    ada = await world.account("ada")
    found = await seen(world, ada, "https://x.org/a.png a fox --sref random https://x.org/b.png")
    assert found.faults == () and found.notes == (
        "2 pictures will be fetched when you submit, and looked at only then.",
    )
    twice = "https://x.org/a.png https://x.org/b.png"
    assert (await seen(world, ada, twice)).faults == (), "a blend of what is not here yet"


async def test_an_own_picture_twice_is_no_blend(world):
    ada = await world.account("ada")
    await world.worker()
    await world.submit(ada, "a fox")
    await world.draw((await world.pull())[0])
    image, *_rest = await world.store.gallery.find(ImageFilter(account_id=ada.id), before=None, limit=4)
    text = f"upload:{image.id} upload:{image.id}"
    assert [each.code for each in (await seen(world, ada, text)).faults] == ["invalid_request"]
    assert (await seen(world, ada, f"upload:{image.id} a fox")).faults == ()


async def test_where_it_would_come_into_the_queue_is_known_while_a_slot_is_free(world):
    ada = await world.account("ada", plan="free")
    await world.worker()
    first = (await seen(world, ada, "a fox")).first
    assert first is not None and first.cost_gpu_ms > 1 and first.model == "able-1"
    assert world.dispatcher.expected_wait_s(first) == 0
    (job,) = await world.submit(await world.account("bob"), "a fox --quality 4")
    ahead_s = world.dispatcher.expected_wait_s(first)
    assert ahead_s is not None and 0 < ahead_s <= job.hold_gpu_ms / 1000
    await world.submit(ada, "a boat")
    assert (await seen(world, ada, "a fox")).first is None, "one may run, and one has the slot"
    assert world.make_dispatcher("two").expected_wait_s(first) is None, "only who dispatches can tell"


async def test_a_blocked_account_and_a_full_queue_are_faults(world):
    ada = await world.account("ada", plan="free", blocked_reason="spam")
    assert [each.code for each in (await seen(world, ada, "a fox")).faults] == ["account_blocked"]
    bob = await world.account("bob", plan="free")
    for _ in range(11):
        await world.submit(bob, "a fox --draft")
    assert [each.code for each in (await seen(world, bob, "a fox")).faults] == ["queue_full"]


async def test_without_moderation_it_says_so_and_tells_the_rest(world):
    ada = await world.account("ada")
    world.moderator.broken = True
    found = await seen(world, ada, "a fox")
    assert [each.code for each in found.faults] == [ModerationUnavailable.code]
    assert found.costs_gpu_ms and found.prompts == ("a fox --v able-1",)


async def test_who_asks_too_much_at_once_is_refused(world, monkeypatch):
    ada = await world.account("ada")

    async def busy(*_args):
        raise Exhausted("too many", code="rate_limited")

    monkeypatch.setattr(world.rooms.checks, "run", busy)
    with pytest.raises(Refused, match="too many"):
        await seen(world, ada, "a fox")
    long = "{a, b} " * (submitting.READ_AT_ONCE_MAX_PERMUTED // 7 + 1)
    with pytest.raises(Refused, match="too many"):
        await seen(world, ada, long)
