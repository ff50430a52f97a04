"""A worker process that is real but for what draws: the pictures are a function of prompt, seed and number, and tiny.

It draws in steps that take time, so that faults meet it in the middle; and it may be made to misbehave: to report twice,
late, or long after its lease. The parent computes the same pictures in peace by `undisturbed`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.chaos.hurried import hurry

if TYPE_CHECKING:
    from PIL.Image import Image

    from darkroom.core.jobs import Outcome
    from darkroom.core.work import Assignment, Claim, EngineVitals
    from darkroom.worker.generator import Happening
    from darkroom.worker.messages import Report

MODEL = "mini-1"
WIDTH_PX, HEIGHT_PX = 24, 16
STEP_S = 0.05
STEPS = range(3, 25)
NEVER_S = 3600.0  # after which a zombie gives up its runs
LATE_S = (0.5, 9.0)  # how late a report may be said again
CREATED = datetime(2026, 1, 1, tzinfo=UTC)  # of every provenance, so that files can be compared byte by byte

CURSED = "glass"  # prompts with this word can be drawn by nobody
SHAKY = "paper"  # of prompts with this word every other seed is not to be shown
FRAGILE = "stone"  # runs of prompts with this word break their device, one in three


def dice(*what: object) -> random.Random:
    """The same for the same."""
    return random.Random("|".join(map(str, what)))


def picture(prompt: str, seed: int, index: int) -> Image:
    """Noise that nobody can guess who has not the prompt, the seed and the number."""
    from PIL import Image

    size = WIDTH_PX * HEIGHT_PX * 3
    pixels = hashlib.shake_256(f"{prompt}|{seed}|{index}".encode()).digest(size)
    return Image.frombytes("RGB", (WIDTH_PX, HEIGHT_PX), pixels)


def cost_ms(prompt: str) -> int:
    """What a whole run says that it took."""
    return dice("cost", prompt).randint(200, 4000)


class Scorer:
    """An ImageScorer: the first pixel decides where the prompt is told to be shaky."""

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        return {"nsfw": 0.01}


class Shaky(Scorer):
    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        return {"nsfw": 0.9 if hashlib.sha256(rgb).digest()[0] < 40 else 0.01}  # so about half of all fours


def finisher(prompt: str) -> Any:
    from darkroom.worker.developing import Developing

    return Developing(Shaky() if SHAKY in prompt else Scorer(), clock=lambda: CREATED)


def showable(prompt: str, seed: int, images: int) -> bool:
    """Whether the content policy lets all pictures of a run out."""
    if SHAKY not in prompt:
        return True
    looks = (picture(prompt, seed, index) for index in range(images))
    return all(Shaky().score(look.width, look.height, look.tobytes())["nsfw"] < 0.6 for look in looks)


class Slow:
    """A Generator for one run at a time and more: each step moves all runs on by one. A saved state is the steps taken."""

    models = warm = (MODEL,)
    device = "imagination"

    def __init__(self) -> None:
        self._runs: dict[Claim, list[Any]] = {}  # assignment, steps done, steps in all
        self._told: list[Happening] = []

    @property
    def busy(self) -> bool:
        return bool(self._runs or self._told)

    @property
    def vitals(self) -> EngineVitals:
        from darkroom.core.work import EngineVitals

        return EngineVitals(in_flight=len(self._runs))

    def save(self, claim: Claim) -> bytes | None:
        run = self._runs.get(claim)
        return json.dumps({"seed": run[0].seed, "done": run[1]}).encode() if run else None

    def add(
        self, assignment: Assignment, saved: bytes | None = None, inputs: Mapping[str, bytes] | None = None
    ) -> None:
        from darkroom.core.work import Failure, Fault

        if CURSED in assignment.prompt:
            self._told.append(
                Failure(claim=assignment.claim, fault=Fault.JOB, message="glass cannot be drawn")
            )
            return
        came = {hashlib.sha256(file).hexdigest() for file in (inputs or {}).values()}
        assert came == set(assignment.recipe.digests), (
            "a job came with other pictures than those it begins with"
        )
        steps = dice("steps", assignment.prompt).choice(STEPS)
        state = json.loads(saved) if saved else {"seed": assignment.seed, "done": 0}
        assert state["seed"] == assignment.seed, "a state of another seed was handed on"
        self._runs[assignment.claim] = [assignment, state["done"], steps]

    def cancel(self, claim: Claim) -> None:
        from darkroom.core.work import Failure, Fault

        if run := self._runs.pop(claim, None):
            spent = cost_ms(run[0].prompt) * run[1] // run[2]
            self._told.append(
                Failure(claim=claim, fault=Fault.CANCELLED, message="cancelled", measured_gpu_ms=spent)
            )

    def step(self) -> Sequence[Happening]:
        time.sleep(STEP_S)
        for claim, run in list(self._runs.items()):
            run[1] += 1
            self._told += self._moved(claim, *run)
        told, self._told = self._told, []
        return told

    def _moved(self, claim: Claim, assignment: Assignment, done: int, total: int) -> list[Happening]:
        from darkroom.core.work import Failure, Fault, Progress
        from darkroom.worker.generator import Glimpse

        told: list[Happening] = [Progress(claim=claim, done=done, total=total)]
        if (
            FRAGILE in assignment.prompt
            and done == 2
            and dice(claim.fence, assignment.prompt).random() < 1 / 3
        ):
            del self._runs[claim]
            return [*told, Failure(claim=claim, fault=Fault.INFRASTRUCTURE, message="the device fell over")]
        if done == total // 2:
            image = picture(assignment.prompt, assignment.seed, 0)
            told.append(
                Glimpse(claim=claim, index=0, width=image.width, height=image.height, rgb=image.tobytes())
            )
        if done >= total:
            del self._runs[claim]
            told.append(drawn(assignment))
        return told


def drawn(assignment: Assignment) -> Any:
    """The end of a run."""
    from darkroom.worker.generator import Drawn
    from darkroom.worker.studio import Picture

    pictures = {
        index: Picture(
            image=picture(assignment.prompt, assignment.seed, index),
            weights_hash="0" * 64,
            fingerprint={"exact": True},
        )
        for index in range(assignment.images)
    }
    return Drawn(claim=assignment.claim, pictures=pictures, measured_gpu_ms=cost_ms(assignment.prompt))


def undisturbed(prompt: str, seed: int, images: int, recipe: str | None) -> dict[tuple[int | None, str], str]:
    """What a run gives that nobody disturbs: the digest of each file by number (None: the grid) and variant."""
    from uuid import UUID

    from darkroom.core.params import Lane
    from darkroom.core.recipes import EMPTY, Recipe
    from darkroom.core.work import Assignment, Claim

    assignment = Assignment(
        recipe=Recipe.from_json(recipe) if recipe else EMPTY,
        claim=Claim(job_id=UUID(int=0), fence=1),
        prompt=prompt,
        model=MODEL,
        seed=seed,
        lane=Lane.FAST,
        images=images,
        attempt=1,
    )
    files = finisher(prompt).finish(assignment, drawn(assignment))
    return {
        (image.index, staged.file.variant.value): staged.file.digest
        for image in files.images
        for staged in image.files
    }


class Finishing:
    """The real finisher, with scores as the prompt wants them."""

    def finish(self, assignment: Assignment, drawn: Any) -> Any:
        return finisher(assignment.prompt).finish(assignment, drawn)

    def preview(self, images: int, glimpses: Sequence[Any]) -> Any:
        return finisher("").preview(images, glimpses)


def misbehaving(seed: str, notes: Path, *, zombie: bool) -> type:
    """A Connection that says things twice, late and again; `zombie` goes on when its lease is over, as if it had none.

    Writes down every answer to a report: one line of JSON each.
    """
    from darkroom.core.errors import DarkroomError
    from darkroom.worker import messages, protocol

    class Misbehaving(protocol.Connection):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._dice = random.Random(seed)
            self._later: set[asyncio.Task[None]] = set()

        async def register(self) -> Any:
            found = await super().register()
            if zombie and found.abort_after_s != NEVER_S:
                found = self._registration = messages.Registration(
                    worker_id=found.worker_id, heartbeat_s=found.heartbeat_s, abort_after_s=NEVER_S
                )
            return found

        async def reports(self, reports: Sequence[Report]) -> list[Outcome]:
            if self._dice.random() < 0.1:
                await asyncio.sleep(self._dice.uniform(0, 2))
            if self._dice.random() < 0.5:
                task = asyncio.create_task(self._again(list(reports), self._dice.uniform(*LATE_S)))
                self._later.add(task)
                task.add_done_callback(self._later.discard)
            if self._dice.random() < 0.2:  # two at the very same moment
                twice = await asyncio.gather(super().reports(reports), super().reports(reports))
                for outcomes in twice:
                    self._note(reports, outcomes)
                return twice[0]
            outcomes = await super().reports(reports)
            self._note(reports, outcomes)
            return outcomes

        async def _again(self, reports: Sequence[Report], after_s: float) -> None:
            await asyncio.sleep(after_s)
            with suppress(DarkroomError):
                self._note(reports, await super().reports(reports), late=True)

        def _note(
            self, reports: Sequence[Report], outcomes: Sequence[Outcome], *, late: bool = False
        ) -> None:
            with notes.open("a") as file:
                for report, outcome in zip(reports, outcomes):
                    what = {
                        "job": str(report.claim.job_id),
                        "fence": report.claim.fence,
                        "kind": type(report).__name__,
                        "outcome": outcome.value,
                        "late": late,
                    }
                    file.write(json.dumps(what) + "\n")

    return Misbehaving


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--notes", type=Path, required=True)
    parser.add_argument("--zombie", action="store_true")
    parser.add_argument("--unhurried", action="store_true")
    parser.add_argument("--watch-parent", type=int, required=True)
    options = parser.parse_args()
    if not options.unhurried:
        hurry()
    from darkroom.fleet.parent import die_with_parent
    from darkroom.worker import main as process

    die_with_parent(options.watch_parent)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    replaced: Any = process
    replaced.Connection = misbehaving(options.seed, options.notes, zombie=options.zombie)
    token = os.environ["DARKROOM_WORKER_TOKEN"]
    return process.run_worker(
        options.url, token, Slow(), Finishing(), name=options.name, slots=options.slots, drain_limit_s=4
    )


if __name__ == "__main__":
    sys.exit(main())
