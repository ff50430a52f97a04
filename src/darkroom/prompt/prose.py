"""The words of a prompt and where they stand: not its parameters, links or weights. Judges nothing, and takes any text."""

from __future__ import annotations

import re
from collections.abc import Iterator

STOP_WORDS = frozenset(
    {"a", "an", "the", "of", "in", "on", "at", "by", "to", "from", "with", "without", "and", "or", "for", "as", "into", "onto", "over",
     "under", "above", "below", "beside", "between", "behind", "before", "near", "against", "through", "across", "around", "along",
     "inside", "upon", "is", "are", "was", "be", "it", "its", "this", "that", "these", "those", "while", "during"}
)  # fmt: skip
"""Words that a sentence needs more than a picture does."""

_PARAMETERS = re.compile(r"(?:(?<=\s)|^)(?:--|[–—])(?=[A-Za-z]).*", re.DOTALL)
_LINKS = re.compile(r"(?:https?://|upload:)\S*", re.IGNORECASE)
_WEIGHTS = re.compile(r"::\s*-?[0-9.]*")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def prose_of(text: str) -> str:
    """The text with spaces in place of parameters and links, so that every word stays where it was; `::2` becomes a comma."""
    for pattern in (_PARAMETERS, _LINKS):
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return _WEIGHTS.sub(lambda match: ",".ljust(len(match[0])), text)


def words_of(text: str) -> Iterator[re.Match[str]]:
    """The words, with their places in the text."""
    yield from _WORD.finditer(prose_of(text))


def is_little(word: str) -> bool:
    """Whether it is a stop word."""
    return word.lower() in STOP_WORDS
