"""Past its capacity the service refuses at the door: relax first, turbo last, and nothing is left behind."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.errors import Overloaded
from darkroom.core.params import Lane
from darkroom.gateway.crowd import UNDER_WAY_MAX, Crowd

JOBS = "/api/v1/jobs"


def test_relax_is_refused_first_and_turbo_last() -> None:
    assert UNDER_WAY_MAX[Lane.RELAX] < UNDER_WAY_MAX[Lane.FAST] < UNDER_WAY_MAX[Lane.TURBO]
    crowd = Crowd({Lane.RELAX: 1, Lane.FAST: 2, Lane.TURBO: 3})
    with ExitStack() as inside:
        for refused in ([], [Lane.RELAX], [Lane.RELAX, Lane.FAST]):
            for lane in refused:
                with pytest.raises(Overloaded), crowd.entered(lane):
                    pass
            inside.enter_context(crowd.entered(Lane.TURBO))
        with pytest.raises(Overloaded), crowd.entered(Lane.TURBO):
            pass
        assert len(crowd) == 3
    assert len(crowd) == 0


def test_who_fails_leaves_too() -> None:
    crowd = Crowd()
    with pytest.raises(ValueError), crowd.entered(Lane.FAST):
        raise ValueError
    assert len(crowd) == 0


async def test_a_crowd_is_told_to_come_back(house: House, member: Person) -> None:
    crowd = house.gateway.crowd
    with ExitStack() as inside:
        for _ in range(UNDER_WAY_MAX[Lane.FAST]):
            inside.enter_context(crowd.entered(Lane.TURBO))
        answer = await member.client.post(JOBS, json={"prompt": "a red fox"})
        fault(answer, 503, "overloaded")
        assert int(answer.headers["Retry-After"]) > 0
        turbo = await member.client.post(JOBS, json={"prompt": "a red fox", "lane": "turbo"})
        assert turbo.status_code == 202
    assert (await house.store.accounts.balance(member.account.id)).held_gpu_ms > 0
    assert (await member.client.post(JOBS, json={"prompt": "a red fox"})).status_code == 202
    assert len(crowd) == 0


async def test_what_is_under_way_is_counted(house: House, member: Person) -> None:
    asked = [asyncio.ensure_future(member.client.post(JOBS, json={"prompt": "a fox"})) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {202}
    assert len(house.gateway.crowd) == 0
