"""Token buckets in memory: how many requests a minute one account or one address may make. Knows no HTTP.

Each process counts for itself; with several gateways the limits add up.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from darkroom.core.errors import Exhausted

BUCKETS_MAX = 10_000  # accounts or addresses that are counted at once; the longest unseen is forgotten
WIDE_PER_MINUTE = 120  # pages of feeds and of lineages, of one account
FAILURES_PER_MINUTE = 30  # failed keys, sessions and logins from one address


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a bucket said. `reset_s` is when it is full again, `retry_after_s` when the next request passes; whole seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int

    def headers(self) -> dict[str, str]:
        """The RateLimit headers of a response."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class Buckets:
    """A bucket for each key, which holds a minute's worth and refills evenly. `now` may step back: then nothing refills."""

    def __init__(self, *, capacity: int = BUCKETS_MAX) -> None:
        self._capacity = capacity
        self._levels: OrderedDict[Hashable, tuple[float, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: Hashable, *, per_minute: int, now: datetime) -> Taken:
        """Takes one token where there is one."""
        level = self._level(key, per_minute, now)
        allowed = level >= 1
        self._store(key, level - 1 if allowed else level, now)
        return _told(level - 1 if allowed else level, per_minute, allowed=allowed)

    def look(self, key: Hashable, *, per_minute: int, now: datetime) -> Taken:
        """What `take` would find, without taking."""
        level = self._level(key, per_minute, now)
        return _told(level, per_minute, allowed=level >= 1)

    def _level(self, key: Hashable, per_minute: int, now: datetime) -> float:
        if key not in self._levels:
            return float(per_minute)
        level, at = self._levels[key]
        elapsed_s = max(0.0, (now - at).total_seconds())
        return min(float(per_minute), level + elapsed_s * per_minute / 60)

    def _store(self, key: Hashable, level: float, now: datetime) -> None:
        self._levels[key] = (level, now)
        self._levels.move_to_end(key)
        while len(self._levels) > self._capacity:
            self._levels.popitem(last=False)


def count(buckets: Buckets, key: Hashable, *, per_minute: int, now: datetime, what: str) -> None:
    """Takes one token. Exhausted (`rate_limited`) where there is none; `what` are the things that are counted."""
    taken = buckets.take(key, per_minute=per_minute, now=now)
    if not taken.allowed:
        raise Exhausted(
            f"More than {per_minute} {what} in a minute.",
            code="rate_limited",
            hint=f"Try again in {taken.retry_after_s} s.",
            retry_after_s=taken.retry_after_s,
        )


def _told(level: float, per_minute: int, *, allowed: bool) -> Taken:
    rate_s = per_minute / 60
    return Taken(
        allowed=allowed,
        limit=per_minute,
        remaining=int(level),
        reset_s=math.ceil((per_minute - level) / rate_s),
        retry_after_s=max(1, math.ceil((1 - level) / rate_s)),
    )
