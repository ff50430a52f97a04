"""How a fault is told: the offending text as typed, its place, and what would be right. Knows no rule of the language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from darkroom.core.errors import PromptError

SHOWN_MAX = 60  # characters of the user's text in a message

_AT = re.compile(r" \(at character [0-9]+\)")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault for whoever shows it beside the text: its place is apart, as start and end in characters from 0, None for none."""

    code: str
    message: str
    hint: str = ""
    field: str | None = "prompt"
    place: tuple[int, int] | None = None


def apart(error: PromptError) -> str:
    """What an error says without its place and its hint."""
    return _AT.sub("", error.message.removesuffix(error.hint), count=1).strip()


def shown(text: str) -> str:
    """Text that any terminal can print: one line, clipped, with `\\udc80`-style escapes for what is not printable."""
    line = " ".join(text.split())
    clipped = line if len(line) <= SHOWN_MAX else line[: SHOWN_MAX - 1] + "…"
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in clipped
    )


def fault(code: str, what: str, *, at: int = 0, hint: str = "") -> PromptError:
    """A PromptError whose message reads `WHAT (at character AT). HINT`."""
    place = f" (at character {at})" if at else ""
    return PromptError(code, f"{what}{place}. {hint}".rstrip(), position=at, hint=hint)
