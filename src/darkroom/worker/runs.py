"""The runs that a worker holds, from the assignment until the service has answered the report. Knows no connection."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from darkroom.core.params import Lane
from darkroom.core.work import Assignment, Claim, Progress
from darkroom.worker.generator import Drawn, Glimpse

LANES = tuple(Lane)  # the most urgent first
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
    fetching: asyncio.Task[None] | None = None
    """Its pictures, or the states that an earlier worker left, are on their way; the generator has nothing of it yet."""
    finishing: asyncio.Task[None] | None = None
    leaving: asyncio.Task[None] | None = None
    """It is being handed back."""

    @property
    def claim(self) -> Claim:
        return self.assignment.claim

    def stop(self) -> None:
        """Ends what is done for it beside the drawing."""
        for task in (self.fetching, self.finishing, self.leaving):
            if task:
                task.cancel()

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
    """At most `slots` runs by claim, one more where it is more urgent than another; and the claims of those that are over."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._held: dict[Claim, Run] = {}
        self._over: OrderedDict[Claim, None] = OrderedDict()
        self._roomy = asyncio.Event()
        self._crowded = asyncio.Event()
        self._empty = asyncio.Event()
        self._note()

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    @property
    def free(self) -> int:
        return max(0, self._slots - len(self._held))

    @property
    def urgent(self) -> tuple[Lane, ...]:
        """The lanes of which one more run may come although no slot is free: the generator draws it before what is held."""
        if len(self._held) != self._slots:
            return ()
        return LANES[: max(LANES.index(run.assignment.lane) for run in self)]

    def get(self, claim: Claim) -> Run | None:
        return self._held.get(claim)

    def of_job(self, job_id: UUID) -> Run | None:
        """The run of a job under any fence."""
        return next((run for run in self._held.values() if run.claim.job_id == job_id), None)

    def is_over(self, claim: Claim) -> bool:
        """Whether this worker has had the last word on a claim, as far as it remembers."""
        return claim in self._over

    def add(self, assignment: Assignment) -> Run:
        run = self._held[assignment.claim] = Run(assignment=assignment)
        self._note()
        return run

    def end(self, claim: Claim) -> Run | None:
        """It is over, whether it was held or not; the run where it was."""
        self._over[claim] = None
        if len(self._over) > REMEMBERED_MAX:
            self._over.popitem(last=False)
        run = self._held.pop(claim, None)
        if run:
            run.stop()
        self._note()
        return run

    async def room(self) -> None:
        """Wait until a slot is free."""
        await self._roomy.wait()

    async def crowded(self) -> None:
        """Wait until no slot is free and yet something more urgent may come."""
        await self._crowded.wait()

    async def emptied(self) -> None:
        """Wait until nothing is held."""
        await self._empty.wait()

    def _note(self) -> None:
        for event, holds in (
            (self._roomy, self.free > 0),
            (self._crowded, bool(self.urgent)),
            (self._empty, not self._held),
        ):
            (event.set if holds else event.clear)()
