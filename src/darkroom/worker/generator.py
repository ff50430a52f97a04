"""What a worker needs of whoever draws and whoever finishes, so that tests and benchmarks can bring their own.

A generator is driven from one thread, step by step; a finisher from another. Neither knows that there is a service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from darkroom.core.work import Assignment, Claim, EngineVitals, Failure, Progress, StagedImage
from darkroom.finish.provenance import Json
from darkroom.worker.studio import Picture

CANNOT_BE_DRAWN = "the job cannot be drawn: "
"""How a failure begins that is the job's own fault."""
NO_INPUTS: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """A look at an unfinished image: `width` x `height` RGB bytes, row by row."""

    claim: Claim
    index: int
    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """All pictures of a run, by index. `parameters` spells the job out for the provenance."""

    claim: Claim
    pictures: Mapping[int, Picture]
    measured_gpu_ms: int
    parameters: Mapping[str, Json] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Happening = Progress | Glimpse | Drawn | Failure
"""What a step may tell. Drawn or Failure is the last word about a claim."""


class Generator(Protocol):
    """Draws assignments. All of it is called from one thread but for the properties that say what it is."""

    @property
    def models(self) -> tuple[str, ...]:
        """What it can draw with."""
        ...

    @property
    def warm(self) -> tuple[str, ...]:
        """The models that are loaded."""
        ...

    @property
    def device(self) -> str:
        """What it draws on, in words."""
        ...

    @property
    def busy(self) -> bool:
        """Whether `step` has anything to do or to tell."""
        ...

    @property
    def vitals(self) -> EngineVitals:
        """What it has done and how it stands, as of its last step."""
        ...

    def add(
        self, assignment: Assignment, saved: bytes | None = None, inputs: Mapping[str, bytes] = NO_INPUTS
    ) -> None:
        """Takes a run in; `saved` is what `save` gave elsewhere, and the run goes on from there where it can. `inputs` are the
        files of its recipe by digest, which have been shown to be just these.

        A run that cannot be drawn is told as a Failure by `step`; `saved` that cannot be used is not an error.
        """
        ...

    def save(self, claim: Claim) -> bytes | None:
        """What has been drawn of a run so far, for another worker to go on from; None where there is nothing yet.

        The run goes on all the same: cancel it where it is to stop.
        """
        ...

    def cancel(self, claim: Claim) -> None:
        """Drops a run; where it was still being drawn, `step` tells a Failure that says CANCELLED and what was spent."""
        ...

    def step(self) -> Sequence[Happening]:
        """Works for a moment, at most a few seconds, and tells what happened since the last call."""
        ...


@dataclass(frozen=True, kw_only=True)
class Files:
    """The pictures of a run as they will be reported, and the bytes to upload for them, by name."""

    images: tuple[StagedImage, ...]
    data: Mapping[str, bytes] = field(default_factory=dict)


class Finisher(Protocol):
    """Turns pixels into scored files. Called from one thread, which is not the generator's."""

    def finish(self, assignment: Assignment, drawn: Drawn) -> Files:
        """Raises DarkroomError where a picture cannot be scored or encoded."""
        ...

    def preview(self, images: int, glimpses: Sequence[Glimpse]) -> tuple[bytes, Mapping[str, float]]:
        """A small WebP of the unfinished grid, and its scores."""
        ...
