"""Into the trash, back, and gone for good with all pixels: at once where the store of pictures answers, later where not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.lifecycle.conftest import Flaky, World
from tests.lifecycle.test_choices import drawn, said

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.gallery import Choice
from darkroom.core.images import Image
from darkroom.lifecycle.keys import blob_key
from darkroom.lifecycle.trash import TRASH_KEPT, delete_for_good, take_back, throw_away


async def kept(world: World, *images: Image) -> list[bool]:
    """Of all files of these images: whether each is there."""
    found = []
    for file in (file for image in images for file in image.files):
        try:
            await world.kept.get(blob_key(file.digest))
        except NotFound:
            found.append(False)
        else:
            found.append(True)
    return found


async def test_deleted_for_good_are_the_pixels_of_the_image_and_of_its_grid(world: World) -> None:
    account = await world.account("mia")
    one, two, _three, _four, grid = await drawn(world, account)
    assert await kept(world, one, two, grid) == [True, True, True]
    (gone,) = await delete_for_good(world.rooms, account, [one.id])
    assert gone.deleted_at == world.clock() and gone.files == ()
    assert await kept(world, one, two, grid) == [False, True, False]
    assert await world.store.gallery.take_leftovers(limit=9, now=world.clock()) == []


async def test_what_goes_is_said_once_and_only_what_was_there(world: World) -> None:
    account, other = await world.account("mia"), await world.account("eve")
    one, two, three, _four, _grid = await drawn(world, account)
    await throw_away(world.rooms, account, [one.id, two.id])
    await throw_away(world.rooms, account, [one.id])
    await take_back(world.rooms, account, [two.id])
    await delete_for_good(world.rooms, account, [one.id, three.id])
    told = [each.image_id for each in await said(world, account) if each.choice is Choice.DELETED]
    assert told == [three.id, two.id, one.id]
    for act in (throw_away, take_back, delete_for_good):
        wrong = uuid4()
        with pytest.raises(NotFound, match=f"There is no image {wrong}"):
            await act(world.rooms, account, [two.id, wrong])
        with pytest.raises(NotFound):
            await act(world.rooms, other, [two.id])
    for act in (throw_away, take_back):
        with pytest.raises(NotFound, match="You deleted image") as gone:
            await act(world.rooms, account, [two.id, three.id])
        assert gone.value.code == "image_deleted"
    assert (await world.store.library.image(two.id)).trashed_at is None


async def test_what_is_deleted_may_be_deleted_again(world: World) -> None:
    account = await world.account("mia")
    one, two, *_ = await drawn(world, account)
    (first,) = await delete_for_good(world.rooms, account, [one.id])
    again = await delete_for_good(world.rooms, account, [two.id, one.id, two.id])
    assert [each.id for each in again] == [two.id, one.id] and again[1] == first
    told = [each.image_id for each in await said(world, account) if each.choice is Choice.DELETED]
    assert sorted(told) == sorted([one.id, two.id]), "each is said once"


async def test_pixels_go_later_where_their_store_is_away(world: World) -> None:
    account = await world.account("mia")
    one, *_rest = await drawn(world, account)
    world.objects.failing["delete"] = 1
    await delete_for_good(world.rooms, account, [one.id])
    assert await kept(world, one) == [True]
    await world.later(120)
    assert await kept(world, one) == [False]


async def test_the_trash_is_emptied_when_its_time_is_over(world: World) -> None:
    account, other = await world.account("mia"), await world.account("eve")
    one, two, *_rest = await drawn(world, account)
    (three, *_rest) = await drawn(world, other)
    await throw_away(world.rooms, account, [one.id])
    await throw_away(world.rooms, other, [three.id])
    world.clock.move(TRASH_KEPT.total_seconds() - 90)
    await throw_away(world.rooms, account, [two.id])
    await world.later(62)
    assert await kept(world, one, two, three) == [True, True, True]
    await world.later(120)
    assert await kept(world, one, two, three) == [False, True, False]
    assert (await world.store.library.image(one.id)).deleted_at is not None
    assert (await world.store.library.image(two.id)).deleted_at is None


async def test_a_store_of_pictures_that_is_away_holds_nothing_up(world: World) -> None:
    account = await world.account("mia")
    one, *_rest = await drawn(world, account)
    await throw_away(world.rooms, account, [one.id])
    world.clock.move(TRASH_KEPT.total_seconds() + 1)
    world.objects.failing["delete"] = 1
    flaky = Flaky(world.store.gallery)
    rooms = replace(world.rooms, gallery=flaky)  # type: ignore[arg-type]
    dispatcher = world.make_dispatcher("two", rooms)
    await world.store.operations.release_lease(holder="one")
    for _ in range(3):
        world.clock.move(2)
        with suppress(StoreUnavailable):  # the loop around it goes on
            await dispatcher.tick()
    assert flaky.calls.count("trashed_before") == 1, "the next round has other things to do"
    assert await kept(world, one) == [True]
    for _ in range(35):
        world.clock.move(2)
        with suppress(StoreUnavailable):  # the loop around it goes on
            await dispatcher.tick()
    assert await kept(world, one) == [False]
