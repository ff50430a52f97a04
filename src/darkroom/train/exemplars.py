"""Exemplars: sprites on a plain ground, as the transformer is shown them, with variants for training.

A variant is flipped, drawn smaller or recoloured, so that the network learns to redraw and not to paste.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.train.composer import PALETTE, recolour
from darkroom.train.sprites import ART_SETS, Atlas

EXEMPLAR_PX = 64
GROUND = 128
"""Grey level behind an exemplar."""
SMALL = 0.72
"""Size of the small variant against the plain one."""
VARIANTS = ("plain", "flipped", "small", "small flipped", "recoloured", "recoloured flipped")


def entries(atlas: Atlas) -> tuple[tuple[str, str], ...]:
    """Every (concept, art set) of the atlas, in a fixed order."""
    return tuple(
        (name, art_set)
        for name, concept in atlas.concepts.items()
        for art_set in ART_SETS
        if art_set in concept.art_sets
    )


def exemplar_pictures(atlas: Atlas) -> NDArray[np.uint8]:
    """All variants of all entries: (entries * variants, 64, 64, 3), an entry's variants together."""
    pictures = [exemplar(atlas, *entry, variant=variant) for entry in entries(atlas) for variant in VARIANTS]
    return np.stack(pictures)


def exemplar(atlas: Atlas, concept: str, art_set: str, *, variant: str = "plain") -> NDArray[np.uint8]:
    """One exemplar, (64, 64, 3) uint8. A recoloured one takes a colour that depends on the entry alone."""
    sprite = atlas.sprite(concept, art_set)
    if "recoloured" in variant:
        names = sorted(PALETTE)
        digest = hashlib.sha256(f"{concept}/{art_set}/{variant}".encode()).digest()
        sprite = recolour(sprite, names[digest[0] % len(names)])
    if "flipped" in variant:
        sprite = sprite[:, ::-1]
    return on_ground(sprite, SMALL if "small" in variant else 1.0)


def on_ground(sprite: NDArray[np.uint8], scale: float = 1.0) -> NDArray[np.uint8]:
    """An RGBA sprite, centred on the plain ground: (S, S, 4) -> (64, 64, 3)."""
    side = round(EXEMPLAR_PX * scale)
    premultiplied = sprite.astype(np.float32)
    premultiplied[..., :3] *= premultiplied[..., 3:] / 255
    small = cv2.resize(np.ascontiguousarray(premultiplied), (side, side), interpolation=cv2.INTER_AREA)
    picture = np.full((EXEMPLAR_PX, EXEMPLAR_PX, 3), float(GROUND), np.float32)
    corner = (EXEMPLAR_PX - side) // 2
    window = picture[corner : corner + side, corner : corner + side]
    window *= 1 - small[..., 3:] / 255
    window += small[..., :3]
    pixels: NDArray[np.uint8] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return pixels
