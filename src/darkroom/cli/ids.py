"""Ids as people type them: whole, or enough of one end. Knows no command."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from darkroom.cli.plain import plain
from darkroom.cli.tables import short
from darkroom.core.errors import NotFound, Refused

SHORTEST = 4  # characters of an id
SEARCHED = 1_000  # of the newest, where an id is not whole
SHOWN_MAX = 5


def is_whole(text: str) -> bool:
    """Whether a text is an id in full."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def matching(text: str, known: Iterable[str], *, what: str) -> str:
    """The one id among `known` that begins or ends with `text`, or whose shown end begins with it; a whole id is taken as it is,
    unseen.

    NotFound where there is none, Refused where there are several or the text is too short to tell.
    """
    if is_whole(text):
        return text.lower()
    if len(text) < SHORTEST:
        raise Refused(
            f"{plain(text[:40])!r} is too short for an id.",
            code="invalid_id",
            hint=f"Give {SHORTEST} characters or more.",
        )
    wanted = text.lower()
    found = sorted({each for each in known if _fits(wanted, each.lower())})
    if not found:
        raise NotFound(f"There is no {what} whose id begins or ends with {plain(text[:40])!r}.")
    if len(found) > 1:
        raise Refused(
            f"{plain(text[:40])!r} fits {len(found)} {what}s: {', '.join(found[:SHOWN_MAX])}",
            code="ambiguous_id",
            hint="Give more of it.",
        )
    return found[0]


def _fits(wanted: str, known: str) -> bool:
    return known.startswith(wanted) or known.endswith(wanted) or short(known).startswith(wanted)
