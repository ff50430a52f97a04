"""Who is here and who is not: orders of operators, workers that ended unseen, jobs that nobody can draw."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.lifecycle.conftest import eventually

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.workers import WorkerState
from darkroom.lifecycle.memory import DRAINED
from darkroom.lifecycle.orders import READMITTED
from darkroom.lifecycle.unserved import UNSERVED_WARN_S
from darkroom.lifecycle.upkeep import UNHEARD

W = WorkerState


async def stored(world, name: str = "w1") -> tuple[WorkerState, str]:
    (worker,) = [each for each in await world.store.operations.workers() if each.id == name]
    return worker.state, worker.reason


async def gets_work(world, name: str = "w1") -> bool:
    await world.submit(await world.account(f"for {name}"))
    return len(await world.pull(name)) == 1


@pytest.mark.parametrize("how", ["it leaves", "its process ends"])
async def test_a_drain_is_remembered_when_the_worker_is_gone(world, how):
    await world.worker()
    assert (await world.dispatcher.drain("w1")).state is W.DRAINING
    if how == "it leaves":
        await world.dispatcher.leave("w1")
    world.dispatcher.lost("w1")
    await world.later(2)
    assert await stored(world) == (W.GONE, DRAINED)


async def test_a_worker_that_is_not_here_is_readmitted_when_it_comes(world):
    await world.worker()
    await world.dispatcher.drain("w1")
    await world.dispatcher.leave("w1")
    readmitted = await world.dispatcher.readmit("w1")
    assert (readmitted.state, readmitted.reason) == (W.GONE, READMITTED)
    await world.later(4)
    assert await stored(world) == (W.GONE, READMITTED)
    await world.worker()
    assert await stored(world) == (W.ACTIVE, "") and await gets_work(world)
    with pytest.raises(NotFound):
        await world.dispatcher.readmit("nobody")


async def test_an_absent_worker_is_drained_at_once(world):
    await world.worker()
    await world.dispatcher.leave("w1")
    await world.dispatcher.drain("w1")
    assert await stored(world) == (W.GONE, DRAINED)


async def test_a_quarantined_worker_that_comes_back_after_it_was_readmitted_is_active(world):
    await world.worker()
    await world.dispatcher.quarantine("w1")
    world.dispatcher.lost("w1")
    await world.worker()
    assert (await stored(world))[0] is W.QUARANTINED and not await gets_work(world)
    world.dispatcher.lost("w1")
    assert (await world.dispatcher.readmit("w1")).state is W.GONE
    await world.worker()
    assert (await stored(world))[0] is W.ACTIVE and len(await world.pull()) == 1


async def test_who_starts_workers_hears_what_was_ordered(world):
    heard = []
    world.dispatcher.listen(
        drained=lambda name: heard.append(("drained", name)),
        readmitted=lambda name: heard.append(("readmitted", name)),
    )
    await world.worker()
    await world.dispatcher.drain("w1")
    await world.dispatcher.readmit("w1")
    world.operations.failing["set_worker_state"] = 1
    with pytest.raises(StoreUnavailable):
        await world.dispatcher.drain("w1")
    assert heard == [("drained", "w1"), ("readmitted", "w1")]


async def test_a_worker_that_goes_while_it_is_readmitted_is_not_active(world):
    await world.worker()
    await world.dispatcher.drain("w1")
    gate = world.operations.gates["set_worker_state"] = asyncio.Event()
    world.operations.calls.clear()
    readmitting = asyncio.create_task(world.dispatcher.readmit("w1"))
    await eventually(lambda: "set_worker_state" in world.operations.calls)
    world.dispatcher.lost("w1")
    gate.set()
    assert (await readmitting).state is W.GONE
    await world.later(4)
    assert await stored(world) == (W.GONE, READMITTED)


async def test_a_worker_that_comes_while_it_is_readmitted_is_active(world):
    await world.worker()
    await world.dispatcher.leave("w1")
    gate = world.operations.gates["set_worker_state"] = asyncio.Event()
    world.operations.calls.clear()
    readmitting = asyncio.create_task(world.dispatcher.readmit("w1"))
    await eventually(lambda: "set_worker_state" in world.operations.calls)
    coming = asyncio.create_task(world.worker())
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.gather(readmitting, coming)
    await world.later(4)
    assert await stored(world) == (W.ACTIVE, "") and await gets_work(world)


async def test_a_worker_that_comes_while_it_is_noted_as_gone_is_active(world):
    await world.worker()
    world.dispatcher.lost("w1")
    gate = world.operations.gates["set_worker_state"] = asyncio.Event()
    world.clock.move(2)
    round_ = asyncio.create_task(world.dispatcher.tick())
    await eventually(lambda: "set_worker_state" in world.operations.calls)
    await world.worker()
    gate.set()
    await round_
    assert (await stored(world))[0] is W.GONE  # written last
    await world.later(4)
    assert (await stored(world))[0] is W.ACTIVE


async def test_workers_that_ended_while_nobody_dispatched_are_gone_after_a_lease(world):
    for name in ("active", "draining", "quarantined", "back"):
        await world.worker(name)
    await world.dispatcher.drain("draining")
    await world.dispatcher.quarantine("quarantined")
    world.dispatcher = world.make_dispatcher("two", world.make_rooms())
    await world.later(8)
    assert world.dispatcher.active
    await world.worker("back")
    await world.later(18)
    world.dispatcher.heartbeat("back", [])
    assert (await stored(world, "active"))[0] is W.ACTIVE
    await world.later(6)
    for name in ("active", "draining"):
        assert await stored(world, name) == (W.GONE, UNHEARD)
    assert (await stored(world, "quarantined"))[0] is W.QUARANTINED
    assert (await stored(world, "back"))[0] is W.ACTIVE


async def test_a_worker_that_is_ordered_about_before_it_is_heard_of_is_as_it_was_ordered(world):
    await world.worker("w1")
    await world.worker("w2")
    world.dispatcher = world.make_dispatcher("two", world.make_rooms())
    await world.later(8)
    await world.dispatcher.quarantine("w1")
    await world.dispatcher.readmit("w2")
    await world.later(30)
    assert (await stored(world, "w1"))[0] is W.QUARANTINED
    assert await stored(world, "w2") == (W.GONE, READMITTED)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.name == "darkroom.lifecycle.unserved"]


async def test_jobs_that_nobody_can_draw_are_told_once(world, caplog):
    caplog.set_level(logging.WARNING)
    ada = await world.account("ada")
    await world.submit(ada)
    await world.later(UNSERVED_WARN_S - 4)
    assert warnings_of(caplog) == []
    await world.later(120)
    (message,) = warnings_of(caplog)
    assert "1 ready job" in message and "able-1" in message and "darkroom admin workers list" in message
    await world.worker()
    await world.later(8)
    await world.dispatcher.drain("w1")  # one that takes nothing new does not help
    await world.dispatcher.leave("w1")
    await world.later(60)
    assert len(warnings_of(caplog)) == 2


async def test_jobs_that_wait_for_a_busy_worker_are_not_told_of(world, caplog):
    caplog.set_level(logging.WARNING)
    await world.worker()
    await world.submit(await world.account("ada"))
    for _ in range(10):
        await world.later(10)
        world.dispatcher.heartbeat("w1", [])
    assert warnings_of(caplog) == []
