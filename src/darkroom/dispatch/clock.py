"""Start-time fair queueing over anything that takes turns: the three lanes, and the accounts of a lane.

Goyal, Vin, Cheng 1996, "Start-time Fair Queuing". Knows no job and no time but its own virtual one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from darkroom.dispatch.sorted import Sorted

K = TypeVar("K")


class FairClock(Generic[K]):
    """Whose turn it is: the one with the smallest tag, where a tag is what one has been given so far over one's weight.

    `virtual` is the smallest tag of those who waited when the last turn was taken. Who starts to wait starts there, or at their
    own tag where it is larger: being away saves up nothing, and having had much just before is not forgotten.
    """

    def __init__(self) -> None:
        self.virtual = 0.0
        self._tags: dict[K, float] = {}
        self._ties: dict[K, int] = {}
        self._waiting: dict[K, tuple[float, int, K]] = {}
        self._turns: Sorted[tuple[float, int, K]] = Sorted()
        self._away: Sorted[tuple[float, K]] = Sorted()

    def __contains__(self, key: K) -> bool:
        return key in self._waiting

    def __iter__(self) -> Iterator[tuple[float, int, K]]:
        """(tag, tie, key) of those who wait, the next one first."""
        return iter(self._turns)

    def wait(self, key: K, *, tie: int) -> None:
        """From now on `key` has something to do. Of equal tags the smaller `tie` goes first; it is kept as long as the tag."""
        if key in self._waiting:
            return
        tag = self._tags.get(key)
        if tag is not None:
            self._away.remove((tag, key))
        tie = self._ties.setdefault(key, tie)
        self._enter(key, self.virtual if tag is None else max(tag, self.virtual), tie)

    def rest(self, key: K) -> None:
        """`key` has nothing to do any more. Its tag is kept as long as it says anything."""
        if key not in self._waiting:
            return
        self._turns.remove(self._waiting.pop(key))
        if self._tags[key] <= self.virtual:
            del self._tags[key], self._ties[key]
        else:
            self._away.add((self._tags[key], key))

    def charge(self, key: K, amount: float) -> None:
        """`key`, which waits, takes a turn of that size over its weight."""
        head = self._turns.first()
        assert head is not None and key in self._waiting, "only who waits can be given a turn"
        if head[0] > self.virtual:
            self.virtual = head[0]
            self._forget()
        self._move(key, self._tags[key] + amount)

    def refund(self, key: K, amount: float) -> None:
        """A turn is undone. Below the virtual time, too: it goes back to where it was, before those who came later."""
        if key in self._tags:
            self._move(key, self._tags[key] - amount)

    def correct(self, key: K, amount: float) -> None:
        """A turn was larger (or smaller: negative) than it was charged for. A correction never lets anybody jump ahead."""
        tag = self._tags.get(key, self.virtual)
        if key in self._tags:
            self._move(key, max(tag + amount, min(tag, self.virtual)))
        elif amount > 0:
            self._tags[key] = tag + amount
            self._away.add((tag + amount, key))

    def _enter(self, key: K, tag: float, tie: int) -> None:
        self._tags[key] = tag
        self._waiting[key] = (tag, tie, key)
        self._turns.add(self._waiting[key])

    def _move(self, key: K, tag: float) -> None:
        if key in self._waiting:
            old = self._waiting[key]
            self._turns.remove(old)
            self._enter(key, tag, old[1])
        else:
            self._away.remove((self._tags[key], key))
            self._tags[key] = tag
            self._away.add((tag, key))

    def _forget(self) -> None:
        while (oldest := self._away.first()) is not None and oldest[0] <= self.virtual:
            self._away.remove(oldest)
            del self._tags[oldest[1]]
            self._ties.pop(oldest[1], None)
