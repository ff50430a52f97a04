"""Which models stay loaded: kept by demand, put away by what it would cost to load them again.

Pure policy over names, bytes and seconds: holds no model, loads nothing, asks no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from darkroom.core.errors import ModelError

DEMAND_HALF_LIFE_S = 600.0  # a run that was asked for so long ago counts half of one asked for now
GIB = 1024**3
BUILT_IN = frozenset({"mini-1"})
"""Models that precision and offloading do nothing for."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How a model gets room: `evict` can be put away now; `busy` must finish what it draws before it can be, too.

    Nothing is put away while `busy` holds a name: until then all of them go on being useful.
    """

    evict: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Held:
    size_bytes: int
    load_s: float
    pinned: bool


@dataclass(frozen=True, kw_only=True)
class _Demand:
    """How often a model was asked for, as of `at`."""

    amount: float
    at: float

    def then(self, now: float) -> float:
        return self.amount * math.exp2(-max(0.0, now - self.at) / DEMAND_HALF_LIFE_S)


class Shelf:
    """The models that are loaded, within `total_bytes`. `now` is in seconds of any clock that does not go back."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._held: dict[str, _Held] = {}
        self._demand: dict[str, _Demand] = {}

    def __contains__(self, model: str) -> bool:
        return model in self._held

    @property
    def models(self) -> tuple[str, ...]:
        """What is loaded, in the order in which it was."""
        return tuple(self._held)

    @property
    def free_bytes(self) -> int:
        return self.total_bytes - sum(held.size_bytes for held in self._held.values())

    def asked(self, model: str, now: float) -> None:
        """A run wants this model."""
        self._demand[model] = _Demand(amount=self.demand(model, now) + 1, at=now)

    def demand(self, model: str, now: float) -> float:
        """Runs that asked for it, the older the less they count."""
        known = self._demand.get(model)
        return known.then(now) if known else 0.0

    def put(self, model: str, size_bytes: int, *, load_s: float, pinned: bool = False) -> None:
        """It is loaded, which took `load_s`. What is pinned is never put away."""
        self._held[model] = _Held(size_bytes=size_bytes, load_s=load_s, pinned=pinned)

    def put_away(self, model: str) -> None:
        del self._held[model]

    def room_for(self, model: str, needed_bytes: int, *, in_flight: Callable[[str], int], now: float) -> Room:
        """What has to go so that `model` fits: idle models where those suffice, else some that are busy as well.

        The dearest stay: a model's cost is its demand times the seconds that loading it took, and those that cost least
        for each byte go first (GreedyDual-Size, Cao and Irani 1997). ModelError where no eviction makes it fit.
        """
        loose = {name: held for name, held in self._held.items() if not held.pinned and name != model}
        idle = {name: held for name, held in loose.items() if not in_flight(name)}
        short = needed_bytes - self.free_bytes
        if short > _bytes_of(loose.values()):
            raise ModelError(self._refusal(model, needed_bytes))
        if short <= _bytes_of(idle.values()):
            return Room(evict=self._chosen(idle, short, now))
        chosen = self._chosen(
            {name: held for name, held in loose.items() if name not in idle},
            short - _bytes_of(idle.values()),
            now,
        )
        return Room(evict=tuple(idle), busy=chosen)

    def _chosen(self, among: dict[str, _Held], short: int, now: float) -> tuple[str, ...]:
        """The cheapest for each byte until `short` bytes are free; then those that are not needed after all stay."""
        dear = sorted(among, key=lambda name: self._cost(name, now) / max(1, among[name].size_bytes))
        chosen: list[str] = []
        for name in dear:
            if short <= sum(among[each].size_bytes for each in chosen):
                break
            chosen.append(name)
        for name in sorted(chosen, key=lambda name: self._cost(name, now), reverse=True):
            if short <= sum(among[each].size_bytes for each in chosen if each != name):
                chosen.remove(name)
        return tuple(chosen)

    def _cost(self, model: str, now: float) -> float:
        """Seconds of loading that putting it away is likely to cost."""
        return self.demand(model, now) * self._held[model].load_s

    def _refusal(self, model: str, needed_bytes: int) -> str:
        kept = [name for name, held in self._held.items() if held.pinned]
        beside = f", of which {', '.join(kept)} always keeps its part" if kept else ""
        remedies = "a larger DARKROOM_MEMORY or a device with more memory would help"
        if model not in BUILT_IN:
            smaller = "a smaller precision (DARKROOM_PRECISION), parts left in main memory (DARKROOM_OFFLOAD)"
            remedies = f"{smaller}, {remedies}"
        return (
            f"{model} does not fit: it needs {_gib(needed_bytes)}, and models may take {_gib(self.total_bytes)} here{beside} "
            f"({_gib(self.free_bytes)} are free now); {remedies}"
        )


def _bytes_of(held: Iterable[_Held]) -> int:
    return sum(each.size_bytes for each in held)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.2f} GiB"
