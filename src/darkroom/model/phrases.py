"""Which words of a prompt may name a thing: splitting, singular forms, and the phrases worth looking up.

English word lists (phrases.toml) instead of a tagger. Knows no vectors and no bank.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LONGEST_CANDIDATE = 3  # words
SHORTEST_NOUN = 3  # letters
VOCABULARY_FILE = Path(__file__).with_name("phrases.toml")

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_POSSESSIVE = re.compile(r"['\u2019]s?$")
_PAUSE = re.compile(r"[^\s'\u2019\"_-]")  # a hyphen or a quotation mark joins, any other sign parts


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The lists of phrases.toml, which says what each is for."""

    breakers: frozenset[str]
    weak: frozenset[str]
    ambiguous: frozenset[str]
    nouns_in_ing: frozenset[str]
    scenery: tuple[str, ...]
    kinds: tuple[str, ...]
    idioms: tuple[str, ...]


@cache
def vocabulary() -> Vocabulary:
    lists = tomllib.loads(VOCABULARY_FILE.read_text(encoding="utf-8"))

    def words(name: str) -> frozenset[str]:
        return frozenset(lists[name].split())

    def phrases(name: str) -> tuple[str, ...]:
        return tuple(" ".join(phrase.split()) for phrase in lists[name].split(","))

    return Vocabulary(
        breakers=words("breakers"),
        weak=words("weak"),
        ambiguous=words("ambiguous"),
        nouns_in_ing=words("nouns_in_ing"),
        scenery=phrases("scenery"),
        kinds=phrases("kinds"),
        idioms=phrases("idioms"),
    )


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of a prompt in lower case; `pause` says that a sign of punctuation parts it from the word before."""

    text: str
    start: int
    end: int
    pause: bool


def split_words(prompt: str) -> tuple[Word, ...]:
    """Words with their places. A hyphen parts words without a pause; a possessive ending is dropped."""
    words: list[Word] = []
    for match in _WORD.finditer(prompt):
        before = prompt[words[-1].end if words else 0 : match.start()]
        text = _POSSESSIVE.sub("", match.group().replace("\u2019", "'").lower())
        pause = bool(words) and bool(_PAUSE.search(before))
        words.append(Word(text=text, start=match.start(), end=match.end(), pause=pause))
    return tuple(words)


def key_of(phrase: str) -> tuple[str, ...]:
    """A phrase in the form in which phrases are compared: its words."""
    return tuple(word.text for word in split_words(phrase))


def singular_forms(word: str) -> tuple[str, ...]:
    """The word itself, then what it could be the plural of, likeliest first."""
    forms = [word]
    if word.endswith("ies") and len(word) > 4:
        forms.append(word[:-3] + "y")
    if word.endswith("ves"):
        forms += [word[:-3] + "f", word[:-3] + "fe"]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        forms.append(word[:-1])
    if word.endswith("es"):
        forms.append(word[:-2])
    return tuple(forms)


def longest_matches(
    words: Sequence[Word], free: Sequence[bool], table: Mapping[tuple[str, ...], str]
) -> Iterator[tuple[int, int, str]]:
    """(first, last + 1, value) for phrases of the table, longest first and then from the left, without overlaps.

    A pair of words also matches the compound that it makes ("sail boat" and "sailboat").
    """
    longest = max(2, *map(len, table)) if table else 0
    left = list(free)
    for size in range(min(longest, len(words)), 0, -1):
        for first in range(len(words) - size + 1):
            span = range(first, first + size)
            if not all(left[index] for index in span) or any(words[index].pause for index in span[1:]):
                continue
            key = next(
                (form for form in _forms([words[index].text for index in span]) if form in table), None
            )
            if key is not None:
                left[first : first + size] = [False] * size
                yield first, first + size, table[key]


def _forms(texts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for last in singular_forms(texts[-1]):
        yield (*texts[:-1], last)
        if len(texts) == 2:
            yield (texts[0] + last,)


def candidates(
    words: Sequence[Word], free: Sequence[bool], named: Sequence[bool]
) -> tuple[tuple[int, int], ...]:
    """Spans that may name a thing: 1 to 3 free words of one noun phrase, ending in a word that can be a noun.

    What stands directly before a thing already `named` describes it ("party" before "balloon") and is no candidate.
    """
    spans: list[tuple[int, int]] = []
    for first, end in _runs(words, free):
        if end < len(words) and named[end] and not words[end].pause:
            continue
        for last in range(first, end):
            if _can_end(words[last].text):
                starts = range(max(first, last + 1 - LONGEST_CANDIDATE), last + 1)
                spans += [(start, last + 1) for start in starts if words[start].text not in vocabulary().weak]
    return tuple(spans)


def _runs(words: Sequence[Word], free: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Maximal stretches of free words without a pause or a parting word."""
    first = None
    for index, word in enumerate(words):
        inside = free[index] and not _parts(word.text)
        if first is not None and (not inside or word.pause):
            yield first, index
            first = None
        if inside and first is None:
            first = index
    if first is not None:
        yield first, len(words)


def _parts(word: str) -> bool:
    """Whether the word ends a noun phrase: a particle, a number, an adverb, or a verb in -ing."""
    known = vocabulary()
    if word in known.breakers or word.isdigit() or word.endswith("ly"):
        return True
    return word.endswith("ing") and word not in known.nouns_in_ing


def _can_end(word: str) -> bool:
    if word in vocabulary().weak or len(word) < SHORTEST_NOUN:
        return False
    return not any(form in _scenery_words() for form in singular_forms(word))


@cache
def _scenery_words() -> frozenset[str]:
    return frozenset(phrase for phrase in vocabulary().scenery if " " not in phrase)
