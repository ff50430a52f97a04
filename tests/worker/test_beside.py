"""A thread whose long tasks let the urgent ones in between, keep their own time, and end early where nobody wants them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from darkroom.worker.beside import Beside, give_way

WAIT_S = 20.0


class Bench:
    """A thread that stands still until `go`, and what was run in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.go, self.done = threading.Event(), 0
        self.ran: list[Any] = []
        self.beside = Beside(
            "making", begin=lambda: self.go.wait(WAIT_S), done=self._done, timer=lambda: self.now
        )

    def _done(self) -> None:
        self.done += 1

    def note(self, name: Any, seconds: float = 0.0) -> Any:
        def call() -> float:
            began = self.beside.own_time()
            self.ran.append(name)
            self.now += seconds
            return self.beside.own_time() - began

        return call

    def long(self, name: str, parts: int) -> Any:
        """A second for each part, and before each of them others."""

        def call() -> float:
            began = self.beside.own_time()
            for part in range(parts):
                give_way()
                self.ran.append(f"{name}{part}")
                self.now += 1
            return self.beside.own_time() - began

        return call


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.go.set()
    bench.beside.shutdown()


def test_the_most_urgent_goes_first_and_among_equals_who_came_first(bench: Bench) -> None:
    for urgency, name in ((5, "e"), (1, "a"), (5, "f"), (1, "b")):
        bench.beside.at(urgency).submit(bench.note(name))
    bench.beside.submit(bench.note("first"))
    bench.go.set()
    bench.beside.shutdown()
    assert bench.ran == ["first", "a", "b", "e", "f"] and bench.done == 5


def test_a_long_task_lets_one_more_urgent_in_before_each_of_its_parts(bench: Bench) -> None:
    later: list[Any] = []

    def long() -> float:
        later.extend(bench.beside.at(urgency).submit(bench.note(urgency, 7.0)) for urgency in (4, 1, 2, 9))
        return float(bench.long("part", 3)())

    made = bench.beside.at(4).submit(long)
    bench.go.set()
    assert made.result(WAIT_S) == 3.0, "the seconds of others are not its own"
    assert [each.result(WAIT_S) for each in later] == [7.0] * 4
    assert bench.ran == [1, "part0", 2, "part1", "part2", 4, 9]


def test_who_was_let_in_lets_others_in_and_everybody_keeps_their_own_time(bench: Bench) -> None:
    made: list[Any] = []

    def middle() -> float:
        made.append(bench.beside.at(0).submit(bench.note("inner", 7.0)))
        return float(bench.long("middle", 2)())

    def outer() -> float:
        made.append(bench.beside.at(2).submit(middle))
        return float(bench.long("outer", 2)())

    last = bench.beside.at(4).submit(outer)
    bench.go.set()
    assert last.result(WAIT_S) == 2.0
    assert [each.result(WAIT_S) for each in made] == [2.0, 7.0]
    assert bench.ran == ["inner", "middle0", "middle1", "outer0", "outer1"]


def test_what_nobody_wants_any_more_ends_at_its_next_part(bench: Bench) -> None:
    under_way, cancelled = threading.Event(), threading.Event()

    def long() -> None:
        bench.ran.append("begun")
        under_way.set()
        cancelled.wait(WAIT_S)
        give_way()
        bench.ran.append("never")

    unwanted, next_one = bench.beside.submit(long), bench.beside.at(1).submit(bench.note("next"))
    bench.go.set()
    under_way.wait(WAIT_S)
    assert not unwanted.cancel(), "it is under way"
    cancelled.set()
    with pytest.raises(CancelledError):
        unwanted.result(WAIT_S)
    next_one.result(WAIT_S)
    assert bench.ran == ["begun", "next"]


def test_what_waits_and_is_cancelled_is_not_run(bench: Bench) -> None:
    waiting = bench.beside.submit(bench.note("never"))
    assert waiting.cancel()
    bench.go.set()
    bench.beside.shutdown()
    assert (bench.ran, bench.done) == ([], 0)


def test_a_fault_of_who_was_let_in_is_not_that_of_the_long_one(bench: Bench) -> None:
    def broken() -> None:
        raise RuntimeError("no")

    def long() -> str:
        faulty.append(bench.beside.submit(broken))
        give_way()
        return "done"

    faulty: list[Any] = []
    made = bench.beside.at(3).submit(long)
    bench.go.set()
    assert made.result(WAIT_S) == "done"
    with pytest.raises(RuntimeError, match="no"):
        faulty[0].result(WAIT_S)


def test_elsewhere_nobody_gives_way() -> None:
    give_way()


def test_the_end_waits_for_all_that_was_submitted_and_lets_nobody_end_early(bench: Bench) -> None:
    bench.beside.at(7).submit(bench.long("part", 2))
    bench.beside.shutdown(wait=False)
    bench.go.set()
    bench.beside._thread.join(WAIT_S)
    assert bench.ran == ["part0", "part1"]
