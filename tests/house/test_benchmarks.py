"""The benchmarks are run by hand only: here they are at least loaded, and their own arithmetic is checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from darkroom.core.params import Lane

pytest.importorskip("diffusers", reason="the engine's benchmark compares with diffusers")

LOAD = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"


def test_every_module_of_the_engines_benchmark_can_be_loaded(project: Path) -> None:
    names = [f"benchmarks.engine.{path.stem}" for path in (project / "benchmarks/engine").glob("[a-z]*.py")]
    assert len(names) > 8
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *names], capture_output=True, text=True, check=False, cwd=project
    )
    assert done.returncode == 0, done.stderr


def test_a_trace_asks_for_exact_shares_in_random_order() -> None:
    from benchmarks.engine.orders import SIZES, Mix, burst

    orders = burst(60, Mix(), Random(1))
    assert {side: sum(order.side == side for order in orders) for side in SIZES} == dict.fromkeys(SIZES, 20)
    assert [sum(order.lane is lane for order in orders) for lane in Lane] == [9, 27, 24]
    assert orders != burst(60, Mix(), Random(2))


def test_arrivals_at_random_come_at_their_rate() -> None:
    from benchmarks.engine.orders import Mix, poisson

    orders = poisson(4000, Mix(), Random(1), per_s=8.0)
    assert orders[0].due_s == 0.0 and orders[-1].due_s == pytest.approx(500, rel=0.1)


def test_a_replay_skips_idle_time_and_counts_cancels_from_their_own_moment() -> None:
    replay = pytest.importorskip("benchmarks.engine.replay")
    from benchmarks.engine.figures import figures_of

    trace = [_order(0, due_s=0.0), _order(1, due_s=1.0), _order(2, due_s=100.0, cancel_s=100.5)]
    clock = _Clock()
    found = replay.Player(_TwoSecondsEach(clock), _NoInputs(), trace, _Meter(clock)).play()
    assert found.done_s == {0: 2.0, 1: 4.0, 2: 102.0}
    assert found.busy_s == 6.0
    assert found.latencies_s == {0: 2.0, 1: 3.0, 2: 2.0}
    assert found.cancel_s == {2: 1.5}, "it runs to its end: nothing was done for it any more after 102 s"
    found.used.passes, found.used.rows, found.used.network_s = 6, 60, 5.4
    figures = figures_of(found)
    assert figures.per_s == pytest.approx(3 / 102) and figures.mean_s == pytest.approx(7 / 3)
    assert figures.outside == pytest.approx(0.1) and figures.outside_ms == pytest.approx(600 / 24)
    assert figures.padding == pytest.approx(1 - 3 * 16 / 60)


class _Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


class _Meter:
    def __init__(self, clock: _Clock) -> None:
        from benchmarks.engine.meter import Used

        self.clock, self.used = clock, Used()

    def reset(self) -> None:
        pass


class _NoInputs:
    def inputs(self, order: object) -> object:
        return order


class _TwoSecondsEach:
    """Two seconds for each order, one after the other; nothing that has begun can be stopped."""

    def __init__(self, clock: _Clock) -> None:
        self._clock, self._waiting, self._begun = clock, [], set()

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def add(self, order: object) -> None:
        self._waiting.append(order.key)

    def cancel(self, key: int) -> None:
        assert key in self._begun

    def begun(self, key: int) -> bool:
        return key in self._begun

    def step(self) -> list[object]:
        from benchmarks.engine.contender import Ended

        key = self._waiting.pop(0)
        self._begun.add(key)
        self._clock.seconds += 2.0
        return [Ended(key=key, picture=object())]


def _order(key: int, *, due_s: float, cancel_s: float | None = None) -> object:
    from benchmarks.engine.orders import Order

    return Order(
        key=key, due_s=due_s, side=8, steps=8, guidance=3.0, lane=Lane.FAST, flow="", cancel_s=cancel_s
    )
