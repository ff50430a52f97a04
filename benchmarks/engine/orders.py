"""The load: who asks for what, and when. Pure functions of their arguments and a generator of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from darkroom.core.params import Lane

LANES = ((Lane.TURBO, 0.15), (Lane.FAST, 0.45), (Lane.RELAX, 0.40))
STEPS = (8, 12, 16, 20, 28)
GUIDANCES = (1.0, 3.0, 4.5, 7.0)  # 1: one row a step, else two
SIZES = (
    8,
    12,
    16,
)  # latent positions a side: where larger passes pay on a CPU, and what the built-in model draws
FLOWS = 5
CANCELLED = 0.3  # of the images of a trace with cancels


@dataclass(frozen=True, kw_only=True)
class Order:
    """One image. `due_s` is when it is asked for, `cancel_s` when it is called off, None: never."""

    key: int
    due_s: float
    side: int
    steps: int
    guidance: float
    lane: Lane
    flow: str
    cancel_s: float | None = None

    @property
    def rows(self) -> int:
        """Rows of the network's passes that it takes in all."""
        return self.steps * (1 if self.guidance == 1 else 2)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What orders are drawn from; with one entry each, every order is alike."""

    sizes: Sequence[int] = SIZES
    steps: Sequence[int] = STEPS
    guidances: Sequence[float] = GUIDANCES


def burst(images: int, mix: Mix, rng: Random) -> list[Order]:
    """Everybody at once."""
    return _orders([0.0] * images, mix, rng)


def poisson(images: int, mix: Mix, rng: Random, *, per_s: float) -> list[Order]:
    """Arrivals at random, `per_s` images a second on the average."""
    due_s, moments = 0.0, []
    for _ in range(images):
        moments.append(due_s)
        due_s += rng.expovariate(per_s)
    return _orders(moments, mix, rng)


def with_cancels(orders: Sequence[Order], rng: Random, *, within_s: float) -> list[Order]:
    """The same orders, some of them called off within so many seconds of their arrival."""
    return [
        Order(**{**vars(order), "cancel_s": order.due_s + rng.uniform(0, within_s)})
        if rng.random() < CANCELLED
        else order
        for order in orders
    ]


def _orders(moments: Sequence[float], mix: Mix, rng: Random) -> list[Order]:
    """Shares are exact, so that two traces ask for about as much: only the order and the pairing are random."""
    images = len(moments)
    sizes, steps, guidances = (
        _dealt(values, images, rng) for values in (mix.sizes, mix.steps, mix.guidances)
    )
    lanes = [lane for lane, share in LANES for _ in range(round(share * images))]
    lanes += [Lane.FAST] * (images - len(lanes))
    rng.shuffle(lanes)
    return [
        Order(
            key=key,
            due_s=moments[key],
            side=int(sizes[key]),
            steps=int(steps[key]),
            guidance=guidances[key],
            lane=lanes[key],
            flow=f"flow-{rng.randrange(FLOWS)}",
        )
        for key in range(images)
    ]


def _dealt(values: Sequence[float], count: int, rng: Random) -> list[float]:
    """`count` values, each as often as the others."""
    dealt = [values[i % len(values)] for i in range(count)]
    rng.shuffle(dealt)
    return dealt
