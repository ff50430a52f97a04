"""Pairs to rank: of one grid before all, then of words that are alike; never twice, never what one may not see."""

from __future__ import annotations

import random
from uuid import UUID, uuid4

import pytest
from tests.lifecycle.conftest import START

from darkroom.core.errors import NotFound, Refused
from darkroom.core.gallery import Choice
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.lifecycle import rank
from darkroom.lifecycle.rank import choose_pair, note_rank, pair_for


def image(n: int, job: int, prompt: str = "a fox") -> Image:
    return Image(
        id=UUID(int=n), job_id=UUID(int=100 + job), account_id=UUID(int=1), index=n, visibility=Visibility.PUBLIC,
        model="able-1", seed=1, prompt=prompt, files=(), created_at=START,
    )  # fmt: skip


def ids(pair) -> frozenset[UUID]:
    return frozenset(each.id for each in pair)


def test_pairs_of_one_grid_come_first_until_all_were_ranked():
    images = [image(1, 1), image(2, 1), image(3, 1), image(4, 2, "a boat")]
    rng, ranked = random.Random(3), set()
    for _ in range(3):
        pair = choose_pair(images, ranked, rng)
        assert pair is not None and {each.job_id for each in pair} == {UUID(int=101)}
        assert ids(pair) not in ranked
        ranked.add(ids(pair))
    last = choose_pair(images, ranked, rng)
    assert last is not None and UUID(int=4) in ids(last)
    everything = {frozenset((a.id, b.id)) for a in images for b in images if a is not b}
    assert choose_pair(images, everything, rng) is None


def test_else_the_nearest_prompts_whatever_their_parameters():
    images = [
        image(1, 1, "a red fox in the snow --ar 3:2"),
        image(2, 2, "a boat at sea --ar 3:2"),
        image(3, 3, "a red fox in the rain --chaos 5"),
        image(4, 4, "two ships at sea"),
    ]
    assert ids(choose_pair(images, set(), random.Random(1))) == {UUID(int=1), UUID(int=3)}


def test_either_may_be_on_the_left_and_nothing_is_no_pair():
    images = [image(1, 1), image(2, 1)]
    lefts = {choose_pair(images, set(), random.Random(seed))[0].id for seed in range(20)}
    assert lefts == {UUID(int=1), UUID(int=2)}
    assert choose_pair([], set(), random.Random(1)) is None
    assert choose_pair(images[:1], set(), random.Random(1)) is None


async def drawn(world, account, text="a red fox"):
    await world.submit(account, text)
    await world.draw((await world.pull())[0])


async def test_what_was_ranked_is_noted_with_the_other_and_not_asked_again(world):
    ada = await world.account("ada")
    await world.worker()
    await drawn(world, ada)
    seen = set()
    while (pair := await pair_for(world.rooms, ada)) is not None:
        assert ids(pair) not in seen
        seen.add(ids(pair))
        await note_rank(world.rooms, ada, Choice.PREFERRED, pair[1].id, pair[0].id)
    assert len(seen) == 6, "every pair of the four"
    newest, *_rest = await world.store.gallery.signals(ada.id, before=None, limit=10)
    assert newest.choice is Choice.PREFERRED and newest.beside[0] != newest.image_id
    assert newest.at == world.clock()


async def test_others_show_theirs_but_not_what_is_stealth_hidden_or_enlarged(world):
    ada, bob = await world.account("ada"), await world.account("bob")
    await world.worker()
    await drawn(world, bob, "a boat --stealth")
    assert await pair_for(world.rooms, ada) is None
    await drawn(world, bob, "a boat")
    pair = await pair_for(world.rooms, ada)
    assert pair is not None and {each.account_id for each in pair} == {bob.id}
    for each in world.store.gallery._state.images.values():
        if each.index is not None:
            await world.store.gallery.mark(ada.id, each.id, hidden=True, now=world.clock())
    assert await pair_for(world.rooms, ada) is None


async def test_older_pictures_come_up_too(world, monkeypatch):
    ada = await world.account("ada")
    await world.worker()
    for n in range(4):
        world.clock.move(1)
        await drawn(world, ada, f"a fox number {n} --stealth")
    monkeypatch.setattr(rank, "OWN_LOOKED_AT", 4)
    jobs = {(await pair_for(world.rooms, ada))[0].job_id for _ in range(40)}
    assert len(jobs) == 4


async def test_what_cannot_be_ranked(world):
    ada, bob = await world.account("ada"), await world.account("bob")
    await world.worker()
    await drawn(world, bob, "a boat --stealth")
    await drawn(world, ada)
    hidden = next(each for each in world.store.gallery._state.images.values() if each.account_id == bob.id)
    own = (await pair_for(world.rooms, ada))[0]
    for other in (hidden.id, uuid4()):
        with pytest.raises(NotFound):
            await note_rank(world.rooms, ada, Choice.TIED, own.id, other)
    with pytest.raises(Refused, match="same picture"):
        await note_rank(world.rooms, ada, Choice.TIED, own.id, own.id)
    assert await world.store.gallery.signals(ada.id, before=None, limit=5) == []
