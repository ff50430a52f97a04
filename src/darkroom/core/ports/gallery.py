"""How people bring, keep and find pictures. Protocols, no code; the rules are those of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from darkroom.core.gallery import FeedOrder, FeedPage, FeedPlace, Folder, Marks, SavedSearch, Signal
from darkroom.core.images import Image, Ratio
from darkroom.core.params import Visibility
from darkroom.core.uploads import Upload, UploadKind


class Uploads(Protocol):
    """Pictures that people brought along."""

    async def add(self, upload: Upload) -> Upload:
        """Keeps it; the earlier one where its account has one of this kind and digest that is not deleted."""
        ...

    async def get(self, upload_id: UUID) -> Upload:
        """A tombstone, too. NotFound where there is none. Whose it is, the caller checks."""
        ...

    async def all(
        self, account_id: UUID, *, before: UUID | None, limit: int, kind: UploadKind = UploadKind.PICTURE
    ) -> list[Upload]:
        """An account's uploads of one kind, no tombstones, newest first."""
        ...

    async def kept(self, account_id: UUID) -> tuple[int, int]:
        """How many pictures and masks an account keeps, and their bytes together; no tombstones."""
        ...

    async def delete(self, upload_id: UUID, *, account_id: UUID, now: datetime) -> tuple[Upload, bool]:
        """The tombstone, and whether nothing else keeps its file: then the caller deletes that. NotFound."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImageFilter:
    """What a list of an account's images is narrowed to; every field that is given must hold.

    `hidden` None is both, True the hidden ones alone. Marks are those of the account. Made at `since` or later, before `until`.
    """

    account_id: UUID
    text: str = ""
    folder_id: UUID | None = None
    liked: bool | None = None
    favourite: bool | None = None
    hidden: bool | None = False
    rating_min: int | None = None
    model: str | None = None
    visibility: Visibility | None = None
    ratio: Ratio | None = None
    since: datetime | None = None
    until: datetime | None = None


class Gallery(Protocol):
    """How people keep and find images. Every method that names an account acts for it; NotFound where a thing is not its own.

    What takes many ids takes all of them or, with NotFound for the first that cannot be, none. Grids are no images here.
    """

    async def images(self, image_ids: Sequence[UUID]) -> Mapping[UUID, Image]:
        """Those that are there, grids and tombstones, too. Who may see which, the caller checks."""
        ...

    async def marks(self, account_id: UUID, image_ids: Sequence[UUID]) -> Mapping[UUID, Marks]:
        """Those that have any."""
        ...

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
        """Changes what is given; a rating of 0 takes it away. The marks before and after.

        On anybody's image that is not deleted: whether the account may see it, the caller checks.
        """
        ...

    async def likes(self, image_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """How many accounts like each; those that nobody likes are left out."""
        ...

    async def set_visibility(self, image_id: UUID, *, account_id: UUID, visibility: Visibility) -> Image:
        """The grid that shows it is public while all of its images are, in the trash or not, and none is deleted."""
        ...

    async def trash(self, image_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> list[Image]:
        """In the order of the ids, each once. What lies in the trash keeps its time there."""
        ...

    async def restore(self, image_ids: Sequence[UUID], *, account_id: UUID) -> list[Image]: ...

    async def delete(self, image_ids: Sequence[UUID], *, account_id: UUID, now: datetime) -> list[Image]:
        """The images as tombstones, in the trash or not before; grids that show one become tombstones with it.

        Their files are noted as `leftovers`. Marks and places in folders go.
        """
        ...

    async def hold(self, hold_id: UUID, digests: Sequence[str], *, now: datetime) -> bool:
        """Says that files are about to be put which a row will keep: for HELD_FOR nobody deletes them.

        False, and nothing is held, while somebody deletes one of them: ask again. What is still held then is noted as a
        leftover, so that files that no row came to keep go.
        """
        ...

    async def release(self, hold_id: UUID) -> None:
        """The rows are there, or the files are not. A hold that is none is none."""
        ...

    async def take_leftovers(self, *, limit: int, now: datetime) -> list[str]:
        """Digests of files of deleted images and uploads that nothing keeps now: no image, no upload, no job that has not ended,
        no hold. They are the caller's for TAKEN_FOR: it deletes them, and forgets them then."""
        ...

    async def forget_leftovers(self, digests: Sequence[str]) -> None:
        """They are deleted."""
        ...

    async def trashed(self, account_id: UUID, *, before: UUID | None, limit: int) -> list[Image]:
        """By id, newest first."""
        ...

    async def trashed_before(self, moment: datetime, *, limit: int) -> list[Image]:
        """Of all accounts, the longest in the trash first: what the upkeep deletes for good."""
        ...

    async def add_folder(self, folder: Folder) -> Folder:
        """Conflict (`name_taken`) where the account has one of that name, whatever its case; Exhausted beyond FOLDERS_MAX."""
        ...

    async def folder(self, folder_id: UUID, *, account_id: UUID) -> Folder: ...

    async def folders(self, account_id: UUID) -> list[Folder]:
        """By name, whatever its case."""
        ...

    async def rename_folder(self, folder_id: UUID, *, account_id: UUID, name: str) -> Folder:
        """Conflict (`name_taken`)."""
        ...

    async def delete_folder(self, folder_id: UUID, *, account_id: UUID) -> None:
        """The images stay."""
        ...

    async def arrange(
        self,
        folder_id: UUID,
        *,
        account_id: UUID,
        add: Sequence[UUID] = (),
        remove: Sequence[UUID] = (),
        now: datetime,
    ) -> Folder:
        """Puts images of the account in, and takes others out; what lies in it already, or does not, stays so.

        Exhausted beyond FOLDER_IMAGES_MAX.
        """
        ...

    async def find(
        self, wanted: ImageFilter, *, before: UUID | None, limit: int, offset: int = 0
    ) -> list[Image]:
        """An account's images without grids, trash, tombstones and (but in a folder) replays, newest first; `offset` of those
        that come after `before` are left out."""
        ...

    async def count(self, wanted: ImageFilter) -> int:
        """How many there are to find."""
        ...

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
        """Public images of everybody, without grids, trash, tombstones, replays and what `viewer` hid.

        TOP counts the likes of TOP_WINDOW before `now`: whoever pages gives the `now` of the first page again, so that
        likes that come meanwhile change nothing.
        """
        ...

    async def add_search(self, search: SavedSearch) -> SavedSearch:
        """Exhausted beyond SEARCHES_MAX."""
        ...

    async def searches(self, account_id: UUID) -> list[SavedSearch]:
        """Oldest first."""
        ...

    async def delete_search(self, search_id: UUID, *, account_id: UUID) -> None: ...

    async def record(self, signals: Sequence[Signal]) -> None:
        """Appends choices, for the learning loop; those of ONCE that are there already are left out."""
        ...

    async def ranked(self, account_id: UUID, image_ids: Sequence[UUID]) -> frozenset[frozenset[UUID]]:
        """The pairs of these images that the account ranked, whatever it said of them."""
        ...

    async def signals(self, account_id: UUID, *, before: int | None, limit: int) -> list[Signal]:
        """Newest first; `before` is the id of the last one seen."""
        ...
