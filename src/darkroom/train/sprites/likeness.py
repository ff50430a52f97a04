"""Near-duplicates: a perceptual hash of each sprite, and the pairs of different concepts that hash alike in one art set.

Hash: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1 (DCT), on grey and colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.train.sprites.atlas import Sprite

HASH_PX = 32
HASH_BAND = 8  # lowest frequencies kept on each axis
ALIKE_BITS = (
    32  # of 256; the closest pair of different things that a person tells apart at once differs in 44
)
BACKDROP = 160.0  # a middle grey: neither white nor black things vanish on it

Key = tuple[str, str]  # concept, art set


def perceptual_hash(sprite: Sprite) -> NDArray[np.bool_]:
    """(256,) bits: for each of R, G, B and alpha the signs of the 64 lowest DCT frequencies about their median."""
    alpha = sprite[..., 3:].astype(np.float32) / 255
    planes = np.concatenate([sprite[..., :3] * alpha + BACKDROP * (1 - alpha), alpha * 255], axis=2)
    small = cv2.resize(planes, (HASH_PX, HASH_PX), interpolation=cv2.INTER_AREA)
    bands = [cv2.dct(np.ascontiguousarray(small[..., c]))[:HASH_BAND, :HASH_BAND].ravel() for c in range(4)]
    return np.concatenate([band > np.median(band[1:]) for band in bands])


def alike(hashes: Mapping[Key, NDArray[np.bool_]], keys: Sequence[Key]) -> list[tuple[str, str, str, int]]:
    """(concept, later concept, art set, differing bits) for each near-duplicate pair inside one art set, closest first."""
    pairs = []
    for art_set in sorted({s for _, s in keys}):
        mine = [k for k in keys if k[1] == art_set]
        bits = np.stack([hashes[k] for k in mine]).astype(np.float32)
        differ = (bits @ (1 - bits).T + (1 - bits) @ bits.T).round().astype(int)  # (N, N)
        for i, j in zip(*np.nonzero(np.triu(differ <= ALIKE_BITS, k=1)), strict=True):
            pairs.append((mine[i][0], mine[j][0], art_set, int(differ[i, j])))
    return sorted(pairs, key=lambda p: (p[3], p))
