"""The event bus: order, latest wins, overflow, and news that other processes wrote."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from darkroom.core.errors import StoreUnavailable
from darkroom.core.jobs import Cause, JobMoved, JobState
from darkroom.core.news import JobPreviewed, JobProgressed, News
from darkroom.delivery import bus as bus_module
from darkroom.delivery.bus import EventBus, Latest, Reset, Subscription
from darkroom.delivery.follower import LOOK_BACK, Follower

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE, BOB = UUID(int=1), UUID(int=2)
JOB = UUID(int=10)


def moved(number: int, account: UUID = ALICE, job: UUID = JOB) -> JobMoved:
    return JobMoved(
        id=number, account_id=account, job_id=job, batch_id=job, was=None, state=JobState.READY, cause=Cause.SUBMITTED, at=NOW
    )  # fmt: skip


def progressed(done: int, account: UUID = ALICE, job: UUID = JOB) -> JobProgressed:
    return JobProgressed(account_id=account, job_id=job, done=done, total=9)


async def waiting(subscription: Subscription) -> list[News | Reset]:
    """All that waits, read by closing the subscription."""
    subscription.close()
    return [news async for news in subscription]


async def test_an_account_hears_of_its_own_jobs_only() -> None:
    bus = EventBus()
    alice, bob, everybody = bus.subscribe(ALICE), bus.subscribe(BOB), bus.subscribe(None)
    bus.publish(moved(1, ALICE))
    bus.publish(moved(2, BOB))
    assert await waiting(alice) == [moved(1, ALICE)]
    assert await waiting(bob) == [moved(2, BOB)]
    assert await waiting(everybody) == [moved(1, ALICE), moved(2, BOB)]
    assert len(bus) == 0


async def test_of_progress_only_the_newest_waits() -> None:
    bus = EventBus()
    subscription = bus.subscribe(ALICE)
    other = UUID(int=11)
    preview = JobPreviewed(account_id=ALICE, job_id=JOB, number=1, key="previews/1")
    for news in (progressed(1), progressed(1, job=other), preview, progressed(2)):
        bus.publish(news)
    assert await waiting(subscription) == [progressed(1, job=other), preview, progressed(2)]


async def test_a_transition_makes_older_progress_of_its_job_stale() -> None:
    bus = EventBus()
    subscription = bus.subscribe(ALICE)
    bus.publish(progressed(8))
    bus.publish(moved(1))
    assert await waiting(subscription) == [moved(1)]


async def test_a_transition_is_published_once() -> None:
    bus = EventBus()
    subscription = bus.subscribe(ALICE)
    bus.publish(moved(1))
    bus.publish(moved(1))
    assert await waiting(subscription) == [moved(1)]


async def test_who_is_too_slow_is_told_to_read_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "MOVES_MAX", 3)
    bus = EventBus()
    slow = bus.subscribe(ALICE)
    for number in range(1, 6):
        bus.publish(moved(number))
    assert await waiting(slow) == [Reset(), moved(5)]


async def test_progress_of_too_many_jobs_is_dropped_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "FLEETING_MAX", 2)
    bus = EventBus()
    slow = bus.subscribe(ALICE)
    for number in range(3):
        bus.publish(progressed(1, job=UUID(int=number)))
    assert await waiting(slow) == [progressed(1, job=UUID(int=1)), progressed(1, job=UUID(int=2))]


async def test_who_waits_is_woken_and_closing_the_bus_ends_it() -> None:
    bus = EventBus()
    subscription = bus.subscribe(ALICE)
    reader = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    assert not reader.done()
    bus.publish(moved(1))
    assert await reader == moved(1)
    bus.close()
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)


async def test_who_comes_after_the_end_waits_for_nothing() -> None:
    bus = EventBus()
    bus.close()
    late = bus.subscribe(ALICE)
    async with asyncio.timeout(5):
        assert [news async for news in late] == []
    assert len(bus) == 0


async def test_the_newest_progress_of_a_running_job_is_remembered_until_it_ends() -> None:
    bus = EventBus()
    preview = JobPreviewed(account_id=ALICE, job_id=JOB, number=1, key="previews/1")
    for news in (progressed(1), preview, progressed(2)):
        bus.publish(news)
    assert (bus.latest(JOB).progress, bus.latest(JOB).preview) == (progressed(2), preview)
    bus.publish(moved(1))
    assert bus.latest(JOB) == Latest()


class History:
    """The one method of a library that the follower reads."""

    def __init__(self, moves: Sequence[JobMoved]) -> None:
        self.moves = list(moves)
        self.away = False

    async def newest_event(self) -> int:
        return max((each.id for each in self.moves), default=0)

    async def moved_since(self, event_id: int, *, account_id: UUID | None, limit: int) -> list[JobMoved]:
        if self.away:
            raise StoreUnavailable
        found = sorted((each for each in self.moves if each.id > event_id), key=lambda each: each.id)
        return found[:limit]


async def test_the_follower_brings_what_others_wrote_and_nothing_old() -> None:
    bus = EventBus()
    history = History([moved(1), moved(2)])
    subscription = bus.subscribe(ALICE)
    follower = Follower(history, bus)  # type: ignore[arg-type]
    await follower.step()
    history.moves += [moved(4), moved(5)]
    bus.publish(moved(5))  # this process wrote it itself
    await follower.step()
    history.moves.append(moved(3))  # its transaction was committed after those of the larger ids
    await follower.step()
    assert await waiting(subscription) == [moved(5), moved(4), moved(3)]


async def test_the_follower_looks_back_only_so_far() -> None:
    bus = EventBus()
    history = History([moved(1)])
    subscription = bus.subscribe(ALICE)
    follower = Follower(history, bus)  # type: ignore[arg-type]
    await follower.step()
    history.moves.append(moved(LOOK_BACK + 10))
    await follower.step()
    history.moves += [moved(5), moved(15)]
    await follower.step()
    assert await waiting(subscription) == [moved(LOOK_BACK + 10), moved(15)]


async def test_a_store_that_is_away_ends_nothing() -> None:
    history = History([])
    history.away = True
    follower = Follower(history, EventBus())  # type: ignore[arg-type]
    await follower.step()
    history.moves.append(moved(1))
    with pytest.raises(StoreUnavailable):
        await follower.step()
    task = asyncio.ensure_future(follower.run())
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
