"""How many submissions are under way at once. Past its capacity a process refuses some at the door, relax first.

Without it submissions crowd out the claims and reports of the jobs that were accepted before. Knows no job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from darkroom.core.errors import Overloaded
from darkroom.core.params import Lane

UNDER_WAY_MAX: Mapping[Lane, int] = {Lane.RELAX: 64, Lane.FAST: 128, Lane.TURBO: 384}
"""Submissions under way, of all lanes together, beyond which one of this lane is refused. At 400 a second some 10 are."""


class Crowd:
    """Counts for one process and its event loop."""

    def __init__(self, most: Mapping[Lane, int] = UNDER_WAY_MAX) -> None:
        self._most = most
        self._under_way = 0

    def __len__(self) -> int:
        return self._under_way

    @contextmanager
    def entered(self, lane: Lane) -> Iterator[None]:
        """While a submission for `lane` is under way. Overloaded where there are too many already."""
        if self._under_way >= self._most[lane]:
            raise Overloaded
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
