"""How jobs are drawn in this process: all of them in one engine, each handed over when its images are finished.

Reads as the story of one run: add -> step -> decode -> enlarge. Knows neither files nor terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from darkroom.core.events import Event, ImageFailed, RequestNoted
from darkroom.core.params import GenerationParams
from darkroom.worker.studio import Picture, Studio

if TYPE_CHECKING:
    from darkroom.engine.rows import Finished

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
    """Seconds that a job spent in each phase. A step counts in full for every job that is still being drawn."""

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

    `tell` hears every event; `check` is called before each step and may raise (Cancelled), which drops all jobs.
    """
    run = _Run(studio, jobs, indices)
    try:
        for job in jobs:
            check()
            run.add(job)
        while studio.engine.busy:
            check()
            yield from run.step(tell)
    finally:
        run.drop()


class _Run:
    """The jobs in flight, by id."""

    def __init__(self, studio: Studio, jobs: Sequence[Job], indices: Sequence[int]) -> None:
        self._studio, self._indices = studio, indices
        self._open = {job.id: Drawn(job=job, pictures={}, clock=Clock()) for job in jobs}

    def add(self, job: Job) -> None:
        with self._open[job.id].clock.measure("text"):
            for index in self._indices:
                self._studio.engine.add(job.id, index, job.params)

    def drop(self) -> None:
        """Cancel what is still open, and have the engine forget it, so that it can be used again."""
        for job_id in self._open:
            self._studio.engine.cancel(job_id)
        if self._open:
            self._studio.engine.step()

    def step(self, tell: Callable[[Event], None]) -> Iterator[Drawn]:
        began = time.monotonic()
        events = self._studio.engine.step()
        spent = time.monotonic() - began
        for drawn in self._open.values():
            drawn.clock.seconds["denoise"] += spent
        for event in [*events, *self._studio.engine.take_previews()]:
            tell(event)
            if isinstance(event, RequestNoted):
                self._note(event)
            if isinstance(event, ImageFailed) and event.job_id in self._open:
                yield self._failed(event)
        for finished in self._studio.engine.take_finished():
            if finished.job_id in self._open:
                yield from self._developed(finished)

    def _note(self, event: RequestNoted) -> None:
        """Once for the job, though each of its images says it."""
        notes = self._open[event.job_id].notes
        if event.note not in notes:
            notes.append(event.note)

    def _failed(self, event: ImageFailed) -> Drawn:
        self._studio.engine.cancel(event.job_id)
        drawn = self._open.pop(event.job_id)
        reason = f"image {event.index + 1} could not be drawn: {event.reason}"
        return Drawn(job=drawn.job, pictures={}, clock=drawn.clock, failure=reason)

    def _developed(self, finished: Finished) -> Iterator[Drawn]:
        drawn = self._open[finished.job_id]
        self._studio.decoder.add([finished])
        with drawn.clock.measure("decode"):
            decoded = self._studio.decoder.decode_next()
        with drawn.clock.measure("upscale"):
            drawn.pictures[finished.index] = self._studio.enlarge(decoded)
        if len(drawn.pictures) == len(self._indices):
            yield self._open.pop(finished.job_id)
