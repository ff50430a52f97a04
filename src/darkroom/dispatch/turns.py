"""Whose turn it is on one kind of worker: lanes by their shares, accounts within a lane by what they have had.

Workers that can draw with the same models share one Turns, so that shares and fairness hold on each kind of worker, and nobody
gains credit from work that these workers could not have done. Knows no worker by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from uuid import UUID

from darkroom.core.params import Lane
from darkroom.dispatch.clock import FairClock
from darkroom.dispatch.lines import Kind, Line
from darkroom.dispatch.ready import ReadyJob

_RANK = {Lane.TURBO: 0, Lane.FAST: 1, Lane.RELAX: 2}
Lines = Mapping[UUID, Line]


class Turns:
    """The order in which workers with just these models take the jobs that they can draw."""

    def __init__(self, models: frozenset[str], shares: Mapping[Lane, int]) -> None:
        self.models = models
        self._shares = shares
        self._lanes: FairClock[Lane] = FairClock()
        self._accounts: dict[Lane, FairClock[UUID]] = {lane: FairClock() for lane in Lane}

    def lanes(self) -> list[Lane]:
        """The lanes with something to do here, the next one first."""
        return [lane for _, _, lane in self._lanes]

    def came(self, job: ReadyJob) -> None:
        """A job was put into its line."""
        if job.model in self.models:
            self._accounts[job.lane].wait(job.account_id, tie=job.id.int)
            self._lanes.wait(job.lane, tie=_RANK[job.lane])

    def went(self, job: ReadyJob, line: Line) -> None:
        """A job was taken out of its line."""
        if job.model not in self.models or line.suits(self.models):
            return
        accounts = self._accounts[job.lane]
        accounts.rest(job.account_id)
        if next(iter(accounts), None) is None:
            self._lanes.rest(job.lane)

    def charge(self, job: ReadyJob) -> None:
        """A worker takes this job; to be called while the job is still in its line."""
        self._lanes.charge(job.lane, max(job.cost_gpu_ms, 1) / self._shares[job.lane])
        self._accounts[job.lane].charge(job.account_id, job.turn)

    def refund(self, job: ReadyJob) -> None:
        """The charge for this job is undone."""
        self._lanes.refund(job.lane, max(job.cost_gpu_ms, 1) / self._shares[job.lane])
        self._accounts[job.lane].refund(job.account_id, job.turn)

    def correct(self, job: ReadyJob, more_gpu_ms: int) -> None:
        """The job took so much more GPU time than it was charged for, or less."""
        self._lanes.correct(job.lane, more_gpu_ms / self._shares[job.lane])
        self._accounts[job.lane].correct(job.account_id, more_gpu_ms / job.weight)

    def walk(
        self, lane: Lane, lines: Lines, jobs: Mapping[UUID, ReadyJob], suits: Callable[[Kind], bool]
    ) -> Iterator[ReadyJob]:
        """The jobs of a lane in the order in which they would start if nothing else came; lazily, so a few cost little."""
        upcoming: list[tuple[float, int, UUID, UUID, Iterator[UUID]]] = []
        turns = iter(self._accounts[lane])
        turn = next(turns, None)
        while turn is not None or upcoming:
            if turn is not None and (not upcoming or turn[:2] <= upcoming[0][:2]):
                tag, tie, account = turn
                ids = lines[account].walk(suits)
                turn = next(turns, None)
            else:
                tag, tie, account, job_id, ids = heappop(upcoming)
                yield jobs[job_id]
                tag += jobs[job_id].turn
            following = next(ids, None)
            if following is not None:
                heappush(upcoming, (tag, tie, account, following, ids))
