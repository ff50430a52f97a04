"""Plays a trace to a contender in a time of its own, which passes only while the contender works.

Idle stretches are skipped, and arrivals come when the contender's own seconds have reached them: what else happens on
the machine moves no arrival.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from benchmarks.engine.contender import Contender
from benchmarks.engine.meter import Meter, Used
from benchmarks.engine.orders import Order
from benchmarks.engine.toy import Toy
from torch import Tensor

Found = TypeVar("Found")


@dataclass(kw_only=True)
class Replay:
    """What came of a trace. Seconds are the contender's: `busy_s` without the idle stretches, `ended_s` with them."""

    orders: Sequence[Order]
    busy_s: float = 0.0
    steps: int = 0
    done_s: dict[int, float] = field(default_factory=dict)
    """Key -> when its picture was there."""
    cancel_s: dict[int, float] = field(default_factory=dict)
    """Key of an image that was being drawn when it was called off -> seconds until nothing was done for it any more."""
    pictures: dict[int, Tensor] = field(default_factory=dict)
    used: Used = field(default_factory=Used)

    @property
    def ended_s(self) -> float:
        return max(self.done_s.values(), default=0.0)

    @property
    def latencies_s(self) -> dict[int, float]:
        return {
            order.key: self.done_s[order.key] - order.due_s
            for order in self.orders
            if order.key in self.done_s
        }


class Player:
    """One trace, one contender."""

    def __init__(self, contender: Contender, toy: Toy, orders: Sequence[Order], meter: Meter) -> None:
        self._contender, self._toy, self._meter = contender, toy, meter
        self._due = deque(sorted(orders, key=lambda order: order.due_s))
        self._cancels = deque(
            sorted((order.cancel_s, order.key) for order in orders if order.cancel_s is not None)
        )
        self._cancelled: dict[int, float] = {}
        self._now = 0.0
        self._replay = Replay(orders=orders)

    def play(self) -> Replay:
        for order in self._due:
            self._toy.inputs(order)
        self._meter.reset()
        while self._due or self._contender.busy:
            if not self._contender.busy:
                self._now = max(self._now, self._due[0].due_s)
            while self._due and self._due[0].due_s <= self._now:
                inputs = self._toy.inputs(self._due.popleft())
                self._timed(partial(self._contender.add, inputs))
            self._cancel()
            if self._contender.busy:
                self._step()
        self._cancel()
        self._replay.used = self._meter.used.copy()
        return self._replay

    def _step(self) -> None:
        began = self._now
        ended = self._timed(self._contender.step)
        self._replay.steps += 1
        for each in ended:
            if each.picture is not None:
                self._replay.done_s[each.key] = self._now
                self._replay.pictures[each.key] = each.picture
            if each.key in self._cancelled:
                until = began if each.picture is None else self._now
                self._replay.cancel_s[each.key] = max(0.0, until - self._cancelled[each.key])

    def _cancel(self) -> None:
        while self._cancels and self._cancels[0][0] <= self._now:
            moment, key = self._cancels.popleft()
            if key not in self._replay.done_s:
                if self._contender.begun(key):
                    self._cancelled[key] = moment
                self._timed(partial(self._contender.cancel, key))
            elif self._replay.done_s[key] > moment:
                self._replay.cancel_s[key] = self._replay.done_s[key] - moment

    def _timed(self, do: Callable[[], Found]) -> Found:
        began = self._meter.clock.now()
        found = do()
        took = self._meter.clock.now() - began
        self._now += took
        self._replay.busy_s += took
        return found
