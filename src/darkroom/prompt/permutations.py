"""Braces: `{red, blue} bird` is two prompts. Counts without expanding, expands lazily. Knows no parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, product
from math import prod

from darkroom.prompt.faults import fault
from darkroom.prompt.source import Text, text_of

NESTING_MAX = 16  # braces within braces
ESCAPABLE = frozenset(",{}")
SYNTAX = frozenset("{}\\")

Char = tuple[str, int]  # a character, and its 1-based place in what the user typed


@dataclass
class Sequence:
    """Characters and choices, one after the other; `at` is the place of the brace or comma that opens it."""

    at: int = 0
    pieces: list[Char | Choice] = field(default_factory=list)

    def trim(self) -> None:
        """Drop the whitespace around it."""
        while self.pieces and _blank(self.pieces[-1]):
            self.pieces.pop()
        first = next((i for i, piece in enumerate(self.pieces) if not _blank(piece)), 0)
        del self.pieces[:first]


@dataclass
class Choice:
    """The options between two braces."""

    at: int
    options: list[Sequence]


def is_plain(text: str) -> bool:
    """Whether a prompt has neither braces nor escapes, and so stands for itself."""
    return SYNTAX.isdisjoint(text)


def read_braces(text: str) -> Sequence:
    """The structure of a prompt. PromptError for braces without a partner, empty options and too deep a nest."""
    open_choices: list[Choice] = []
    lines = [Sequence()]
    i = 0
    while i < len(text):
        char, at = text[i], i + 1
        if char == "\\" and text[i + 1 : i + 2] in ESCAPABLE and i + 1 < len(text):
            lines[-1].pieces.append((text[i + 1], at))
            i += 1
        elif char == "{":
            _open(open_choices, lines, at)
        elif char == "," and open_choices:
            _end_option(open_choices[-1], lines.pop())
            lines.append(Sequence(at=at))
        elif char == "}":
            _close(open_choices, lines, at)
        else:
            lines[-1].pieces.append((char, at))
        i += 1
    if open_choices:
        raise fault(
            "invalid_parameter",
            '"{" is never closed',
            at=open_choices[-1].at,
            hint="Add a }, or write \\{ for a brace.",
        )
    return lines[0]


def count(sequence: Sequence) -> int:
    """How many prompts a sequence stands for."""
    choices = (piece for piece in sequence.pieces if isinstance(piece, Choice))
    return prod(sum(count(option) for option in choice.options) for choice in choices)


def expand(sequence: Sequence) -> Iterator[Text]:
    """Every prompt that a sequence stands for, the leftmost choice changing slowest. Check `count` before."""
    for chars in _expand(sequence):
        yield text_of("".join(c for c, _ in chars), tuple(at for _, at in chars))


def first_choice(sequence: Sequence) -> int:
    """The place of the first brace; 0 where there is none."""
    return next((piece.at for piece in sequence.pieces if isinstance(piece, Choice)), 0)


def _blank(piece: Char | Choice) -> bool:
    return not isinstance(piece, Choice) and piece[0].isspace()


def _open(open_choices: list[Choice], lines: list[Sequence], at: int) -> None:
    if len(open_choices) == NESTING_MAX:
        what = f'"{{" opens a nest of more than {NESTING_MAX} braces'
        raise fault("invalid_parameter", what, at=at, hint="Use fewer braces within braces.")
    choice = Choice(at=at, options=[])
    lines[-1].pieces.append(choice)
    open_choices.append(choice)
    lines.append(Sequence(at=at))


def _close(open_choices: list[Choice], lines: list[Sequence], at: int) -> None:
    if not open_choices:
        raise fault(
            "invalid_parameter",
            '"}" closes a brace that was never opened',
            at=at,
            hint="Write \\} for a brace.",
        )
    _end_option(open_choices.pop(), lines.pop())


def _end_option(choice: Choice, option: Sequence) -> None:
    option.trim()
    if not option.pieces:
        opener = "{" if option.at == choice.at else ","
        what = f'"{opener}" is followed by an empty option'
        raise fault(
            "invalid_parameter", what, at=option.at, hint="Put a word there, or write \\, for a comma."
        )
    choice.options.append(option)


def _expand(sequence: Sequence) -> Iterator[tuple[Char, ...]]:
    pools: list[list[tuple[Char, ...]]] = [
        [chars for option in piece.options for chars in _expand(option)]
        if isinstance(piece, Choice)
        else [(piece,)]
        for piece in sequence.pieces
    ]
    for picks in product(*pools):
        yield tuple(chain.from_iterable(picks))
