"""The runs that a worker holds, from the assignment until the service has answered the report. Knows no connection."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from darkroom.core.work import Assignment, Claim, Progress
from darkroom.worker.generator import Drawn, Glimpse

REMEMBERED_MAX = 4096  # claims that are over, against orders and assignments that come twice or late


@dataclass(kw_only=True)
class Run:
    """One claim. `glimpses` holds the newest look at each image since the last preview."""

    assignment: Assignment
    done: int = 0
    total: int = 0
    glimpses: dict[int, Glimpse] = field(default_factory=dict)
    untold: bool = False
    """Something has happened since the last progress was made of it."""
    unseen: bool = False
    """There is a look that is in no preview yet."""
    previewed_at: float = 0.0
    drawn: Drawn | None = None
    finishing: asyncio.Task[None] | None = None

    @property
    def claim(self) -> Claim:
        return self.assignment.claim

    def progress(self, preview: bytes = b"", scores: Mapping[str, float] | None = None) -> Progress:
        """What is to be told of it now."""
        self.untold = False
        finishing = self.drawn is not None
        return Progress(
            claim=self.claim,
            done=self.done,
            total=self.total,
            finishing=finishing,
            preview=preview,
            scores=scores or {},
        )


class Runs:
    """At most `slots` runs by claim, and the claims of those that are over."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._held: dict[Claim, Run] = {}
        self._over: OrderedDict[Claim, None] = OrderedDict()
        self._roomy = asyncio.Event()
        self._empty = asyncio.Event()
        self._note()

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    @property
    def free(self) -> int:
        return max(0, self._slots - len(self._held))

    def get(self, claim: Claim) -> Run | None:
        return self._held.get(claim)

    def of_job(self, job_id: UUID) -> Run | None:
        """The run of a job under any fence."""
        return next((run for run in self._held.values() if run.claim.job_id == job_id), None)

    def is_over(self, claim: Claim) -> bool:
        """Whether this worker has had the last word on a claim, as far as it remembers."""
        return claim in self._over

    def add(self, assignment: Assignment) -> None:
        self._held[assignment.claim] = Run(assignment=assignment)
        self._note()

    def end(self, claim: Claim) -> Run | None:
        """It is over, whether it was held or not; the run where it was."""
        self._over[claim] = None
        if len(self._over) > REMEMBERED_MAX:
            self._over.popitem(last=False)
        run = self._held.pop(claim, None)
        if run and run.finishing:
            run.finishing.cancel()
        self._note()
        return run

    async def room(self) -> None:
        """Wait until a slot is free."""
        await self._roomy.wait()

    async def emptied(self) -> None:
        """Wait until nothing is held."""
        await self._empty.wait()

    def _note(self) -> None:
        for event, holds in ((self._roomy, self.free > 0), (self._empty, not self._held)):
            (event.set if holds else event.clear)()
