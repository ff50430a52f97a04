"""`make bench-run`: how long people wait for the service itself, from the start of its process.

A first start over an empty folder until it answers and until the first grid is complete through the API; a second start over the
same folder until it answers; a grid on the running service. Bars: the first grid within 30 s, the second start within 3 s. A
timing is never a test: nothing here fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

PROMPT = "a red fox in the snow --seed 7"
FIRST_GRID_BAR_S = 30.0
READY_BAR_S = 3.0
LOOK_EVERY_S = 0.05
GRID_MAX_S = 300.0
ROW = "{:<58}{:>8}{:>8}{:>12}"


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Seconds of one round."""

    first_ready_s: float
    first_grid_s: float
    second_ready_s: float
    next_grid_s: float


@contextmanager
def serving(data: Path) -> Iterator[tuple[float, float, httpx.Client]]:
    """A server over `data`: when its process began, how long until it answered, and a client with the owner's key."""
    command = [sys.executable, "-m", "darkroom.cli", "serve", "--json", "--port", "0"]
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "DARKROOM_DATA": str(data)}
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        ready_s = time.monotonic() - began
        key = (data / "owner.key").read_text(encoding="ascii").strip()
        with httpx.Client(base_url=told["url"], headers={"Authorization": f"Bearer {key}"}) as client:
            yield began, ready_s, client
    finally:
        process.terminate()
        process.wait(60)


def draw(client: httpx.Client) -> None:
    """One grid through the API, until it is complete."""
    job = client.post("/api/v1/jobs", json={"prompt": PROMPT}).raise_for_status().json()["jobs"][0]
    deadline = time.monotonic() + GRID_MAX_S
    while job["state"] != "completed":
        if job["error"] or time.monotonic() > deadline:
            raise SystemExit(f"the job ended as {job['state']}: {job['error']}")
        time.sleep(LOOK_EVERY_S)
        job = client.get(f"/api/v1/jobs/{job['id']}").raise_for_status().json()


def once() -> Waits:
    """One round over a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        data = Path(folder) / "data"
        with serving(data) as (began, first_ready_s, client):
            draw(client)
            first_grid_s = time.monotonic() - began
        with serving(data) as (_, second_ready_s, client):
            draw(client)
            began = time.monotonic()
            draw(client)
            next_grid_s = time.monotonic() - began
    return Waits(
        first_ready_s=first_ready_s,
        first_grid_s=first_grid_s,
        second_ready_s=second_ready_s,
        next_grid_s=next_grid_s,
    )


def report(rounds: Sequence[Waits]) -> None:
    """The table: medians, the bars, and how much of them was used."""
    print(f"median of {len(rounds)} rounds, load {os.getloadavg()[0]:.1f}")
    print(ROW.format("", "seconds", "bar", "of the bar"))
    rows = (
        ("first start: the server answers", [each.first_ready_s for each in rounds], None),
        ("first start: the first grid, through the API", [each.first_grid_s for each in rounds], FIRST_GRID_BAR_S),
        ("second start: the server answers", [each.second_ready_s for each in rounds], READY_BAR_S),
        ("a grid on the running service", [each.next_grid_s for each in rounds], None),
    )  # fmt: skip
    for name, seconds, bar_s in rows:
        middle = median(seconds)
        share = f"{middle / bar_s:.0%}" if bar_s else ""
        print(ROW.format(name, f"{middle:.2f}", f"{bar_s:.0f}" if bar_s else "", share))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    report([once() for _ in range(arguments.parse_args().rounds)])


if __name__ == "__main__":
    main()
