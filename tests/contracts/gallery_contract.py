"""What every gallery promises (core.ports.Gallery): marks, visibility, trash, folders, searches, feeds and choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.contracts.world import Store, World

from darkroom.core.accounts import Account
from darkroom.core.errors import Conflict, Exhausted, NotFound
from darkroom.core.gallery import (
    FOLDERS_MAX,
    HELD_FOR,
    SEARCHES_MAX,
    TAKEN_FOR,
    TOP_WINDOW,
    UNMARKED,
    Choice,
    FeedOrder,
    Folder,
    Marks,
    SavedSearch,
    Signal,
)
from darkroom.core.images import Image, Ratio
from darkroom.core.jobs import NewJob
from darkroom.core.params import Visibility
from darkroom.core.ports import ImageFilter
from darkroom.core.recipes import Action, Input, ParentKind, Recipe, Role

PUBLIC, STEALTH = Visibility.PUBLIC, Visibility.STEALTH
SIZES = {Ratio.LANDSCAPE: (320, 224), Ratio.SQUARE: (256, 256), Ratio.PORTRAIT: (8, 2000)}


async def published(world: World, account: Account, **changes: Any) -> list[Image]:
    """The images of one new job, the grid last."""
    job = await world.running(account, **changes)
    await world.store.ledger.finish([world.finish(job)])
    return await world.store.library.images_of([job.id])


async def found(world: World, account: Account, **wanted: Any) -> list[UUID]:
    images = await world.store.gallery.find(
        ImageFilter(account_id=account.id, **wanted), before=None, limit=100
    )
    return [image.id for image in images]


def ids(images: Sequence[Image]) -> list[UUID]:
    return [image.id for image in images]


class MarksContract:
    async def test_marks_change_alone_and_tell_what_they_were(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        image, second, _grid = await published(world, account)
        gallery = store.gallery
        assert await gallery.marks(account.id, [image.id]) == {}
        first = await gallery.mark(account.id, image.id, liked=True, now=world.now)
        assert first == (UNMARKED, Marks(liked=True))
        assert await gallery.mark(account.id, image.id, rating=4, now=world.now) == (
            Marks(liked=True),
            Marks(liked=True, rating=4),
        )
        again = await gallery.mark(account.id, image.id, liked=True, now=world.now)
        assert again[0] == again[1], "the same again changes nothing"
        await gallery.mark(account.id, image.id, favourite=True, hidden=True, now=world.now)
        marks = Marks(liked=True, favourite=True, hidden=True, rating=4)
        assert await gallery.marks(account.id, [image.id, second.id]) == {image.id: marks}
        assert await gallery.marks(other.id, [image.id]) == {}, "marks are each one's own"
        await gallery.mark(
            account.id, image.id, liked=False, favourite=False, hidden=False, rating=0, now=world.now
        )
        assert await gallery.marks(account.id, [image.id]) == {}

    async def test_likes_count_accounts(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        image, second, _grid = await published(world, account)
        for each in (account, other, other):
            await store.gallery.mark(each.id, image.id, liked=True, now=world.now)
        await store.gallery.mark(other.id, second.id, rating=1, now=world.now)
        assert await store.gallery.likes([image.id, second.id]) == {image.id: 2}
        await store.gallery.mark(account.id, image.id, liked=False, now=world.now)
        assert await store.gallery.likes([image.id, second.id]) == {image.id: 1}

    async def test_what_cannot_be_marked(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        image, _second, grid = await published(world, account)
        await store.gallery.delete([image.id], account_id=account.id, now=world.now)
        for each in (image.id, grid.id, uuid4()):
            with pytest.raises(NotFound, match=f"There is no image {each}"):
                await store.gallery.mark(account.id, each, liked=True, now=world.now)


class TrashContract:
    async def test_the_trash_and_back(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two, _grid = await published(world, account)
        then = world.now
        trashed = await store.gallery.trash([two.id, one.id, two.id], account_id=account.id, now=then)
        assert ids(trashed) == [two.id, one.id] and {each.trashed_at for each in trashed} == {then}
        assert await found(world, account) == []
        (again,) = await store.gallery.trash([one.id], account_id=account.id, now=world.wait(60))
        assert again.trashed_at == then, "it keeps its time in the trash"
        page = await store.gallery.trashed(account.id, before=None, limit=1)
        rest = await store.gallery.trashed(account.id, before=page[-1].id, limit=5)
        assert (ids(page), ids(rest)) == ([two.id], [one.id])
        (back,) = await store.gallery.restore([one.id], account_id=account.id)
        assert back == one == await store.library.image(one.id)
        assert await found(world, account) == [one.id]

    async def test_all_or_nothing(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        mine, _second, grid = await published(world, account)
        (theirs, *_) = await published(world, other)
        for wrong in (theirs.id, grid.id, uuid4()):
            for act in (store.gallery.trash, store.gallery.delete):
                with pytest.raises(NotFound, match=str(wrong)):
                    await act([mine.id, wrong, uuid4()], account_id=account.id, now=world.now)
            with pytest.raises(NotFound, match=str(wrong)):
                await store.gallery.restore([mine.id, wrong], account_id=account.id)
        assert await store.library.image(mine.id) == mine

    async def test_a_tombstone_keeps_its_place_and_nothing_else(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two, grid = await published(world, account)
        await store.gallery.mark(account.id, one.id, liked=True, now=world.now)
        (gone,) = await store.gallery.delete([one.id], account_id=account.id, now=world.wait(5))
        assert gone == await store.library.image(one.id)
        assert (gone.files, gone.prompt, gone.provenance, dict(gone.scores)) == ((), "", "{}", {})
        assert (gone.id, gone.job_id, gone.index, gone.deleted_at) == (one.id, one.job_id, 0, world.now)
        tomb = await store.library.image(grid.id)
        assert (tomb.files, tomb.deleted_at) == ((), world.now), "the grid shows it, so the grid goes with it"
        assert await store.library.image(two.id) == two
        assert await store.gallery.likes([one.id]) == {}
        assert await store.gallery.trashed(account.id, before=None, limit=9) == []
        for act in (store.gallery.trash, store.gallery.delete):
            with pytest.raises(NotFound):
                await act([one.id], account_id=account.id, now=world.now)
        assert await store.gallery.take_leftovers(limit=100, now=world.now) == sorted(
            file.digest for image in (one, grid) for file in image.files
        )

    async def test_files_that_another_image_keeps_stay(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account)
        first, second = world.image(0), world.image(1)
        shared, alone = first.files
        second = replace(second, files=(shared,))
        await store.ledger.finish([world.finish(job, images=(first, second))])
        await store.gallery.delete([first.id], account_id=account.id, now=world.now)
        assert await store.gallery.take_leftovers(limit=9, now=world.now) == [alone.digest]
        await store.gallery.forget_leftovers([alone.digest])
        assert await store.gallery.take_leftovers(limit=9, now=world.now) == []
        await store.gallery.delete([second.id], account_id=account.id, now=world.now)
        assert await store.gallery.take_leftovers(limit=9, now=world.now) == [shared.digest]

    async def test_files_that_a_job_will_draw_with_stay_until_it_ends(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        image, *_rest = await published(world, account)
        needed, other = (file.digest for file in image.files)
        parent = Input(role=Role.INIT, parent_id=image.id, kind=ParentKind.IMAGE, digest=needed)
        recipe = Recipe(action=Action.VARY_SUBTLE, inputs=(parent,), strength=0.5)
        job = await world.running(account, recipe=recipe)
        await store.gallery.delete([image.id], account_id=account.id, now=world.now)
        taken = await store.gallery.take_leftovers(limit=9, now=world.now)
        assert other in taken and needed not in taken
        await store.ledger.finish([world.finish(job)])
        assert await store.gallery.take_leftovers(limit=9, now=world.now) == [needed]

    async def test_what_one_deletes_nobody_else_takes_or_brings_until_it_is_forgotten(
        self, store: Store
    ) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        await store.uploads.delete(upload.id, account_id=account.id, now=world.now)
        gallery, hold = store.gallery, world.id()
        assert await gallery.take_leftovers(limit=9, now=world.now) == [upload.digest]
        assert await gallery.take_leftovers(limit=9, now=world.now) == []
        assert not await gallery.hold(hold, ["c" * 64, upload.digest], now=world.now)
        assert await gallery.hold(world.id(), ["c" * 64], now=world.now)
        await gallery.forget_leftovers([upload.digest])
        assert await gallery.hold(hold, [upload.digest], now=world.now)
        assert await gallery.take_leftovers(limit=9, now=world.now) == []

    async def test_who_died_while_it_deleted_is_followed_by_another(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        await store.uploads.delete(upload.id, account_id=account.id, now=world.now)
        await store.gallery.take_leftovers(limit=9, now=world.now)
        later = world.wait(TAKEN_FOR.total_seconds())
        assert await store.gallery.take_leftovers(limit=9, now=later) == [upload.digest]
        assert not await store.gallery.hold(world.id(), [upload.digest], now=later)

    async def test_what_is_held_stays_and_what_no_row_came_to_keep_goes(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload, lost, kept = await world.uploaded(account), "c" * 64, world.upload(account)
        hold = world.id()
        assert await store.gallery.hold(hold, [upload.digest], now=world.now)
        assert await store.gallery.hold(hold, [upload.digest], now=world.now), "the very same call again"
        assert await store.gallery.hold(world.id(), [lost, kept.digest], now=world.now)
        _, unkept = await store.uploads.delete(upload.id, account_id=account.id, now=world.now)
        assert not unkept and await store.gallery.take_leftovers(limit=9, now=world.now) == []
        await store.gallery.release(hold)
        assert await store.gallery.take_leftovers(limit=9, now=world.now) == [upload.digest]
        await store.gallery.forget_leftovers([upload.digest])
        await store.uploads.add(kept)
        later = world.wait(HELD_FOR.total_seconds())
        assert await store.gallery.take_leftovers(limit=9, now=later) == [lost]

    async def test_a_replay_is_in_no_list_but_by_its_id_its_job_and_its_folder(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two, _grid = await published(world, account)
        parent = Input(role=Role.REPLAY, parent_id=one.id, kind=ParentKind.IMAGE)
        recipe = Recipe(inputs=(parent,), indices=(0,), replay_of=one.id)
        job = await world.running(account, recipe=recipe)
        finish = world.finish(job, images=(world.image(0),))
        await store.ledger.finish([finish])
        again = finish.images[0].id
        assert (await store.library.image(again)).recipe == recipe
        assert ids(await store.library.images_of([job.id])) == [again]
        assert ids(await store.library.images(account.id, before=None, limit=9)) == [two.id, one.id]
        everything = ImageFilter(account_id=account.id)
        assert ids(await store.gallery.find(everything, before=None, limit=9)) == [two.id, one.id]
        await store.gallery.mark(account.id, again, liked=True, now=world.now)
        for order in FeedOrder:
            page = await store.gallery.explore(order, viewer=account.id, now=world.now, limit=9)
            assert sorted(ids(page.images)) == [one.id, two.id], order
        name = Folder(id=world.id(), account_id=account.id, name="kept", created_at=world.now)
        folder = await store.gallery.add_folder(name)
        await store.gallery.arrange(folder.id, account_id=account.id, add=[again], now=world.now)
        assert ids(
            await store.gallery.find(replace(everything, folder_id=folder.id), before=None, limit=9)
        ) == [again]

    async def test_the_file_of_a_deleted_upload_stays_until_its_job_ends(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        parent = Input(role=Role.PROMPT, parent_id=upload.id, kind=ParentKind.UPLOAD, digest=upload.digest)
        job = await world.running(account, recipe=Recipe(inputs=(parent,)))
        _tombstone, unkept = await store.uploads.delete(upload.id, account_id=account.id, now=world.now)
        assert not unkept and await store.gallery.take_leftovers(limit=9, now=world.now) == []
        await store.ledger.finish([world.finish(job)])
        assert await store.gallery.take_leftovers(limit=9, now=world.now) == [upload.digest]

    async def test_the_longest_in_the_trash_come_first(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, two, _grid = await published(world, account)
        three, *_rest = await published(world, other)
        for owner, image in ((other, three), (account, two), (account, one)):
            await store.gallery.trash([image.id], account_id=owner.id, now=world.wait(10))
        old = await store.gallery.trashed_before(world.now, limit=9)
        assert ids(old) == [three.id, two.id]
        assert ids(await store.gallery.trashed_before(world.wait(1), limit=1)) == [three.id]

    async def test_visibility_of_an_image_and_the_grid_that_shows_it(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, two, grid = await published(world, account, visibility=PUBLIC)

        async def shown(image: Image, visibility: Visibility) -> list[Visibility]:
            changed = await store.gallery.set_visibility(
                image.id, account_id=account.id, visibility=visibility
            )
            assert changed == await store.library.image(image.id)
            return [each.visibility for each in await store.library.images_of([one.job_id])]

        assert await shown(one, STEALTH) == [STEALTH, PUBLIC, STEALTH]
        assert await shown(two, STEALTH) == [STEALTH, STEALTH, STEALTH]
        assert await shown(one, PUBLIC) == [PUBLIC, STEALTH, STEALTH]
        assert await shown(two, PUBLIC) == [PUBLIC, PUBLIC, PUBLIC]
        for image, who in ((one, other), (grid, account)):
            with pytest.raises(NotFound):
                await store.gallery.set_visibility(image.id, account_id=who.id, visibility=STEALTH)


class FoldersContract:
    async def folder(self, world: World, account: Account, name: str) -> Folder:
        return await world.store.gallery.add_folder(
            Folder(id=world.id(), account_id=account.id, name=name, created_at=world.now)
        )

    async def test_folders_come_by_name_with_what_lies_in_them(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, two, _grid = await published(world, account)
        foxes, boats = [await self.folder(world, account, name) for name in ("foxes", "Boats")]
        await self.folder(world, other, "foxes")
        full = await store.gallery.arrange(
            foxes.id, account_id=account.id, add=[one.id, two.id, one.id], now=world.now
        )
        assert full == replace(foxes, images=2)
        assert await store.gallery.folders(account.id) == [boats, full]
        assert await found(world, account, folder_id=foxes.id) == [two.id, one.id]
        await store.gallery.trash([one.id], account_id=account.id, now=world.now)
        assert (await store.gallery.folder(foxes.id, account_id=account.id)).images == 1
        await store.gallery.restore([one.id], account_id=account.id)
        rest = await store.gallery.arrange(
            foxes.id, account_id=account.id, remove=[two.id, uuid4()], now=world.now
        )
        assert rest.images == 1
        await store.gallery.delete([one.id], account_id=account.id, now=world.now)
        assert (await store.gallery.folder(foxes.id, account_id=account.id)).images == 0

    async def test_names_are_taken_whatever_their_case(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        street, boats = [await self.folder(world, account, name) for name in ("Straße", "boats")]
        with pytest.raises(Conflict) as refused:
            await self.folder(world, account, "STRASSE")
        assert refused.value.code == "name_taken"
        with pytest.raises(Conflict):
            await store.gallery.rename_folder(boats.id, account_id=account.id, name="strasse")
        renamed = await store.gallery.rename_folder(street.id, account_id=account.id, name="STRASSE")
        assert renamed == replace(street, name="STRASSE")

    async def test_folders_of_others_are_not_there(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, *_rest = await published(world, account)
        (theirs, *_rest) = await published(world, other)
        folder = await self.folder(world, account, "foxes")
        gallery = store.gallery
        for act in (
            gallery.folder(folder.id, account_id=other.id),
            gallery.rename_folder(folder.id, account_id=other.id, name="mine"),
            gallery.delete_folder(folder.id, account_id=other.id),
            gallery.arrange(folder.id, account_id=other.id, add=[theirs.id], now=world.now),
        ):
            with pytest.raises(NotFound, match=f"There is no folder {folder.id}"):
                await act
        with pytest.raises(NotFound, match=f"There is no image {theirs.id}"):
            await gallery.arrange(folder.id, account_id=account.id, add=[one.id, theirs.id], now=world.now)
        assert await gallery.folders(account.id) == [folder]
        await gallery.delete_folder(folder.id, account_id=account.id)
        assert await gallery.folders(account.id) == []
        assert await store.library.image(one.id) == one

    async def test_limits(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        for number in range(FOLDERS_MAX):
            await self.folder(world, account, str(number))
        with pytest.raises(Exhausted) as refused:
            await self.folder(world, account, "one more")
        assert refused.value.code == "too_many_folders"

    async def test_searches(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()

        async def search(name: str) -> SavedSearch:
            made = SavedSearch(
                id=world.id(),
                account_id=account.id,
                name=name,
                query="q=fox&liked=true",
                created_at=world.now,
            )
            return await store.gallery.add_search(made)

        saved = [await search(str(number)) for number in range(SEARCHES_MAX)]
        assert await store.gallery.searches(account.id) == saved
        assert await store.gallery.searches(other.id) == []
        with pytest.raises(Exhausted):
            await search("one more")
        with pytest.raises(NotFound, match=f"There is no saved search {saved[0].id}"):
            await store.gallery.delete_search(saved[0].id, account_id=other.id)
        await store.gallery.delete_search(saved[0].id, account_id=account.id)
        assert await store.gallery.searches(account.id) == saved[1:]


class FindContract:
    async def test_every_field_of_a_filter_narrows(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two, _grid = await published(world, account, words="red fox", visibility=STEALTH)
        three, four, _grid = await published(world, account, words="grey wolf", model="other-1")
        gallery = store.gallery
        await gallery.mark(account.id, one.id, liked=True, rating=3, now=world.now)
        await gallery.mark(account.id, two.id, hidden=True, now=world.now)
        await gallery.mark(account.id, three.id, favourite=True, rating=5, now=world.now)
        assert await found(world, account) == [four.id, three.id, one.id]
        assert await found(world, account, hidden=True) == [two.id]
        assert await found(world, account, hidden=None) == [four.id, three.id, two.id, one.id]
        assert await found(world, account, liked=True) == [one.id]
        assert await found(world, account, liked=False) == [four.id, three.id]
        assert await found(world, account, favourite=True) == [three.id]
        assert await found(world, account, rating_min=3) == [three.id, one.id]
        assert await found(world, account, rating_min=4) == [three.id]
        assert await found(world, account, model="other-1") == [four.id, three.id]
        assert await found(world, account, visibility=STEALTH) == [one.id]
        assert await found(world, account, text="FOX") == [one.id]
        assert await found(world, account, text="fox", liked=False) == []
        assert await found(world, account, folder_id=uuid4()) == []
        page = await gallery.find(ImageFilter(account_id=account.id), before=four.id, limit=1)
        assert ids(page) == [three.id]
        assert await found(world, await world.account()) == []

    async def test_a_count_is_that_of_the_list_whatever_narrows_it(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two, _grid = await published(world, account, words="red fox")
        await published(world, account, words="grey wolf", model="other-1", visibility=STEALTH)
        await published(world, await world.account())
        gallery = store.gallery
        await gallery.mark(account.id, one.id, liked=True, favourite=True, rating=2, now=world.now)
        await gallery.mark(account.id, two.id, hidden=True, now=world.now)
        folder = Folder(id=world.id(), account_id=account.id, name="a", created_at=world.now)
        await gallery.add_folder(folder)
        await gallery.arrange(folder.id, account_id=account.id, add=[one.id, two.id], now=world.now)
        for wanted, count in (
            ({}, 3),
            ({"hidden": None}, 4),
            ({"hidden": True}, 1),
            ({"liked": True}, 1),
            ({"liked": False}, 2),
            ({"favourite": True}, 1),
            ({"favourite": False}, 2),
            ({"rating_min": 2}, 1),
            ({"rating_min": 3}, 0),
            ({"model": "other-1"}, 2),
            ({"visibility": PUBLIC}, 1),
            ({"text": "fox"}, 1),
            ({"text": "wolf", "model": "mini-1"}, 0),
            ({"folder_id": folder.id}, 1),
            ({"folder_id": folder.id, "hidden": None, "text": "fox", "liked": True}, 1),
            ({"text": "::"}, 3),
        ):
            narrowed = ImageFilter(account_id=account.id, **wanted)  # type: ignore[arg-type]
            assert await gallery.count(narrowed) == len(await found(world, account, **wanted)) == count, (
                wanted
            )

    async def test_a_page_begins_anywhere(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        for _ in range(3):
            world.wait(1)
            await published(world, account)
        whole = await found(world, account)
        assert len(whole) == 6 and whole == sorted(whole, reverse=True)
        wanted = ImageFilter(account_id=account.id)
        for offset in range(8):
            page = await store.gallery.find(wanted, before=None, limit=2, offset=offset)
            assert ids(page) == whole[offset : offset + 2]
            after = await store.gallery.find(wanted, before=whole[1], limit=2, offset=offset)
            assert ids(after) == whole[2:][offset : offset + 2]

    async def test_what_was_thrown_away_is_not_counted(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two, _grid = await published(world, account)
        wanted = ImageFilter(account_id=account.id, hidden=None)
        await store.gallery.trash([one.id], account_id=account.id, now=world.now)
        assert await store.gallery.count(wanted) == 1
        await store.gallery.restore([one.id], account_id=account.id)
        assert await store.gallery.count(wanted) == 2
        await store.gallery.delete([two.id], account_id=account.id, now=world.now)
        assert await store.gallery.count(wanted) == 1

    async def test_the_ratio_is_that_of_the_picture(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        made: dict[Ratio, UUID] = {}
        for ratio, (width, height) in SIZES.items():
            job = await world.running(account)
            new = world.image(0)
            sized = replace(new, files=tuple(replace(f, width=width, height=height) for f in new.files))
            await store.ledger.finish([world.finish(job, images=(sized,))])
            made[ratio] = new.id
        for ratio, image_id in made.items():
            assert await found(world, account, ratio=ratio) == [image_id]
            assert (await store.library.image(image_id)).ratio is ratio
        assert await found(world, account) == sorted(made.values(), reverse=True)
        await store.gallery.delete([made[Ratio.SQUARE]], account_id=account.id, now=world.now)
        assert (await store.library.image(made[Ratio.SQUARE])).ratio is None

    async def test_since_is_a_part_of_the_time_and_until_is_not(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        first, start = (await published(world, account))[0:2], world.now
        world.wait(60)
        second = (await published(world, account))[0:2]
        one, two = [each.id for each in reversed(first)], [each.id for each in reversed(second)]
        assert await found(world, account, since=start) == two + one
        assert await found(world, account, since=start + timedelta(microseconds=1)) == two
        assert await found(world, account, until=world.now) == one
        assert await found(world, account, since=start, until=start) == []
        assert await found(world, account, since=world.now) == two


class ExploreContract:
    async def pages(
        self, world: World, order: FeedOrder, viewer: Account, *, size: int = 2, **more: Any
    ) -> list[UUID]:
        """All pages of a feed, one after the other."""
        seen: list[UUID] = []
        place = None
        now = world.now
        while True:
            page = await world.store.gallery.explore(
                order, viewer=viewer.id, now=now, limit=size, after=place, **more
            )
            seen += ids(page.images)
            if (place := page.after) is None:
                return seen

    @pytest.mark.parametrize("order", FeedOrder)
    async def test_a_feed_holds_what_everybody_may_see_once(self, store: Store, order: FeedOrder) -> None:
        world = World(store)
        account, viewer = await world.account(), await world.account()
        one, two, _grid = await published(world, account, words="red fox")
        three, four, _grid = await published(world, await world.account(), words="grey wolf")
        await published(world, account, visibility=STEALTH)
        five, six, _grid = await published(world, viewer, words="red fox")
        await store.gallery.mark(viewer.id, one.id, hidden=True, now=world.now)
        await store.gallery.trash([three.id], account_id=three.account_id, now=world.now)
        await store.gallery.delete([five.id], account_id=viewer.id, now=world.now)
        shown = {two.id, four.id, six.id}
        assert sorted(await self.pages(world, order, viewer)) == sorted(shown)
        assert sorted(await self.pages(world, order, account)) == sorted(shown | {one.id})
        assert sorted(await self.pages(world, order, viewer, text="fox")) == sorted({two.id, six.id})
        assert await self.pages(world, order, viewer, text="red wolf") == []
        await store.gallery.set_visibility(two.id, account_id=account.id, visibility=STEALTH)
        assert two.id not in await self.pages(world, order, viewer)
        assert two.id not in await self.pages(world, order, account), "not even for its owner: this is public"

    async def test_new_is_newest_first(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        made = [each for _ in range(3) for each in (await published(world, account))[:2]]
        assert await self.pages(world, FeedOrder.NEW, account) == ids(made)[::-1]

    async def test_top_counts_the_likes_of_the_window_and_then_the_newest(self, store: Store) -> None:
        world = World(store)
        people = [await world.account() for _ in range(3)]
        made = [each for _ in range(3) for each in (await published(world, people[0]))[:2]]
        one, two, three, four, five, six = ids(made)
        for person in people:
            await store.gallery.mark(person.id, six, liked=True, now=world.now)
        world.wait(TOP_WINDOW.total_seconds())
        likes = {two: 2, one: 1, four: 1}
        for image_id, count in likes.items():
            for person in people[:count]:
                await store.gallery.mark(person.id, image_id, liked=True, now=world.now)
        expected = [two, four, one, six, five, three]
        for size in (1, 2, 3, 4, 9):
            assert await self.pages(world, FeedOrder.TOP, people[0], size=size) == expected

    async def test_likes_between_two_pages_neither_repeat_nor_hide_an_image(self, store: Store) -> None:
        world = World(store)
        person = await world.account()
        made = ids([each for _ in range(3) for each in (await published(world, person))[:2]])
        began, others = world.now, [await world.account() for _ in range(3)]
        for liked, count in ((made[0], 2), (made[1], 1), (made[2], 1)):
            for each in others[:count]:
                await store.gallery.mark(each.id, liked, liked=True, now=began)
        first = await store.gallery.explore(FeedOrder.TOP, viewer=person.id, now=began, limit=2)
        later = world.wait(1)
        for image_id in made:
            for each in (person, *others):
                await store.gallery.mark(each.id, image_id, liked=True, now=later)
        rest = await store.gallery.explore(
            FeedOrder.TOP, viewer=person.id, now=began, limit=9, after=first.after
        )
        assert ids([*first.images, *rest.images]) == [made[0], made[2], made[1], made[5], made[4], made[3]]

    async def test_random_is_a_shuffle_that_its_seed_decides(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        made = ids([each for _ in range(8) for each in (await published(world, account))[:2]])
        orders = [await self.pages(world, FeedOrder.RANDOM, account, size=3, seed=seed) for seed in (1, 2, 1)]
        assert all(sorted(each) == made for each in orders)
        assert orders[0] == orders[2] != orders[1]
        assert made not in orders and made[::-1] not in orders

    @pytest.mark.parametrize("text", ["'", '"', "fox &", "a:* | !b", "(", "\\", "%", "<->", "_", "\x00"])
    async def test_text_is_text(self, store: Store, text: str) -> None:
        world = World(store)
        account = await world.account()
        await published(world, account)
        assert isinstance(await self.pages(world, FeedOrder.NEW, account, text=text), list)


class SignalsContract:
    def signal(
        self, world: World, account: Account, job: NewJob | Image, choice: Choice, **more: Any
    ) -> Signal:
        return replace(
            Signal(account_id=account.id, choice=choice, image_id=None, job_id=job.id, at=world.now), **more
        )

    async def test_choices_are_kept_newest_first_each_ones_own(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, two, grid = await published(world, account)
        about = {"job_id": one.job_id, "image_id": one.id, "beside": (two.id,)}
        made = [
            self.signal(world, account, grid, Choice.LIKED, **about),
            self.signal(world, account, grid, Choice.RATED, value=4, **about),
            self.signal(world, account, grid, Choice.REROLLED, job_id=one.job_id),
            self.signal(world, other, grid, Choice.HIDDEN, **about),
        ]
        await store.gallery.record(made)
        kept = await store.gallery.signals(account.id, before=None, limit=10)
        assert [replace(each, id=0) for each in kept] == [made[2], made[1], made[0]]
        assert [each.id for each in kept] == sorted({each.id for each in kept}, reverse=True)
        assert await store.gallery.signals(account.id, before=kept[0].id, limit=1) == kept[1:2]
        assert len(await store.gallery.signals(other.id, before=None, limit=10)) == 1
        await store.gallery.record([])

    async def test_a_pick_and_a_download_are_said_once(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, two, _grid = await published(world, account)
        for choice in (Choice.PICKED, Choice.DOWNLOADED, Choice.LIKED):
            for who, image in ((account, one), (account, one), (account, two), (other, one)):
                signal = self.signal(world, who, image, choice, job_id=image.job_id, image_id=image.id)
                await store.gallery.record([signal])
        kept = await store.gallery.signals(account.id, before=None, limit=100)
        assert [each.choice for each in kept] == [Choice.LIKED] * 3 + [Choice.DOWNLOADED] * 2 + [
            Choice.PICKED
        ] * 2
        assert len(await store.gallery.signals(other.id, before=None, limit=100)) == 3

    async def test_the_pairs_that_somebody_ranked(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        one, two, _grid = await published(world, account)
        three, four, _grid = await published(world, other)
        for who, choice, image, beside in (
            (account, Choice.PREFERRED, one, two),
            (account, Choice.TIED, three, one),
            (account, Choice.SKIPPED, two, four),
            (account, Choice.PREFERRED, two, one),
            (account, Choice.LIKED, three, four),
            (other, Choice.PREFERRED, three, two),
        ):
            about = {"image_id": image.id, "job_id": image.job_id, "beside": (beside.id,)}
            await store.gallery.record([self.signal(world, who, image, choice, **about)])
        pair = [frozenset((a.id, b.id)) for a, b in ((one, two), (one, three), (two, four))]
        everything = [each.id for each in (one, two, three, four)]
        assert await store.gallery.ranked(account.id, everything) == frozenset(pair)
        assert await store.gallery.ranked(account.id, [three.id, one.id]) >= {pair[1]}
        assert await store.gallery.ranked(account.id, []) == frozenset()
        assert await store.gallery.ranked(other.id, everything) == {frozenset((three.id, two.id))}


class GalleryContract(
    MarksContract, TrashContract, FoldersContract, FindContract, ExploreContract, SignalsContract
):
    """Every promise of core.ports.Gallery."""
