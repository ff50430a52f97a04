"""The named colours, and the repainting of a sprite in one of them.

Repainting works in OKLab (Ottosson 2020, "A perceptual color space for image processing"): it turns the
hue of the sprite's main colour and leaves its shading, whites, outlines and lesser colours alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float32]  # (3,) sRGB, 0 to 255

PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (222, 52, 48),
    "orange": (246, 146, 44),
    "yellow": (250, 214, 66),
    "green": (76, 176, 84),
    "teal": (46, 168, 164),
    "blue": (58, 118, 224),
    "purple": (140, 84, 204),
    "pink": (246, 142, 188),
    "white": (246, 246, 246),
    "black": (34, 34, 40),
    "gray": (146, 150, 156),
    "brown": (140, 92, 58),
    "beige": (234, 214, 182),
}

_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]], np.float32)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]], np.float32)  # fmt: skip
_FROM_LAB = np.linalg.inv(_TO_LAB.astype(np.float64)).astype(np.float32)
_FROM_LMS = np.linalg.inv(_TO_LMS.astype(np.float64)).astype(np.float32)
_CHROMATIC = (0.035, 0.085)  # OKLab chroma between which a pixel begins to count as coloured
_HUE_REACH = (
    0.85,
    1.45,
)  # radians from the main hue: repainted wholly up to the first, not at all past the second
_HUE_BINS = 36
_COLOURLESS_SHARE = (
    0.2  # of the opaque area: below this the thing is white or grey, and its body takes the paint
)


def colour(name: str) -> Colour:
    """The named colour as an array (3,)."""
    return np.array(PALETTE[name], np.float32)


def oklab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) sRGB 0 to 255 -> (N, 3) OKLab."""
    srgb = rgb / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T, np.float32)


def from_oklab(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) OKLab -> (N, 3) sRGB 0 to 255, clipped."""
    linear = np.clip(((lab @ _FROM_LAB.T) ** 3) @ _FROM_LMS.T, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(srgb * 255.0, np.float32)


def recolour(sprite: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Repaint a sprite's main colour.

    `sprite` is (H, W, 4) uint8 with straight alpha; the result is a new array of the same shape.
    Raises KeyError for a colour that PALETTE does not name.
    """
    target = oklab(colour(name)[None])[0]
    painted = sprite.copy()
    visible = sprite[..., 3] > 8
    if not visible.any():
        return painted
    lab = oklab(sprite[visible][:, :3].astype(np.float32))
    weight = _paint_weight(lab, sprite[visible][:, 3].astype(np.float32) / 255.0)
    painted[..., :3][visible] = np.rint(from_oklab(_repaint(lab, weight, target))).astype(np.uint8)
    return painted


def _paint_weight(lab: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of the new colour each pixel takes, 0 to 1. (N,)"""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    coloured = _ramp(chroma, *_CHROMATIC)
    if float((coloured * alpha).sum()) < _COLOURLESS_SHARE * float(alpha.sum()):
        return np.asarray(_ramp(lab[:, 0], 0.3, 0.5), np.float32)
    hue = np.arctan2(lab[:, 2], lab[:, 1])
    votes, _ = np.histogram(hue, _HUE_BINS, (-np.pi, np.pi), weights=chroma * alpha)
    votes = votes + np.roll(votes, 1) + np.roll(votes, -1)
    main = (int(np.argmax(votes)) + 0.5) * 2 * np.pi / _HUE_BINS - np.pi
    away = np.abs(np.angle(np.exp(1j * (hue - main))))
    return np.asarray(coloured * (1.0 - _ramp(away, *_HUE_REACH)), np.float32)


def _repaint(
    lab: NDArray[np.float32], weight: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    total = float(weight.sum()) + 1e-6
    mean = (lab * weight[:, None]).sum(0) / total
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    typical = max(float(np.hypot(mean[1], mean[2])), 0.06)
    target_chroma = float(np.hypot(target[1], target[2]))
    contrast = 0.75 if abs(float(target[0]) - 0.6) > 0.25 else 0.9  # near white or black there is less room
    lightness = target[0] + (lab[:, 0] - mean[0]) * contrast
    scale = np.clip(chroma / typical, 0.45, 1.35)
    direction = target[1:] / max(target_chroma, 1e-6)
    new = np.column_stack([lightness, (scale * target_chroma)[:, None] * direction[None]])
    return np.asarray(lab + (new - lab) * weight[:, None], np.float32)


def _ramp(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    step = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(step * step * (3 - 2 * step), np.float32)
