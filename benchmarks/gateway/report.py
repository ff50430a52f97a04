"""What is printed. Knows the figures, and measures nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.gateway.audit import Audit
from benchmarks.gateway.contest import Contender, Leg
from benchmarks.gateway.figures import load_average
from benchmarks.gateway.idle import Pair
from benchmarks.gateway.open_loop import Stretch
from benchmarks.gateway.stages import Held

PEER_DOES = {
    "procrastinate": "a bare queue: one row a job, LISTEN/NOTIFY, deleted when done",
    "PgQueuer": "a bare queue: one row a job, LISTEN/NOTIFY, moved to a log when done",
}
OURS_DOES = "hold, charge, caps, history, fences, verdict and 4 image rows for each job"
LISTENERS_LEFT = "{} of {} listeners were still there"


def say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def machine() -> None:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    say(
        f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, {load_average()} before the start"
    )


def new_prompts(stretch: Stretch) -> None:
    say(
        "",
        f"Warm-up: {stretch.offered} prompts that moderation had never seen, {stretch.accepted_per_s:.0f}/s",
        f"  submit              {stretch.submit}",
    )


def held(found: Held, *, wanted: float) -> None:
    """The open loop."""
    stretch = found.stretch
    statuses = ", ".join(f"{number} x {status or 'no answer'}" for status, number in stretch.statuses.items())
    say(
        "",
        f"Open loop, {wanted:.0f} jobs/s (Poisson) for {stretch.ended - stretch.began:.0f} s: "
        f"{'HELD' if found.held else 'NOT HELD'}",
        f"  submitted {stretch.accepted_per_s:6.1f}/s   completed {found.completed_per_s:6.1f}/s   ({statuses})",
        f"  submit              {stretch.submit}",
        f"  queued -> claimed   {found.queued}   (the service's own clock)",
        f"  due -> at worker    {found.at_worker}   (with the claim committed and delivered)",
        f"  due -> settled      {found.settled}   (its report accepted, all committed)",
        f"  CPU of one core     {stretch.cost}   ({stretch.load_average})",
        f"  worker heard        {', '.join(f'{n} {name}' for name, n in found.outcomes.items())}",
    )


def audit(found: Audit) -> None:
    say("", f"Audit of the database: {found}")


def contest(contenders: Sequence[Contender], *, http_per_s: float, rate: float) -> None:
    """Jobs through the whole life as fast as it goes, and at the rate of the open loop."""
    say("", "Flat out, every job through its whole life (median of the runs in brackets), CPU a job:")
    say(f"  {'Darkroom over HTTP':<20}{http_per_s:7.0f} jobs/s   {OURS_DOES}, behind the gateway")
    ours = contenders[0].flat_out.per_s
    for each in contenders:
        runs = " ".join(f"{run:.0f}" for run in each.all_flat_out)
        leg = each.flat_out
        does = PEER_DOES.get(each.name, OURS_DOES + ", in one process")
        say(
            f"  {each.name:<20}{leg.per_s:7.0f} jobs/s   [{runs}]   PostgreSQL {leg.postgres_ms:.2f} ms, "
            f"Python {leg.python_ms:.2f} ms   {does}"
        )
        if each.name in PEER_DOES:
            say(
                f"  {'':<20}Darkroom's ledger / {each.name}: {ours / leg.per_s:.2f}   "
                f"over HTTP / {each.name}: {http_per_s / leg.per_s:.2f}"
            )
    say("", f"At {rate:.0f} jobs/s (Poisson):")
    for each in contenders:
        _paced(each.name, each.paced, each.load_average)


def _paced(name: str, leg: Leg, loaded: str) -> None:
    left = "   JOBS WERE LEFT" if leg.left else ""
    say(
        f"  {name:<20}{leg.per_s:7.0f} jobs/s   PostgreSQL {leg.postgres_ms:.2f} ms, Python {leg.python_ms:.2f} ms a job"
        f"   ({loaded}){left}",
        f"    enqueue           {leg.enqueue}",
        f"    due -> claimed    {leg.claim}",
    )


def pair(number: int, found: Pair, *, listeners: int) -> None:
    for name, stretch in (("alone", found.alone), (f"beside {listeners} listeners", found.crowded)):
        say(
            f"  run {number} {name:<24} submit {stretch.submit}   gateway {stretch.cost.shares['gateway']:4.0%}   "
            f"others {stretch.cost.others:4.0%}   ({stretch.load_average})"
        )
    if found.still_open != listeners:
        say(f"  {LISTENERS_LEFT.format(found.still_open, listeners)}")


def pairs(found: Sequence[Pair]) -> None:
    alone, crowded = (median(p) for p in zip(*((p.alone.submit.p99, p.crowded.submit.p99) for p in found)))
    say(
        f"  median p99 {alone:.1f} ms alone, {crowded:.1f} ms with listeners ({crowded / alone:.2f} x); "
        f"{found[0].bytes_a_listener / 1024:.0f} KiB of the server's memory for each (first run)"
    )


def without_requests(figures: Mapping[str, object]) -> Mapping[str, object]:
    """The figures as JSON will hold them: single requests are too many."""

    def thin(value: object) -> object:
        if isinstance(value, dict):
            return {key: thin(each) for key, each in value.items() if key != "submits"}
        return [thin(each) for each in value] if isinstance(value, list | tuple) else value

    return {key: thin(value) for key, value in figures.items()}
