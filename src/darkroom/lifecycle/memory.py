"""What the active dispatcher remembers: queue, runs, workers, waiting pulls. It follows the ledger's changes and can be forgotten.

Plain synchronous steps; whatever is lost with it stands in the ledger. Times are seconds on the rooms' clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from darkroom.core.jobs import CLAIMED, TERMINAL, Cause, Change, Job, JobState, Outcome, Reported
from darkroom.core.work import Completion, Failure, Fault
from darkroom.core.workers import Worker, WorkerState
from darkroom.dispatch.breaker import Allowance, Breaker
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.dispatch.queue import ReadyJob, ReadyQueue
from darkroom.lifecycle.costs import cost_gpu_ms, ready_job
from darkroom.lifecycle.crew import Crew, Member
from darkroom.lifecycle.health import Health
from darkroom.lifecycle.line import Line, Ticket
from darkroom.lifecycle.recover import Survey
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.runs import Run, Runs

DRAINED = "drained by an operator"


class Memory:
    """`lost` and `returned` are runs to be taken up by the ledger, `unwanted` jobs that were cancelled just when their run was
    put back, `unsure` those whose claim may have been written without an answer; `finishing`, `states` and `ended` are notes
    to be written soon, `unneeded` the keys of saved states that nobody will go on with.
    """

    def __init__(self, rooms: Rooms, policy: DispatchPolicy) -> None:
        self._rooms = rooms
        self.queue = ReadyQueue(policy)
        self.breaker = Breaker(policy)
        self.crew = Crew()
        self.runs = Runs()
        self.line = Line()
        self.claiming: dict[UUID, str] = {}
        self.touched: set[UUID] = set()
        self.events: set[int] = set()
        self.lost: dict[UUID, Run] = {}
        self.returned: dict[UUID, Run] = {}
        self.unwanted: set[UUID] = set()
        self.unsure: set[UUID] = set()
        self.finishing: dict[UUID, Run] = {}
        self.states: dict[str, tuple[WorkerState, str]] = {}
        self.ended: list[Run] = []
        self.unneeded: list[str] = []

    def knows(self, job_id: UUID) -> bool:
        return job_id in self.queue or job_id in self.runs or job_id in self.claiming

    def hear(self, change: Change) -> None:
        """The ledger was changed by this process."""
        events = {moved.job_id: moved.id for moved in change.moved}
        self.events.update(moved.id for moved in change.moved)
        for job in (*change.jobs, *change.promoted):
            self.learn(job, event=events.get(job.id, 0))

    def learn(self, job: Job, *, event: int = 0) -> None:
        """A job as it is after the transition `event`. News older than the present run changes nothing."""
        self.touched.add(job.id)
        run = self.runs.get(job.id)
        if job.state in CLAIMED:
            if run is not None and run.job.fence == job.fence:
                self._refresh(run, job)
            return
        self.unsure.discard(job.id)
        if run is not None:
            if event <= run.event and job.state not in TERMINAL:
                return
            self.end(run, job)
        elif job.state in TERMINAL and job.saved:
            self.unneeded.append(job.saved)
        if job.state is JobState.READY:
            self.enqueue(job)
        else:
            self.queue.remove(job.id)

    def _refresh(self, run: Run, job: Job) -> None:
        newly_cancelled = job.cancel_requested and not run.job.cancel_requested
        run.job = replace(job, cancel_requested=True) if run.job.cancel_requested else job
        if newly_cancelled:
            self.line.call(run.worker_id)

    def enqueue(self, job: Job) -> None:
        if job.cancel_requested:
            self.unwanted.add(job.id)
        elif not self.knows(job.id):
            self.queue.add(ready_job(self._rooms, job))

    def end(self, run: Run, job: Job | None = None) -> None:
        """A run is over: what it took of its account's share is set right."""
        self.runs.drop(run.job.id)
        for noted in (self.lost, self.returned, self.finishing):
            noted.pop(run.job.id, None)
        if run.previews:
            self.ended.append(run)
        given = run.job.saved
        if given and job is not None and (job.state in TERMINAL or job.saved != given):
            self.unneeded.append(given)
        measured_gpu_ms = (job.measured_gpu_ms if job is not None else None) or run.measured_gpu_ms
        self.queue.settle(run.job.account_id, run.job.lane, run.cost_gpu_ms, measured_gpu_ms)

    def correct(self, survey: Survey, *, now: float) -> None:
        """Follows a survey of the ledger, but for the jobs that were touched since it began."""
        for job in survey.ready:
            if job.id in self.touched:
                continue
            if (run := self.runs.get(job.id)) is not None:
                self.end(run)
            self.enqueue(job)
        for job in survey.claimed:
            if job.id not in self.touched and job.id not in self.claiming:
                self._take_note(job, now)
        held = {job.id for job in survey.claimed} | {job.id for job in survey.ready}
        for run in self.runs:
            if run.job.id not in held and run.job.id not in self.touched:
                self.end(run)
        for job_id in self.queue:
            if job_id not in held and job_id not in self.touched:
                self.queue.remove(job_id)

    def _take_note(self, job: Job, now: float) -> None:
        """A run that stands in the ledger: its worker, where it is not here, has a whole lease to be heard of."""
        self.queue.remove(job.id)
        self.crew.expect(job.worker_id or "", now=now)
        run = self.runs.get(job.id)
        if run is not None and run.job.fence == job.fence:
            self._refresh(run, job)
            return
        if run is not None:
            self.end(run)
        run = Run(job=job, cost_gpu_ms=cost_gpu_ms(self._rooms, job), since=now)
        self.runs.add(run)
        if job.id in self.unsure:  # its worker was never told of it
            self.unsure.discard(job.id)
            self.give_back([run])

    def deal(self, *, now: float) -> None:
        """Gives out ready jobs to the waiting pulls, one each in turn, until there is no more that fits."""
        open_tickets = [ticket for ticket in self.line if not ticket.served.done()]
        if not open_tickets or not len(self.queue):
            return
        healthy = frozenset(
            member.worker.id for member in self.crew if self._allowance(member, now) is not Allowance.NONE
        )
        while open_tickets:
            open_tickets = [ticket for ticket in open_tickets if self._serve(ticket, healthy, now)]
        for ticket in self.line:
            if ticket.picked:
                ticket.call()
                self.line.leave(ticket)

    def _serve(self, ticket: Ticket, healthy: frozenset[str], now: float) -> bool:
        """One job for a pull; whether it may get another."""
        if ticket.worker_id not in self.crew:
            return False
        member = self.crew.get(ticket.worker_id)
        allowance = self._allowance(member, now)
        if allowance is Allowance.NONE or (allowance is Allowance.CANARY and self._busy(ticket)):
            return False
        others = healthy - {ticket.worker_id}
        job = self.queue.pick(member.view, now=now, others=others, lanes=ticket.lanes)
        if job is None:
            return False
        ticket.picked.append(job)
        self.claiming[job.id] = ticket.worker_id
        self.touched.add(job.id)
        return len(ticket.picked) < ticket.free

    def _allowance(self, member: Member, now: float) -> Allowance:
        return self.breaker.allows(member.worker.id, now=now) if member.active else Allowance.NONE

    def _busy(self, ticket: Ticket) -> bool:
        return (
            bool(ticket.picked)
            or self.runs.has(ticket.worker_id)
            or ticket.worker_id in self.claiming.values()
        )

    def health(self, worker_id: str, *, now: float) -> Health:
        """How a worker does. One that is not here has runs where their end is still to be written."""
        seen = self.crew.seen(worker_id)
        return Health(
            unseen_s=None if seen is None else max(0.0, now - seen),
            breaker=self.breaker.state(worker_id, now=now),
            running=len(self.runs.of(worker_id)),
            busy_share=None if seen is None else self.crew.get(worker_id).meter.share(now=now),
            failures_recent=self.breaker.failures(worker_id, now=now),
        )

    def began(self, change: Change, picked: Sequence[ReadyJob], *, now: float) -> list[Run]:
        """A claim was written: its jobs run. Those that it left out are not ready any more."""
        costs = {job.id: job.cost_gpu_ms for job in picked}
        events = {moved.job_id: moved.id for moved in change.moved}
        runs = []
        for job in change.jobs:
            run = Run(job=job, cost_gpu_ms=costs.pop(job.id), since=now, event=events.get(job.id, 0))
            self.claiming.pop(job.id, None)
            self.unsure.discard(job.id)
            self.runs.add(run)
            runs.append(run)
        refused = [job for job in picked if job.id in costs]
        self.unpick(refused)
        for ready in refused:
            self.queue.remove(ready.id)
        return runs

    def unpick(self, picked: Iterable[ReadyJob]) -> None:
        """Jobs that were picked and not claimed go back to their old place, uncharged."""
        for job in picked:
            if self.claiming.pop(job.id, None) is not None:
                self.queue.restore(job)

    def give_back(self, runs: Iterable[Run]) -> None:
        """Runs that nobody began, or that are given up politely, are to be put back, as no attempt."""
        self.returned.update((run.job.id, run) for run in runs)

    def lose(self, worker_id: str, reason: str) -> None:
        """A worker is gone; its runs are to be taken up elsewhere."""
        self.part(worker_id, reason)
        runs = self.runs.of(worker_id)
        self.lost.update((run.job.id, run) for run in runs if run.job.id not in self.returned)
        self.line.call(worker_id)

    def crash(self, worker_id: str, *, now: float) -> None:
        """A worker's process died. With runs in hand that is one failure of its own, however many they were."""
        taken = [run.job.id for run in self.runs.of(worker_id) if run.job.id not in self.returned]
        self.lose(worker_id, "its process ended")
        if taken:
            self._blame(worker_id, taken[0], now=now)

    def join(self, worker: Worker, *, now: float) -> None:
        """A worker registered. That it was gone need not be written any more; that it is to be quarantined, it must."""
        noted = self.states.get(worker.id)
        if noted is not None and noted[0] is WorkerState.GONE:
            del self.states[worker.id]
        self.crew.add(worker, now=now)

    def part(self, worker_id: str, reason: str) -> None:
        """A worker is not here any more. Its quarantine stays: it would begin anew without it."""
        state = self.crew.get(worker_id).worker.state if worker_id in self.crew else None
        was_here = state is not None or self.crew.unheard(worker_id)
        if was_here and WorkerState.QUARANTINED not in (state, *self.states.get(worker_id, ())):
            why = DRAINED if state is WorkerState.DRAINING else reason
            self.states[worker_id] = (WorkerState.GONE, why)
        self.crew.remove(worker_id)

    def judge_worker(
        self, worker_id: str, report: Completion | Failure, answer: Reported, *, now: float
    ) -> None:
        """What a report says of the worker's health."""
        run = self.runs.under(report.claim)
        if answer.outcome is Outcome.STALE and run is not None:
            self.end(run)
        causes = {moved.cause for moved in answer.change.moved if moved.job_id == answer.job_id}
        at_fault = not (isinstance(report, Failure) and report.fault is Fault.JOB)
        if Cause.PUBLISHED in causes or Cause.IMAGE_REJECTED in causes:
            self.breaker.succeeded(worker_id, now=now)
        elif Cause.WORKER_FAILED in causes or (at_fault and Cause.OUT_OF_ATTEMPTS in causes):
            self._blame(worker_id, answer.job_id, now=now)

    def _blame(self, worker_id: str, job_id: UUID, *, now: float) -> None:
        self.breaker.failed(worker_id, job_id, now=now)
        if self.breaker.quarantined(worker_id):
            self.states[worker_id] = (WorkerState.QUARANTINED, "its breaker opened too often")
