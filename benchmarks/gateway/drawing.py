"""A worker process that speaks the real protocol and draws nothing: each job is done in the step that it came in.

Its pictures have scores and no files, so nothing is uploaded. Writes when it got each job, and when its report was accepted.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from darkroom.core.params import IMAGES_PER_JOB
from darkroom.core.work import Assignment, Claim, EngineVitals, StagedImage
from darkroom.worker.generator import Drawn, Files, Glimpse, Happening
from darkroom.worker.main import run_worker

MEASURED_GPU_MS = 1000  # what each job claims to have taken
MODEL = "mini-1"
DESK = "darkroom.worker.desk"  # logs how each report was answered


class Instant:
    """A Generator that has drawn everything as soon as it is asked. `got` holds the epoch seconds of each arrival."""

    models = warm = (MODEL,)
    device = "nothing (benchmark)"
    vitals = EngineVitals()

    def __init__(self) -> None:
        self._drawn: list[Happening] = []
        self.got: dict[str, float] = {}

    @property
    def busy(self) -> bool:
        return bool(self._drawn)

    def add(
        self, assignment: Assignment, saved: bytes | None = None, inputs: Mapping[str, bytes] | None = None
    ) -> None:
        self.got[str(assignment.claim.job_id)] = time.time()
        self._drawn.append(Drawn(claim=assignment.claim, pictures={}, measured_gpu_ms=MEASURED_GPU_MS))

    def save(self, claim: Claim) -> bytes | None:
        return None  # nothing is ever half done

    def cancel(self, claim: Claim) -> None:
        self._drawn = [each for each in self._drawn if each.claim != claim]

    def step(self) -> Sequence[Happening]:
        told, self._drawn = self._drawn, []
        return told


class Nothing:
    """A Finisher: four scored pictures without files."""

    def finish(self, assignment: Assignment, drawn: Drawn) -> Files:
        scores = {"nsfw": 0.01}
        images = [StagedImage(index=index, files=(), scores=scores) for index in range(IMAGES_PER_JOB)]
        return Files(images=tuple(images))

    def preview(self, images: int, glimpses: Sequence[Glimpse]) -> tuple[bytes, Mapping[str, float]]:
        raise AssertionError("nothing is ever glimpsed")


class Answers(logging.Handler):
    """Hears from the worker's own log how each report was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}
        self.outcomes: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and "the report was" in record.msg:
            job_id, outcome = record.args
            self.at[str(job_id)] = record.created
            self.outcomes[str(outcome)] = self.outcomes.get(str(outcome), 0) + 1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    answers, generator = Answers(), Instant()
    desk = logging.getLogger(DESK)
    desk.setLevel(logging.INFO)
    desk.addHandler(answers)
    desk.propagate = False
    code = run_worker(
        options.url, options.token, generator, Nothing(), name="bench", slots=options.slots, drain_limit_s=5
    )
    notes = {"got": generator.got, "answered": answers.at, "outcomes": answers.outcomes}
    options.notes.write_text(json.dumps(notes))
    return code


if __name__ == "__main__":
    sys.exit(main())
