"""From replays to figures: one value of each for a contender in a repeat, medians and spreads over the repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.engine.replay import Replay

from darkroom.core.params import Lane


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One contender, one trace. `per_s` counts pictures from the first arrival to the last picture."""

    per_s: float
    mean_s: float
    p50_s: float
    p95_s: Mapping[str, float]
    """By lane, and "all"."""
    outside: float
    """The share of the busy seconds that were spent neither in the network nor in the decoder."""
    outside_ms: float
    """The same for each step of an image, whoever shared its pass."""
    scheduling: float
    """The share of the busy seconds in which our scheduler decided who steps and who is charged."""
    padding: float
    """The share of the rows that only filled up passes."""
    rows_a_pass: float
    network_s: float
    decoder_s: float


def figures_of(replay: Replay) -> Figures:
    latencies, used = replay.latencies_s, replay.used
    by_lane = {
        lane.value: [latencies[order.key] for order in replay.orders if order.lane is lane] for lane in Lane
    }
    useful = sum(order.rows for order in replay.orders)
    outside_s = replay.busy_s - used.network_s - used.decoder_s
    return Figures(
        per_s=len(latencies) / replay.ended_s,
        mean_s=fmean(latencies.values()),
        p50_s=percentile(list(latencies.values()), 0.5),
        p95_s={
            "all": percentile(list(latencies.values()), 0.95),
            **{lane: percentile(values, 0.95) for lane, values in by_lane.items()},
        },
        outside=outside_s / replay.busy_s,
        outside_ms=1000 * outside_s / sum(order.steps for order in replay.orders),
        scheduling=used.scheduler_s / replay.busy_s,
        padding=1 - useful / used.rows,
        rows_a_pass=used.rows / used.passes,
        network_s=used.network_s,
        decoder_s=used.decoder_s,
    )


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median over the repeats, the least and the greatest."""

    median: float
    least: float
    greatest: float

    def __format__(self, form: str) -> str:
        return f"{self.median:{form}} [{self.least:{form}} {self.greatest:{form}}]"


def spread(repeats: Sequence[Figures], value: Callable[[Figures], float]) -> Spread:
    values = [value(each) for each in repeats]
    return Spread(median=median(values), least=min(values), greatest=max(values))


def ratio(ours: Sequence[Figures], theirs: Sequence[Figures], value: Callable[[Figures], float]) -> Spread:
    """Of the two in the same repeat, thus on the same trace."""
    values = [value(a) / value(b) for a, b in zip(ours, theirs, strict=True)]
    return Spread(median=median(values), least=min(values), greatest=max(values))
