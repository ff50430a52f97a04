"""Looks at unfinished images, beside the step loop: the newest estimate of each image waits here until somebody asks.

A newer estimate replaces an older one, so nobody who asks rarely makes memory grow, and under load previews go first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from darkroom.core.events import PreviewMade
from darkroom.model.denoiser import Denoiser


class Previews:
    """At most one estimate for each image in flight."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int], Tensor] = {}

    def offer(self, job_id: str, index: int, denoised: Tensor) -> None:
        """`denoised` is the guided estimate (1, C, h, w); it takes the place of the image's last one."""
        self._newest[job_id, index] = denoised

    def drop(self, job_id: str, index: int) -> None:
        """Forgets an image that is no longer in flight."""
        self._newest.pop((job_id, index), None)

    @torch.no_grad()
    def take(self, denoiser: Denoiser) -> list[PreviewMade]:
        """Renders and forgets what waits, oldest image first."""
        waiting, self._newest = self._newest, {}
        return [_preview(job_id, index, denoiser.preview(x)[0]) for (job_id, index), x in waiting.items()]


def _preview(job_id: str, index: int, picture: Tensor) -> PreviewMade:
    """(3, h, w) in [0, 1] -> the event with its RGB bytes."""
    levels = (
        (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
    )  # (h, w, 3)
    height, width, _ = levels.shape
    return PreviewMade(job_id=job_id, index=index, width=width, height=height, rgb=levels.numpy().tobytes())
