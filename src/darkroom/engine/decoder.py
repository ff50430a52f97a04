"""The stage behind the loop: latents become pictures, one at a time, from a queue of its own.

The step loop never waits for it: whoever drives the engine calls `decode_next` between steps, or in another thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.engine.fingerprint import EngineFingerprint
from darkroom.engine.rows import Finished
from darkroom.model.denoiser import Denoiser


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A picture (3, H, W) fp32 in [0, 1] before upscaling, on the CPU."""

    job_id: str
    index: int
    picture: Tensor
    fingerprint: EngineFingerprint
    exact: bool
    seamless: bool


class Decoder:
    """First in, first out, each picture alone, so that its bits do not depend on who waits with it."""

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser
        self._queue: deque[Finished] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    def add(self, finished: Iterable[Finished]) -> None:
        self._queue.extend(finished)

    def cancel(self, job_id: str) -> None:
        """Forgets what waits of a job."""
        self._queue = deque(finished for finished in self._queue if finished.job_id != job_id)

    @torch.no_grad()
    def decode_next(self) -> Decoded:
        """Decodes who waited longest. Raises IndexError where nobody waits."""
        finished = self._queue.popleft()
        picture = self._denoiser.decode(finished.latent.unsqueeze(0), seamless=finished.seamless)[0]
        return Decoded(
            job_id=finished.job_id,
            index=finished.index,
            picture=picture.float().clamp(0, 1).cpu(),
            fingerprint=finished.fingerprint,
            exact=finished.exact,
            seamless=finished.seamless,
        )
