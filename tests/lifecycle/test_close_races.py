"""What comes at the worst moment: files that go while the same are drawn, pictures that go under a request, a store that is away."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from tests.lifecycle.conftest import BAD, START, World, eventually
from tests.lifecycle.loop import asked, drawn, finished, sized, upload

from darkroom.core.accounts import Account
from darkroom.core.errors import Exhausted, NotFound, PromptError, Refused, StoreUnavailable
from darkroom.core.gallery import HELD_FOR
from darkroom.core.images import Image
from darkroom.core.jobs import Cause, Requeue
from darkroom.core.params import Lane
from darkroom.core.ports import JobFilter
from darkroom.core.work import Assignment, Completion
from darkroom.lifecycle import placing
from darkroom.lifecycle.holding import sweep_leftovers
from darkroom.lifecycle.keys import blob_key, staging_key
from darkroom.lifecycle.placing import check_means
from darkroom.lifecycle.replay import compare
from darkroom.lifecycle.submit import quote
from darkroom.lifecycle.trash import delete_for_good


@pytest.fixture
async def ada(world: World) -> Account:
    await world.worker()
    return await world.account("ada")


@pytest.fixture
async def fox(world: World, ada: Account) -> Image:
    return (await drawn(world, ada, "a red fox --seed 5"))[1]


async def there(world: World, digest: str) -> bool:
    try:
        return hashlib.sha256(await world.kept.get(blob_key(digest))).hexdigest() == digest
    except NotFound:
        return False


async def same_again(world: World, assignment: Assignment, image: Image) -> Completion:
    """A report whose second picture is, byte by byte, an image that is there."""
    completion = await world.complete(assignment)
    (file,) = image.files
    data = await world.kept.get(blob_key(file.digest))
    (staged,) = completion.images[1].files
    await world.kept.put(staging_key(assignment.claim, staged.name), data, media_type="image/png")
    like = replace(completion.images[1], files=(replace(staged, file=file),))
    return replace(completion, images=(completion.images[0], like, *completion.images[2:]))


async def test_a_file_that_is_drawn_again_is_there_though_its_image_is_deleted_meanwhile(world, ada, fox):
    (job,) = await world.submit(ada, "a red fox --seed 5")
    (assignment,) = await world.pull()
    report = await same_again(world, assignment, fox)
    world.ledger.gates["finish"] = asyncio.Event()
    reporting = asyncio.create_task(world.dispatcher.report("w1", [report]))
    await eventually(lambda: world.ledger.calls.count("finish") == 2)
    await delete_for_good(world.rooms, ada, [fox.id])
    world.ledger.gates["finish"].set()
    assert await reporting == ["accepted"]
    again = (await world.store.library.images_of([job.id]))[1]
    assert again.files == fox.files and await there(world, fox.files[0].digest)
    await sweep_leftovers(world.rooms)
    assert await there(world, fox.files[0].digest)
    await delete_for_good(world.rooms, ada, [again.id])
    assert not await there(world, fox.files[0].digest)


async def test_what_a_run_left_that_came_too_late_goes_in_time(world, ada):
    await world.submit(ada, "a cat")
    (assignment,) = await world.pull()
    report = await world.complete(assignment)
    digest = report.images[0].files[0].file.digest
    world.ledger.gates["finish"] = asyncio.Event()
    reporting = asyncio.create_task(world.dispatcher.report("w1", [report]))
    await eventually(lambda: "finish" in world.ledger.calls)
    lost = Requeue(
        job_id=assignment.claim.job_id,
        fence=assignment.claim.fence,
        cause=Cause.WORKER_LOST,
        not_before=START,
    )
    await world.store.ledger.requeue([lost], now=world.clock())
    world.ledger.gates["finish"].set()
    assert await reporting == ["stale"]
    assert await sweep_leftovers(world.rooms) == 0 and await there(world, digest)
    world.clock.move(HELD_FOR.total_seconds())
    assert await sweep_leftovers(world.rooms) == 5 and not await there(world, digest)


async def test_an_image_that_is_deleted_while_an_action_is_on_its_way(world, ada, fox):
    world.ledger.gates["submit"] = asyncio.Event()
    asking = asyncio.create_task(asked(world, ada, fox, "vary_subtle", idempotency_key="k"))
    await eventually(lambda: world.ledger.calls.count("submit") == 2)
    await delete_for_good(world.rooms, ada, [fox.id])
    world.ledger.gates["submit"].set()
    with pytest.raises(Refused, match="deleted meanwhile") as refused:
        await asking
    assert refused.value.code == "inputs_gone"
    await world.check_money(ada)
    assert len(await world.store.library.jobs(JobFilter(account_id=ada.id), before=None, limit=9)) == 1


async def test_the_file_of_a_parent_stays_until_the_job_that_waits_for_it_has_ended(world, ada, fox):
    job = (await asked(world, ada, fox, "vary_subtle")).job
    digest = fox.files[0].digest
    await delete_for_good(world.rooms, ada, [fox.id])
    await world.later(180)
    assert await there(world, digest)
    await world.worker()
    (assignment,) = await world.pull()
    assert set(assignment.inputs) == {digest}
    assert await world.draw(assignment) == "accepted" and (await world.job(job)).state == "completed"
    await world.later(90)
    assert not await there(world, digest)


class Counted:
    """Every call of every store; the one that is to fail does so, before or after it did its work."""

    def __init__(self) -> None:
        self.calls, self.fails_at, self.after = 0, 0, False

    def over(self, real: object) -> Any:
        counted = self

        class Store:
            def __getattr__(self, name: str) -> Any:
                async def call(*args: Any, **kwargs: Any) -> Any:
                    counted.calls += 1
                    fails = counted.calls == counted.fails_at
                    if fails and not counted.after:
                        raise StoreUnavailable(f"{name} fails")
                    result = await getattr(real, name)(*args, **kwargs)
                    if fails:
                        raise StoreUnavailable(f"the answer of {name} is lost")
                    return result

                return call

        return Store()


@pytest.mark.parametrize("after", [False, True])
async def test_a_store_that_is_away_at_any_call_of_an_action_never_makes_two_of_it(
    world, ada, fox, after, monkeypatch
):
    monkeypatch.setattr(placing, "AGAIN_AFTER_S", ())  # nothing is made up for: the client sees it all
    palette = await upload(world, ada)
    counted, plain = Counted(), world.rooms
    stores = ("ledger", "library", "operations", "uploads", "gallery", "accounts")
    world.rooms = replace(plain, **{each: counted.over(getattr(plain, each)) for each in stores})
    wish: Any = {"prompt": f"a cat --sref upload:{palette.id}", "lane": Lane.RELAX}
    for fails_at in range(1, 30):
        counted.calls, counted.fails_at, counted.after = 0, fails_at, after
        key = f"k{fails_at}"
        try:
            first = await asked(world, ada, fox, "remix", idempotency_key=key, **wish)
        except StoreUnavailable:
            first = None
        counted.fails_at = 0
        again = await asked(world, ada, fox, "remix", idempotency_key=key, **wish)
        assert first is None or again.job.id == first.job.id
        found = await world.store.library.jobs(JobFilter(account_id=ada.id), before=None, limit=99)
        assert len(found) == 1 + fails_at, f"call {fails_at} made {len(found) - fails_at} jobs"
        if first is not None and counted.calls < fails_at:
            break
    else:
        pytest.fail("it never got through")
    allowed = await world.store.operations.verdicts(before=None, limit=99, blocked_only=False)
    assert len(allowed) == len(found), "one verdict for each job"
    await world.check_money(ada)


async def test_a_job_that_was_drawn_again_with_another_seed_is_replayed_with_that(world, ada):
    (job,) = await world.submit(ada, "a fox --seed 5")
    (assignment,) = await world.pull()
    await world.draw(assignment, scores=BAD)
    images = await finished(world, await world.job(job))
    assert images[2].seed != 5
    again = (await asked(world, ada, images[2], "replay")).job
    assert (again.prompt, again.seed) == (images[2].prompt, images[2].seed)
    (assignment,) = await world.pull()
    report = sized(await world.complete(assignment), 256, 256)
    await world.dispatcher.report("w1", [report])
    assert (await compare(world.rooms, await world.job(again))).images[0].original_id == images[2].id


async def test_of_a_deleted_original_nobody_can_tell(world, ada, fox):
    again = (await asked(world, ada, fox, "replay")).job
    await finished(world, again)
    assert (await compare(world.rooms, await world.job(again))).same is not None
    await delete_for_good(world.rooms, ada, [fox.id])
    told = await compare(world.rooms, await world.job(again))
    assert told.same is None and told.notes == (
        "The image that was drawn again is deleted, and what its pixels were with it.",
    )


async def test_a_quote_refuses_just_where_the_ledger_does(world, ada):
    """After a change to a smaller plan, when more runs than it allows, too."""
    for plan in ("pro", "free"):
        terms = world.rooms.plans.plan(plan)
        for _ in range(20):
            (job,) = (await quote(world.rooms, ada, text="a fox --relax")).jobs
            told = await asyncio.gather(
                check_means(world.rooms, ada, terms, [job]),
                placing.place(world.rooms, ada, terms, (job,), placing.Request(text="", digest="")),
                return_exceptions=True,
            )
            assert len({each.code if isinstance(each, Exhausted) else "" for each in told}) == 1, told


async def test_permutations_of_pictures_are_each_a_job_and_relax_takes_one(world, ada):
    one, two = await upload(world, ada), await upload(world, ada, name="y")
    text = f"{{upload:{one.id}, upload:{two.id}}} a cat --sref upload:{one.id}"
    jobs = await world.submit(ada, text)
    assert [[each.parent_id for each in job.recipe.inputs] for job in jobs] == [
        [one.id, one.id],
        [two.id, one.id],
    ]
    with pytest.raises(PromptError) as refused:
        await world.submit(ada, text, lane=Lane.RELAX)
    assert refused.value.code == "batch_not_in_relax"
