"""Splits one prompt without braces into its body and its parameters. Knows the names, not what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import zip_longest

from darkroom.core.errors import PromptError
from darkroom.prompt.faults import fault, shown
from darkroom.prompt.source import Text
from darkroom.prompt.table import NAMES, Parameter, Takes

NEAREST_RATIO = 0.5  # of difflib; a name less alike than that is not worth suggesting

LONG_DASHES = "–—"

# Phones turn `--` into a long dash. Before a letter that is not Latin, or before a space, a long dash is prose.
_MARKED = re.compile(r"(?:--(?=\w)|[–—](?=[A-Za-z]))([^\W\d_]*)(.*)", re.DOTALL)
_GLUED = re.compile(r"(?<=[^-–—])--([A-Za-z]+)(?![^\W_])")
_MISDASHED = re.compile(r"[-–—]+([A-Za-z]+)")


@dataclass(frozen=True, kw_only=True)
class Given:
    """A parameter as the user gave it: its name as typed with its place, and the words after it."""

    parameter: Parameter
    name: Text
    words: tuple[Text, ...]

    @property
    def at(self) -> int:
        return self.name.at

    @property
    def shown(self) -> str:
        """As typed, for a message."""
        return shown(" ".join(word.chars for word in (self.name, *self.words)))


def lex(text: Text) -> tuple[Text, dict[str, Given]]:
    """The body, and the parameters by key. PromptError for wrong spacing, unknown names and repeated parameters."""
    words = text.words
    check_words(words)
    given: dict[str, Given] = {}
    for name, after in runs(words):
        each = read_given(name, after)
        given[each.parameter.key] = _joined(given.get(each.parameter.key), each)
    return body_of(text), given


def body_of(text: Text) -> Text:
    """What stands before the first parameter, known or not."""
    starts = (
        start for word, (start, _) in zip(text.words, text.spans, strict=True) if marked_name(word.mask)
    )
    return text.cut(0, next(starts, len(text.chars)))


def marked_name(mask: str) -> re.Match[str] | None:
    """Whether a word is meant as a parameter: group 1 is its name, as typed."""
    return _MARKED.match(mask)


def runs(words: Sequence[Text]) -> Iterator[tuple[Text, tuple[Text, ...]]]:
    """Every word that is meant as a parameter, with the words after it up to the next."""
    starts = [i for i, word in enumerate(words) if marked_name(word.mask)]
    for start, end in zip(starts, [*starts, len(words)][1:], strict=True):
        yield words[start], tuple(words[start + 1 : end])


def read_given(name: Text, after: tuple[Text, ...]) -> Given:
    """A run as a parameter. PromptError where there is none of that name, or it is not spaced as one."""
    return Given(parameter=_parameter(name), name=name, words=after)


def check_words(words: Sequence[Text]) -> None:
    """PromptError where a known name follows dashes that are not `--`: `- -ar`, `-- ar`, `-ar`, `---ar`."""
    for word, after, then in zip_longest(words, words[1:], words[2:]):
        misdashed = None if _MARKED.match(word.mask) else _MISDASHED.match(word.mask)
        if misdashed and misdashed[1].lower() in NAMES:
            raise _spacing(
                word.chars,
                word.at,
                misdashed[1],
                word.chars[misdashed.end() :] or _value(misdashed[1], after),
            )
        if after and word.chars in ("-", "--"):
            name = after.mask.removeprefix("-") if word.chars == "-" else after.mask
            dashed = word.chars == "--" or after.mask.startswith("-")
            if dashed and name.lower() in NAMES:
                raise _spacing(f"{word.chars} {after.chars}", word.at, name, _value(name, then))


def check_prose(text: Text) -> None:
    """PromptError where words hold a parameter that lacks the space in front of it: `a::--ar`, `fox--ar`."""
    words = text.words
    if words and _MARKED.match(words[0].mask):
        raise _stuck(words[0])
    for word in words:
        glued = _GLUED.search(word.mask)
        if glued and glued[1].lower() in NAMES:
            raise _stuck(word.cut(glued.start()))
    check_words(words)


def _parameter(word: Text) -> Parameter:
    marked = _MARKED.match(word.mask)
    assert marked, "only a word that is marked as a parameter has a name"
    name = marked[1].lower()
    if name not in NAMES:
        raise _unknown(word, marked)
    if marked[2]:
        rest = word.chars[marked.start(2) :].lstrip("=:").rstrip(",;.")
        raise _spacing(word.chars, word.at, marked[1], rest)
    return NAMES[name]


def _joined(before: Given | None, given: Given) -> Given:
    if before is None:
        return given
    if given.parameter.takes is not Takes.LIST:
        what = f"{given.shown} repeats {before.shown} of character {before.at}"
        raise fault("parameter_conflict", what, at=given.at, hint="Keep one of them.")
    for each in (before, given):
        if not each.words:
            raise missing(each)
    comma = Text(chars=",", origin=(given.at,), mask=",")
    return replace(before, words=(*before.words, comma, *given.words))


def missing(given: Given) -> PromptError:
    """The fault of a parameter without its value."""
    hint = f"Try {given.parameter.example}."
    return fault("invalid_parameter", f"{given.shown} needs a value", at=given.at, hint=hint)


def _value(name: str, after: Text | None) -> str:
    """The word after a name, where it can be the value of that parameter; else nothing."""
    flag = NAMES[name.lower()].takes is Takes.FLAG
    return "" if flag or after is None or _MISDASHED.match(after.mask) else after.chars


def _spacing(typed: str, at: int, name: str, value: str) -> PromptError:
    hint = f"Write --{shown(f'{name} {value}')}."
    return fault(
        "invalid_parameter", f"{shown(typed)} is not spaced as a parameter must be", at=at, hint=hint
    )


def _stuck(word: Text) -> PromptError:
    what = f"{shown(word.chars)} sticks to what is before it"
    return fault("invalid_parameter", what, at=word.at, hint="Put a space in front of it.")


def _unknown(word: Text, marked: re.Match[str]) -> PromptError:
    typed = shown(word.chars[: marked.end(1)] if marked[1] else word.chars)
    nearest = get_close_matches(marked[1].lower(), NAMES, n=1, cutoff=NEAREST_RATIO)
    known = f"The parameters are {', '.join(dict.fromkeys(each.name for each in NAMES.values()))}."
    if word.chars[0] in LONG_DASHES:
        known = "Put a space after the dash where it belongs to your words."
    hint = f"Did you mean --{nearest[0]}?" if nearest else known
    return fault("invalid_parameter", f"{typed} is not a parameter", at=word.at, hint=hint)
