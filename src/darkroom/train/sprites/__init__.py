"""The sprite atlas: some hundreds of drawable things, each cut out of several openly licensed art sets.

Knows nothing of scenes, captions or training; the composer takes its sprites from here.
"""

from __future__ import annotations

from darkroom.train.sprites.atlas import ART_SETS, SPRITE_PX, Atlas, Concept

__all__ = ["ART_SETS", "SPRITE_PX", "Atlas", "Concept"]
