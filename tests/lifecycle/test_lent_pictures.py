"""A worker gets the recipe of a job and a way to each of its pictures, for a while and for nothing else."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from darkroom.core.errors import StoreUnavailable
from darkroom.core.recipes import Action, Input, ParentKind, Recipe, Role
from darkroom.lifecycle.handing_on import HandingOn
from darkroom.lifecycle.runs import Run

PICTURE, MASK = "ab" * 32, "cd" * 32


def given(role, digest=""):
    return Input(role=role, parent_id=UUID(int=1), kind=ParentKind.IMAGE, digest=digest)


RECIPE = Recipe(
    action=Action.VARY_REGION,
    inputs=(
        given(Role.INIT, PICTURE),
        given(Role.MASK, MASK),
        given(Role.STYLE, PICTURE),
        given(Role.SOURCE),
    ),
    strength=0.9,
    seam_px=8,
)


@pytest.fixture
async def run(world):
    """A run of a job with pictures."""
    account = await world.account("ada")
    await world.worker()
    await world.submit(account)
    (assignment,) = await world.pull()
    assert (assignment.recipe, assignment.inputs) == (Recipe(), {})
    job = replace(await world.job_of(assignment), recipe=RECIPE)
    return Run(job=job, cost_gpu_ms=0, since=0.0)


async def test_each_picture_has_one_way(world, run):
    assignment = await HandingOn(world.rooms).assignment(run)
    assert assignment.recipe == RECIPE and list(assignment.inputs) == [PICTURE, MASK]
    for digest, way in assignment.inputs.items():
        assert way.startswith(f"/files/blobs/{digest[:2]}/{digest}?")
        expires = int(way.partition("expires=")[2].partition("&")[0])
        assert expires == int((world.clock() + timedelta(minutes=15)).timestamp())


async def test_a_way_that_cannot_be_signed_is_left_away(world, run, monkeypatch):
    lent = world.rooms.objects.lent_url

    async def fails(digest, **how):
        if digest == MASK:
            raise StoreUnavailable("the store is away")
        return await lent(digest, **how)

    monkeypatch.setattr(world.rooms.objects, "lent_url", fails)
    assert list((await HandingOn(world.rooms).assignment(run)).inputs) == [PICTURE]


async def test_what_is_no_digest_opens_nothing(world, run):
    """A recipe is data of ours, and yet no key but that of a picture can come out of it."""
    odd = replace(RECIPE, inputs=(given(Role.INIT, "../../staging/x"), given(Role.MASK, MASK)))
    run.job = replace(run.job, recipe=odd)
    assert list((await HandingOn(world.rooms).assignment(run)).inputs) == [MASK]
