"""How pictures begin a drawing or lead it: mixtures with noise, and estimates that lean towards a picture. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.model.denoiser import Given, Guide

NOTHING_GIVEN = Given()
PATCHES = 2
"""Places per side at which the shares of several pictures are drawn; between them they pass into one another."""
PATCH_CONTRAST = 4.0
"""Standard deviation of the logarithm of a share: the greater, the more each place belongs to one picture alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lean:
    """Moves estimates by `share` of the way to `target` (C, h, w) while the noise level is at least `down_to`.

    What is decided by then is composition and light; below, the words finish the picture by themselves. The condition is
    that of ILVR (arXiv 2108.02938, section 3), softened and without its filter.
    """

    target: Tensor
    share: float
    down_to: float

    @property
    def nbytes(self) -> int:
        return self.target.nbytes

    def to(self, device: torch.device) -> Lean:
        return replace(self, target=self.target.to(device))

    def __call__(self, estimate: Tensor, sigma: float) -> Tensor:
        return estimate if sigma < self.down_to else estimate + self.share * (self.target - estimate)


def flow_start(given: Given, noise: Tensor, sigma: float) -> Tensor:
    """(1 - sigma) init + sigma noise, the straight line of rectified flow; the noise alone where there is no init.

    `noise` is (C, h, w). Raises ModelError where the init has another shape.
    """
    if given.init is None:
        return noise
    if given.init.shape != noise.shape:
        raise ModelError(
            f"a picture of latent shape {tuple(given.init.shape)} cannot begin a drawing of {tuple(noise.shape)}"
        )
    return (1 - sigma) * given.init + sigma * noise


def woven(guides: Sequence[Guide], like: Tensor, *, seed: int) -> Tensor:
    """One latent (C, h, w) of all: each place from one or two of them, by their weights and by chance.

    A mean would be mud. Raises ModelError where a guide has not the shape of `like`.
    """
    for guide in guides:
        if guide.latent.shape != like.shape:
            raise ModelError(
                f"a picture of latent shape {tuple(guide.latent.shape)} cannot lead a drawing of {tuple(like.shape)}"
            )
    weights = torch.tensor([max(guide.weight, 1e-6) for guide in guides]).log()
    generator = torch.Generator().manual_seed(seed)
    chance = PATCH_CONTRAST * torch.randn(len(guides), PATCHES, PATCHES, generator=generator)
    logits = weights[:, None, None] + chance
    fine = F.interpolate(logits[None], size=like.shape[1:], mode="bicubic", align_corners=True)[0]
    shares = fine.softmax(0)  # (N, h, w)
    return torch.einsum("nhw,nchw->chw", shares, torch.stack([guide.latent for guide in guides]))
