"""`make bench-engine`: our engine beside three ways of serving the same network, on the same traces.

One core and one thread by default, so that a stage beside our loop wins nothing by running beside it.
"""

from __future__ import annotations

import argparse
import os
import warnings
from random import Random

import torch
from benchmarks.engine import by_batch, report
from benchmarks.engine.contender import STATIC, STEPWISE
from benchmarks.engine.contest import CAPS, Contest, row_ms
from benchmarks.engine.meter import Meter, clock_for
from benchmarks.engine.orders import GUIDANCES, SIZES, STEPS, Mix, burst
from benchmarks.engine.ours import OurSide
from benchmarks.engine.profiled import profile
from benchmarks.engine.toy import Toy

ROWS = (1, 2, 4, 8, 16)


def main() -> None:
    options = _options()
    warnings.filterwarnings("ignore")  # diffusers' advice to whoever calls it
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cpu":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
        torch.set_num_threads(options.threads)
    clock = clock_for(device, options.threads)
    report.machine(device, threads=options.threads, clock=clock.name)
    if options.images_by_batch:
        by_batch.show(device, clock)
        return
    meter = Meter(clock)
    toy = Toy(meter, device)
    mix = Mix(sizes=options.sizes, steps=options.steps, guidances=options.guidances)
    contest = Contest(
        toy=toy,
        meter=meter,
        ours=OurSide(toy, meter=meter, threads=options.threads),
        mix=mix,
        images=options.images,
        seed=options.seed,
    )
    if options.profile:
        orders = burst(options.images, mix, Random(options.seed))
        profile(lambda exact: contest.ours.contender(exact=exact), toy, meter, orders)
        return
    _compare(contest, options)


def _compare(contest: Contest, options: argparse.Namespace) -> None:
    mix = contest.mix
    sides = sorted(set(mix.sizes))
    report.rows({side: {n: row_ms(contest.toy, contest.meter, side, n) for n in ROWS} for side in sides})
    tuned = contest.tuned(options.images)
    caps = {name: cap for name, (cap, _) in tuned.items()}
    makes = contest.contenders(caps)
    differences = contest.differences(makes)
    report.say(
        "",
        f"{options.images} images a trace: sizes {sorted(set(mix.sizes))}, steps {sorted(set(mix.steps))}, "
        f"guidance {sorted(set(mix.guidances))}, lanes 15 % turbo, 45 % fast, 40 % relax, 5 flows",
        f"Images at once, best of {CAPS} for each: static batches {caps[STATIC]}, step batches {caps[STEPWISE]}",
        "Greatest difference of a pixel from diffusers' pictures, of 1: "
        + ", ".join(f"{name} {value:.1e}" for name, value in differences.items()),
    )
    capacity = max(rate for _, rate in tuned.values())
    rates = [load * capacity for load in options.loads]
    at_once, *by_load = contest.compare(makes, repeats=options.repeats, rates=rates)
    report.trace("A burst, everybody at once", at_once)
    for load, rate, figures in zip(options.loads, rates, by_load, strict=True):
        report.trace(f"Poisson arrivals, {rate:.2f} images/s: {load} of what the best peer can do", figures)
    report.cancels(contest.cancels(makes, images=options.images, per_s=rates[-1]))
    report.ratios({"in the burst": at_once, **dict(zip(map("at load {}".format, options.loads), by_load))})
    report.verdict(at_once, by_load[-1])


def _options() -> argparse.Namespace:
    def whole(text: str) -> list[int]:
        return [int(each) for each in text.split(",")]

    def numbers(text: str) -> list[float]:
        return [float(each) for each in text.split(",")]

    parser = argparse.ArgumentParser(prog="make bench-engine", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two repeats of 24 images")
    parser.add_argument("--images", type=int, default=36, help="of a trace")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--loads", type=numbers, default=(1.2,), help="arrivals, of what the best peer can do"
    )
    parser.add_argument("--threads", type=int, default=1, help="and as many cores")
    parser.add_argument("--sizes", type=whole, default=SIZES, help="latent positions a side")
    parser.add_argument("--steps", type=whole, default=STEPS)
    parser.add_argument("--guidances", type=numbers, default=GUIDANCES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="", help="cpu or cuda; the GPU where there is one")
    parser.add_argument("--profile", action="store_true", help="where our own time goes, and nothing else")
    parser.add_argument(
        "--images-by-batch", action="store_true", help="images a second by rows of a pass, and nothing else"
    )
    options = parser.parse_args()
    if options.quick:
        options.images, options.repeats = 24, 2
    return options


if __name__ == "__main__":
    main()
