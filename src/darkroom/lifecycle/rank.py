"""Two pictures side by side, and what is said of them: which pair is worth asking about, and how the answer is noted.

Choosing is pure; what is looked at is a window of one's own pictures and the newest that everybody shows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import Refused
from darkroom.core.gallery import Choice, FeedOrder, Signal
from darkroom.core.images import Image
from darkroom.core.ports import ImageFilter
from darkroom.lifecycle.keeping import visible_pictures
from darkroom.lifecycle.rooms import Rooms

OWN_LOOKED_AT = 120  # pictures of one's own, from anywhere among them, the newer ones more often
PUBLIC_LOOKED_AT = 80  # the newest that everybody shows
COMPARED_MAX = 40  # pictures whose prompts are compared with each other, where no grid has a pair left

Pair = tuple[Image, Image]

_WORD = re.compile(r"\w+")


async def pair_for(rooms: Rooms, account: Account) -> Pair | None:
    """Two pictures that the account may see, did not hide and has not ranked together; None where there are none."""
    rng = random.Random(rooms.new_seed())
    own = ImageFilter(account_id=account.id)
    room = max(await rooms.gallery.count(own) - OWN_LOOKED_AT, 0)
    offset = int(rng.random() ** 2 * (room + 1))
    seen = await rooms.gallery.find(own, before=None, limit=OWN_LOOKED_AT, offset=offset)
    feed = await rooms.gallery.explore(
        FeedOrder.NEW, viewer=account.id, now=rooms.clock(), limit=PUBLIC_LOOKED_AT
    )
    images = list({each.id: each for each in (*seen, *feed.images) if each.recipe.scale is None}.values())
    ranked = await rooms.gallery.ranked(account.id, [each.id for each in images])
    return choose_pair(images, ranked, rng)


async def note_rank(rooms: Rooms, account: Account, choice: Choice, first_id: UUID, second_id: UUID) -> None:
    """Notes that the first was preferred over the second, or what else was said of the two. NotFound, Refused."""
    if first_id == second_id:
        raise Refused(
            "Both are the same picture.",
            code="invalid_request",
            hint="Name two different ones.",
        )
    first, second = await visible_pictures(rooms, account, [first_id, second_id])
    signal = Signal(
        account_id=account.id,
        choice=choice,
        image_id=first.id,
        job_id=first.job_id,
        beside=(second.id,),
        at=rooms.clock(),
    )
    await rooms.gallery.record([signal])


def choose_pair(
    images: Sequence[Image], ranked: Collection[frozenset[UUID]], rng: random.Random
) -> Pair | None:
    """Two of one grid, else the two whose prompts are most alike; in either order."""
    grids: dict[UUID, list[Image]] = {}
    for image in images:
        grids.setdefault(image.job_id, []).append(image)
    pairs = _fresh((pair for grid in grids.values() for pair in combinations(grid, 2)), ranked)
    if not pairs:
        compared = rng.sample(images, min(len(images), COMPARED_MAX))
        pairs = _fresh(combinations(compared, 2), ranked)
        words = {each.id: _words(each.prompt) for each in compared}
        nearest = max((_likeness(words[a.id], words[b.id]) for a, b in pairs), default=0.0)
        pairs = [(a, b) for a, b in pairs if _likeness(words[a.id], words[b.id]) == nearest]
    if not pairs:
        return None
    left, right = rng.choice(pairs)
    return (left, right) if rng.random() < 0.5 else (right, left)


def _fresh(pairs: Iterable[Pair], ranked: Collection[frozenset[UUID]]) -> list[Pair]:
    return [(a, b) for a, b in pairs if frozenset((a.id, b.id)) not in ranked]


def _words(prompt: str) -> frozenset[str]:
    return frozenset(_WORD.findall(prompt.partition(" --")[0].lower()))


def _likeness(a: frozenset[str], b: frozenset[str]) -> float:
    """The share of the words of both that both have."""
    return len(a & b) / len(a | b) if a | b else 0.0
