"""Pictures for questions, made as users get them: the prompt language, the engine's loop, the model's decoder.

They are taken before upscaling, at the size that the model draws. Knows nothing of scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom.core.errors import ModelError
from darkroom.core.events import ImageFailed
from darkroom.core.params import GenerationParams
from darkroom.engine.decoder import Decoded, Decoder, Undone
from darkroom.engine.engine import Engine
from darkroom.engine.requests import Request
from darkroom.model.denoiser import Denoiser
from darkroom.model.registry import read_registry
from darkroom.prompt import parse
from darkroom.train.evaluation.prompts import Question
from darkroom.train.progress import report

Artist = Callable[[Sequence[Question], int], NDArray[np.uint8]]
"""Questions and a number of images for each -> (questions, images, H, W, 3) uint8."""

IN_FLIGHT = 64  # images; more only take memory


def params_of(question: Question, extra: str = "") -> GenerationParams:
    """What the prompt language makes of a question.

    Composed captions are drawn raw: they name their style, and the house's own must not lean on it.
    """
    raw = " --raw" if question.spec is not None else ""
    text = f"{question.text} --seed {question.seed}{raw}{' ' + extra if extra else ''}"
    (params,) = parse(text, catalogue=read_registry())
    return params


def engine_artist(model: Denoiser, extra: str = "") -> Artist:
    """An artist who draws through the engine with more parameters in each prompt (`extra`). ModelError if an image fails."""

    def draw(questions: Sequence[Question], images: int) -> NDArray[np.uint8]:
        jobs = [
            (str(i), index, params_of(q, extra)) for i, q in enumerate(questions) for index in range(images)
        ]
        found: dict[tuple[str, int], NDArray[np.uint8]] = {}
        for start in range(0, len(jobs), IN_FLIGHT):
            found |= _drawn(model, jobs[start : start + IN_FLIGHT])
            report(f"evaluation: drawn {min(start + IN_FLIGHT, len(jobs))} of {len(jobs)}")
        return np.stack(
            [np.stack([found[str(i), index] for index in range(images)]) for i in range(len(questions))]
        )

    return draw


def _drawn(
    model: Denoiser, jobs: list[tuple[str, int, GenerationParams]]
) -> dict[tuple[str, int], NDArray[np.uint8]]:
    engine, decoder = Engine(preview_every=0), Decoder(_levels)
    for job, index, params in jobs:
        engine.add(model, Request(job_id=job, index=index, params=params))
    found = {}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, ImageFailed):
                raise ModelError(f"image {event.index} of prompt {event.job_id} failed: {event.reason}")
        decoder.add(engine.take_finished())
        for done in decoder.take():
            if isinstance(done, Undone):
                raise ModelError(f"image {done.index} of prompt {done.job_id} failed: {done.reason}")
            found[done.job_id, done.index] = done.result
    return found


def _levels(decoded: Decoded) -> NDArray[np.uint8]:
    """(H, W, 3) in 256 levels."""
    levels = (decoded.picture * 255).round().byte().permute(1, 2, 0)
    return levels.numpy().copy()
