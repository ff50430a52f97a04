"""Is a thing redrawn, or pasted from its exemplar? The best match of the exemplar's own pixels in a picture, against controls.

Real composer scenes paste sprites and so mark the upper end; a picture of something else marks the lower. Knows no networks.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.train.composer import SceneSpec, recolour
from darkroom.train.sprites import Atlas

SIDES = range(22, 48, 3)
"""Sizes in pixels, of a 64 px picture, at which an exemplar is looked for."""
OPAQUE = 200
LEAST_DEVIATION = 3.0  # grey levels under the template; where all is even, likeness means nothing

Template = tuple[NDArray[np.float32], NDArray[np.float32]]


def plainly_shown(spec: SceneSpec) -> bool:
    """Whether a scene shows one kind of thing in an art set's own strokes, so that pasting could be told at all."""
    return len(spec.objects) == 1 and spec.objects[0].count == 1 and spec.style == "" and spec.weather == ""


def likeness(picture: NDArray[np.uint8], concept: str, colour: str | None, atlas: Atlas) -> float:
    """The largest normalised correlation, in [-1, 1], of any of a concept's sprites anywhere in an (H, W, 3) picture."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return max(_best(grey, *template) for template in templates(concept, colour, atlas))


def templates(concept: str, colour: str | None, atlas: Atlas) -> Iterator[Template]:
    """Every sprite of a concept, both ways round, in every size: grey levels and mask."""
    for art_set in atlas.concepts[concept].art_sets:
        sprite = np.asarray(atlas.sprite(concept, art_set))
        if colour:
            sprite = recolour(sprite, colour)
        for side in SIDES:
            small = cv2.resize(sprite, (side, side), interpolation=cv2.INTER_AREA)
            for turned in (small, small[:, ::-1]):
                grey = cv2.cvtColor(np.ascontiguousarray(turned[..., :3]), cv2.COLOR_RGB2GRAY)
                yield grey.astype(np.float32), (turned[..., 3] > OPAQUE).astype(np.float32)


def _best(grey: NDArray[np.float32], template: NDArray[np.float32], mask: NDArray[np.float32]) -> float:
    """The largest masked correlation coefficient over all positions: covariance over both deviations under the mask."""
    area = float(mask.sum())
    if area < 1 or min(grey.shape) < len(template):
        return -1.0
    zero_mean = (template - float((template * mask).sum()) / area) * mask
    covariance = cv2.matchTemplate(grey, zero_mean, cv2.TM_CCORR)
    mean = cv2.matchTemplate(grey, mask, cv2.TM_CCORR) / area
    square = cv2.matchTemplate(grey * grey, mask, cv2.TM_CCORR) / area
    deviation = np.sqrt(np.clip(square - mean * mean, 0, None))
    norm = float(np.sqrt((zero_mean * zero_mean).sum() * area))
    if norm < LEAST_DEVIATION * area:
        return -1.0
    return float(
        np.where(
            deviation > LEAST_DEVIATION, covariance / (norm * np.maximum(deviation, LEAST_DEVIATION)), -1
        ).max()
    )
