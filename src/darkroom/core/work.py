"""What a worker and the service say to each other: an assignment goes down, a report comes up, instructions come back.

Plain nouns; their JSON is told in docs/architecture/05-dispatch-and-workers.md and made by hand at both ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from darkroom.core.images import ImageFile
from darkroom.core.params import Lane
from darkroom.core.recipes import EMPTY, Recipe

LEASE_S = 20.0  # without a heartbeat for so long, a worker is lost
HEARTBEAT_EVERY_S = 5.0
ABORT_AFTER_S = (
    15.0  # without an answered heartbeat for so long, a worker drops its own jobs: before the lease ends
)
PULL_WAIT_MAX_S = 20.0
STATE_NAME = "state.safetensors"  # of the staged file that holds the states of a run's unfinished images
STATE_MEDIA_TYPE = "application/octet-stream"
INPUT_MEDIA_TYPE = "image/png"  # of the files that a recipe names
INPUT_MAX_BYTES = 64 * 1024 * 1024  # of one file that a recipe names
STATE_MAX_BYTES = 64 * 1024 * 1024  # of that file: the latents and the sampler's history of four images


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One run of a job: only who names both may change it."""

    job_id: UUID
    fence: int


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A job as a worker gets it. `prompt` is canonical text that holds the seed, too; it knows no user and no price.

    `flow` is equal for the jobs of one user and says nothing of who it is: passes are shared fairly between flows.
    `saved_url` is where an earlier worker left the states of unfinished images, "" where it left none. `inputs` says where
    the files of the recipe are read, by digest.
    """

    claim: Claim
    prompt: str
    model: str
    seed: int
    lane: Lane
    images: int
    attempt: int
    flow: str = ""
    saved_url: str = ""
    recipe: Recipe = EMPTY
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """A file that was uploaded to `staging/<job>/<fence>/<name>`."""

    name: str
    file: ImageFile


@dataclass(frozen=True, kw_only=True)
class StagedImage:
    """A picture of a completed run. `index` counts from 0, None is the grid; `scores` are the classifier's.

    `provenance` is JSON text. The grid is not scored by itself: its images are.
    """

    index: int | None
    files: tuple[StagedFile, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    provenance: str = "{}"


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A run that made its pictures and uploaded them. `measured_gpu_ms` is its share of each forward pass it took part in."""

    claim: Claim
    measured_gpu_ms: int
    images: tuple[StagedImage, ...]
    notes: tuple[str, ...] = ()


class Fault(StrEnum):
    """Whose fault a failed run is."""

    JOB = "job"
    """The job cannot be drawn; another worker would most likely fail, too."""
    INFRASTRUCTURE = "infrastructure"
    """The device, its memory, its disk or its network failed."""
    CANCELLED = "cancelled"
    """It was stopped because it was told to."""
    DRAINED = "drained"
    """It was handed back unfinished by a worker that is leaving."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that made no pictures. `saved` names the staged file that holds its images' states, where there is one."""

    claim: Claim
    fault: Fault
    message: str
    measured_gpu_ms: int = 0
    device: str = ""
    fingerprint: str = ""
    saved: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Fire and forget. `finishing` says that the pixels are there; `preview` is a small WebP of the grid with its scores."""

    claim: Claim
    done: int = 0
    total: int = 0
    finishing: bool = False
    preview: bytes = b""
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """What a worker is told whenever it calls. `cancel` is to be stopped and reported; `abandon` to be dropped without a word."""

    cancel: tuple[Claim, ...] = ()
    abandon: tuple[Claim, ...] = ()
    drain: bool = False


@dataclass(frozen=True, kw_only=True)
class EngineVitals:
    """What an engine has done since its process began, and how it stands now.

    Counters: passes of a network, rows in them that belonged to images and rows that only filled up, milliseconds of the
    device, texts found in the cache and texts encoded, times that memory did not suffice. Gauges: images in flight,
    requests not yet admitted and how long the oldest has waited, latents that wait to be decoded.
    """

    passes: int = 0
    rows: int = 0
    padding_rows: int = 0
    device_ms: float = 0.0
    texts_cached: int = 0
    texts_encoded: int = 0
    out_of_memory: int = 0
    in_flight: int = 0
    waiting: int = 0
    oldest_wait_s: float = 0.0
    undecoded: int = 0
