"""Finds the terms of a policy in folded words: phrases, beginnings, numbers, and words that mean harm only together.

Knows no likeness in meaning and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from darkroom.moderation.folding import Word
from darkroom.moderation.policy import Category, Combination, Phrase

Span = tuple[int, int]  # the first word and the one after the last


class PhraseIndex:
    """Phrases by their first word, so that a text costs a look-up for each reading of each word."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._exact: dict[str, list[Phrase]] = {}
        self._open: list[Phrase] = []  # those that begin with a prefix or a number
        for phrase in phrases:
            if _is_pattern(phrase[0]):
                self._open.append(phrase)
            else:
                self._exact.setdefault(phrase[0], []).append(phrase)

    def spans(self, words: Sequence[Word]) -> Iterator[tuple[Span, Phrase]]:
        """Each place where a phrase stands."""
        for at, word in enumerate(words):
            candidates = [phrase for reading in word.readings for phrase in self._exact.get(reading, ())]
            for phrase in (*candidates, *self._open):
                if _stands(phrase, words, at):
                    yield (at, at + len(phrase)), phrase


@dataclass(frozen=True, kw_only=True)
class _Pair:
    rule: Combination
    any: PhraseIndex
    near: PhraseIndex


class TermFinder:
    """The terms, the allowed phrases and the combinations of one category."""

    def __init__(self, category: Category) -> None:
        self._terms = PhraseIndex(category.terms)
        self._allowed = PhraseIndex(category.allowed)
        self._anywhere = category.anywhere
        self._pairs = [
            _Pair(rule=rule, any=PhraseIndex(rule.any), near=PhraseIndex(rule.near))
            for rule in category.combinations
        ]

    def find(self, words: Sequence[Word]) -> str:
        """What is against the policy, in the policy's own words; "" where nothing is."""
        allowed = [span for span, _ in self._allowed.spans(words)]
        for span, phrase in self._terms.spans(words):
            if not _covered(span, allowed):
                return " ".join(phrase)
        return self._inside(words, allowed) or self._together(words, allowed)

    def _inside(self, words: Sequence[Word], allowed: Sequence[Span]) -> str:
        for at, word in enumerate(words):
            if _covered((at, at + 1), allowed):
                continue
            for letters in self._anywhere:
                if any(letters in reading for reading in word.readings):
                    return letters
        return ""

    def _together(self, words: Sequence[Word], allowed: Sequence[Span]) -> str:
        for pair in self._pairs:
            left = [found for found in pair.any.spans(words) if not _covered(found[0], allowed)]
            if not left:
                continue
            right = [found for found in pair.near.spans(words) if not _covered(found[0], allowed)]
            for one, first in left:
                for other, second in right:
                    if _gap(one, other) <= pair.rule.within:
                        return f"{' '.join(first)} + {' '.join(second)}"
        return ""


def _is_pattern(word: str) -> bool:
    return word.endswith("*") or ".." in word


def _stands(phrase: Phrase, words: Sequence[Word], at: int) -> bool:
    if at + len(phrase) > len(words):
        return False
    return all(_fits(part, words[at + offset]) for offset, part in enumerate(phrase))


def _fits(part: str, word: Word) -> bool:
    if part.endswith("*"):
        return any(reading.startswith(part[:-1]) for reading in word.readings)
    if ".." in part:
        low, _, high = part.partition("..")
        number = word.plain
        return (
            number.isascii() and number.isdigit() and len(number) < 4 and int(low) <= int(number) <= int(high)
        )
    return part in word.readings


def _covered(span: Span, allowed: Sequence[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in allowed)


def _gap(one: Span, other: Span) -> int:
    """Words between two places; overlapping ones are 0 apart, but a place is not near itself."""
    if one == other:
        return 1 << 30
    return max(0, other[0] - one[1], one[0] - other[1])
