"""What the tests of dispatch share: a maker of jobs with ids in order, and a worker that draws everything."""

from collections.abc import Callable
from uuid import UUID

import pytest

from darkroom.core.params import Lane
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.dispatch.queue import ReadyJob, ReadyQueue, WorkerView


class Bench:
    """A queue with a default policy. Accounts and jobs are numbers."""

    def __init__(self, queue: ReadyQueue) -> None:
        self.queue = queue
        self.made = 0

    def job(self, account: int = 1, lane: Lane = Lane.FAST, **fields: object) -> ReadyJob:
        self.made += 1
        given: dict[str, object] = {"model": "m", "cost_gpu_ms": 1000, "ready_at": 0.0} | fields
        return ReadyJob(id=UUID(int=self.made), account_id=UUID(int=account), lane=lane, **given)  # type: ignore[arg-type]

    def add(self, account: int = 1, lane: Lane = Lane.FAST, **fields: object) -> ReadyJob:
        job = self.job(account, lane, **fields)
        self.queue.add(job)
        return job

    def pick(
        self,
        worker: str = "w",
        *,
        models: str = "m",
        warm: str = "",
        now: float = 0.0,
        others: tuple[str, ...] = (),
        lanes: frozenset[Lane] = frozenset(Lane),
    ) -> ReadyJob | None:
        view = WorkerView(id=worker, models=frozenset(models), warm=frozenset(warm))
        return self.queue.pick(view, now=now, others=frozenset(others), lanes=lanes)


@pytest.fixture
def make_bench() -> Callable[[], Bench]:
    return lambda: Bench(ReadyQueue(DispatchPolicy()))


@pytest.fixture
def bench(make_bench: Callable[[], Bench]) -> Bench:
    return make_bench()
