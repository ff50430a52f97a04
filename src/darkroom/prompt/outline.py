"""Where things lie in a prompt as it is typed, faulty or not: its parameters, links and words. Judges nothing: `parse` does.

Offsets are characters from 0, of the text as it was typed. Braces are looked at only as far as they end things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from darkroom.prompt.lexer import marked_name
from darkroom.prompt.links import is_link
from darkroom.prompt.permutations import ESCAPABLE
from darkroom.prompt.source import text_of
from darkroom.prompt.table import NAMES, PROMPT_MAX

OUTLINED_MAX = 2 * PROMPT_MAX  # characters; of a longer text, which nobody can submit, the rest is left out

_WORD = re.compile(r"\S+")
_WEIGHT = re.compile(r"::[-+.0-9]*$")


class Kind(StrEnum):
    LINK = "link"
    UPLOAD = "upload"


@dataclass(frozen=True, kw_only=True)
class TypedParameter:
    """A known parameter with all that stands behind it. `name` is its canonical one, without dashes."""

    name: str
    text: str
    value: str | None
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class TypedLink:
    text: str
    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Outline:
    """`words` is the stretch to be drawn, None where there is none; `spans` are all words, without braces and their commas.
    `groups` says of each opening brace where its closing one ends."""

    length: int
    parameters: tuple[TypedParameter, ...]
    links: tuple[TypedLink, ...]
    words: tuple[int, int] | None
    spans: tuple[tuple[int, int], ...]
    groups: Mapping[int, int]

    def place(self, at: int) -> tuple[int, int] | None:
        """What a fault at the character `at`, counted from 1, is about: the whole parameter or the braces that begin there, else
        the rest of the word. None for 0."""
        start = at - 1
        if start < 0:
            return None
        ends = {**self.groups, **{each.start: each.end for each in self.parameters}}
        words = (end for begin, end in self.spans if begin <= start < end)
        beyond = self.length if start >= OUTLINED_MAX or start >= self.length else start + 1
        return start, ends.get(start) or next(words, beyond)

    def parameter(self, *names: str) -> tuple[int, int] | None:
        """Where the first parameter of one of these canonical names stands."""
        return next(((each.start, each.end) for each in self.parameters if each.name in names), None)

    def named(self, link: str) -> tuple[int, int] | None:
        """Where a link is named first."""
        wanted = link.lower()
        return next(((each.start, each.end) for each in self.links if each.text.lower() == wanted), None)


def outline(text: str) -> Outline:
    """Whatever the text is; of one that nobody can submit for its length, of its first characters."""
    chars = text[:OUTLINED_MAX]
    whole = text_of(chars, tuple(range(1, len(chars) + 1)))
    depths, braces = _nesting(chars)
    mask = "".join(" " if i in braces else char for i, char in enumerate(whole.mask))
    spans = tuple(match.span() for match in _WORD.finditer(mask))
    words = [(start, end, marked_name(mask[start:end])) for start, end in spans]
    marked = [(start, match) for start, _, match in words if match]
    following = [*(start for start, _ in marked), len(chars)][1:]
    parameters = [
        _parameter(chars, start, match, _end(chars, start, upto, depths, braces))
        for (start, match), upto in zip(marked, following, strict=True)
        if match[1].lower() in NAMES
    ]
    links = [_link(chars, start, end) for start, end in spans if is_link(whole.cut(start, end))]
    first = next((start for start, _ in marked if not depths[start]), len(chars))
    return Outline(
        length=len(text),
        parameters=tuple(parameters),
        links=tuple(links),
        words=_words(chars, spans, links, first, braces),
        spans=spans,
        groups=_groups(chars, braces),
    )


def _nesting(chars: str) -> tuple[list[int], set[int]]:
    """How deep in braces each character is, and which are braces or the commas between options."""
    depths, braces, depth, escaped = [], set[int](), 0, False
    for i, char in enumerate(chars):
        structural = not escaped and (char in "{}" or (char == "," and depth > 0))
        if structural:
            braces.add(i)
            depth = max(0, depth + (char == "{") - (char == "}"))
        escaped = not escaped and char == "\\" and chars[i + 1 : i + 2] in ESCAPABLE
        depths.append(depth)
    return depths, braces


def _groups(chars: str, braces: set[int]) -> dict[int, int]:
    groups, opened = dict[int, int](), list[int]()
    for i in sorted(braces):
        if chars[i] == "{":
            opened.append(i)
        elif chars[i] == "}" and opened:
            groups[opened.pop()] = i + 1
    return groups


def _end(chars: str, start: int, upto: int, depths: Sequence[int], braces: set[int]) -> int:
    """Where a parameter ends: before the next one, or with the option of the braces that it stands in."""
    inside = depths[start]
    ends = (
        i
        for i in range(start, upto)
        if i in braces and (depths[i] < inside or (inside and depths[i] == inside and chars[i] == ","))
    )
    end = next(ends, upto)
    while chars[end - 1].isspace() or (end - 1 in braces and chars[end - 1] in "{,"):
        end -= 1
    return end


def _parameter(chars: str, start: int, match: re.Match[str], end: int) -> TypedParameter:
    value = chars[start + match.end(1) : end].strip()
    return TypedParameter(
        name=NAMES[match[1].lower()].names[0],
        text=chars[start:end],
        value=value or None,
        start=start,
        end=end,
    )


def _link(chars: str, start: int, end: int) -> TypedLink:
    text = _WEIGHT.sub("", chars[start:end])
    kind = Kind.UPLOAD if text.lower().startswith("upload:") else Kind.LINK
    return TypedLink(text=text, start=start, end=start + len(text), kind=kind)


def _words(
    chars: str,
    spans: Sequence[tuple[int, int]],
    links: Sequence[TypedLink],
    first: int,
    braces: set[int],
) -> tuple[int, int] | None:
    """From behind the image prompts, which come first, to the first parameter."""
    linked = {each.start for each in links}
    leading = 0
    while leading < len(spans) and spans[leading][0] in linked:
        leading += 1
    start, end = spans[leading - 1][1] if leading else 0, first
    while start < end and (chars[start].isspace() or (leading and start in braces and chars[start] in ",}")):
        start += 1
    while end > start and chars[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
