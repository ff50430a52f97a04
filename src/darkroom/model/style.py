"""Style as statistics of a latent's channels: their means and spreads carry palette, light and contrast.

A drawing takes them on while it keeps its composition. A style code is a point of the same space: the statistics of a
palette that the code paints. Knows no model and no text.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from darkroom.core.params import image_seed

SPREAD_RATIOS = (0.7, 1.4)
"""By how much a channel's spread may be changed: more makes flat places blotchy."""
SPREAD_LEAST = 0.05  # of a channel that is even
FROM_LEVEL, FULL_LEVEL = 0.95, 0.75
"""Between these noise levels the pull grows from nothing to all: above, the composition is found."""
HALF_WEIGHT = 100  # the `--sw` that pulls half the way
PALETTE_PX = 64
HARMONIES = (0.06, 0.12, 0.33, 0.42, 0.5, 0.58)
"""Steps round the circle of hues from the ground to the sky, in turns: near, triadic, and opposite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Mean and standard deviation of each channel of a latent: (C, 1, 1) each."""

    mean: Tensor
    spread: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class StylePull:
    """Moves an estimate's statistics by `share` of the way to those of `style` (AdaIN, arXiv 1703.06868, eq. 8)."""

    style: Statistics
    share: float

    @property
    def nbytes(self) -> int:
        return self.style.mean.nbytes + self.style.spread.nbytes

    def to(self, device: torch.device) -> StylePull:
        mean, spread = self.style.mean.to(device), self.style.spread.to(device)
        return replace(self, style=Statistics(mean=mean, spread=spread))

    def __call__(self, estimate: Tensor, sigma: float) -> Tensor:
        share = self.share * min(1.0, max(0.0, (FROM_LEVEL - sigma) / (FROM_LEVEL - FULL_LEVEL)))
        if share == 0:
            return estimate
        own = statistics_of(estimate)
        gain = (self.style.spread / own.spread).clamp(*SPREAD_RATIOS)
        return estimate + share * ((estimate - own.mean) * gain + self.style.mean - estimate)


def statistics_of(latent: Tensor) -> Statistics:
    """Of a latent (C, h, w)."""
    spread = latent.std((1, 2), keepdim=True, correction=0).clamp_min(SPREAD_LEAST)
    return Statistics(mean=latent.mean((1, 2), keepdim=True), spread=spread)


def mixed(styles: Sequence[tuple[Statistics, float]]) -> Statistics:
    """Their mean by weight; weights are positive."""
    total = sum(weight for _, weight in styles)
    mean = torch.stack([each.mean * (weight / total) for each, weight in styles]).sum(0)
    spread = torch.stack([each.spread * (weight / total) for each, weight in styles]).sum(0)
    return Statistics(mean=mean, spread=spread)


def share_of(style_weight: int) -> float:
    """How far `--sw` pulls: 0 not at all, 100 half the way, 1000 nine tenths of it."""
    return style_weight / (style_weight + HALF_WEIGHT)


def palette(code: int) -> Tensor:
    """The picture that a style code paints, (3, 64, 64) in [0, 1]: ground and sky in harmony, and an accent between.

    Numbers are drawn with the mix that seeds images, so that a code is the same palette on every machine.
    """
    hue, step, light, contrast, strength, accent = (_drawn(code, i) for i in range(6))
    sky_hue = hue + HARMONIES[int(step * len(HARMONIES))]
    key = 0.18 + 0.68 * light  # from night to high noon
    reach = 0.08 + 0.2 * contrast
    saturation = 0.35 + 0.6 * strength
    ground = _colour(hue, key - reach, saturation)
    sky = _colour(sky_hue, key + reach, saturation)
    middle = _colour(hue + (0.5 if accent < 0.5 else -0.08), 0.9 - 0.6 * key, 0.9)
    down = torch.linspace(0, 1, PALETTE_PX).view(1, -1, 1)
    horizon = ((down - 0.6) * 6).sigmoid()
    picture = ((1 - horizon) * sky + horizon * ground) * (0.85 + 0.3 * (1 - down))
    y = torch.linspace(-1, 1, PALETTE_PX).view(1, -1, 1)
    x = torch.linspace(-1, 1, PALETTE_PX).view(1, 1, -1)
    inside = ((0.42 - (x.square() + (y - 0.15).square()).sqrt()) * 30).sigmoid()
    return (picture * (1 - inside) + middle * inside).clamp(0, 1)


def _drawn(code: int, i: int) -> float:
    """Number `i` of a code, from 0 up to but not including 1."""
    return (image_seed(code, i) & 0xFFFFFFFF) / 2**32


def _colour(hue: float, value: float, saturation: float) -> Tensor:
    """(3, 1, 1)."""
    rgb = colorsys.hsv_to_rgb(hue % 1.0, min(1.0, max(0.04, value)), saturation)
    return torch.tensor(rgb).view(3, 1, 1)
