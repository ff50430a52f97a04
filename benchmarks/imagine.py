"""`make bench-imagine`: seconds for a grid of four, from a fresh process (cold) and from one that has drawn before (warm).

Prints the median of some runs, split into the phases, and its ratio to the bars of the house: a grid at 256 px within 25 s
cold and 15 s warm on 2 cores. A timing is never a test: nothing here fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from darkroom.bootstrap import open_catalogue, open_studio, settings_of_process
from darkroom.cli.draw import PHASES, Job, draw
from darkroom.cli.here import plan
from darkroom.cli.save import save
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.finish.encode import ImageFormat
from darkroom.worker.studio import Studio

PROMPT = "a red fox in the snow --seed 7"
COLD_BAR_S = 25.0
WARM_BAR_S = 15.0
ROW = "{:<10}{:>10}{:>10}"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One run: `total_s` by the clock on the wall, and what the run itself counted."""

    total_s: float
    phases: Mapping[str, float]


def cold(prompt: str) -> Timing:
    """A fresh process, from its start to its end: with the interpreter, imports, loading and the files on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "darkroom.cli",
            "imagine",
            "--here",
            "--json",
            "--quiet",
            "-o",
            folder,
            "--",
            prompt,
        ]
        began = time.monotonic()
        found = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        total_s = time.monotonic() - began
    [job] = json.loads(found.stdout)["jobs"]
    return Timing(total_s=total_s, phases=job["times"])


def warm(studio: Studio, jobs: Sequence[Job]) -> Timing:
    """The same, in a process whose model is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        [drawn] = draw(studio, jobs, range(IMAGES_PER_JOB), tell=lambda _: None, check=lambda: None)
        with drawn.clock.measure("encode"):
            save(drawn, Path(folder), [ImageFormat.PNG, ImageFormat.WEBP])
        return Timing(total_s=time.monotonic() - began, phases=drawn.clock.seconds)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--prompt", default=PROMPT)
    given = arguments.parse_args()
    settings = settings_of_process()
    runs_cold = [cold(given.prompt) for _ in range(given.repeats)]
    studio, jobs = open_studio(settings, open_catalogue(settings)), plan(given.prompt, settings)
    runs_warm = [warm(studio, jobs) for _ in range(given.repeats + 1)][1:]  # the first is not warm yet
    report(runs_cold, runs_warm, settings.threads)


def report(runs_cold: Sequence[Timing], runs_warm: Sequence[Timing], threads: int) -> None:
    """The table, in seconds."""
    print(f"a grid of {IMAGES_PER_JOB}, {threads} threads, median of {len(runs_warm)}, seconds")
    print(ROW.format("", "cold", "warm"))
    for phase in PHASES:
        print(
            ROW.format(
                phase,
                *(f"{median(run.phases[phase] for run in runs):.2f}" for runs in (runs_cold, runs_warm)),
            )
        )
    totals = [median(run.total_s for run in runs) for runs in (runs_cold, runs_warm)]
    print(ROW.format("total", *(f"{total:.2f}" for total in totals)))
    print(ROW.format("bar", f"{COLD_BAR_S:.0f}", f"{WARM_BAR_S:.0f}"))
    print(ROW.format("of the bar", f"{totals[0] / COLD_BAR_S:.0%}", f"{totals[1] / WARM_BAR_S:.0%}"))


if __name__ == "__main__":
    main()
