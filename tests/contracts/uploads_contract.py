"""What every store of uploads promises (core.ports.Uploads): kept once, listed, gone with their file where nothing else needs it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from tests.contracts.world import Store, World

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound
from darkroom.core.images import Variant
from darkroom.core.jobs import JobState
from darkroom.core.uploads import Upload, UploadKind


class UploadsContract:
    async def test_an_upload_is_kept_as_it_came(self, store: Store) -> None:
        world = World(store)
        upload = world.upload(await world.account(), source="https://example.org/a b.png")
        assert await store.uploads.add(upload) == upload
        assert await store.uploads.get(upload.id) == upload

    async def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.uploads.get(uuid4())
        with pytest.raises(NotFound):
            await store.uploads.delete(uuid4(), account_id=uuid4(), now=World(store).now)

    async def test_the_same_picture_twice_is_the_earlier_upload(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        first = await world.uploaded(one)
        assert await world.uploaded(one, digest=first.digest) == first
        assert await store.uploads.add(first) == first
        as_mask = await world.uploaded(one, digest=first.digest, kind=UploadKind.MASK)
        theirs = await world.uploaded(two, digest=first.digest)
        assert len({first.id, as_mask.id, theirs.id}) == 3
        gone, _ = await store.uploads.delete(first.id, account_id=one.id, now=world.now)
        assert await store.uploads.add(first) == gone, "the very same call again brings nothing back"
        again = await world.uploaded(one, digest=first.digest)
        assert again.id != first.id and again.deleted_at is None

    async def test_pictures_are_listed_newest_first_without_masks_and_tombstones(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        made = [await world.uploaded(one) for _ in range(4)]
        mask = await world.uploaded(one, kind=UploadKind.MASK)
        await world.uploaded(two)
        await store.uploads.delete(made[1].id, account_id=one.id, now=world.now)
        first = await store.uploads.all(one.id, before=None, limit=2)
        rest = await store.uploads.all(one.id, before=first[-1].id, limit=2)
        assert (first, rest) == ([made[3], made[2]], [made[0]])
        assert await store.uploads.all(one.id, before=None, limit=9, kind=UploadKind.MASK) == [mask]
        assert await store.uploads.all(two.id, before=None, limit=9, kind=UploadKind.MASK) == []

    async def test_what_an_account_keeps_is_counted_with_masks_and_without_tombstones(
        self, store: Store
    ) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        assert await store.uploads.kept(one.id) == (0, 0)
        made = [await world.uploaded(one), await world.uploaded(one, kind=UploadKind.MASK)]
        gone = await world.uploaded(one)
        await world.uploaded(two)
        await store.uploads.delete(gone.id, account_id=one.id, now=world.now)
        assert await store.uploads.kept(one.id) == (2, sum(each.size_bytes for each in made))

    async def test_a_deleted_upload_is_a_tombstone(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload, later = await world.uploaded(account), world.wait(5)
        tombstone, unkept = await store.uploads.delete(upload.id, account_id=account.id, now=later)
        assert (tombstone, unkept) == (replace(upload, deleted_at=later), True)
        assert await store.uploads.get(upload.id) == tombstone
        again, _ = await store.uploads.delete(upload.id, account_id=account.id, now=world.wait(5))
        assert again == tombstone

    async def test_nobody_deletes_what_is_another_account_s(self, store: Store) -> None:
        world = World(store)
        upload, other = await world.uploaded(await world.account()), await world.account()
        with pytest.raises(NotFound):
            await store.uploads.delete(upload.id, account_id=other.id, now=world.now)
        assert (await store.uploads.get(upload.id)).deleted_at is None

    async def lets_go(self, store: Store, upload: Upload) -> bool:
        """Whether nothing keeps the file of an upload that is deleted now."""
        _, unkept = await store.uploads.delete(upload.id, account_id=upload.account_id, now=World(store).now)
        return unkept

    async def test_another_upload_keeps_the_file(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        first = await world.uploaded(one)
        second = await world.uploaded(two, digest=first.digest)
        assert not await self.lets_go(store, first)
        assert await self.lets_go(store, second)

    @pytest.mark.parametrize("variant", [Variant.PNG, Variant.THUMBNAIL])
    async def test_an_image_keeps_the_file_in_whichever_variant(self, store: Store, variant: Variant) -> None:
        world = World(store)
        account = await world.account()
        (image_id,) = await world.made(account)
        file = (await store.library.image(image_id)).file(variant)
        assert file is not None
        assert not await self.lets_go(store, await world.uploaded(account, digest=file.digest))
        alike = file.digest[:16] + "f" * 48
        assert await self.lets_go(store, await world.uploaded(account, digest=alike))

    async def test_a_job_keeps_the_files_of_its_recipe_until_it_has_ended(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        held = [await world.uploaded(account) for _ in range(3)]
        waiting = await self.job_from(world, account, held[0], running_cap=0)
        assert await store.library.job(waiting) and not await self.lets_go(store, held[0])
        running = await world.running(account, recipe=world.recipe(held[1]))
        assert not await self.lets_go(store, held[1])
        await store.ledger.finish([world.finish(running)])
        assert await self.lets_go(store, await world.uploaded(account, digest=held[1].digest))
        dead = await world.dead_letter(account, recipe=world.recipe(held[2]))
        assert dead.state is JobState.FAILED and await self.lets_go(store, held[2])

    async def job_from(self, world: World, account: Account, upload: Upload, running_cap: int) -> UUID:
        new = world.job(recipe=world.recipe(upload))
        await world.submit(account, new, running_cap=running_cap)
        return new.id
