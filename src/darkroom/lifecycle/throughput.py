"""What ended over time, in stretches of equal length that a plot can show. Pure but for one question to the store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from darkroom.core.figures import Ended
from darkroom.lifecycle.rooms import Rooms

BUCKETS_S = {1: 60, 6: 300, 24: 600, 168: 3600}
"""Hours that are looked back, and the seconds of one stretch: 60 to 168 of them."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """What ended from `at` on, for `bucket_s`."""

    at: datetime
    ended: tuple[Ended, ...] = ()


async def throughput(rooms: Rooms, hours: int) -> list[Bucket]:
    """The stretches of the last hours, oldest first, the empty ones too; the last is the one that we are in."""
    bucket_s = BUCKETS_S[hours]
    starts = stretches(rooms.clock(), bucket_s=bucket_s, count=hours * 3600 // bucket_s)
    ended = await rooms.operations.ended(starts[0], bucket_s=bucket_s)
    return filled(starts, ended)


def stretches(now: datetime, *, bucket_s: int, count: int) -> list[datetime]:
    """When each begins. They begin at the same moments whenever one asks, so that a plot does not shiver."""
    current_s = int(now.timestamp()) // bucket_s * bucket_s
    newest = datetime.fromtimestamp(current_s, tz=UTC)
    return [newest - timedelta(seconds=bucket_s * ago) for ago in range(count - 1, -1, -1)]


def filled(starts: Iterable[datetime], ended: Iterable[Ended]) -> list[Bucket]:
    """Each stretch with what ended in it."""
    found: dict[datetime, list[Ended]] = {start: [] for start in starts}
    for each in ended:
        if each.at in found:  # one that ended after we had looked at the clock may lie beyond
            found[each.at].append(each)
    return [Bucket(at=at, ended=tuple(here)) for at, here in found.items()]
