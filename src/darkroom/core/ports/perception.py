"""What reads words and pictures: classifiers, embedders, the way in for hostile files. The rules are the package's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.core.uploads import CleanPicture


class TextEmbedder(Protocol):
    """Sentences to unit vectors, so that a dot product is their likeness in meaning."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """One vector for each text. Raises ModerationUnavailable where the model cannot run."""
        ...


class ImageScorer(Protocol):
    """Pixels to probabilities by category."""

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        """`rgb` row by row, 3 bytes a pixel. Raises ModerationUnavailable where the model cannot run."""
        ...


class Intake(Protocol):
    """Makes hostile pictures safe. Refused (`picture_invalid`, `too_large`, `link_refused`, `link_failed`, `mask_invalid`)."""

    async def read(self, data: bytes) -> CleanPicture:
        """What a file shows, by its content whatever its name: png, jpeg, webp or gif (its first frame)."""
        ...

    async def read_mask(self, data: bytes) -> CleanPicture:
        """A PNG as grey levels."""
        ...

    async def fetch(self, url: str) -> bytes:
        """The bytes at a public http(s) address, after every address on the way was checked."""
        ...


class Describer(Protocol):
    """Prompts for a picture."""

    async def describe(self, width: int, height: int, rgb: bytes, *, count: int) -> tuple[str, ...]:
        """`count` different prompts, the best first. Unavailable where what describes cannot answer."""
        ...


@dataclass(frozen=True, kw_only=True)
class WordWeight:
    """A word of a prompt as it stands there, from `start` to before `end`, and how much it matters: 0 to 1, 1 the most."""

    word: str
    start: int
    end: int
    weight: float


class Shortener(Protocol):
    """Which words of a prompt carry weight."""

    async def weigh(self, text: str) -> tuple[WordWeight, ...]:
        """The words of a text, in order. Unavailable where what weighs cannot answer."""
        ...
