"""What an operator reads at a glance: the queue of each lane, what came out over time, how the workers do."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from tests.gateway.conftest import START, House, Person, fault
from tests.gateway.test_every_route import a_job, a_running_job, an_image

from darkroom.core.work import EngineVitals
from darkroom.dispatch.policy import DispatchPolicy

QUEUE = "/api/v1/admin/queue"
THROUGHPUT = "/api/v1/admin/throughput"
WORKERS = "/api/v1/admin/workers"


async def test_the_queue_of_each_lane(house: House, owner: Person, member: Person) -> None:
    idle = (await owner.client.get(QUEUE)).json()
    assert [lane["lane"] for lane in idle["lanes"]] == ["turbo", "fast", "relax"]
    assert idle["dispatching"] is True and datetime.fromisoformat(idle["at"]) == START
    assert {lane["oldest_ready_s"] for lane in idle["lanes"]} == {None}
    await a_job(house, member)
    house.clock.move(seconds=2)
    await house.dispatcher.tick()
    await a_running_job(house, member)
    house.clock.move(seconds=1.5)
    fast = (await owner.client.get(QUEUE)).json()["lanes"][1]
    assert fast == {
        "lane": "fast",
        "waiting": 0,
        "ready": 1,
        "running": 1,
        "finishing": 0,
        "oldest_ready_s": 3.5,
        "wait_p50_s": 0.0,
        "wait_p95_s": 0.0,
        "started_last_hour": 1,
    }


async def test_the_queue_says_where_nobody_dispatches(house: House, owner: Person) -> None:
    house.clock.move(minutes=1)
    assert (await owner.client.get(QUEUE)).json()["dispatching"] is False, "the lease ran out"
    await house.store.operations.acquire_lease(
        holder="other", url="http://other", ttl_s=60, now=house.clock()
    )
    await house.dispatcher.tick()
    assert (await owner.client.get(QUEUE)).json()["dispatching"] is True, "another process does"


@pytest.mark.parametrize(("hours", "bucket_s", "count"), [(1, 60, 60), (6, 300, 72), (24, 600, 144), (168, 3600, 168)])  # fmt: skip
async def test_throughput_has_every_stretch(
    house: House, owner: Person, hours: int, bucket_s: int, count: int
) -> None:
    told = (await owner.client.get(THROUGHPUT, params={"hours": hours})).json()
    starts = [datetime.fromisoformat(bucket["at"]) for bucket in told["buckets"]]
    assert told["bucket_s"] == bucket_s and len(starts) == count
    assert {b - a for a, b in pairwise(starts)} == {timedelta(seconds=bucket_s)}
    assert starts[-1] <= house.clock() < starts[-1] + timedelta(seconds=bucket_s)


async def test_throughput_counts_what_came_out(house: House, owner: Person, member: Person) -> None:
    await house.worker("w1")
    await an_image(house, member)
    job_id = await a_job(house, member)
    await member.client.delete(f"/api/v1/jobs/{job_id}")
    house.clock.move(minutes=30)
    told = (await owner.client.get(THROUGHPUT, params={"hours": 1})).json()
    busy = [bucket for bucket in told["buckets"] if sum(bucket["by_lane"].values())]
    assert busy == [
        {
            "at": "2026-05-01T12:00:00Z",
            "completed": 1,
            "failed": 0,
            "rejected": 0,
            "cancelled": 1,
            "images": 4,
            "gpu_ms": 1,
            "by_lane": {"turbo": 0, "fast": 2, "relax": 0},
        }
    ]
    assert told["workers_now"] == 1


@pytest.mark.parametrize("hours", ["2", "0", "-1", "x", "1.5", ""])
async def test_throughput_looks_back_only_so_far(house: House, owner: Person, hours: str) -> None:
    fault(await owner.client.get(THROUGHPUT, params={"hours": hours}), 422, "invalid_request")


async def health(owner: Person) -> dict[str, Any]:
    (worker,) = (await owner.client.get(WORKERS)).json()["workers"]
    told: dict[str, Any] = worker["health"]
    return told


async def test_a_worker_tells_how_it_does(house: House, owner: Person, member: Person) -> None:
    await house.worker("w1")
    assert await health(owner) == {
        "unseen_s": 0.0,
        "breaker": "closed",
        "running": 0,
        "busy_share": None,
        "failures_recent": 0,
    }
    await a_job(house, member)
    assert await house.dispatcher.pull("w1", free=1, warm=[], wait_s=0)
    for device_ms in (1_000.0, 4_000.0):
        house.dispatcher.heartbeat("w1", [], EngineVitals(device_ms=device_ms))
        house.clock.move(seconds=4)
        await house.dispatcher.renew()
    told = await health(owner)
    assert (told["unseen_s"], told["running"], told["busy_share"]) == (4.0, 1, 0.75)


async def test_a_worker_that_fails_is_told_by_its_breaker(house: House, owner: Person) -> None:
    await house.worker("w1")
    memory = house.dispatcher._memory
    assert memory is not None
    for number in range(DispatchPolicy().breaker_failures):
        memory.breaker.failed("w1", UUID(int=number), now=house.clock().timestamp())
        told = await health(owner)
        assert told["failures_recent"] == (number + 1) % DispatchPolicy().breaker_failures
    assert told["breaker"] == "open"


async def test_a_standby_knows_only_when_a_worker_was_seen(house: House, owner: Person) -> None:
    await house.worker("w1")
    house.clock.move(minutes=1)
    await house.store.operations.acquire_lease(
        holder="other", url="http://other", ttl_s=60, now=house.clock()
    )
    await house.dispatcher.tick()
    assert await health(owner) == {
        "unseen_s": 60.0,
        "breaker": None,
        "running": None,
        "busy_share": None,
        "failures_recent": None,
    }


async def test_figures_are_for_operators(house: House, member: Person) -> None:
    for path in (QUEUE, THROUGHPUT, WORKERS):
        fault(await member.client.get(path), 403, "operators_only")
