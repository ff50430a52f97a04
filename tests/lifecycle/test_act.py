"""An action becomes a job: of whose images, with which words, at what price; and every refusal leaves nothing behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.lifecycle.conftest import MODEL, START, World
from tests.lifecycle.loop import asked, done, drawn, parents, upload

from darkroom.core.accounts import Account
from darkroom.core.capabilities import ModelCatalogue, ModelSource
from darkroom.core.errors import (
    Blocked,
    Conflict,
    DarkroomError,
    Exhausted,
    NotAllowed,
    NotFound,
    Refused,
)
from darkroom.core.gallery import Choice
from darkroom.core.ids import new_id
from darkroom.core.images import Image
from darkroom.core.jobs import NewJob
from darkroom.core.params import Lane, Visibility
from darkroom.core.ports import JobFilter
from darkroom.core.recipes import Action, Role
from darkroom.core.uploads import UploadKind
from darkroom.lifecycle.act import act
from darkroom.lifecycle.wishes import Asked, Way, Wish


@pytest.fixture
async def ada(world: World) -> Account:
    await world.worker()
    return await world.account("ada")


@pytest.fixture
async def fox(world: World, ada: Account) -> Image:
    """The second image of a grid."""
    return (await drawn(world, ada, "a red fox --chaos 30 --no cats --seed 5"))[1]


async def refused(world: World, account: Account, image: Image, action: str, **more: object) -> DarkroomError:
    """The refusal, after which everything is as before."""
    before = await books(world, account)
    with pytest.raises(DarkroomError) as refusal:
        await asked(world, account, image, action, **more)
    assert await books(world, account) == before
    return refusal.value


async def books(world: World, account: Account) -> tuple[object, ...]:
    jobs = await world.store.library.jobs(JobFilter(account_id=account.id), before=None, limit=100)
    signals = await world.store.gallery.signals(account.id, before=None, limit=100)
    return jobs, signals, await world.store.accounts.balance(account.id)


async def test_a_variation_is_a_job_of_four_with_its_parent_and_a_new_seed(world, ada, fox):
    images = await done(world, ada, fox, "vary_subtle")
    assert len(images) == 4 and all(parents(each) == {fox.id} for each in images)
    assert all(each.recipe.action is Action.VARY_SUBTLE for each in images)
    assert (
        images[0].prompt == fox.prompt.replace("--seed 5", f"--seed {images[0].seed}") and images[0].seed != 5
    )
    (given,) = images[0].recipe.inputs
    assert (given.role, given.digest) == (Role.INIT, fox.files[0].digest)


async def test_one_picture_is_upscaled_with_the_seed_and_the_noise_that_it_has(world, ada, fox):
    (large,) = await done(world, ada, fox, "upscale_subtle", scale=4)
    assert (large.prompt, large.seed, large.recipe.indices) == (fox.prompt, 5, (1,))
    assert large.files[0].width == 4 * fox.files[0].width
    (larger,) = await done(world, ada, large, "upscale_creative")
    assert larger.files[0].width == 8 * fox.files[0].width and parents(larger) == {large.id}


async def test_new_words_keep_what_they_do_not_name(world, ada, fox):
    (found, *_) = await done(world, ada, fox, "remix", prompt="a blue cat --chaos 5")
    assert found.prompt.startswith("a blue cat --v able-1 --chaos 5 --seed ") and "--no cats" in found.prompt
    (found, *_) = await done(world, ada, fox, "zoom_out", prompt="a {blue} cat --seed 9")
    assert found.seed == 9 and "--chaos 30" in found.prompt
    job = await world.store.library.job(found.job_id)
    assert job.source == "a {blue} cat --seed 9"


async def test_the_canvas_of_a_pan_is_the_new_ratio_and_must_be_one_that_the_model_can_draw(world, ada, fox):
    (wide, *_) = await done(world, ada, fox, "pan", direction=Way.RIGHT)
    assert "--ar 3:2" in wide.prompt and wide.files[0].width == 384
    image, error = wide, None
    for _ in range(8):
        try:
            (image, *_) = await done(world, ada, image, "pan", direction=Way.RIGHT)
        except Refused as found:
            error = found
            break
    assert error is not None and (error.code, error.field) == ("too_large", "direction")
    assert (
        "2048 x " in error.message
        and "nothing longer than 14:1" in error.message
        and "--ar" not in str(error)
    )


async def test_a_dry_run_says_it_all_and_writes_nothing(world, ada, fox):
    before = await books(world, ada)
    told = await asked(world, ada, fox, "zoom_out", dry_run=True, idempotency_key="k")
    assert isinstance(told.job, NewJob) and told.size == (512, 512) and told.job.images == 4
    assert told.job.hold_gpu_ms > 0 and "a red fox" in told.job.prompt
    assert await books(world, ada) == before
    placed = await asked(world, ada, fox, "zoom_out", idempotency_key="k")
    assert not placed.replayed and placed.job.hold_gpu_ms == told.job.hold_gpu_ms


async def test_a_dry_run_refuses_as_the_real_one_does(world, ada, fox):
    bob = await world.account("bob", plan="free", grant_gpu_ms=1)
    for dry_run in (True, False):
        assert (await refused(world, ada, fox, "enhance", dry_run=dry_run)).code == "not_a_draft"
        blocked = await refused(world, ada, fox, "remix", prompt="forbidden", dry_run=dry_run)
        assert isinstance(blocked, Blocked)
        poor = await refused(world, bob, fox, "vary_subtle", dry_run=dry_run)
        assert isinstance(poor, Exhausted) and poor.code == "fast_time_exhausted"
        lane = await refused(world, bob, fox, "vary_subtle", lane=Lane.RELAX, dry_run=dry_run)
        assert isinstance(lane, NotAllowed)


async def test_a_full_queue_refuses_both(world, ada, fox):
    cat = await world.account("cat", plan="free")
    for _ in range(11):
        await asked(world, cat, fox, "vary_subtle")
    for dry_run in (True, False):
        assert (await refused(world, cat, fox, "vary_subtle", dry_run=dry_run)).code == "queue_full"


async def test_the_same_key_gives_the_first_answer_again_and_another_wish_is_a_conflict(world, ada, fox):
    first = await asked(world, ada, fox, "vary_strong", idempotency_key="k")
    again = await asked(world, ada, fox, "vary_strong", idempotency_key="k")
    assert again.replayed and (again.job, again.size) == (first.job, first.size)
    assert isinstance(await refused(world, ada, fox, "vary_subtle", idempotency_key="k"), Conflict)
    signals = await world.store.gallery.signals(ada.id, before=None, limit=9)
    assert [each.choice for each in signals] == [Choice.VARIED], "asked twice, chosen once"


async def test_a_mask_must_be_ones_own_and_just_as_large(world, ada, fox):
    mask = await upload(world, ada, kind=UploadKind.MASK)
    (found, *_) = await done(world, ada, fox, "vary_region", mask=mask.id, prompt="a hat")
    assert [each.role for each in found.recipe.inputs] == [Role.INIT, Role.MASK]
    assert parents(found) == {fox.id, mask.id} and found.files[0].width == 256
    small = await upload(world, ada, kind=UploadKind.MASK, side=64, name="small")
    error = await refused(world, ada, fox, "vary_region", mask=small.id)
    assert error.code == "mask_invalid" and "64 x 64" in error.message and "256 x 256" in error.message
    picture = await upload(world, ada)
    assert (await refused(world, ada, fox, "vary_region", mask=picture.id)).code == "mask_invalid"
    theirs = await upload(world, await world.account("bob"), kind=UploadKind.MASK)
    assert isinstance(await refused(world, ada, fox, "vary_region", mask=theirs.id), NotFound)


async def test_others_images_are_worked_with_where_they_show_them(world, ada, fox):
    bob = await world.account("bob", lane=Lane.TURBO)
    (found, *_) = await done(world, bob, fox, "vary_subtle")
    assert found.account_id == bob.id and parents(found) == {fox.id}
    (hidden, *_) = await drawn(world, ada, "a cat --stealth --turbo")
    assert isinstance(await refused(world, bob, hidden, "vary_subtle"), NotFound)
    (own, *_) = await done(world, ada, hidden, "vary_subtle")
    assert own.visibility is Visibility.STEALTH, "what is made of a hidden image is not shown to everybody"
    assert (await world.store.library.job(own.job_id)).lane is Lane.FAST, "a lane is for one job only"


async def test_pictures_that_guided_an_image_stay_with_who_may_use_them(world, ada):
    palette = await upload(world, ada)
    (styled, *_) = await drawn(world, ada, f"a fox --sref upload:{palette.id}::2 1234 --sw 300")
    (own, *_) = await done(world, ada, styled, "vary_subtle")
    assert parents(own) == {styled.id, palette.id} and "--sw 300" in own.prompt
    bob = await world.account("bob")
    answer = await asked(world, bob, styled, "vary_subtle")
    assert str(palette.id) not in answer.job.prompt and "--sref 1234 --sw 300" in answer.job.prompt
    assert [each.role for each in answer.job.recipe.inputs] == [Role.INIT]
    assert answer.notes == ("A picture that guided the image is gone or not yours, so it was left away.",)
    assert answer.job.notes == answer.notes
    error = await refused(world, bob, styled, "replay")
    assert error.code == "inputs_gone" and "not yours" in error.message


async def test_a_blend_of_which_nothing_is_left_says_so(world, ada):
    one, two = await upload(world, ada), await upload(world, ada, name="y")
    (blended, *_) = await drawn(world, ada, f"upload:{one.id} upload:{two.id}")
    assert blended.recipe.action is Action.BLEND and parents(blended) == {one.id, two.id}
    await world.store.uploads.delete(two.id, account_id=ada.id, now=world.clock())
    assert (await refused(world, ada, blended, "vary_subtle")).code == "guides_gone"


@pytest.mark.parametrize(("action", "code"), [("reroll", "inputs_gone"), ("replay", "inputs_gone")])
async def test_what_a_job_began_with_must_still_have_its_pixels(world, ada, fox, action, code):
    (zoomed, *_) = await done(world, ada, fox, "zoom_out")
    await world.store.gallery.trash([fox.id], account_id=ada.id, now=world.clock())
    await world.store.gallery.delete([fox.id], account_id=ada.id, now=world.clock())
    error = await refused(world, ada, zoomed, action)
    assert error.code == code and str(fox.id) in error.message and "deleted" in error.message
    assert await done(world, ada, zoomed, "vary_subtle"), "its own pixels are there"
    error = await refused(world, ada, fox, "vary_subtle")
    assert error.code == "image_deleted" and "pixels are gone" in error.message


async def test_what_is_no_image_says_what_it_is(world, ada, fox):
    brought = await upload(world, ada)
    with pytest.raises(Refused, match="This is an upload"):
        await act(world.rooms, ada, brought.id, Wish(action=Asked.VARY_SUBTLE))
    grid = next(each for each in await world.store.library.images_of([fox.job_id]) if each.index is None)
    assert (await refused(world, ada, grid, "vary_subtle")).code == "is_a_grid"
    with pytest.raises(NotFound):
        await act(world.rooms, ada, new_id(START), Wish(action=Asked.VARY_SUBTLE))
    bob = await world.account("bob")
    with pytest.raises(NotFound):
        await act(world.rooms, bob, brought.id, Wish(action=Asked.VARY_SUBTLE))


async def test_a_model_that_is_gone_or_cannot_is_named(world, ada, fox):
    other = replace(world.rooms.catalogue.models["other-1"], default=True)
    world.rooms = replace(world.rooms, catalogue=ModelCatalogue(models={"other-1": other}))
    error = await refused(world, ada, fox, "vary_subtle")
    assert error.code == "unsupported_by_model" and "able-1" in error.message


async def test_each_action_is_a_choice_with_what_lay_beside(world, ada, fox):
    wanted = {
        "upscale_subtle": Choice.UPSCALED, "vary_strong": Choice.VARIED, "zoom_out": Choice.EDITED, "reroll": Choice.REROLLED,
        "hd": Choice.ENHANCED,
    }  # fmt: skip
    for action in wanted:
        await asked(world, ada, fox, action)
    await asked(world, ada, fox, "replay")
    await world.submit(ada, f"upload:{fox.id} a cat")
    signals = await world.store.gallery.signals(ada.id, before=None, limit=20)
    assert [each.choice for each in reversed(signals)] == [*wanted.values(), Choice.USED]
    assert all(each.image_id == fox.id and len(each.beside) == 3 for each in signals)


async def test_a_blocked_account_acts_no_more(world, ada, fox):
    blocked = replace(ada, blocked_reason="spam")
    with pytest.raises(NotAllowed):
        await asked(world, blocked, fox, "vary_subtle", dry_run=True)


async def test_two_at_once_with_one_key_make_one_job_and_one_choice(world, ada, fox):
    both = await asyncio.gather(
        *(asked(world, ada, fox, "vary_strong", idempotency_key="k") for _ in range(2))
    )
    assert both[0].job == both[1].job and sorted(each.replayed for each in both) == [False, True]
    assert len(await world.store.gallery.signals(ada.id, before=None, limit=9)) == 1


async def test_a_dry_run_with_a_key_that_was_used_is_still_a_dry_run(world, ada, fox):
    await asked(world, ada, fox, "vary_strong", idempotency_key="k")
    told = await asked(world, ada, fox, "vary_strong", dry_run=True, idempotency_key="k")
    assert isinstance(told.job, NewJob) and not told.replayed


async def test_an_action_is_held_for_its_share(world, ada, fox):
    holds = {
        action: (await asked(world, ada, fox, action, dry_run=True)).job.hold_gpu_ms
        for action in ("upscale_subtle", "replay", "vary_subtle", "vary_strong", "reroll")
    }
    full = (await world.store.library.job(fox.job_id)).hold_gpu_ms
    assert holds["vary_subtle"] < holds["vary_strong"] < holds["reroll"] == full
    assert holds["replay"] == full // 4 and 0 < holds["upscale_subtle"] < full


async def test_what_becomes_smaller_says_so_and_the_job_keeps_it(world, ada, fox):
    (large,) = await done(world, ada, fox, "upscale_subtle", scale=4)
    for action, more in (("vary_subtle", {}), ("remix", {"prompt": "a cat"}), ("reroll", {})):
        answer = await asked(world, ada, large, action, **more, idempotency_key=action)
        (note,) = answer.notes
        assert "256 x 256" in note and "1024 x 1024" in note and answer.size == (256, 256)
        again = await asked(world, ada, large, action, **more, idempotency_key=action)
        assert again.replayed and again.notes == answer.notes == answer.job.notes
    for action in ("vary_subtle", "hd", "zoom_out", "reroll"):
        assert (await asked(world, ada, fox, action, dry_run=True)).notes == ()


async def test_a_draft_that_was_extended_is_enhanced_to_less_and_says_so(world, ada):
    (draft, *_) = await drawn(world, ada, "a fox --draft")
    assert (
        draft.files[0].width == 192 and (await asked(world, ada, draft, "enhance", dry_run=True)).notes == ()
    )
    (around, *_) = await done(world, ada, draft, "zoom_out")
    (note,) = (await asked(world, ada, around, "enhance", dry_run=True)).notes
    assert "256 x 256" in note and "384 x 384" in note


async def test_an_added_model_draws_its_drafts_at_full_size(world, ada):
    added = replace(MODEL, source=ModelSource(folder="/nowhere"))
    object.__setattr__(world.rooms, "catalogue", ModelCatalogue(models={"able-1": added}))
    (draft, *_) = await drawn(world, ada, "a fox --draft")
    assert draft.files[0].width == 256


async def test_a_large_canvas_is_held_for_its_pixels(world, ada, fox):
    (large,) = await done(world, ada, fox, "upscale_subtle", scale=4)
    small = (await asked(world, ada, fox, "zoom_out", zoom=1.5, dry_run=True)).job.hold_gpu_ms
    canvas = await asked(world, ada, large, "zoom_out", zoom=1.5, dry_run=True)
    pixels = canvas.size[0] * canvas.size[1]
    assert canvas.job.hold_gpu_ms - small >= 4 * 0.9 * 1.5 * (pixels - 384 * 384) / 1000 - 2


async def test_a_weight_goes_with_the_pictures_that_it_belongs_to(world, ada):
    palette = await upload(world, ada)
    (styled, *_) = await drawn(
        world, ada, f"upload:{palette.id} a fox --iw 2 --sref upload:{palette.id} --sw 300"
    )
    bob = await world.account("bob")
    told = await asked(world, bob, styled, "vary_subtle", dry_run=True)
    assert told.job.prompt.startswith("a fox --v able-1 --seed ") and "--sw" not in told.job.prompt


@pytest.mark.parametrize("words", ["a cat --ar 3:2", "a cat --tile"])
async def test_where_pixels_stay_the_shape_is_not_for_choosing(world, ada, fox, words):
    error = await refused(world, ada, fox, "zoom_out", prompt=words)
    assert (error.code, error.field) == ("invalid_request", "prompt")
    assert "--ar 3:2" in (await asked(world, ada, fox, "remix", prompt="a cat --ar 3:2")).job.prompt
