"""Random sequences of actions, drawn as they come: the graph stays acyclic, nothing is without parents or job, balances add up."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest
from tests.lifecycle.conftest import Flaky, World
from tests.lifecycle.loop import asked, drawn, finished, parents, upload

from darkroom.core.accounts import Account
from darkroom.core.errors import DarkroomError
from darkroom.core.images import Image
from darkroom.core.jobs import NewJob
from darkroom.core.lineage import Direction
from darkroom.core.recipes import Action, ParentKind, Role
from darkroom.core.uploads import UploadKind
from darkroom.lifecycle.sight import may_see
from darkroom.lifecycle.wishes import Asked, Way
from darkroom.storage.postgres.store import PostgresStore

STEPS = 40
ROOTS = {Action.IMAGINE}
KINDLY = {
    "already_square", "too_large", "already_hd", "action_not_for_this", "not_a_draft", "inputs_gone", "mask_invalid",
    "image_deleted", "not_found", "invalid_link", "guides_gone", "invalid_parameter", "fast_time_exhausted",
}  # fmt: skip
"""What a walk may be refused with; anything else is a fault."""


class Walk:
    """Somebody who makes, derives, brings along and deletes, one thing after the other."""

    def __init__(self, world: World, people: list[Account], seed: int) -> None:
        self.world, self.people = world, people
        self.rng = random.Random(seed)
        self.images: list[Image] = []
        self.refusals: list[str] = []

    async def step(self) -> None:
        self.world.clock.move(0.01)  # ids carry their time, and parents are older than children
        who = self.rng.choice(self.people)
        deed = self.rng.choices([self.make, self.derive, self.blend, self.delete], [1, 8, 2, 1])[0]
        try:
            await deed(who)
        except DarkroomError as error:
            if error.code not in KINDLY:
                raise
            self.refusals.append(error.code)

    async def make(self, who: Account) -> None:
        words = self.rng.choice(["a fox", "a fox --draft", "a fox --hd --ar 2:1", "a fox --stealth --tile"])
        if self.images and self.rng.random() < 0.5:
            words = (
                f"upload:{self.rng.choice(self.images).id} {words} --sref upload:{(await self.bring(who)).id}"
            )
        self.images += await drawn(self.world, who, words)

    async def derive(self, who: Account) -> None:
        if not self.images:
            await self.make(who)
        image, action = self.pick(who), self.rng.choice(list(Asked))
        answer = await asked(self.world, who, image, action, **await self.options(action, image, who))
        assert not isinstance(answer.job, NewJob)
        found = await finished(self.world, answer.job)
        assert all((each.files[0].width, each.files[0].height) == answer.size for each in found)
        self.images += found

    def pick(self, who: Account) -> Image:
        """Mostly one that they may see."""
        seen = [each for each in self.images if may_see(who.id, each)]
        return self.rng.choice(seen if seen and self.rng.random() < 0.9 else self.images)

    async def options(self, action: Asked, image: Image, who: Account) -> dict[str, Any]:
        rng = self.rng
        if action is Asked.VARY_REGION:
            side = image.files[0].width if image.files else 256
            return {
                "mask": (await upload(self.world, who, kind=UploadKind.MASK, side=side, name=f"m{side}")).id
            }
        return {
            Asked.PAN: {"direction": rng.choice(list(Way))},
            Asked.ZOOM_OUT: {"zoom": rng.choice([1.1, 1.5, 2.0, None])},
            Asked.REMIX: {"prompt": rng.choice(["a cat", "a cat --chaos 9", "an owl --seed 4"])},
            Asked.UPSCALE_SUBTLE: {"scale": rng.choice([2, 4])},
        }.get(action, {})

    async def blend(self, who: Account) -> None:
        if len(self.images) > 1:
            one, two = self.pick(who), self.pick(who)
            if one.id != two.id:
                self.images += await drawn(self.world, who, f"upload:{one.id} upload:{two.id}")

    async def bring(self, who: Account) -> Any:
        return await upload(self.world, who, name=f"u{self.rng.randrange(3)}")

    async def delete(self, who: Account) -> None:
        own = [each for each in self.images if each.account_id == who.id]
        if own and len(self.images) > 8:
            gone = self.rng.choice(own).id
            await self.world.store.gallery.delete([gone], account_id=who.id, now=self.world.clock())

    async def check(self) -> None:
        """All that must hold of the whole graph and of everybody's money."""
        store = self.world.store
        images = {each.id: await store.library.image(each.id) for each in self.images}
        edges = await store.lineage.parents([each.job_id for each in images.values()])
        for image in images.values():
            above = set(edges.get(image.job_id, ()))
            assert above == parents(image), "the store's edges are the recipe's inputs"
            assert bool(above) or image.recipe.action in ROOTS, "no image but a root is without parents"
            assert all(each < image.id for each in above), (
                "parents are older, so that nothing goes round in a circle"
            )
            assert image.id in {each.id for each in await store.library.images_of([image.job_id])}
            for each in image.recipe.inputs:
                assert each.kind is ParentKind.UPLOAD or each.parent_id in images, "no parent is made up"
        await self.check_ancestors(images)
        await self.world.check_money(*self.people)

    async def check_ancestors(self, images: dict[UUID, Image]) -> None:
        """The graph's answer for the newest image is what walking over the recipes finds."""
        newest = max(images)
        wanted, left = set[UUID](), [newest]
        while left:
            above = parents(images[each]) if (each := left.pop()) in images else set()
            left += above - wanted
            wanted |= above
        page = await self.world.store.lineage.page(newest, Direction.ANCESTORS, after=None, limit=500)
        assert {node.id for node in page.nodes} == wanted


async def walked(world: World, seed: int, steps: int) -> Walk:
    await world.dispatcher.tick()
    await world.worker()
    walk = Walk(world, [await world.account("ada"), await world.account("bob")], seed)
    for _ in range(steps):
        await walk.step()
    await walk.check()
    return walk


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_walk_leaves_an_honest_graph(world: World, seed: int) -> None:
    walk = await walked(world, seed, STEPS)
    assert len(walk.images) > STEPS / 2 and walk.refusals, "it went far, and was refused at times"
    actions = {each.recipe.action for each in walk.images}
    assert len(actions) > 5 and any(
        each.recipe.replay_of or each.recipe.of(Role.INIT) for each in walk.images
    )


async def test_a_random_walk_over_postgres(postgres_store: PostgresStore) -> None:
    world = World()
    world.store = postgres_store  # type: ignore[assignment]
    world.ledger, world.library = Flaky(postgres_store.ledger), Flaky(postgres_store.library)
    world.operations = Flaky(postgres_store.operations)
    world.rooms = world.make_rooms()
    world.dispatcher = world.make_dispatcher("one")
    walk = await walked(world, 11, 30)
    assert len(walk.images) > 15
