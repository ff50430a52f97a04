"""The gallery in memory (core.ports.Gallery): marks, trash, lists and feeds. Folders and searches lie in `folders`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from darkroom.core.errors import NotFound
from darkroom.core.gallery import (
    HELD_FOR,
    ONCE,
    RANKED,
    TAKEN_FOR,
    TOP_WINDOW,
    UNMARKED,
    FeedOrder,
    FeedPage,
    FeedPlace,
    Marks,
    Signal,
)
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.core.ports import ImageFilter
from darkroom.storage.memory.folders import MemoryFolders
from darkroom.storage.memory.library import says
from darkroom.storage.memory.shelves import Marked
from darkroom.storage.memory.state import State
from darkroom.storage.memory.uploads import digests_unkept

Rank = tuple[int, int]


class MemoryGallery(MemoryFolders):
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        super().__init__(state)

    async def images(self, image_ids: Sequence[UUID]) -> Mapping[UUID, Image]:
        images = self._state.images
        return {each: images[each] for each in image_ids if each in images}

    async def marks(self, account_id: UUID, image_ids: Sequence[UUID]) -> Mapping[UUID, Marks]:
        found = {each: self._marks(account_id, each) for each in image_ids}
        return {each: marks for each, marks in found.items() if marks != UNMARKED}

    async def mark(
        self,
        account_id: UUID,
        image_id: UUID,
        *,
        liked: bool | None = None,
        favourite: bool | None = None,
        hidden: bool | None = None,
        rating: int | None = None,
        now: datetime,
    ) -> tuple[Marks, Marks]:
        image = self._state.images.get(image_id)
        if image is None or image.deleted_at is not None or image.index is None:
            raise NotFound(f"There is no image {image_id}.")
        marked = self._shelves.marked[image_id]
        old = marked.get(account_id, Marked(marks=UNMARKED))
        new = Marks(
            liked=old.marks.liked if liked is None else liked,
            favourite=old.marks.favourite if favourite is None else favourite,
            hidden=old.marks.hidden if hidden is None else hidden,
            rating=old.marks.rating if rating is None else rating or None,
        )
        liked_at = (old.liked_at or now) if new.liked else None
        marked[account_id] = Marked(marks=new, liked_at=liked_at)
        return old.marks, new

    async def likes(self, image_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        found = {each: self._liked(each, None) for each in image_ids}
        return {each: count for each, count in found.items() if count}

    async def set_visibility(self, image_id: UUID, *, account_id: UUID, visibility: Visibility) -> Image:
        (image,) = self._own([image_id], account_id)
        self._state.images[image_id] = replace(image, visibility=visibility)
        self._follow(image.job_id)
        return self._state.images[image_id]

    async def trash(self, image_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> list[Image]:
        return self._keep(
            replace(each, trashed_at=each.trashed_at or now) for each in self._own(image_ids, account_id)
        )

    async def restore(self, image_ids: Sequence[UUID], *, account_id: UUID) -> list[Image]:
        return self._keep(replace(each, trashed_at=None) for each in self._own(image_ids, account_id))

    async def delete(self, image_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> list[Image]:
        images = self._own(image_ids, account_id)
        jobs = {each.job_id for each in images}
        grids = [
            each
            for each in self._state.images.values()
            if each.job_id in jobs and each.index is None and each.deleted_at is None
        ]
        for each in (*images, *grids):
            for file in each.files:
                self._shelves.leftovers.setdefault(file.digest, None)
            self._shelves.marked.pop(each.id, None)
            for lying in self._shelves.lying_in.values():
                lying.discard(each.id)
        self._keep(_tombstone(each, now) for each in grids)
        return self._keep(_tombstone(each, now) for each in images)

    async def hold(self, hold_id: UUID, digests: Sequence[str], *, now: datetime) -> bool:
        taken = (self._shelves.leftovers.get(each) for each in digests)
        if any(until is not None and until > now for until in taken):
            return False
        self._shelves.holds.setdefault(hold_id, (frozenset(digests), now + HELD_FOR))
        return True

    async def release(self, hold_id: UUID) -> None:
        self._shelves.holds.pop(hold_id, None)

    async def take_leftovers(self, *, limit: int, now: datetime) -> list[str]:
        holds, leftovers = self._shelves.holds, self._shelves.leftovers
        for hold_id in [each for each, (_, until) in holds.items() if until <= now]:
            for digest in holds.pop(hold_id)[0]:
                leftovers.setdefault(digest, None)
        free = [each for each, until in leftovers.items() if until is None or until <= now]
        taken = digests_unkept(self._state, free)[:limit]
        leftovers.update(dict.fromkeys(taken, now + TAKEN_FOR))
        return taken

    async def forget_leftovers(self, digests: Sequence[str]) -> None:
        for each in digests:
            self._shelves.leftovers.pop(each, None)

    async def trashed(self, account_id: UUID, *, before: UUID | None, limit: int) -> list[Image]:
        own = [each for each in self._in_trash() if each.account_id == account_id]
        return [each for each in _newest_first(own) if before is None or each.id < before][:limit]

    async def trashed_before(self, moment: datetime, *, limit: int) -> list[Image]:
        old = [(each.trashed_at, each.id, each) for each in self._in_trash() if each.trashed_at]
        return [each for at, _, each in sorted(old, key=lambda one: one[:2]) if at < moment][:limit]

    async def find(
        self, wanted: ImageFilter, *, before: UUID | None, limit: int, offset: int = 0
    ) -> list[Image]:
        own = [each for each in self._state.images.values() if self._wanted(each, wanted)]
        older = [each for each in _newest_first(own) if before is None or each.id < before]
        return older[offset : offset + limit]

    async def count(self, wanted: ImageFilter) -> int:
        return sum(self._wanted(each, wanted) for each in self._state.images.values())

    def _wanted(self, image: Image, wanted: ImageFilter) -> bool:
        marks = self._marks(wanted.account_id, image.id)
        return (
            image.account_id == wanted.account_id
            and _is_shown(image)
            and (image.recipe.replay_of is None or wanted.folder_id is not None)
            and (wanted.folder_id is None or image.id in self._shelves.lying_in[wanted.folder_id])
            and wanted.liked in (None, marks.liked)
            and wanted.favourite in (None, marks.favourite)
            and wanted.hidden in (None, marks.hidden)
            and (wanted.rating_min is None or (marks.rating or 0) >= wanted.rating_min)
            and wanted.model in (None, image.model)
            and wanted.visibility in (None, image.visibility)
            and wanted.ratio in (None, image.ratio)
            and (wanted.since is None or image.created_at >= wanted.since)
            and (wanted.until is None or image.created_at < wanted.until)
            and says(self._state, image.job_id, wanted.text)
        )

    async def explore(
        self,
        order: FeedOrder,
        *,
        viewer: UUID,
        now: datetime,
        limit: int,
        seed: int = 0,
        after: FeedPlace | None = None,
        text: str = "",
    ) -> FeedPage:
        def rank(image_id: UUID, likes: int) -> Rank:
            return (_shuffled(image_id, seed) if order is FeedOrder.RANDOM else likes, image_id.int)

        found = []
        for each in self._state.images.values():
            if self._is_public(each, viewer) and says(self._state, each.job_id, text):
                likes = self._liked(each.id, now) if order is FeedOrder.TOP else 0
                found.append((rank(each.id, likes), likes, each))
        found.sort(key=lambda one: one[0], reverse=True)
        last = rank(after.image_id, after.likes) if after else None
        rest = [each for each in found if last is None or each[0] < last]
        place = (
            FeedPlace(image_id=rest[limit - 1][2].id, likes=rest[limit - 1][1]) if len(rest) > limit else None
        )
        return FeedPage(images=tuple(each for _, _, each in rest[:limit]), after=place)

    def _is_public(self, image: Image, viewer: UUID) -> bool:
        if image.recipe.replay_of is not None or self._marks(viewer, image.id).hidden:
            return False
        return image.visibility is Visibility.PUBLIC and _is_shown(image)

    async def record(self, signals: Sequence[Signal]) -> None:
        shelves = self._shelves
        for each in signals:
            if each.choice in ONCE and each.image_id is not None:
                said = (each.account_id, each.choice, each.image_id)
                if said in shelves.said:
                    continue
                shelves.said.add(said)
            shelves.signals.append(replace(each, id=len(shelves.signals) + 1))

    async def ranked(self, account_id: UUID, image_ids: Sequence[UUID]) -> frozenset[frozenset[UUID]]:
        wanted = set(image_ids)
        return frozenset(
            frozenset((each.image_id, each.beside[0]))
            for each in self._shelves.signals
            if each.account_id == account_id and each.choice in RANKED and each.image_id in wanted
        )

    async def signals(self, account_id: UUID, *, before: int | None, limit: int) -> list[Signal]:
        newest = (each for each in reversed(self._shelves.signals) if each.account_id == account_id)
        return [each for each in newest if before is None or each.id < before][:limit]

    def _marks(self, account_id: UUID, image_id: UUID) -> Marks:
        found = self._shelves.marked.get(image_id, {}).get(account_id)
        return UNMARKED if found is None else found.marks

    def _liked(self, image_id: UUID, now: datetime | None) -> int:
        """How many like it; with `now`, those of TOP_WINDOW before that alone."""
        liked = [each.liked_at for each in self._shelves.marked.get(image_id, {}).values() if each.liked_at]
        return sum(now is None or now - TOP_WINDOW < at <= now for at in liked)

    def _in_trash(self) -> list[Image]:
        return [each for each in self._state.images.values() if each.trashed_at and not each.deleted_at]

    def _keep(self, images: Iterable[Image]) -> list[Image]:
        kept = list(images)
        self._state.images.update((each.id, each) for each in kept)
        return kept

    def _follow(self, job_id: UUID) -> None:
        """The grid is public while all that it shows is."""
        shown = [each for each in self._state.images.values() if each.job_id == job_id]
        public = all(each.visibility is Visibility.PUBLIC for each in shown if each.index is not None)
        visibility = Visibility.PUBLIC if public else Visibility.STEALTH
        self._keep(replace(each, visibility=visibility) for each in shown if each.index is None)


def _is_shown(image: Image) -> bool:
    return image.index is not None and image.trashed_at is None


def _tombstone(image: Image, now: datetime) -> Image:
    return replace(
        image,
        files=(),
        prompt="",
        provenance="{}",
        scores={},
        trashed_at=image.trashed_at or now,
        deleted_at=now,
    )


def _shuffled(image_id: UUID, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{image_id} {seed}".encode()).digest()[:8])


def _newest_first(images: Iterable[Image]) -> list[Image]:
    return sorted(images, key=lambda each: each.id, reverse=True)
