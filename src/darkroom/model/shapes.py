"""Which latent shape an aspect ratio gets. Knows no model; pure arithmetic."""

from __future__ import annotations

import math

from darkroom.core.params import Aspect


def latent_shape(aspect: Aspect, area: int) -> tuple[int, int]:
    """Height and width in latent positions: the ratio nearest to `aspect` among shapes whose area is near `area`.

    Candidates are the sizes around the exact real-valued answer; the error of the ratio and the error of the area count alike,
    both as logarithms, so that 2:1 and 1:2 get transposed shapes.
    """
    ratio = aspect.width / aspect.height
    exact_height, exact_width = math.sqrt(area / ratio), math.sqrt(area * ratio)
    candidates = [(height, width) for height in _around(exact_height) for width in _around(exact_width)]

    def error(shape: tuple[int, int]) -> float:
        height, width = shape
        return abs(math.log(width / height / ratio)) + abs(math.log(height * width / area))

    return min(candidates, key=lambda shape: (round(error(shape), 9), shape))


def _around(side: float) -> tuple[int, ...]:
    return tuple(sorted({max(1, math.floor(side)), max(1, math.ceil(side))}))
