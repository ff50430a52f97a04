"""Looks at unfinished images, beside the step loop: the newest estimate of each image waits here until somebody asks.

A newer estimate replaces an older one, so nobody who asks rarely makes memory grow, and under load previews go first.
"""

from __future__ import annotations

import logging
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.core.events import PreviewMade
from darkroom.engine.passes import REQUEST_FAULTS
from darkroom.model.denoiser import Denoiser

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What image `index` of a job looks like so far: (1, C, h, w)."""

    job_id: str
    index: int
    denoiser: Denoiser
    denoised: Tensor


class Previews:
    """At most one estimate for each image in flight. They are rendered on `on`, or by who asks where there is none."""

    def __init__(self, *, on: Executor | None = None) -> None:
        self._on = on
        self._newest: dict[tuple[str, int], Estimate] = {}
        self._running: Future[list[PreviewMade]] | None = None

    def offer(self, estimate: Estimate) -> None:
        """It takes the place of the image's last one."""
        self._newest[estimate.job_id, estimate.index] = estimate

    def drop(self, job_id: str, index: int) -> None:
        """Forgets an image that is no longer in flight."""
        self._newest.pop((job_id, index), None)

    def take(self) -> list[PreviewMade]:
        """Renders and forgets what waits, oldest image first. With an executor: what was asked for the last time."""
        if self._on is None:
            waiting, self._newest = self._newest, {}
            return _rendered(list(waiting.values()))
        made: list[PreviewMade] = []
        if self._running is not None and self._running.done():
            made, self._running = self._running.result(), None
        if self._running is None and self._newest:
            waiting, self._newest = self._newest, {}
            self._running = self._on.submit(_rendered, list(waiting.values()))
        return made


@torch.no_grad()
def _rendered(estimates: list[Estimate]) -> list[PreviewMade]:
    """One by one; nobody waits for a preview, so what breaks is left out."""
    made = []
    for each in estimates:
        try:
            made.append(_preview(each, each.denoiser.preview(each.denoised)[0]))
        except REQUEST_FAULTS as fault:
            log.warning("no preview of image %d of %s: %s", each.index, each.job_id, fault)
    return made


def _preview(estimate: Estimate, picture: Tensor) -> PreviewMade:
    """(3, h, w) in [0, 1] -> the event with its RGB bytes."""
    levels = (
        (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
    )  # (h, w, 3)
    height, width, _ = levels.shape
    return PreviewMade(
        job_id=estimate.job_id,
        index=estimate.index,
        width=width,
        height=height,
        rgb=levels.numpy().tobytes(),
    )
