"""What is printed. Knows the figures, and measures nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import torch
from benchmarks.engine.contender import EXACT, FAST, SERIAL, STEPWISE
from benchmarks.engine.figures import Figures, Spread, percentile, ratio, spread

THROUGHPUT_AIM = 1.25
TURBO_AIM = 0.25
EXACT_AIM = 0.90
OVERHEAD_AIM = 0.02
LANES = ("turbo", "fast", "relax")


def say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def machine(device: torch.device, *, threads: int, clock: str) -> None:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    say(
        f"{where}; {os.cpu_count()} cores ({models[0] if models else platform.machine()}), "
        f"{threads} thread(s), torch {torch.__version__}, load average {os.getloadavg()[0]:.1f}; time is {clock}"
    )


def rows(found: Mapping[int, Mapping[int, float]]) -> None:
    """Side -> rows of a pass -> ms a row."""
    say("", "The network, ms a row by the rows of a pass (what there is to win by larger passes):")
    for side, by_rows in found.items():
        cells = "  ".join(f"{count}: {ms:6.2f}" for count, ms in by_rows.items())
        say(f"  {side:2}x{side:<2} latent  {cells}   2 rows / best {by_rows[2] / min(by_rows.values()):.2f}")


def trace(title: str, found: Mapping[str, Sequence[Figures]]) -> None:
    repeats = len(next(iter(found.values())))
    say("", f"{title}; medians of {repeats} repeats [least greatest]:")
    say(
        f"  {'':20}{'images/s':>20}{'mean s':>20}{'p50 s':>7}{'p95 s':>7}{'turbo p95 s':>22}"
        f"{'fast':>7}{'relax':>7}{'outside network, VAE':>22}{'rows/pass':>11}{'padding':>9}"
    )
    for name, repeats_of in found.items():
        say(_line(name, repeats_of))


def _line(name: str, figures: Sequence[Figures]) -> str:
    def middle(*path: str) -> float:
        return median(each.p95_s[path[0]] for each in figures)

    outside = spread(figures, lambda each: each.outside)
    outside_ms = median(each.outside_ms for each in figures)
    return (
        f"  {name:20}{spread(figures, lambda each: each.per_s):5.2f}".ljust(42)
        + f"{spread(figures, lambda each: each.mean_s):5.2f}".ljust(20)
        + f"{median(each.p50_s for each in figures):7.2f}{middle('all'):7.2f}   "
        + f"{spread(figures, lambda each: each.p95_s['turbo']):5.2f}".ljust(19)
        + f"{middle('fast'):7.2f}{middle('relax'):7.2f}"
        + f"{outside.median:12.1%} {outside_ms:4.2f} ms/st"
        + f"{median(each.rows_a_pass for each in figures):11.1f}"
        + f"{median(each.padding for each in figures):9.1%}"
    )


def cancels(found: Mapping[str, Sequence[float]]) -> None:
    say("", "From a cancel of an image that was being drawn until nothing was done for it any more, ms:")
    for name, values in found.items():
        ms = [1000 * value for value in values]
        told = f"p50 {percentile(ms, 0.5):7.1f}  max {max(ms):7.1f}" if ms else "nobody was being drawn"
        say(f"  {name:20}{told}   ({len(ms)} images)")


def ratios(traces: Mapping[str, Mapping[str, Sequence[Figures]]]) -> None:
    """Title of a trace -> its figures."""
    say("", "Ours / theirs, each within one repeat (medians [least greatest]):")
    for title, found in traces.items():
        for name in (EXACT, FAST):
            for other in (STEPWISE, SERIAL):
                say(
                    f"  {name:12}/ {other:20}{title:14}"
                    f"images/s {ratio(found[name], found[other], lambda each: each.per_s):.2f}   "
                    f"mean {ratio(found[name], found[other], lambda each: each.mean_s):.2f}   "
                    f"turbo p95 {ratio(found[name], found[other], lambda each: each.p95_s['turbo']):.2f}"
                )


def verdict(burst: Mapping[str, Sequence[Figures]], poisson: Mapping[str, Sequence[Figures]]) -> None:
    """The bars, and what was reached."""
    say("")
    gain = ratio(burst[EXACT], burst[STEPWISE], lambda each: each.per_s)
    turbo = ratio(poisson[EXACT], poisson[STEPWISE], lambda each: each.p95_s["turbo"])
    exact = ratio(burst[EXACT], burst[FAST], lambda each: each.per_s)
    scheduling = spread(burst[EXACT], lambda each: each.scheduling)
    outside = spread(burst[EXACT], lambda each: each.outside)
    _bar("throughput, exact / step batches", gain, THROUGHPUT_AIM, gain.median >= THROUGHPUT_AIM)
    _bar("turbo p95, exact / step batches", turbo, TURBO_AIM, turbo.median <= TURBO_AIM)
    _bar("throughput, exact / fast", exact, EXACT_AIM, exact.median >= EXACT_AIM)
    _bar("scheduler, of the busy time", scheduling, OVERHEAD_AIM, scheduling.median < OVERHEAD_AIM)
    _bar("all outside network and VAE", outside, OVERHEAD_AIM, outside.median < OVERHEAD_AIM)


def _bar(name: str, found: Spread, aim: float, holds: bool) -> None:
    say(f"  {'HELD    ' if holds else 'NOT HELD'}  {name:34} {found:.3f}   bar {aim}")
