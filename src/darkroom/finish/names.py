"""What finished files are called: readable, safe on every file system, the same for the same words."""

from __future__ import annotations

import unicodedata

SLUG_MAX_BYTES = 60
NAMELESS = "image"
GRID = "grid"


def slug(text: str) -> str:
    """Lower-case words joined by hyphens, at most 60 bytes of UTF-8, cut between words; `image` where no word is left.

    Letters, marks and digits of every script stay; all else (punctuation, control and surrogate characters) separates.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in plain)
    words = [word for word in kept.split() if any(c.isalnum() for c in word)] or [NAMELESS]
    result = words[0].encode("utf-8")[:SLUG_MAX_BYTES].decode("utf-8", errors="ignore")
    for word in words[1:]:
        if len(f"{result}-{word}".encode()) > SLUG_MAX_BYTES:
            break
        result = f"{result}-{word}"
    return result


def stem_of(text: str, seed: int) -> str:
    """`a-red-fox-in-the-snow_7`: what the names of a job's files have in common."""
    return f"{slug(text)}_{seed}"


def image_name(stem: str, image: int | None, suffix: str) -> str:
    """`STEM_1.png` for an image (counted from 1), `STEM_grid.png` for the grid."""
    return f"{stem}_{GRID if image is None else image}.{suffix}"
