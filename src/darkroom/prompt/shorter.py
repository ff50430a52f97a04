"""Shorter prompts from a prompt and the weight of its words: the lightest go first, and little words go with what they belong to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from darkroom.core.ports import WordWeight
from darkroom.prompt.prose import is_little, prose_of

SHARES = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Of the words that mean something: how many each shorter prompt leaves out."""

_BREAK = re.compile(r"[,;.!?:|\n]")


def shorter_prompts(text: str, words: Sequence[WordWeight]) -> tuple[str, ...]:
    """Up to five different prompts, each shorter than the one before; without parameters, links and weights.

    Words beyond the last that was weighed are left out.
    """
    meaning = sorted(
        (index for index, each in enumerate(words) if not is_little(each.word)),
        key=lambda index: (words[index].weight, -index),
    )
    body = prose_of(text)
    found: dict[str, None] = {}
    for share in SHARES:
        dropped = set(meaning[: int(len(meaning) * share)])
        prompt = _joined(body, words, _kept(body, words, dropped))
        if dropped and prompt:
            found[prompt] = None
    return tuple(found)


def _kept(body: str, words: Sequence[WordWeight], dropped: set[int]) -> set[int]:
    """What stays: words that mean something, and the little ones that lead to each within its clause.

    Dropped words may stand between, as adjectives do: of "in the [deep] snow" stays "in the snow".
    """
    kept = {index for index in range(len(words)) if index not in dropped and not is_little(words[index].word)}
    for index in sorted(kept):
        before = index - 1
        while before in dropped and not _broken(body, words, before):
            before -= 1
        while before >= 0 and is_little(words[before].word) and not _broken(body, words, before):
            kept.add(before)
            before -= 1
    return kept


def _joined(body: str, words: Sequence[WordWeight], kept: set[int]) -> str:
    """The words that stay, with a comma where a clause ended between two of them."""
    parts: list[str] = []
    order = sorted(kept)
    for index, following in zip_longest(order, order[1:]):
        word = words[index].word
        if following is not None and following > index + 1 and word.lower() in ("a", "an"):
            word = _article(words[following].word, word)
        ends = following is not None and any(_broken(body, words, each) for each in range(index, following))
        parts.append(f"{word}," if ends else word)
    return " ".join(parts)


def _article(noun: str, typed: str) -> str:
    """The article for another word than the one it stood before, by its first letter."""
    article = "an" if noun[0].lower() in "aeiou" else "a"
    return article.capitalize() if typed[0].isupper() else article


def _broken(body: str, words: Sequence[WordWeight], index: int) -> bool:
    """Whether a clause ends between a word and the next."""
    if index + 1 >= len(words):
        return True
    return _BREAK.search(body, words[index].end, words[index + 1].start) is not None
