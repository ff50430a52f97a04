"""A pool of distinct harmless prompts. Knows no service."""

from __future__ import annotations

from itertools import product

COLOURS = ("red", "blue", "green", "golden", "white", "silver", "orange", "violet", "brown", "pink")
THINGS = ("fox", "boat", "tree", "house", "teapot", "owl", "bicycle", "lantern", "bridge", "apple")
PLACES = ("in the snow", "by the sea", "at dawn", "in a field", "under the stars")
LOOKS = ("watercolour", "pencil drawing", "soft light", "wide view")
POOL_MAX = len(COLOURS) * len(THINGS) * len(PLACES) * len(LOOKS)


def pool(size: int) -> list[str]:
    """The first `size` of them, at most POOL_MAX."""
    texts = [f"a {c} {t} {p}, {look}" for look, p, t, c in product(LOOKS, PLACES, THINGS, COLOURS)]
    return texts[:size]
