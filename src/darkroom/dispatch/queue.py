"""The ready queue: which ready job a worker gets next. Holds no more than the ledger can give again after a restart.

Lanes get guaranteed shares of GPU time, accounts within a lane take fair turns by GPU time over their plan's weight, jobs of one
account go in order of submission. Knows no database, no clock (`now` is seconds) and no worker that did not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from darkroom.core.params import Lane
from darkroom.dispatch import position
from darkroom.dispatch.lines import Kind, Line
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.dispatch.ready import Position, ReadyJob, WorkerView
from darkroom.dispatch.sorted import Sorted
from darkroom.dispatch.turns import Turns

__all__ = ["Position", "ReadyJob", "ReadyQueue", "WorkerView"]

KINDS_OF_WORKERS_MAX = 64  # sets of models for which turns are kept; the one unused for longest goes first
WORKERS_KEPT = 65_536  # whose models are remembered
RECEIPTS_KEPT = 262_144  # jobs that were picked and not yet settled or restored


@dataclass(kw_only=True)
class _Receipts:
    """What was charged for the jobs that are out: by job, and by account and lane."""

    by_job: dict[UUID, tuple[ReadyJob, frozenset[str]]] = field(default_factory=dict)
    by_account: dict[tuple[UUID, Lane], dict[UUID, None]] = field(default_factory=dict)

    def keep(self, job: ReadyJob, models: frozenset[str]) -> None:
        if len(self.by_job) >= RECEIPTS_KEPT:
            self.take(next(iter(self.by_job)))
        self.by_job[job.id] = (job, models)
        self.by_account.setdefault((job.account_id, job.lane), {})[job.id] = None

    def take(self, job_id: UUID) -> tuple[ReadyJob, frozenset[str]] | None:
        kept = self.by_job.pop(job_id, None)
        if kept is not None:
            key = (kept[0].account_id, kept[0].lane)
            del self.by_account[key][job_id]
            if not self.by_account[key]:
                del self.by_account[key]
        return kept

    def alike(self, account_id: UUID, lane: Lane, cost_gpu_ms: int) -> UUID | None:
        """A job of the account that is out and was charged so much. An account has few jobs out: its running cap."""
        ids = self.by_account.get((account_id, lane), {})
        return next((each for each in ids if self.by_job[each][0].cost_gpu_ms == cost_gpu_ms), None)


class ReadyQueue:
    """Jobs that wait for a worker. Steps of every operation grow with the logarithm of the queue, times the kinds of workers."""

    def __init__(self, policy: DispatchPolicy) -> None:
        self._policy = policy
        self._now = 0.0
        self._jobs: dict[UUID, ReadyJob] = {}
        self._delayed: Sorted[tuple[float, int, UUID]] = Sorted()
        self._lines: dict[Lane, dict[UUID, Line]] = {lane: {} for lane in Lane}
        self._totals: dict[Lane, Line] = {lane: Line() for lane in Lane}
        self._turns: dict[frozenset[str], Turns] = {}
        self._models: dict[str, frozenset[str]] = {}
        self._receipts = _Receipts()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def __iter__(self) -> Iterator[UUID]:
        """The jobs as they are now, in no order."""
        return iter(list(self._jobs))

    def add(self, job: ReadyJob) -> None:
        """Puts a job in, at its place by id. A job that is there already is replaced."""
        self.remove(job.id)
        self._receipts.take(job.id)
        self._insert(job)

    def remove(self, job_id: UUID) -> bool:
        """Takes a job out without a charge (it was cancelled); False where it is not there."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return False
        self._totals[job.lane].count -= 1
        self._totals[job.lane].cost_gpu_ms -= job.cost_gpu_ms
        if job.not_before > self._now:
            self._delayed.remove(_delay(job))
        else:
            self._leave_line(job)
        return True

    def pick(
        self,
        worker: WorkerView,
        *,
        now: float,
        others: frozenset[str],
        lanes: frozenset[Lane] = frozenset(Lane),
    ) -> ReadyJob | None:
        """Takes out the job that this worker should run now; None where there is none that it may run.

        `others` are the other live, healthy workers: a job keeps away from those it `avoid`s as long as one of `others` can
        draw it. Of a worker in `others` that never asked it is taken that it can. `now` never goes back. Where the next job is
        of none of `lanes`, the worker gets none: what it will not take is not passed over.
        """
        self._wake(now)
        self._remember(worker)
        turns = self._turns_of(worker.models)
        suits = self._suits(worker, others)
        for lane in turns.lanes():
            job = self._best(turns, lane, worker, suits)
            if job is not None and lane not in lanes:
                return None
            if job is not None:
                turns.charge(job)
                self.remove(job.id)
                self._receipts.keep(job, worker.models)
                return job
        return None

    def restore(self, job: ReadyJob) -> None:
        """Puts a picked job back at its old place and undoes its charge. `avoid` and `not_before` may have changed."""
        self.remove(job.id)
        self._insert(job)
        kept = self._receipts.take(job.id)
        if kept is not None and kept[1] in self._turns:
            self._turns[kept[1]].refund(kept[0])

    def settle(self, account_id: UUID, lane: Lane, estimated_gpu_ms: int, measured_gpu_ms: int) -> None:
        """A picked job that was charged as `estimated_gpu_ms` took `measured_gpu_ms`: shares are corrected.

        Does nothing where no such job is out, as after a restart: it was never charged here.
        """
        job_id = self._receipts.alike(account_id, lane, estimated_gpu_ms)
        kept = self._receipts.take(job_id) if job_id is not None else None
        if kept is not None and kept[1] in self._turns:
            self._turns[kept[1]].correct(kept[0], measured_gpu_ms - max(estimated_gpu_ms, 1))

    def position(self, job_id: UUID) -> Position:
        """An estimate of what starts before a job, over lanes and accounts; position.py says how exact it is.

        A delayed job stands where it will come back to. KeyError where the job is not in the queue.
        """
        return self.expected(self._jobs[job_id])

    def expected(self, job: ReadyJob) -> Position:
        """The same of a job that is not here, if it came now."""
        return position.estimate(job, self._lines, self._policy.shares, self._totals)

    def depth(self) -> Mapping[Lane, int]:
        """Jobs by lane, the delayed ones too."""
        return {lane: total.count for lane, total in self._totals.items()}

    def _best(
        self, turns: Turns, lane: Lane, worker: WorkerView, suits: Callable[[Kind], bool]
    ) -> ReadyJob | None:
        walk = turns.walk(lane, self._lines[lane], self._jobs, suits)
        head = next(walk, None)
        if head is None or head.model in worker.warm or not worker.warm & worker.models:
            return head
        if self._now - head.ready_at >= self._policy.affinity_wait_s[lane]:
            return head
        near = islice(walk, self._policy.affinity_window)
        return next((job for job in near if job.model in worker.warm), head)

    def _suits(self, worker: WorkerView, others: frozenset[str]) -> Callable[[Kind], bool]:
        answers: dict[Kind, bool] = {}

        def suits(kind: Kind) -> bool:
            if kind not in answers:
                kept_away = worker.id in kind.avoid and self._another_can(kind, others)
                answers[kind] = kind.model in worker.models and not kept_away
            return answers[kind]

        return suits

    def _another_can(self, kind: Kind, others: frozenset[str]) -> bool:
        return any(
            each not in kind.avoid and (each not in self._models or kind.model in self._models[each])
            for each in others
        )

    def _remember(self, worker: WorkerView) -> None:
        self._models.pop(worker.id, None)
        if len(self._models) >= WORKERS_KEPT:
            del self._models[next(iter(self._models))]
        self._models[worker.id] = worker.models

    def _turns_of(self, models: frozenset[str]) -> Turns:
        turns = self._turns.pop(models, None)
        if turns is None:
            if len(self._turns) >= KINDS_OF_WORKERS_MAX:
                del self._turns[next(iter(self._turns))]
            turns = Turns(models, self._policy.shares)
            for job in sorted(self._jobs.values(), key=lambda job: job.id.int):
                if job.not_before <= self._now:
                    turns.came(job)
        self._turns[models] = turns  # the last one is the one used last
        return turns

    def _insert(self, job: ReadyJob) -> None:
        self._jobs[job.id] = job
        self._totals[job.lane].count += 1
        self._totals[job.lane].cost_gpu_ms += job.cost_gpu_ms
        if job.not_before > self._now:
            self._delayed.add(_delay(job))
        else:
            self._join_line(job)

    def _join_line(self, job: ReadyJob) -> None:
        self._lines[job.lane].setdefault(job.account_id, Line()).add(job)
        for turns in self._turns.values():
            turns.came(job)

    def _leave_line(self, job: ReadyJob) -> None:
        line = self._lines[job.lane][job.account_id]
        line.remove(job)
        for turns in self._turns.values():
            turns.went(job, line)
        if not line.count:
            del self._lines[job.lane][job.account_id]

    def _wake(self, now: float) -> None:
        """Delayed jobs whose time has come join their lines."""
        self._now = max(self._now, now)
        while (earliest := self._delayed.first()) is not None and earliest[0] <= self._now:
            self._delayed.remove(earliest)
            self._join_line(self._jobs[earliest[2]])


def _delay(job: ReadyJob) -> tuple[float, int, UUID]:
    return (job.not_before, job.id.int, job.id)
