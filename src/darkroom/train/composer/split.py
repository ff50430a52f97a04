"""Which scenes training must never see. A stable hash decides, so that every machine agrees for ever."""

from __future__ import annotations

import hashlib

from darkroom.train.composer.spec import SceneSpec

HELD_OUT_CONCEPTS = ("penguin", "robot", "castle", "butterfly", "taxi", "banana")
HELD_OUT_ART_SET = "fxemoji"
HELD_OUT_SHARE = 0.05
_SALT = "darkroom mini-1 split"


def is_held_out(spec: SceneSpec) -> bool:
    """Whether any object's (concept, place, look) is one of the 5 % of combinations kept for validation."""
    return any(_share(thing.concept, spec.place, spec.look) < HELD_OUT_SHARE for thing in spec.objects)


def is_zero_shot(spec: SceneSpec) -> bool:
    """Whether the scene shows a concept or an art set that training never shows."""
    return spec.art_set == HELD_OUT_ART_SET or any(o.concept in HELD_OUT_CONCEPTS for o in spec.objects)


def _share(*names: str) -> float:
    digest = hashlib.blake2b("\x1f".join((_SALT, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
