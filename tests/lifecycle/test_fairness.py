"""Fairness on the real dispatcher, from submission to claim: nobody waits for somebody else's thousand jobs."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.lifecycle.conftest import World

from darkroom.core.accounts import Plan
from darkroom.core.params import Lane
from darkroom.lifecycle.submit import submit


@pytest.fixture
async def crowd(world: World) -> World:
    """A plan without caps, so that the queue itself is what is fair."""
    plan = Plan(name="wide", title="Wide", fast_gpu_ms_month=None, running=5_000, waiting=5_000, batch=40)
    object.__setattr__(world.rooms.plans, "plans", {**world.rooms.plans.plans, "wide": plan})
    await world.worker(slots=1)
    return world


async def submit_many(world: World, account, count: int, text: str) -> None:
    for _ in range(count):
        await submit(world.rooms, account, text=text)


async def next_job(world: World):
    """The one worker takes a job and draws it."""
    (assignment,) = await world.pull(free=1)
    job = await world.job_of(assignment)
    await world.draw(assignment)
    return job


async def test_a_single_relax_job_waits_at_most_one_job_of_each_active_user(crowd):
    whale = await crowd.account("whale", plan="wide")
    others = [await crowd.account(f"user {n}", plan="wide") for n in range(3)]
    await submit_many(crowd, whale, 1_000, "a fox --relax")
    for other in others:
        await submit_many(crowd, other, 20, "a cat --relax")
    for _ in range(10):
        await next_job(crowd)
    crowd.clock.move(1)
    ada = await crowd.account("ada", plan="wide")
    await submit(crowd.rooms, ada, text="an owl --relax")
    before = []
    while (job := await next_job(crowd)).account_id != ada.id:
        before.append(job.account_id)
    assert max(Counter(before).values(), default=0) <= 1
    assert len(before) <= 4


async def test_with_turbo_saturated_relax_still_gets_its_share(crowd):
    rich, poor = await crowd.account("rich", plan="wide"), await crowd.account("poor", plan="wide")
    await submit_many(crowd, rich, 200, "a fox --turbo")
    await submit_many(crowd, poor, 50, "a cat --relax")
    lanes = Counter([(await next_job(crowd)).lane for _ in range(80)])
    assert 8 <= lanes[Lane.RELAX] <= 12  # 10 of 80 parts
    assert lanes[Lane.TURBO] == 80 - lanes[Lane.RELAX]
