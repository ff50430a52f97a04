"""Preference signals: which act says what, what lay beside it, and that a signal never fails what it tells of."""

from __future__ import annotations

import logging

import pytest
from tests.lifecycle.conftest import Flaky, World

from darkroom.core.accounts import Account
from darkroom.core.gallery import UNMARKED, Choice, Marks, Signal
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.core.recipes import Action
from darkroom.lifecycle.choices import choice_of, choices_between, record_choice, record_choices
from darkroom.lifecycle.keeping import change_marks


async def drawn(world: World, account: Account) -> list[Image]:
    """The four images of a new job, then its grid."""
    (job,) = await world.submit(account)
    await world.worker()
    (assignment,) = await world.pull()
    await world.draw(assignment)
    return await world.store.library.images_of([job.id])


async def said(world: World, account: Account) -> list[Signal]:
    return await world.store.gallery.signals(account.id, before=None, limit=100)


def test_every_action_at_an_image_says_something_and_drawing_from_words_nothing() -> None:
    assert {each for each in Action if choice_of(each) is None} == {Action.IMAGINE}
    assert choice_of(Action.UPSCALE_CREATIVE) is Choice.UPSCALED
    assert choice_of(Action.PAN) is Choice.EDITED
    assert choice_of(Action.REROLL) is Choice.REROLLED


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (UNMARKED, Marks(liked=True), [(Choice.LIKED, None)]),
        (Marks(liked=True), Marks(liked=True), []),
        (Marks(liked=True), UNMARKED, [(Choice.UNLIKED, None)]),
        (UNMARKED, Marks(favourite=True, hidden=True), [(Choice.FAVOURED, None), (Choice.HIDDEN, None)]),
        (Marks(favourite=True, hidden=True), UNMARKED, []),
        (Marks(rating=2), Marks(rating=5), [(Choice.RATED, 5)]),
        (Marks(rating=2), UNMARKED, []),
    ],
)
def test_a_change_of_marks_says_what_changed(
    was: Marks, now: Marks, said: list[tuple[Choice, int | None]]
) -> None:
    assert choices_between(was, now) == said


async def test_a_signal_names_what_lay_beside_it(world: World) -> None:
    account = await world.account("mia")
    *four, grid = await drawn(world, account)
    await record_choice(world.rooms, account, Choice.UPSCALED, four[2])
    await record_choice(world.rooms, account, Choice.REROLLED, grid)
    rerolled, upscaled = await said(world, account)
    assert (upscaled.image_id, upscaled.job_id) == (four[2].id, four[2].job_id)
    assert upscaled.beside == (four[0].id, four[1].id, four[3].id)
    assert (rerolled.image_id, rerolled.job_id) == (None, grid.job_id)
    assert rerolled.beside == tuple(each.id for each in four)
    assert upscaled.at == world.clock()


async def test_beside_somebody_elses_image_lies_what_everybody_may_see(world: World) -> None:
    account, other = await world.account("mia"), await world.account("eve")
    one, two, three, _four, _grid = await drawn(world, account)
    gallery = world.store.gallery
    await gallery.set_visibility(two.id, account_id=account.id, visibility=Visibility.STEALTH)
    await gallery.trash([three.id], account_id=account.id, now=world.clock())
    await record_choice(world.rooms, other, Choice.LIKED, one)
    (signal,) = await said(world, other)
    assert signal.beside == (_four.id,)


async def test_liking_twice_is_said_once_and_again_after_a_change_of_mind(world: World) -> None:
    account = await world.account("mia")
    image, *_rest = await drawn(world, account)
    for liked in (True, True, False, False, True):
        await change_marks(world.rooms, account, image, liked=liked)
    await change_marks(world.rooms, account, image, rating=4)
    await change_marks(world.rooms, account, image, rating=4)
    told = [(each.choice, each.value) for each in reversed(await said(world, account))]
    assert told == [
        (Choice.LIKED, None),
        (Choice.UNLIKED, None),
        (Choice.LIKED, None),
        (Choice.RATED, 4),
    ]


async def test_many_choices_take_one_look_each_of_their_own_grid(world: World) -> None:
    account = await world.account("mia")
    one, *_rest = await drawn(world, account)
    two, *_rest = await drawn(world, account)
    world.library.calls.clear()
    await record_choices(world.rooms, account, Choice.DOWNLOADED, [one, two])
    assert world.library.calls == ["images_of"]
    for signal, image in zip(await said(world, account), (two, one), strict=True):
        beside = await world.store.library.images_of([image.job_id])
        assert signal.beside == tuple(
            each.id for each in beside if each.index is not None and each.id != image.id
        )


async def test_a_store_that_is_away_costs_the_signal_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    account = await world.account("mia")
    image, *_rest = await drawn(world, account)
    flaky = Flaky(world.store.gallery)
    flaky.failing["record"] = 1
    object.__setattr__(world.rooms, "gallery", flaky)
    with caplog.at_level(logging.WARNING, logger="darkroom.lifecycle.choices"):
        await record_choice(world.rooms, account, Choice.LIKED, image)
    assert "record fails as it was told" in caplog.text
    assert await said(world, account) == []
