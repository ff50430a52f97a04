"""A drawing's colours are brought near an old picture's by one map of colours, fitted where both are known. Knows no place:
equal colours are moved alike all over the picture, so that it draws no edge of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from darkroom.worker.continuing import Floats, reduced, resized

FIT_SIDE_PX = 32  # of what the map is fitted on: what lies a little beside its like is averaged away
MOVED_MOST = 16.0  # of 255 levels: what is farther off is another thing, and not another colour of it
STIFFNESS = 0.02  # of the weight of all places: against maps that few and similar colours would make steep
LEVELS = 255.0
STRIP_ROWS = 256  # that are moved at once: a picture may be large

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ColourMap:
    """Adds `constant` (3,) + (colour - middle) `by`, with `middle` (3,) and `by` (3, 3), in levels; at most MOVED_MOST."""

    middle: Floats
    by: Floats
    constant: Floats

    @classmethod
    def fitted(cls, found: Floats, wanted: Floats, known: Floats) -> Self:
        """Least squares over places (H, W, 3), by weights (H, W), with a penalty on the steepness.

        Sums go in one order, whatever the number of threads. Where nothing is known it moves nothing.
        """
        weights = known.ravel().astype(np.float64)
        weights /= weights.sum() or 1.0
        colours = found.reshape(-1, 3).astype(np.float64)
        middle = np.einsum("n,nc->c", weights, colours)
        away = (colours - middle) / LEVELS
        off = (wanted - found).reshape(-1, 3).astype(np.float64)
        left = np.einsum("n,ni,nj->ij", weights, away, away) + STIFFNESS * np.eye(3)
        by: Doubles = np.linalg.solve(left, np.einsum("n,ni,nj->ij", weights, away, off)) / LEVELS
        constant = np.einsum("n,nc->c", weights, off)
        return cls(
            middle=middle.astype(np.float32), by=by.astype(np.float32), constant=constant.astype(np.float32)
        )

    def __call__(self, colours: Floats) -> Floats:
        """(H, W, 3) in levels -> the same, moved."""
        moved = np.einsum("hwc,cd->hwd", colours - self.middle, self.by) + self.constant
        found: Floats = colours + moved.clip(-MOVED_MOST, MOVED_MOST)
        return found


def matched(new: Floats, old: Floats, share: Floats) -> Floats:
    """`new` (H, W, 3), in levels, with its colours moved as they differ from `old` where `share` (H, W) knows that."""
    height, width = share.shape
    scale = min(1.0, FIT_SIDE_PX / max(height, width))
    small = max(1, round(width * scale)), max(1, round(height * scale))
    wanted, known = reduced(old, share, *small)
    found, _ = reduced(new, share, *small)
    return ColourMap.fitted(found, wanted, known)(new)


def coloured_like(drawn: Image.Image, old: Image.Image) -> Image.Image:
    """A drawing of an old picture, of another size, in that one's colours."""
    scale = min(1.0, FIT_SIDE_PX / max(old.size))
    small = max(1, round(old.width * scale)), max(1, round(old.height * scale))
    pixels = np.asarray(drawn.convert("RGB"))
    found, wanted = (
        resized(np.asarray(each.convert("RGB"), np.float32), *small, Image.Resampling.BOX)
        for each in (drawn, old)
    )
    moves = ColourMap.fitted(found, wanted, np.ones(found.shape[:2], np.float32))
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), STRIP_ROWS):
        strip = moves(pixels[top : top + STRIP_ROWS].astype(np.float32))
        result[top : top + STRIP_ROWS] = strip.clip(0, 255).round().astype(np.uint8)
    return Image.fromarray(result)
