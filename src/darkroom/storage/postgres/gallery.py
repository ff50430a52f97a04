"""The gallery in PostgreSQL (core.ports.Gallery): marks, trash, lists and feeds. Folders and searches lie in `folders`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from darkroom.core.gallery import (
    HELD_FOR,
    TAKEN_FOR,
    TOP_WINDOW,
    UNMARKED,
    Choice,
    FeedOrder,
    FeedPage,
    FeedPlace,
    Marks,
    Signal,
)
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.core.ports import ImageFilter
from darkroom.storage.postgres import rows
from darkroom.storage.postgres.connection import Database, Record
from darkroom.storage.postgres.finding import narrowed
from darkroom.storage.postgres.folders import PostgresFolders
from darkroom.storage.postgres.rows import storable
from darkroom.storage.postgres.statements import queries

WORDS = "/* words */"
_WORDS_OF_ITS_JOB = """AND p.job_id IN (
    SELECT w.id FROM finished_jobs w WHERE to_tsvector('simple', w.words) @@ plainto_tsquery('simple', ${number})
)"""


class PostgresGallery(PostgresFolders):
    """Every write is one function of the database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database
        self._sql = queries("gallery")

    async def images(self, image_ids: Sequence[UUID]) -> Mapping[UUID, Image]:
        return {image.id: image for image in await self._images("images", list(image_ids))}

    async def marks(self, account_id: UUID, image_ids: Sequence[UUID]) -> Mapping[UUID, Marks]:
        found = await self._database.rows(self._sql["marks"], account_id, list(image_ids))
        marks = {row["image_id"]: _marks(row) for row in found}
        return {each: kept for each, kept in marks.items() if kept != UNMARKED}

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
        row = await self._database.row(
            self._sql["mark"], account_id, image_id, liked, favourite, hidden, rating, now
        )
        assert row is not None, "it raises, or returns both"
        return _marks(row["was"]), _marks(row["become"])

    async def likes(self, image_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        found = await self._database.rows(self._sql["likes"], list(image_ids))
        return {row["image_id"]: row["likes"] for row in found}

    async def set_visibility(self, image_id: UUID, *, account_id: UUID, visibility: Visibility) -> Image:
        (image,) = await self._images("set_visibility", image_id, account_id, visibility.value)
        return image

    async def trash(self, image_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> list[Image]:
        ids = _once(image_ids)
        return _in_order(ids, await self._images("trash", ids, account_id, now))

    async def restore(self, image_ids: Sequence[UUID], *, account_id: UUID) -> list[Image]:
        ids = _once(image_ids)
        return _in_order(ids, await self._images("restore", ids, account_id))

    async def delete(self, image_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> list[Image]:
        ids = _once(image_ids)
        return _in_order(ids, await self._images("delete", ids, account_id, now))

    async def hold(self, hold_id: UUID, digests: Sequence[str], *, now: datetime) -> bool:
        row = await self._database.row(self._sql["hold"], hold_id, list(digests), now, now + HELD_FOR)
        assert row is not None, "it is a function of one value"
        return bool(row["held"])

    async def release(self, hold_id: UUID) -> None:
        await self._database.rows(self._sql["release"], hold_id)

    async def take_leftovers(self, *, limit: int, now: datetime) -> list[str]:
        found = await self._database.rows(self._sql["take_leftovers"], limit, now, now + TAKEN_FOR)
        return sorted(row["digest"] for row in found)

    async def forget_leftovers(self, digests: Sequence[str]) -> None:
        await self._database.rows(self._sql["forget_leftovers"], list(digests))

    async def trashed(self, account_id: UUID, *, before: UUID | None, limit: int) -> list[Image]:
        return await self._images("trashed", account_id, before, limit)

    async def trashed_before(self, moment: datetime, *, limit: int) -> list[Image]:
        return await self._images("trashed_before", moment, limit)

    async def find(
        self, wanted: ImageFilter, *, before: UUID | None, limit: int, offset: int = 0
    ) -> list[Image]:
        query, arguments = narrowed(self._sql["find"], wanted, limit, offset, before=before)
        return [rows.image(row) for row in await self._database.rows(query, *arguments)]

    async def count(self, wanted: ImageFilter) -> int:
        query, arguments = narrowed(self._sql["count"], wanted)
        row = await self._database.row(query, *arguments)
        assert row is not None, "an aggregate has one row"
        return int(row["images"])

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
        words = storable(text) if re.search(r"\w", text) else ""
        arguments: list[object] = [viewer, limit + 1, None if after is None else after.image_id]
        query = self._sql[f"explore_{order.value}"]
        if order is FeedOrder.TOP:
            arguments += [now - TOP_WINDOW, now, 0 if after is None else after.likes, words]
        elif order is FeedOrder.RANDOM:
            arguments.append(seed)
        if words and order is not FeedOrder.TOP:
            arguments.append(words)
            query = query.replace(WORDS, _WORDS_OF_ITS_JOB.format(number=len(arguments)))
        found = await self._database.rows(query, *arguments)
        page = found[:limit]
        more = len(found) > limit
        place = FeedPlace(image_id=page[-1]["id"], likes=page[-1]["likes"]) if more else None
        return FeedPage(images=tuple(rows.image(row) for row in page), after=place)

    async def record(self, signals: Sequence[Signal]) -> None:
        await self._database.rows(
            self._sql["record"],
            [each.account_id for each in signals],
            [each.choice.value for each in signals],
            [each.image_id for each in signals],
            [each.job_id for each in signals],
            [" ".join(str(one) for one in each.beside) for each in signals],
            [each.value for each in signals],
            [each.at for each in signals],
        )

    async def ranked(self, account_id: UUID, image_ids: Sequence[UUID]) -> frozenset[frozenset[UUID]]:
        found = await self._database.rows(self._sql["ranked"], account_id, list(image_ids))
        return frozenset(frozenset((row["image_id"], row["beside"][0])) for row in found)

    async def signals(self, account_id: UUID, *, before: int | None, limit: int) -> list[Signal]:
        found = await self._database.rows(self._sql["signals"], account_id, before, limit)
        return [_signal(row) for row in found]

    async def _images(self, query: str, *arguments: object) -> list[Image]:
        return [rows.image(row) for row in await self._database.rows(self._sql[query], *arguments)]


def _once(ids: Sequence[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))


def _in_order(ids: Sequence[UUID], images: Sequence[Image]) -> list[Image]:
    by_id = {each.id: each for each in images}
    return [by_id[each] for each in ids]


def _marks(row: Record) -> Marks:
    return Marks(liked=row["liked"], favourite=row["favourite"], hidden=row["hidden"], rating=row["rating"])


def _signal(row: Record) -> Signal:
    return Signal(
        id=row["id"],
        account_id=row["account_id"],
        choice=Choice(row["choice"]),
        image_id=row["image_id"],
        job_id=row["job_id"],
        beside=tuple(row["beside"]),
        value=row["value"],
        at=row["at"],
    )
