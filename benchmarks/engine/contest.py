"""Who is compared, on what, and how often: the same traces for all, in shuffled order, a new contender every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import median

import torch
from benchmarks.engine.contender import EXACT, FAST, SERIAL, STATIC, STEPWISE, Contender
from benchmarks.engine.continuous import StepBatches
from benchmarks.engine.figures import Figures, figures_of
from benchmarks.engine.meter import Meter
from benchmarks.engine.orders import Mix, Order, burst, poisson, with_cancels
from benchmarks.engine.ours import OurSide
from benchmarks.engine.peers import WholeCalls
from benchmarks.engine.replay import Player, Replay
from benchmarks.engine.toy import Toy

CAPS = (1, 2, 4, 8)  # images at once, among which a peer gets the one that is best for it
CANCEL_WITHIN = 6  # times between two arrivals, within which an image is called off

Make = Callable[[], Contender]


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Everything that is the same for all. `images` is how many a trace asks for."""

    toy: Toy
    meter: Meter
    ours: OurSide
    mix: Mix
    images: int
    seed: int

    def contenders(self, caps: Mapping[str, int]) -> dict[str, Make]:
        """By name. `caps` says how many images a peer draws at once."""
        return {
            SERIAL: lambda: WholeCalls(self.toy, images_max=1),
            STATIC: lambda: WholeCalls(self.toy, images_max=caps[STATIC]),
            STEPWISE: lambda: StepBatches(self.toy, images_max=caps[STEPWISE]),
            EXACT: lambda: self.ours.contender(exact=True),
            FAST: lambda: self.ours.contender(exact=False),
        }

    def play(self, make: Make, orders: Sequence[Order]) -> Replay:
        contender = make()
        try:
            return Player(contender, self.toy, orders, self.meter).play()
        finally:
            contender.close()

    def tuned(self, images: int) -> dict[str, tuple[int, float]]:
        """How many images at once are best for each peer on a burst, and the images a second that it makes then."""
        orders = burst(images, self.mix, Random(self.seed - 1))
        found = {}
        for name in (STATIC, STEPWISE):
            rates = {}
            for cap in CAPS:
                replay = self.play(self.contenders({name: cap})[name], orders)
                rates[cap] = figures_of(replay).per_s
            best = max(rates, key=lambda cap, rates=rates: rates[cap])
            found[name] = (best, rates[best])
        return found

    def compare(
        self, makes: Mapping[str, Make], *, repeats: int, rates: Sequence[float]
    ) -> list[dict[str, list[Figures]]]:
        """For a burst, and for random arrivals at each of the rates: contender -> figures, one for each repeat."""
        found: list[dict[str, list[Figures]]] = [{name: [] for name in makes} for _ in (0, *rates)]
        for repeat in range(repeats):
            rng = Random(self.seed + repeat)
            traces = [burst(self.images, self.mix, rng)]
            traces += [poisson(self.images, self.mix, rng, per_s=rate) for rate in rates]
            for orders, figures in zip(traces, found, strict=True):
                for name in rng.sample(list(makes), len(makes)):
                    figures[name].append(figures_of(self.play(makes[name], orders)))
            self.toy.forget()
        return found

    def cancels(self, makes: Mapping[str, Make], *, images: int, per_s: float) -> dict[str, list[float]]:
        """Contender -> seconds from a cancel of an image that was being drawn until nothing was done for it any more."""
        rng = Random(self.seed)
        orders = with_cancels(
            poisson(images, self.mix, rng, per_s=per_s), rng, within_s=CANCEL_WITHIN / per_s
        )
        return {name: sorted(self.play(make, orders).cancel_s.values()) for name, make in makes.items()}

    def differences(self, makes: Mapping[str, Make]) -> dict[str, float]:
        """The greatest difference of a pixel from diffusers' own pictures, of 1; it also warms everything up."""
        orders = burst(2 * len(self.mix.sizes) * len(self.mix.guidances), self.mix, Random(self.seed - 2))
        orders = [replace(order, steps=4) for order in orders]
        pictures = {name: self.play(make, orders).pictures for name, make in makes.items()}
        truth = pictures[SERIAL]
        return {
            name: max(float((own[key] - truth[key]).abs().max()) for key in truth)
            for name, own in pictures.items()
        }


@torch.no_grad()
def row_ms(toy: Toy, meter: Meter, side: int, rows: int, *, repeats: int = 3) -> float:
    """Milliseconds of the network for each row of a pass, the median of some."""
    x = torch.randn(rows, toy.network.config.in_channels, side, side, device=toy.device)
    words = toy.inputs(burst(1, Mix(sizes=(side,)), Random(0))[0]).words
    times = []
    for _ in range(repeats + 1):
        meter.reset()
        toy.network(
            hidden_states=x,
            timestep=torch.full((rows,), 500.0, device=toy.device),
            encoder_hidden_states=words.tokens.expand(rows, -1, -1),
            pooled_projections=words.pooled.expand(rows, -1),
            return_dict=False,
        )
        times.append(1000 * meter.used.network_s / rows)
    return median(times[1:])
