"""Values that are known in some places are continued smoothly into all others. Pure arithmetic; knows no picture.

Pull and push: averages of what is known at ever coarser levels, then back, each level filling what it does not know from
the coarser one (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4.2). The farther away, the smoother.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

LEAST = np.float32(1e-6)  # against a division by nothing
SPREAD_BLUR = 1 / 16  # of the longer side

Floats = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
"""Top, bottom, left, right."""


def continued(values: Floats, weights: Floats) -> Floats:
    """(H, W, C) values of which `weights` (H, W) in [0, 1] says how far each is known -> (H, W, C), known everywhere.

    Where the weight is 1 a value stays as it is. All zero where nothing is known at all.
    """
    height, width, _ = values.shape
    if height == width == 1 or bool((weights >= 1).all()):
        return values if weights.any() else np.zeros_like(values)
    coarse = enlarged(continued(*_halved(values, weights)), 2 * _half(width), 2 * _half(height))
    share = weights[..., None]
    found: Floats = share * values + (1 - share) * coarse[:height, :width]
    return found


def spread(values: Floats, box: Box) -> Floats:
    """(H, W, C) of which a box is known -> the same, where all outside of it is as its nearest edge, and with some distance
    only as the neighbourhood of that."""
    height, width, _ = values.shape
    top, bottom, left, right = box
    outside = ((top, height - bottom), (left, width - right), (0, 0))
    padded = np.pad(values[top:bottom, left:right], outside, mode="edge")
    blur_px = max(1, round(SPREAD_BLUR * max(width, height)))
    coarse = resized(padded, -(-width // blur_px), -(-height // blur_px), Image.Resampling.BOX)
    smooth = resized(coarse, width, height, Image.Resampling.BICUBIC)
    away = np.maximum(_outside(height, top, bottom)[:, None], _outside(width, left, right)[None, :])
    share = np.minimum(away / np.float32(blur_px), np.float32(1))[..., None]
    return ((1 - share) * padded + share * smooth).astype(np.float32, copy=False)


def _outside(side: int, start: int, stop: int) -> Floats:
    """How far each place is from those from `start` to before `stop`."""
    places = np.arange(side, dtype=np.float32)
    return np.maximum(np.maximum(start - places, places - (stop - 1)), 0).astype(np.float32, copy=False)


def reduced(values: Floats, weights: Floats, width: int, height: int) -> tuple[Floats, Floats]:
    """Averages of what is known, over the areas of `width` x `height` places; and how far each place is known."""
    known = resized(weights[..., None], width, height, Image.Resampling.BOX)
    sums = resized(values * weights[..., None], width, height, Image.Resampling.BOX)
    return (sums / np.maximum(known, LEAST)).astype(np.float32), known[..., 0]


def enlarged(values: Floats, width: int, height: int) -> Floats:
    """(H, W, C) -> (height, width, C), linear between the places."""
    return resized(values, width, height, Image.Resampling.BILINEAR)


def resized(values: Floats, width: int, height: int, how: Image.Resampling) -> Floats:
    channels = (
        Image.fromarray(np.ascontiguousarray(values[..., channel])).resize((width, height), how)
        for channel in range(values.shape[2])
    )
    return np.stack([np.asarray(channel, np.float32) for channel in channels], axis=-1)


def _halved(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Averages over 2 x 2 places. What is known there at all counts for more than its share of the four."""
    height, width = weights.shape
    odd = ((0, height % 2), (0, width % 2))
    padded, given = np.pad(values, (*odd, (0, 0))), np.pad(weights, odd)
    sums = _summed(padded * given[..., None])
    known = _summed(given[..., None])
    shares = np.minimum(known[..., 0], 1).astype(np.float32)
    return (sums / np.maximum(known, LEAST)).astype(np.float32), shares


def _summed(values: Floats) -> Floats:
    height, width, channels = values.shape
    found: Floats = values.reshape(height // 2, 2, width // 2, 2, channels).sum(axis=(1, 3))
    return found


def _half(side: int) -> int:
    return (side + 1) // 2
