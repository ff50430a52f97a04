"""Reads a TOML file of numbers strictly: what is there must be known, of the right type and within bounds.

Knows no plan and no price. Every error is a DarkroomError that says where in the file the fault is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from darkroom.core.errors import DarkroomError

FILE_MAX_BYTES = 1_000_000
WHOLE_MAX = 10**12


def document(path: Path) -> Mapping[str, object]:
    """The whole file."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DarkroomError(f"cannot be read: {error}") from error
    if len(raw) > FILE_MAX_BYTES:
        raise DarkroomError(
            f"is larger than {FILE_MAX_BYTES:,} bytes, which no list of plans or prices needs"
        )
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # bad TOML, bad UTF-8, a number of thousands of digits
        raise DarkroomError(f"is not valid TOML: {error}") from error


def table(where: str, value: object, keys: Collection[str] | None = None) -> Mapping[str, object]:
    """A table; with `keys`, one that has all of them and no other."""
    if not isinstance(value, dict):
        raise DarkroomError(f"{where} must be a table, not {value!r}")
    if keys is not None:
        check_keys(where, value, keys)
    return value


def check_keys(where: str, given: Collection[str], keys: Collection[str]) -> None:
    """Raises where a key is unknown or one is missing."""
    unknown = sorted(set(given) - set(keys))
    if unknown:
        raise DarkroomError(f"{where} has an unknown key {unknown[0]!r}; known are {', '.join(sorted(keys))}")
    lacking = sorted(set(keys) - set(given))
    if lacking:
        raise DarkroomError(f"{where} lacks {lacking[0]!r}; needed are {', '.join(sorted(keys))}")


def text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DarkroomError(f"{where} must be a text, not {value!r}")
    return value


def flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise DarkroomError(f"{where} must be true or false, not {value!r}")
    return value


def whole(where: str, value: object, *, least: int = 0) -> int:
    """A whole number that is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= WHOLE_MAX:
        raise DarkroomError(f"{where} must be a whole number of at least {least}, not {value!r}")
    return value


def whole_or(where: str, value: object, word: str, *, least: int = 0) -> int | None:
    """A whole number, or the word that stands for no limit (None)."""
    if value == word:
        return None
    if isinstance(value, str):
        raise DarkroomError(f"{where} must be a whole number or {word!r}, not {value!r}")
    return whole(where, value, least=least)
