"""How a fault is told: the offending text as typed, its place, and what would be right. Knows no rule of the language."""

from __future__ import annotations

from darkroom.core.errors import PromptError

SHOWN_MAX = 60  # characters of the user's text in a message


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
