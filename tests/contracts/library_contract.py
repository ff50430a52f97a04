"""What every library promises (core.ports.Library): jobs, history, events and images, found and paged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.contracts.world import Store, World

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound
from darkroom.core.images import Variant
from darkroom.core.jobs import Job, JobMoved, JobState
from darkroom.core.params import Lane, Visibility
from darkroom.core.ports import JobFilter
from darkroom.core.recipes import Action, Frame, Input, ParentKind, Recipe, Role

READY, WAITING, RUNNING, COMPLETED = (
    JobState.READY,
    JobState.WAITING,
    JobState.RUNNING,
    JobState.COMPLETED,
)


RECIPE = Recipe(
    action=Action.ZOOM_OUT,
    inputs=(
        Input(
            role=Role.INIT, parent_id=UUID(int=7), kind=ParentKind.IMAGE, digest="ab" * 32, weight=0.5, source="it's \\ ü"
        ),
    ),
    indices=(2, 0),
    strength=0.1,
    scale=2,
    frame=Frame(width=9, height=8, left=1, top=2, inner_width=3, inner_height=4),
    seam_px=5,
    replay_of=UUID(int=9),
)  # fmt: skip


class LibraryJobsContract:
    async def found(self, store: Store, before: UUID | None = None, **wanted: Any) -> list[UUID]:
        jobs = await store.library.jobs(JobFilter(**wanted), before=before, limit=100)
        return [job.id for job in jobs]

    async def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.library.job(uuid4())
        with pytest.raises(NotFound):
            await store.library.image(uuid4())
        assert await store.library.history(uuid4()) == []
        assert await store.library.images_of([uuid4()]) == []

    async def test_jobs_are_newest_first_and_in_pages(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        made = [await world.submitted(account) for _ in range(5)]
        newest = list(reversed(made))
        first = await store.library.jobs(JobFilter(), before=None, limit=2)
        second = await store.library.jobs(JobFilter(), before=first[-1].id, limit=2)
        rest = await store.library.jobs(JobFilter(), before=second[-1].id, limit=2)
        assert (first, second, rest) == (newest[:2], newest[2:4], newest[4:])

    async def test_ended_and_living_jobs_share_one_list(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        old, done, new = [await world.submitted(account) for _ in range(3)]
        (claimed,) = await world.claimed(done)
        await store.ledger.finish([world.finish(claimed)])
        assert await self.found(store) == [new.id, done.id, old.id]
        assert await self.found(store, before=new.id) == [done.id, old.id]
        assert await self.found(store, before=done.id) == [old.id]

    async def test_waiting_jobs_get_slots_in_the_order_that_is_told(self, store: Store) -> None:
        world = World(store)
        account, other = await world.account(), await world.account()
        (ready,) = (await world.submit(account, running_cap=1, waiting_cap=9)).change.jobs
        lanes = [Lane.RELAX, Lane.FAST, Lane.TURBO, Lane.FAST]
        jobs = [world.job(lane=lane) for lane in lanes]
        waiting = (await world.submit(account, *jobs, running_cap=1, waiting_cap=9)).change.jobs
        (theirs,) = (await world.submit(other, running_cap=0, waiting_cap=9)).change.jobs
        ahead = await store.library.waiting_ahead([ready, *waiting, theirs])
        assert ahead == {**{job.id: n for job, n in zip(waiting, [3, 1, 0, 2])}, theirs.id: 0}
        assert await store.library.waiting_ahead([waiting[0]]) == {waiting[0].id: 3}
        assert await store.library.waiting_ahead([]) == {}
        change = await store.ledger.request_cancel(ready.id, account_id=account.id, now=world.now)
        assert [job.id for job in change.promoted] == [waiting[2].id]

    async def test_every_field_of_a_filter_narrows(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        batch = (await world.submit(one, world.job(), world.job(lane=Lane.TURBO))).change.jobs
        plain, turbo = (job.id for job in batch)
        running = (await world.running(one, model="other-1")).id
        other = (await world.submitted(two)).id
        assert await self.found(store, account_id=one.id) == [running, turbo, plain]
        assert await self.found(store, account_id=uuid4()) == []
        assert await self.found(store, states=frozenset({RUNNING})) == [running]
        assert await self.found(store, states=frozenset({RUNNING, READY})) == [other, running, turbo, plain]
        assert await self.found(store, lane=Lane.TURBO) == [turbo]
        assert await self.found(store, model="mini-1") == [other, turbo, plain]
        assert await self.found(store, batch_id=batch[0].batch_id) == [turbo, plain]
        assert await self.found(store, account_id=one.id, lane=Lane.FAST, model="mini-1") == [plain]
        assert await self.found(store, account_id=two.id, lane=Lane.TURBO) == []

    async def test_text_finds_whole_words_whatever_their_case(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        fox = (await world.submitted(account, words="red fox, snow")).id
        wolf = (await world.submitted(account, words="grey wolf; snow")).id
        assert await self.found(store, text="snow") == [wolf, fox]
        assert await self.found(store, text="FOX") == [fox]
        assert await self.found(store, text="snow fox") == [fox]
        assert await self.found(store, text="fox wolf") == []
        assert await self.found(store, text="bear") == []
        assert await self.found(store, text="snow", before=wolf) == [fox]
        assert await self.found(store, text="snow", account_id=uuid4()) == []

    @pytest.mark.parametrize("text", ["'", '"', "fox &", "a:* | !b", "(", "\\", "%", "<->"])
    async def test_text_is_text_and_no_query_language_that_can_break(self, store: Store, text: str) -> None:
        world = World(store)
        await world.submitted(await world.account())
        assert isinstance(await self.found(store, text=text), list)

    async def test_text_finds_ended_jobs_too(self, store: Store) -> None:
        world = World(store)
        job = await world.running(await world.account(), words="red fox")
        await store.ledger.finish([world.finish(job)])
        assert await self.found(store, text="fox") == [job.id]

    async def test_the_depth_of_the_queue_by_state_and_lane(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        await world.submit(one, world.job(), world.job(), world.job(lane=Lane.RELAX), running_cap=1)
        await world.running(two, lane=Lane.TURBO)
        await store.ledger.finish([world.finish(await world.running(two, lane=Lane.TURBO))])
        depth = await store.library.queue_depth()
        assert {key: count for key, count in depth.items() if count} == {
            (READY, Lane.FAST): 1,
            (WAITING, Lane.FAST): 1,
            (WAITING, Lane.RELAX): 1,
            (RUNNING, Lane.TURBO): 1,
        }


class LibraryEventsContract:
    async def life(self, world: World, account: Account) -> Job:
        job = await world.running(account)
        await world.store.ledger.finish([world.finish(job)])
        return await world.store.library.job(job.id)

    async def test_the_history_of_a_job_is_its_whole_life_oldest_first(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await self.life(world, account)
        await self.life(world, account)
        history = await store.library.history(job.id)
        assert [each.state for each in history] == [READY, RUNNING, JobState.FINISHING, COMPLETED]
        assert [each.was for each in history] == [None, READY, RUNNING, JobState.FINISHING]
        assert [each.id for each in history] == sorted(each.id for each in history)

    async def test_events_are_replayed_from_where_somebody_left(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        assert await store.library.newest_event() == 0
        first = await self.life(world, one)
        seen = await store.library.newest_event()
        later = [await self.life(world, two), await self.life(world, one)]

        async def since(event_id: int, account: Account | None, limit: int = 100) -> list[JobMoved]:
            return await store.library.moved_since(event_id, account_id=account and account.id, limit=limit)

        everything = await since(0, None)
        assert [each.id for each in everything] == sorted({each.id for each in everything})
        assert everything[-1].id == await store.library.newest_event() and everything[3].id == seen
        assert {each.job_id for each in await since(seen, None)} == {job.id for job in later}
        assert {each.job_id for each in await since(seen, one)} == {later[1].id}
        assert {each.job_id for each in await since(0, one)} == {first.id, later[1].id}
        assert await since(seen, None, limit=3) == everything[4:7]
        assert await since(everything[-1].id, None) == []
        assert await store.library.history(first.id) == everything[:4]

    async def test_the_newest_event_of_one_account_or_of_all(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        await self.life(world, one)
        await self.life(world, two)
        newest = await store.library.newest_event()
        assert await store.library.newest_event(two.id) == newest
        assert 0 < await store.library.newest_event(one.id) < newest
        assert await store.library.newest_event(uuid4()) == 0

    async def test_what_an_operation_tells_is_what_is_kept(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        told = list((await world.submit(account, world.job(), world.job(), running_cap=1)).change.moved)
        job = await store.library.job(told[0].job_id)
        change = await store.ledger.claim(
            [job.id], worker_id="w", epoch=await world.epoch(), now=world.wait(1)
        )
        told += change.moved
        (reported,) = await store.ledger.finish([world.finish(change.jobs[0])])
        told += reported.change.moved
        assert await store.library.moved_since(0, account_id=account.id, limit=100) == told


class LibraryImagesContract:
    async def published(self, world: World, account: Account, **changes: Any) -> Job:
        job = await world.running(account, **changes)
        await world.store.ledger.finish([world.finish(job)])
        return job

    async def test_an_image_is_kept_as_it_was_published(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account, visibility=Visibility.STEALTH)
        finish = world.finish(job, now=world.wait(3))
        await store.ledger.finish([finish])
        new, image = finish.images[1], await store.library.image(finish.images[1].id)
        assert (image.id, image.job_id, image.account_id, image.index) == (new.id, job.id, account.id, 1)
        assert (image.visibility, image.model) == (Visibility.STEALTH, job.model)
        assert (image.seed, image.prompt) == (job.seed, job.prompt)
        assert set(image.files) == set(new.files) and image.scores == new.scores
        assert (image.policy, image.provenance, image.created_at) == (
            new.policy,
            new.provenance,
            world.now,
        )
        png = image.file(Variant.PNG)
        assert png is not None and (png.width, png.height, png.size_bytes) == (256, 192, 1_234)
        assert image.file(Variant.AVIF) is None

    async def test_the_images_of_jobs_come_by_job_and_index_the_grid_last(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two = await world.running(account), await world.running(account)
        grid, second, first = world.image(None), world.image(1), world.image(0)
        await store.ledger.finish([world.finish(two), world.finish(one, images=(grid, second, first))])
        images = await store.library.images_of([one.id, two.id])
        assert [(each.job_id, each.index) for each in images] == [
            (job.id, index) for job in (one, two) for index in (0, 1, None)
        ]
        assert [each.job_id for each in await store.library.images_of([two.id])] == [two.id] * 3
        assert await store.library.images_of([]) == []

    async def test_the_images_of_an_account_newest_first_without_grids(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        jobs = [await self.published(world, one) for _ in range(2)]
        await self.published(world, two)
        first = await store.library.images(one.id, before=None, limit=3)
        rest = await store.library.images(one.id, before=first[-1].id, limit=3)
        seen = [(each.job_id, each.index) for each in first + rest]
        assert seen == [(jobs[1].id, 1), (jobs[1].id, 0), (jobs[0].id, 1), (jobs[0].id, 0)]
        assert await store.library.images(uuid4(), before=None, limit=3) == []

    async def test_an_image_has_its_job_s_recipe(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        plain = await self.published(world, account)
        made = await self.published(world, account, recipe=RECIPE)
        images = await store.library.images_of([plain.id, made.id])
        assert [each.recipe for each in images] == [Recipe()] * 3 + [RECIPE] * 3
        assert (await store.library.image(images[-1].id)).recipe == RECIPE

    async def test_lists_leave_out_what_is_in_the_trash_and_deleted(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await self.published(world, account)
        first, second, _ = await store.library.images_of([job.id])
        at, later = world.now, world.wait(9)
        await store.gallery.trash([first.id, second.id], account_id=account.id, now=at)
        await store.gallery.delete([second.id], account_id=account.id, now=later)
        assert await store.library.images(account.id, before=None, limit=9) == []
        (trashed, gone, _) = await store.library.images_of([job.id])
        assert trashed == await store.library.image(first.id) == replace(first, trashed_at=at)
        assert gone == await store.library.image(second.id)
        assert (gone.files, gone.deleted_at) == ((), later)
        await store.gallery.restore([first.id], account_id=account.id)
        assert await store.library.images(account.id, before=None, limit=9) == [first]

    async def test_images_are_found_by_the_words_of_their_job(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        fox = await self.published(world, account, words="red fox, snow")
        wolf = await self.published(world, account, words="grey wolf, snow")

        async def found(text: str) -> list[UUID]:
            images = await store.library.images(account.id, before=None, limit=10, text=text)
            return [each.job_id for each in images]

        assert await found("Fox") == [fox.id] * 2
        assert await found("snow") == [wolf.id] * 2 + [fox.id] * 2
        assert await found("fox wolf") == []


class LibraryContract(LibraryJobsContract, LibraryEventsContract, LibraryImagesContract):
    """Every promise of core.ports.Library."""
