"""The scene composer: pictures whose captions are exact, because both come from one description.

Knows nothing of networks or of training; takes its things from the sprite atlas.
"""

from __future__ import annotations

from darkroom.train.composer.captions import caption, full_caption
from darkroom.train.composer.palette import PALETTE, recolour
from darkroom.train.composer.places import PLACES
from darkroom.train.composer.render import render
from darkroom.train.composer.sampling import sample_spec
from darkroom.train.composer.spec import ObjectSpec, SceneSpec, Split, attributes
from darkroom.train.composer.split import HELD_OUT_ART_SET, HELD_OUT_CONCEPTS, is_held_out, is_zero_shot

__all__ = [
    "HELD_OUT_ART_SET",
    "HELD_OUT_CONCEPTS",
    "PALETTE",
    "PLACES",
    "ObjectSpec",
    "SceneSpec",
    "Split",
    "attributes",
    "caption",
    "full_caption",
    "is_held_out",
    "is_zero_shot",
    "recolour",
    "render",
    "sample_spec",
]
