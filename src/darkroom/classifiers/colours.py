"""Which named colours a picture has, measured from its pixels in OKLab (Ottosson 2020, "A perceptual color space for image processing")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from darkroom.classifiers.onnx_graph import Array

_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def colour_shares(pixels: Array, palette: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """What share of (H, W, 3) uint8 sRGB is nearest to each colour of a palette in OKLab; the largest first."""
    names = list(palette)
    points = np.array([palette[name] for name in names])  # (P, 3)
    distances = ((_oklab(pixels.reshape(-1, 3))[:, None] - points) ** 2).sum(2)  # (N, P)
    counts = np.bincount(distances.argmin(1), minlength=len(names)) / len(distances)
    order = sorted(range(len(names)), key=lambda index: (-counts[index], index))
    return {names[index]: float(counts[index]) for index in order}


def _oklab(rgb: Array) -> Array:
    """(N, 3) sRGB, 0 to 255 -> (N, 3)."""
    srgb = rgb / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    found: Array = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return found
