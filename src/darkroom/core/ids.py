"""Identifiers that sort by the time at which they were made, so that a list by id is a list by age."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

RANDOM_BITS = 74


def first_id(at: datetime) -> UUID:
    """What no id of that moment or later is smaller than, and every earlier one is."""
    assert at.tzinfo is not None, "a moment without a time zone is no moment"
    return UUID(int=(int(at.timestamp() * 1000) & ((1 << 48) - 1)) << 80)


def new_id(now: datetime, *, randomness: int | None = None) -> UUID:
    """A UUID of version 7 (RFC 9562, 5.7): 48 bits of milliseconds since 1970, then 74 random bits.

    `now` is aware of its time zone; `randomness` replaces the system's entropy where a test wants the same id again.
    """
    assert now.tzinfo is not None, "a moment without a time zone is no moment"
    bits = secrets.randbits(RANDOM_BITS) if randomness is None else randomness % (1 << RANDOM_BITS)
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    high, low = bits >> 62, bits & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
