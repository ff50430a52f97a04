"""A sorted collection in short buckets: add, remove, first, rank, and a walk in order. Knows nothing of jobs.

Every operation touches one bucket of at most BUCKET items, found by bisection, so the cost hardly grows with the size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T", bound=Any)  # anything that has an order; typing knows no such bound

BUCKET = 512  # items, after which a bucket is split in two


class Sorted(Generic[T]):
    """Distinct items in ascending order. It must not be changed while it is walked."""

    def __init__(self) -> None:
        self._buckets: list[list[T]] = []
        self._lasts: list[T] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        for bucket in self._buckets:
            yield from bucket

    def first(self) -> T | None:
        """The smallest item, None where there is none."""
        return self._buckets[0][0] if self._buckets else None

    def rank(self, item: T) -> int:
        """How many items are smaller; steps grow with the number of buckets."""
        at = bisect_left(self._lasts, item)
        before = sum(map(len, self._buckets[:at]))
        return before + (bisect_left(self._buckets[at], item) if at < len(self._buckets) else 0)

    def add(self, item: T) -> None:
        """Puts an item in; it must not be there yet."""
        self._size += 1
        if not self._buckets:
            self._buckets, self._lasts = [[item]], [item]
            return
        at = min(bisect_left(self._lasts, item), len(self._buckets) - 1)
        bucket = self._buckets[at]
        bucket.insert(bisect_left(bucket, item), item)
        self._lasts[at] = bucket[-1]
        if len(bucket) > BUCKET:
            half = len(bucket) // 2
            self._buckets[at : at + 1] = [bucket[:half], bucket[half:]]
            self._lasts[at : at + 1] = [bucket[half - 1], bucket[-1]]

    def remove(self, item: T) -> None:
        """Takes an item out; it must be there."""
        at = bisect_left(self._lasts, item)
        bucket = self._buckets[at]
        place = bisect_left(bucket, item)
        assert bucket[place] == item, "what is removed must be there"
        del bucket[place]
        self._size -= 1
        if bucket:
            self._lasts[at] = bucket[-1]
        else:
            del self._buckets[at], self._lasts[at]
