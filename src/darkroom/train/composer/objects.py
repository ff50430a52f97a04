"""Laying sprites into a painted place: scaling, repainting, light, contact shadows and mirror images."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.train.composer.canvas import Canvas, oval
from darkroom.train.composer.layout import Placement
from darkroom.train.composer.palette import Colour, recolour

_VISIBLE = 24  # alpha from which a pixel counts as part of the thing
_CONTACT_SHARE = 0.1  # of the height: the part that touches the ground
_SHADOW = 0.42
_REFLECTION = 0.36


def fitted(
    sprite: NDArray[np.uint8], size: float, *, colour: str | None, flipped: bool
) -> NDArray[np.float32]:
    """The sprite trimmed to what is visible and scaled so that its longer side is `size` pixels.

    (h, w, 4) float32 with premultiplied alpha; colour 0 to 255, alpha 0 to 1.
    """
    trimmed = _trimmed(sprite)
    scale = max(size, 2.0) / max(trimmed.shape[:2])
    shape = (max(1, round(trimmed.shape[1] * scale)), max(1, round(trimmed.shape[0] * scale)))
    if colour is not None:
        trimmed = recolour(trimmed, colour)
    pixels = trimmed.astype(np.float32)
    pixels[..., 3] /= 255
    pixels[..., :3] *= pixels[..., 3:]
    scaled = cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    scaled[..., 3] = np.clip(scaled[..., 3], 0, 1)
    return np.ascontiguousarray(scaled[:, ::-1] if flipped else scaled)


def _trimmed(sprite: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = sprite[..., 3] > _VISIBLE
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if len(rows) == 0:
        return sprite
    return sprite[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def lay(canvas: Canvas, image: NDArray[np.float32], spot: Placement, tint: Colour, *, mirrored: bool) -> None:
    """Paint a fitted sprite with its feet at the spot's base; a grounded one gets a contact shadow."""
    if spot.grounded:
        _contact_shadow(canvas, image, spot)
    if mirrored:
        fade = np.linspace(_REFLECTION, 0.05, len(image), dtype=np.float32)[:, None, None]
        _paste(canvas, image[::-1] * fade, spot.x, spot.base + len(image) - 1, tint * np.float32(0.8))
    top = spot.base - len(image)
    if spot.size > len(image) and not spot.grounded and not mirrored:
        top -= (spot.size - len(image)) / 2  # what floats is centred on its spot
    _paste(canvas, image, spot.x, top + len(image), tint)


def _contact_shadow(canvas: Canvas, image: NDArray[np.float32], spot: Placement) -> None:
    foot = image[-max(1, round(len(image) * _CONTACT_SHARE)) :, :, 3].max(0)
    touching = np.flatnonzero(foot > 0.3)
    if len(touching) == 0:
        return
    left = spot.x - image.shape[1] / 2
    middle = left + (touching[0] + touching[-1] + 1) / 2
    reach = max((touching[-1] - touching[0] + 1) * 0.56, image.shape[1] * 0.26) + 0.01 * canvas.unit
    flat = max(reach * 0.16, 0.012 * canvas.unit)
    near = canvas.soft([oval(middle, spot.base - flat * 0.35, reach, flat)], 0.012)
    canvas.blend(near * np.float32(_SHADOW), np.array((12, 14, 24), np.float32))


def _paste(canvas: Canvas, image: NDArray[np.float32], x: float, base: float, tint: Colour) -> None:
    left, top = round(x - image.shape[1] / 2), round(base - image.shape[0])
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + image.shape[1], canvas.width), min(top + image.shape[0], canvas.height)
    if x1 <= x0 or y1 <= y0:
        return
    part = image[y0 - top : y1 - top, x0 - left : x1 - left].transpose(2, 0, 1)
    area = canvas.pixels[:, y0:y1, x0:x1]
    area *= 1 - part[3:]
    area += part[:3] * tint[:, None, None]
