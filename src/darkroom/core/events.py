"""What happens to a job while it is drawn, in the past tense. No tensors: pixels travel as encoded bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RequestNoted:
    """A part of a request could not be taken into account; `note` is a sentence for the person who asked."""

    job_id: str
    index: int
    note: str


@dataclass(frozen=True, kw_only=True)
class StepTaken:
    """Image `index` of a job finished denoising step `step` of `steps`, for which it took `rows` rows of a pass.

    `device_ms` is its share of what the pass took, padding included: the shares of a pass add up to all of it.
    """

    job_id: str
    index: int
    step: int
    steps: int
    rows: int = 1
    device_ms: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PreviewMade:
    """An estimate of the finished image: `width` x `height` RGB bytes, row by row."""

    job_id: str
    index: int
    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, kw_only=True)
class ImageFinished:
    """Image `index` left the denoising loop."""

    job_id: str
    index: int


@dataclass(frozen=True, kw_only=True)
class ImageFailed:
    """Image `index` could not be made; nobody else's was touched."""

    job_id: str
    index: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ImageCancelled:
    """Image `index` was dropped on request."""

    job_id: str
    index: int


Event = RequestNoted | StepTaken | PreviewMade | ImageFinished | ImageFailed | ImageCancelled
