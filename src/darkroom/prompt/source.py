"""The text of a prompt, every character of which remembers where the user typed it. Knows no parameter.

A `Text` also carries a mask: the same characters with everything inside quotes blotted out, so that whoever looks for
dashes, commas or `::` looks at the mask and never takes lettering for syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from darkroom.prompt.faults import fault, shown

BLOT = "\0"  # never in a prompt: control characters are refused before anything is masked

# A quote opens at the start of a word and closes at the end of one, so that the inches of `a 12" record` are no quotes.
_QUOTED = re.compile(r'(?<![^\s(\[,:;])(?:"(?!\s)[^"]*[^"\s]"(?!\w)|“[^“”]+”)')
_WORD = re.compile(r"\S+")
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Text:
    """`chars` with the 1-based place of each in what the user typed, and the mask; all three of one length."""

    chars: str
    origin: tuple[int, ...]
    mask: str

    @property
    def at(self) -> int:
        """Where the text begins; 0 for an empty text."""
        return self.origin[0] if self.origin else 0

    @property
    def collapsed(self) -> str:
        """The characters, trimmed, with every run of whitespace as one space."""
        return " ".join(self.chars.split())

    def cut(self, start: int, end: int | None = None) -> Text:
        return Text(chars=self.chars[start:end], origin=self.origin[start:end], mask=self.mask[start:end])

    def trimmed(self) -> Text:
        """Without the whitespace around it."""
        start = len(self.chars) - len(self.chars.lstrip())
        return self.cut(start, max(start, len(self.chars.rstrip())))

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each word, in this text; whitespace inside quotes does not separate words."""
        return tuple(match.span() for match in _WORD.finditer(self.mask))

    @cached_property
    def words(self) -> tuple[Text, ...]:
        return tuple(self.cut(start, end) for start, end in self.spans)


def text_of(chars: str, origin: tuple[int, ...]) -> Text:
    """A Text with its mask."""
    return Text(chars=chars, origin=origin, mask=_QUOTED.sub(lambda m: BLOT * len(m[0]), chars))


def check_readable(text: str, characters: int) -> None:
    """PromptError where the text is too long, or holds a control character or half of a surrogate pair."""
    if len(text) > characters:
        what = f"The prompt has {len(text):,} characters, more than the {characters:,} that are allowed"
        raise fault("invalid_parameter", what, at=characters + 1, hint="Shorten it.")
    found = _UNREADABLE.search(text)
    if found:
        what = f'"{shown(found[0])}" is not a character that can be read'
        raise fault("invalid_parameter", what, at=found.start() + 1, hint="Remove it.")
