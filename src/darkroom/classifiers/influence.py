"""Which words of a prompt carry weight: each is left out in turn, and how far the sentence's vector moves is its influence.

A text longer than the encoder reads is weighed in pieces. Parameters, links and weights are no words.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from darkroom.core.ports import TextEmbedder, WordWeight
from darkroom.prompt.prose import is_little, prose_of, words_of

WORDS_MAX = 120
"""Words that are weighed; those beyond are not looked at: each costs a pass of the text encoder, of some milliseconds."""
PIECE_WORDS = 24  # read together; the encoder reads 64 tokens, and a word is seldom more than two
PIECE_LEAST = 8  # a last piece of fewer words joins the one before
STOP_SHARE = (
    0.25  # of its influence that a stop word keeps: without it the sentence limps, which is not what it means
)
DIGITS = 4
THREADS = 1


class LeaveOneOut:
    """Implements `core.ports.Shortener` on a thread of its own."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weighing")

    async def weigh(self, text: str) -> tuple[WordWeight, ...]:
        """The first 120 words in order; 1 is the word that matters most. Raises ModerationUnavailable where the encoder fails."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.weigh_now, text)

    def weigh_now(self, text: str) -> tuple[WordWeight, ...]:
        """`weigh`, in the thread of who calls."""
        words = list(words_of(text))[:WORDS_MAX]
        influence = [each for piece in pieces(words) for each in self._influence(text, piece)]
        most = max(influence, default=0.0) or 1.0
        return tuple(
            WordWeight(
                word=match[0], start=match.start(), end=match.end(), weight=round(share / most, DIGITS)
            )
            for match, share in zip(words, influence, strict=True)
        )

    def _influence(self, text: str, piece: Sequence[re.Match[str]]) -> list[float]:
        """How far a piece's vector moves without each of its words: one less their cosine, never below 0."""
        start, end = piece[0].start(), piece[-1].end()
        whole = prose_of(text)[start:end]
        without = [
            whole[: match.start() - start] + " " * len(match[0]) + whole[match.end() - start :]
            for match in piece
        ]
        first, *others = self._embedder.embed([_single_spaced(each) for each in (whole, *without)])
        length = sum(a * a for a in first) ** 0.5 or 1.0
        found = []
        for match, other in zip(piece, others, strict=True):
            norm = sum(b * b for b in other) ** 0.5 or 1.0
            moved = 1 - sum(a * b for a, b in zip(first, other, strict=True)) / (length * norm)
            found.append(max(0.0, moved) * (STOP_SHARE if is_little(match[0]) else 1))
        return found


def pieces(words: Sequence[re.Match[str]]) -> list[Sequence[re.Match[str]]]:
    """Runs of words that the encoder reads at once."""
    if not words:
        return []
    starts = list(range(0, len(words), PIECE_WORDS))
    if len(starts) > 1 and len(words) - starts[-1] < PIECE_LEAST:
        starts.pop()
    return [words[start:end] for start, end in zip(starts, [*starts[1:], len(words)], strict=True)]


def _single_spaced(text: str) -> str:
    return " ".join(text.split())
