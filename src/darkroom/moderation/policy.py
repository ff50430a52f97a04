"""The content policy as data: categories with their words, their meanings and their sentences, read strictly from TOML.

Knows no prompt, no model and no picture. A policy that can't be read is a service that can't check: it fails closed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.core.errors import ModerationUnavailable
from darkroom.moderation.folding import fold

POLICY_FILE = Path(__file__).with_name("policy.toml")
MAX_WITHIN_WORDS = 50

Phrase = tuple[str, ...]  # folded words; "rap*" stands for words that begin so, "0..17" for a number


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Words that mean harm only together: one of `any` and one of `near`, at most `within` words apart."""

    any: tuple[Phrase, ...]
    near: tuple[Phrase, ...]
    within: int


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """Sentences that a text may be like: blocked from `threshold` on, where it is `margin` nearer to them than to the benign ones."""

    threshold: float
    margin: float
    exemplars: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Category:
    """A part of the policy; `sentence` is what the user reads. `anywhere` are letters that no innocent word contains."""

    name: str
    sentence: str
    terms: tuple[Phrase, ...] = ()
    anywhere: tuple[str, ...] = ()
    allowed: tuple[Phrase, ...] = ()
    combinations: tuple[Combination, ...] = ()
    meaning: Meaning | None = None


@dataclass(frozen=True, kw_only=True)
class ImageLimit:
    """A score of a picture classifier, and the category that a picture at `block_from` or above belongs to."""

    score: str
    block_from: float
    category: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Categories in the order of their weight, the gravest first; `benign` are sentences that any policy allows."""

    version: str
    categories: tuple[Category, ...]
    benign: tuple[str, ...]
    images: tuple[ImageLimit, ...]

    def category(self, name: str) -> Category:
        """KeyError where there is none."""
        for category in self.categories:
            if category.name == name:
                return category
        raise KeyError(name)


def read_policy(path: Path | None = None) -> Policy:
    """The policy in `path` (default: the package's). Raises ModerationUnavailable with the place of the fault."""
    path = POLICY_FILE if path is None else path
    try:
        return _policy(_Table(tomllib.loads(path.read_text(encoding="utf-8")), where="the file"))
    except (OSError, ValueError) as fault:
        raise ModerationUnavailable(f"The content policy {path} cannot be read: {fault}") from fault


class _Table:
    """A table that knows where it stands, gives what is asked for by type, and complains about what nobody asked for."""

    def __init__(self, values: Mapping[str, Any], *, where: str) -> None:
        self._left = dict(values)
        self.where = where

    def _take(self, name: str, kind: type | tuple[type, ...], fallback: Any) -> Any:
        value = self._left.pop(name, fallback)
        if value is None:
            raise ValueError(f"{self.where} lacks `{name}`")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"`{name}` of {self.where} is {value!r}, which is of the wrong type")
        return value

    def text(self, name: str) -> str:
        found = str(self._take(name, str, None)).strip()
        if not found:
            raise ValueError(f"`{name}` of {self.where} is empty")
        return found

    def share(self, name: str) -> float:
        found = float(self._take(name, (int, float), None))
        if not 0 <= found <= 1:
            raise ValueError(f"`{name}` of {self.where} is {found}: it must be from 0 to 1")
        return found

    def whole(self, name: str, *, most: int) -> int:
        found = int(self._take(name, int, None))
        if not 1 <= found <= most:
            raise ValueError(f"`{name}` of {self.where} is {found}: it must be from 1 to {most}")
        return found

    def listing(self, name: str) -> tuple[str, ...]:
        """Entries between commas, over any number of lines."""
        entries = (" ".join(entry.split()) for entry in self._take(name, str, "").split(","))
        return tuple(entry for entry in entries if entry)

    def sentences(self, name: str) -> tuple[str, ...]:
        """One a line."""
        lines = (line.strip() for line in self._take(name, str, "").splitlines())
        return tuple(line for line in lines if line)

    def phrases(self, name: str) -> tuple[Phrase, ...]:
        return tuple(self._phrase(name, entry) for entry in self.listing(name))

    def table(self, name: str) -> _Table | None:
        found = self._take(name, dict, {})
        return _Table(found, where=f"{name} of {self.where}") if found else None

    def tables(self, name: str) -> list[_Table]:
        found = self._take(name, list, [])
        if not all(isinstance(item, dict) for item in found):
            raise ValueError(f"`{name}` of {self.where} must be tables: [[{name}]]")
        return [
            _Table(item, where=f"{name} {number} of {self.where}") for number, item in enumerate(found, 1)
        ]

    def end(self) -> None:
        if self._left:
            raise ValueError(f"{self.where} has unknown fields: {', '.join(sorted(self._left))}")

    def _phrase(self, name: str, entry: str) -> Phrase:
        words = tuple(_term_word(word) for word in entry.split())
        if not all(words):
            raise ValueError(f"{entry!r} in `{name}` of {self.where} holds no word")
        return tuple(part for word in words for part in word)


def _term_word(word: str) -> Phrase:
    """A term's word as texts are folded; a star at the end and a range of numbers are kept."""
    low, dots, high = word.partition("..")
    if dots and low.isdigit() and high.isdigit():
        return (word,)
    star = "*" if word.endswith("*") else ""
    folded = [part.plain for part in fold(word.removesuffix("*"))]
    return (*folded[:-1], folded[-1] + star) if folded else ()


def _policy(table: _Table) -> Policy:
    categories = tuple(_category(part) for part in table.tables("categories"))
    policy = Policy(
        version=table.text("version"),
        categories=categories,
        benign=table.sentences("benign"),
        images=tuple(_limit(part) for part in table.tables("images")),
    )
    table.end()
    names = [category.name for category in categories]
    if not names or len(set(names)) < len(names):
        raise ValueError("it must name at least one category, and each only once")
    if not policy.images or {limit.category for limit in policy.images} - set(names):
        raise ValueError("it must limit at least one score of images, each under the name of a category")
    return policy


def _category(table: _Table) -> Category:
    name = table.text("name")
    table.where = f"category {name!r}"
    meaning = table.table("meaning")
    category = Category(
        name=name,
        sentence=table.text("sentence"),
        terms=table.phrases("terms"),
        anywhere=table.listing("anywhere"),
        allowed=table.phrases("allowed"),
        combinations=tuple(_combination(part) for part in table.tables("combinations")),
        meaning=_meaning(meaning) if meaning else None,
    )
    table.end()
    return category


def _combination(table: _Table) -> Combination:
    found = Combination(
        any=table.phrases("any"),
        near=table.phrases("near"),
        within=table.whole("within", most=MAX_WITHIN_WORDS),
    )
    table.end()
    if not found.any or not found.near:
        raise ValueError(f"{table.where} needs words in both `any` and `near`")
    return found


def _meaning(table: _Table) -> Meaning:
    found = Meaning(
        threshold=table.share("threshold"),
        margin=table.share("margin"),
        exemplars=table.sentences("exemplars"),
    )
    table.end()
    if not found.exemplars:
        raise ValueError(f"{table.where} needs `exemplars`, one a line")
    return found


def _limit(table: _Table) -> ImageLimit:
    found = ImageLimit(
        score=table.text("score"), block_from=table.share("block_from"), category=table.text("category")
    )
    table.end()
    return found
