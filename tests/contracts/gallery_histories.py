"""Random histories of a gallery: what people do with their images, right and wrong, and after each step what all of them see.

Two stores that keep the contract give equal logs for equal seeds, whatever their shuffles are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from uuid import UUID, uuid5

from tests.contracts.gallery_contract import ids, published
from tests.contracts.world import Store, World

from darkroom.core.accounts import Account
from darkroom.core.errors import Refused
from darkroom.core.gallery import Choice, FeedOrder, Folder, Signal
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.core.ports import ImageFilter

ALL = 1_000
WORDS = ("red fox", "grey wolf")


async def run_gallery(store: Store, seed: int | Random, steps: int) -> list[str]:
    """Drives an empty store with random acts; what each answered, and what everybody saw then."""
    rng = seed if isinstance(seed, Random) else Random(seed)
    history = GalleryHistory(World(store), rng)
    await history.begin()
    return [line for _ in range(steps) for line in await history.step()]


class GalleryHistory:
    """Ids are drawn from what there is: one's own images most often, somebody else's, grids and tombstones, too."""

    def __init__(self, world: World, rng: Random) -> None:
        self._world = world
        self._gallery = world.store.gallery
        self._rng = rng
        self._people: list[Account] = []
        self._images: dict[UUID, list[Image]] = {}
        self._folders: list[Folder] = []

    async def begin(self) -> None:
        for words in WORDS:
            person = await self._world.account()
            self._people.append(person)
            self._images[person.id] = [
                image
                for visibility in Visibility
                for image in await published(self._world, person, words=words, visibility=visibility)
            ]

    async def step(self) -> list[str]:
        """One act a second after the last, then what each person sees."""
        self._world.wait(1)
        act, who = self._rng.choice(_ACTS), self._rng.choice(self._people)
        try:
            answer = str(await act(self, who))
        except Refused as refused:
            answer = f"{refused.code}: {refused.message}"
        return [f"{act.__name__}: {answer}", *[await self._seen(each) for each in self._people]]

    def _some(self, who: Account, most: int = 3) -> list[UUID]:
        own = self._images[who.id]
        others = [each for images in self._images.values() for each in images]
        pool = own if self._rng.random() < 0.85 else others
        return [self._rng.choice(pool).id for _ in range(self._rng.randint(1, most))]

    async def mark(self, who: Account) -> object:
        rng = self._rng
        (image_id,) = self._some(rng.choice(self._people), 1)
        return await self._gallery.mark(
            who.id,
            image_id,
            liked=rng.choice((None, True, True, False)),
            favourite=rng.choice((None, True, False)),
            hidden=rng.choice((None, None, True, False)),
            rating=rng.choice((None, 0, 2, 5)),
            now=self._world.now,
        )

    async def trash(self, who: Account) -> object:
        return await self._gallery.trash(self._some(who), account_id=who.id, now=self._world.now)

    async def restore(self, who: Account) -> object:
        return await self._gallery.restore(self._some(who), account_id=who.id)

    async def delete(self, who: Account) -> object:
        if self._rng.random() < 0.5:
            return "not this time"
        return await self._gallery.delete(self._some(who, 2), account_id=who.id, now=self._world.now)

    async def show(self, who: Account) -> object:
        (image_id,) = self._some(who, 1)
        visibility = self._rng.choice(list(Visibility))
        return await self._gallery.set_visibility(image_id, account_id=who.id, visibility=visibility)

    async def add_folder(self, who: Account) -> object:
        name = self._rng.choice(("foxes", "FOXES", "Straße", "strasse", "boats"))
        identifier = uuid5(who.id, f"{self._world.now}")
        folder = Folder(id=identifier, account_id=who.id, name=name, created_at=self._world.now)
        self._folders.append(await self._gallery.add_folder(folder))
        return folder

    async def change_folder(self, who: Account) -> object:
        if not self._folders:
            return "none"
        folder, chance = self._rng.choice(self._folders), self._rng.random()
        if chance < 0.15:
            return await self._gallery.delete_folder(folder.id, account_id=who.id)
        if chance < 0.3:
            return await self._gallery.rename_folder(folder.id, account_id=who.id, name="Boats")
        add = self._some(who) if chance < 0.8 else []
        remove = self._some(who) if chance > 0.7 else []
        return await self._gallery.arrange(
            folder.id, account_id=who.id, add=add, remove=remove, now=self._world.now
        )

    async def record(self, who: Account) -> object:
        (image_id,) = self._some(who, 1)
        choice = self._rng.choice((Choice.PICKED, Choice.DOWNLOADED, Choice.LIKED))
        signal = Signal(
            account_id=who.id, choice=choice, image_id=image_id, job_id=image_id, at=self._world.now
        )
        return await self._gallery.record([signal, signal])

    async def _seen(self, who: Account) -> str:
        """All lists and counts of one person, after the counts were compared with the lists."""
        gallery = self._gallery
        listed = await self._list(who)
        trashed = ids(await gallery.trashed(who.id, before=None, limit=ALL))
        folders = await gallery.folders(who.id)
        for folder in folders:
            assert folder.images == len(await self._list(who, folder_id=folder.id, hidden=None)), folder
        everything = [each.id for each in self._images[who.id]]
        there = await gallery.images(everything)
        alive = {each.id for each in there.values() if each.index is not None and not each.deleted_at}
        whole = await self._list(who, hidden=None)
        assert {*whole} | {*trashed} == alive and not {*whole} & {*trashed}
        feeds = [await self._feed(who, order) for order in FeedOrder]
        assert sorted(feeds[0]) == sorted(feeds[1]) == sorted(feeds[2])
        known = sorted({each.id for images in self._images.values() for each in images})
        return repr(
            (
                listed,
                trashed,
                folders,
                await self._list(who, liked=True),
                await self._list(who, rating_min=2, hidden=None),
                sorted((await gallery.marks(who.id, known)).items()),
                sorted((await gallery.likes(known)).items()),
                feeds[:2],
                [there[each].visibility for each in everything],
                await gallery.take_leftovers(limit=ALL, now=self._world.now),
                [each.choice for each in await gallery.signals(who.id, before=None, limit=ALL)],
            )
        )

    async def _list(self, who: Account, **wanted: object) -> list[UUID]:
        filtered = ImageFilter(account_id=who.id, **wanted)  # type: ignore[arg-type]
        return ids(await self._gallery.find(filtered, before=None, limit=ALL))

    async def _feed(self, who: Account, order: FeedOrder) -> list[UUID]:
        seen, place = [], None
        while True:
            page = await self._gallery.explore(
                order, viewer=who.id, now=self._world.now, limit=3, seed=1, after=place
            )
            seen += ids(page.images)
            if (place := page.after) is None:
                return seen


_ACTS: tuple[Callable[[GalleryHistory, Account], Awaitable[object]], ...] = (
    GalleryHistory.mark,
    GalleryHistory.mark,
    GalleryHistory.trash,
    GalleryHistory.restore,
    GalleryHistory.delete,
    GalleryHistory.show,
    GalleryHistory.add_folder,
    GalleryHistory.change_folder,
    GalleryHistory.change_folder,
    GalleryHistory.record,
)
