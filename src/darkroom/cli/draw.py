"""How jobs are drawn in this process: model by model in one engine, each job handed over when its images are finished.

Reads as the story of one run: load -> add -> step -> decode and enlarge. Knows neither files nor terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from darkroom.core.errors import DarkroomError
from darkroom.core.events import Event, ImageFailed, RequestNoted, StepTaken
from darkroom.core.params import GenerationParams
from darkroom.worker.loader import not_loaded
from darkroom.worker.studio import Picture, Studio

if TYPE_CHECKING:
    from darkroom.engine.decoder import Done, Undone
    from darkroom.model.denoiser import Denoiser

LOADING_FAULTS = (DarkroomError, OSError, RuntimeError, ValueError, MemoryError)
"""What a model may break on while it is loaded; the jobs of the others are drawn all the same."""

PHASES = ("start", "text", "denoise", "decode", "upscale", "encode")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job with its seed drawn; `canonical` is text that parses to it."""

    id: str
    params: GenerationParams
    canonical: str
    seed: int


@dataclass(kw_only=True)
class Clock:
    """Seconds that a job spent in each phase. A step counts in full for every job that is still being drawn.

    `denoise` is the time of the passes, `text` what a step takes besides: reading prompts and preparing images.
    """

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] += time.monotonic() - began


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A job that is done: its pictures by index, or why it failed."""

    job: Job
    pictures: dict[int, Picture]
    clock: Clock
    failure: str = ""
    notes: list[str] = field(default_factory=list)


def draw(
    studio: Studio,
    jobs: Sequence[Job],
    indices: Sequence[int],
    *,
    tell: Callable[[Event], None],
    check: Callable[[], None],
) -> Iterator[Drawn]:
    """Draw the images `indices` of every job and yield each job when it is done; a job that fails, fails alone.

    Jobs of one model are drawn together, models one after the other, so that not all of them need room at once. `tell`
    hears every event; `check` is called before each step and may raise (Cancelled), which drops all jobs.
    """
    for model in dict.fromkeys(job.params.model for job in jobs):
        check()
        own = [job for job in jobs if job.params.model == model]
        try:
            denoiser = studio.models.now(model)
        except LOADING_FAULTS as fault:
            reason = not_loaded(model, fault).message
            yield from [Drawn(job=job, pictures={}, clock=Clock(), failure=reason) for job in own]
            continue
        yield from _drawn(_Run(studio, denoiser, own, indices), own, tell=tell, check=check)


def _drawn(
    run: _Run, jobs: Sequence[Job], *, tell: Callable[[Event], None], check: Callable[[], None]
) -> Iterator[Drawn]:
    try:
        for job in jobs:
            check()
            run.add(job)
        while run.busy:
            check()
            yield from run.step(tell)
    finally:
        run.drop()


class _Run:
    """The jobs of one model in flight, by id."""

    def __init__(
        self, studio: Studio, denoiser: Denoiser, jobs: Sequence[Job], indices: Sequence[int]
    ) -> None:
        from darkroom.engine.decoder import Decoder

        self._engine, self._denoiser, self._indices = studio.engine, denoiser, indices
        self._decoder: Decoder[Picture] = Decoder(studio.picture)
        self._open = {job.id: Drawn(job=job, pictures={}, clock=Clock()) for job in jobs}

    @property
    def busy(self) -> bool:
        return self._engine.busy

    def add(self, job: Job) -> None:
        from darkroom.engine.requests import Request

        for index in self._indices:
            self._engine.add(self._denoiser, Request(job_id=job.id, index=index, params=job.params))

    def drop(self) -> None:
        """Cancel what is still open, and have the engine forget it, so that it can be used again."""
        for job_id in self._open:
            self._engine.cancel(job_id)
        if self._open:
            self._engine.step()

    def step(self, tell: Callable[[Event], None]) -> Iterator[Drawn]:
        for event in [*self._stepped(), *self._engine.take_previews()]:
            tell(event)
            if isinstance(event, RequestNoted):
                self._note(event)
            if isinstance(event, ImageFailed) and event.job_id in self._open:
                yield self._failed(event.job_id, event.index, event.reason)
        self._decoder.add(each for each in self._engine.take_finished() if each.job_id in self._open)
        while made := self._decoder.take(at_most=1):
            if made[0].job_id in self._open:
                yield from self._developed(made[0])

    def _stepped(self) -> Sequence[Event]:
        """One step of the engine. What is not the device's time went to texts and to what a row starts from."""
        began = time.monotonic()
        events = self._engine.step()
        spent = time.monotonic() - began
        denoised = min(spent, sum(event.device_ms for event in events if isinstance(event, StepTaken)) / 1000)
        for drawn in self._open.values():
            drawn.clock.seconds["denoise"] += denoised
            drawn.clock.seconds["text"] += spent - denoised
        return events

    def _note(self, event: RequestNoted) -> None:
        """Once for the job, though each of its images says it."""
        notes = self._open[event.job_id].notes
        if event.note not in notes:
            notes.append(event.note)

    def _failed(self, job_id: str, index: int, why: str) -> Drawn:
        self._engine.cancel(job_id)
        self._decoder.cancel(job_id)
        drawn = self._open.pop(job_id)
        reason = f"image {index + 1} could not be drawn: {why}"
        return Drawn(job=drawn.job, pictures={}, clock=drawn.clock, failure=reason)

    def _developed(self, made: Done[Picture] | Undone) -> Iterator[Drawn]:
        from darkroom.engine.decoder import Undone

        if isinstance(made, Undone):
            yield self._failed(made.job_id, made.index, made.reason)
            return
        drawn = self._open[made.job_id]
        drawn.clock.seconds["decode"] += made.decode_s
        drawn.clock.seconds["upscale"] += made.seconds - made.decode_s
        drawn.pictures[made.index] = made.result
        if len(drawn.pictures) == len(self._indices):
            yield self._open.pop(made.job_id)
