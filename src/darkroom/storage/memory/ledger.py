"""The ledger in memory (core.ports.Ledger): jobs through their lives, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from darkroom.core.errors import Conflict, NotActive, NotFound
from darkroom.core.images import Finish, Image
from darkroom.core.jobs import (
    CLAIMED,
    HOLDS_SLOT,
    TERMINAL,
    TRANSITIONS,
    Cause,
    Change,
    DeadLetter,
    Ending,
    Job,
    JobState,
    Outcome,
    Reported,
    Requeue,
    Submission,
    Submitted,
)
from darkroom.storage.memory.state import State
from darkroom.storage.memory.steps import Steps
from darkroom.storage.memory.submission import accept, check_pictures, earlier, replay


class MemoryLedger:
    """Every method is one step of the event loop, so nothing can come between."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def submit(self, submission: Submission) -> Submitted:
        return replay(self._state, submission) or accept(self._state, submission)

    async def earlier(self, account_id: UUID, *, idempotency_key: str, body_digest: str) -> Submitted | None:
        return earlier(self._state, account_id, idempotency_key, body_digest)

    async def claim(self, job_ids: Sequence[UUID], *, worker_id: str, epoch: int, now: datetime) -> Change:
        state = self._state
        if state.lease is None or state.lease.epoch != epoch or state.lease.until <= now:
            raise NotActive(url=state.lease.url if state.lease else "")
        steps, claimed = Steps(state, now=now), []
        for job_id in job_ids:
            job = state.jobs.get(job_id)
            if job is None or job.state is not JobState.READY:
                continue
            state.newest_fence += 1
            steps.move(
                job,
                JobState.RUNNING,
                Cause.CLAIMED,
                worker_id=worker_id,
                fence=state.newest_fence,
                attempt=job.attempt + 1,
                started_at=now,
                not_before=None,
            )
            claimed.append(job_id)
        return steps.change(claimed)

    async def mark_finishing(self, claims: Sequence[tuple[UUID, int]], *, now: datetime) -> Change:
        steps, marked = Steps(self._state, now=now), []
        for job_id, fence in claims:
            job = self._claimed(job_id, fence)
            if job is not None and job.state is JobState.RUNNING:
                steps.move(job, JobState.FINISHING, Cause.PIXELS_MADE)
                marked.append(job_id)
        return steps.change(marked)

    async def finish(self, finishes: Sequence[Finish]) -> list[Reported]:
        return [self._finish(each) for each in finishes]

    def _finish(self, finish: Finish) -> Reported:
        job = self._claimed(finish.job_id, finish.fence)
        if job is None:
            ended = self._state.jobs.get(finish.job_id)
            repeated = ended and ended.state is JobState.COMPLETED and ended.fence == finish.fence
            return _unchanged(finish.job_id, ended, repeated=bool(repeated))
        steps = Steps(self._state, now=finish.now)
        if job.state is JobState.RUNNING:
            job = steps.move(job, JobState.FINISHING, Cause.PIXELS_MADE)
        steps.end(
            job,
            JobState.COMPLETED,
            Cause.PUBLISHED,
            charged_gpu_ms=_charge(job, finish.measured_gpu_ms),
            measured_gpu_ms=finish.measured_gpu_ms,
            notes=(*job.notes, *finish.notes),
        )
        self._publish(job, finish)
        return Reported(job_id=job.id, outcome=Outcome.ACCEPTED, change=steps.change([job.id]))

    def _publish(self, job: Job, finish: Finish) -> None:
        for new in finish.images:
            self._state.images[new.id] = Image(
                id=new.id,
                job_id=job.id,
                account_id=job.account_id,
                index=new.index,
                visibility=job.visibility,
                model=job.model,
                seed=job.seed,
                prompt=job.prompt,
                files=new.files,
                scores=dict(new.scores),
                policy=new.policy,
                provenance=new.provenance,
                recipe=job.recipe,
                created_at=finish.now,
            )

    async def requeue(self, requeues: Sequence[Requeue], *, now: datetime) -> list[Reported]:
        return [self._requeue(each, now) for each in requeues]

    def _requeue(self, requeue: Requeue, now: datetime) -> Reported:
        job = self._claimed(requeue.job_id, requeue.fence)
        if job is None:
            return _unchanged(requeue.job_id, self._state.jobs.get(requeue.job_id), repeated=False)
        steps = Steps(self._state, now=now)
        rejected = requeue.cause is Cause.IMAGE_REJECTED
        if rejected and job.state is JobState.RUNNING:
            job = steps.move(job, JobState.FINISHING, Cause.PIXELS_MADE)
        steps.move(
            job,
            JobState.READY,
            requeue.cause,
            detail=requeue.detail,
            worker_id=None,
            fence=None,
            attempt=job.attempt - (not requeue.counts_attempt),
            rejections=job.rejections + rejected,
            avoid=job.avoid + ((requeue.avoid,) if requeue.avoid is not None else ()),
            not_before=requeue.not_before,
            saved=requeue.saved,
            prompt=job.prompt if requeue.prompt is None else requeue.prompt,
            seed=job.seed if requeue.seed is None else requeue.seed,
        )
        return Reported(job_id=job.id, outcome=Outcome.ACCEPTED, change=steps.change([job.id]))

    async def end(self, endings: Sequence[Ending], *, now: datetime) -> list[Reported]:
        return [self._end(each, now) for each in endings]

    def _end(self, ending: Ending, now: datetime) -> Reported:
        assert ending.state in TERMINAL - {JobState.COMPLETED}, "who completes a job has pictures: finish it"
        job = self._state.jobs.get(ending.job_id)
        if job is None or job.state in TERMINAL or _fence(job) != ending.fence:
            return _unchanged(ending.job_id, job, repeated=job is not None and job.state is ending.state)
        steps = Steps(self._state, now=now)
        if ending.state is JobState.REJECTED and job.state is JobState.RUNNING:
            job = steps.move(job, JobState.FINISHING, Cause.PIXELS_MADE)
        if ending.state not in TRANSITIONS[job.state]:
            return _unchanged(ending.job_id, job, repeated=False)
        ran_in_vain = ending.state is JobState.CANCELLED and job.state in CLAIMED
        ended = steps.end(
            job,
            ending.state,
            ending.cause,
            charged_gpu_ms=_charge(job, ending.measured_gpu_ms) if ran_in_vain else 0,
            measured_gpu_ms=ending.measured_gpu_ms,
            error_code=ending.error_code,
            error_message=ending.error_message,
        )
        if ending.state is JobState.FAILED:
            self._bury(ended, ending, now)
        return Reported(job_id=job.id, outcome=Outcome.ACCEPTED, change=steps.change([job.id]))

    def _bury(self, job: Job, ending: Ending, now: datetime) -> None:
        self._state.dead_letters[job.id] = DeadLetter(
            job_id=job.id,
            account_id=job.account_id,
            prompt=job.prompt,
            model=job.model,
            seed=job.seed,
            error_message=ending.error_message,
            device=ending.device,
            fingerprint=ending.fingerprint,
            attempts=job.attempt,
            avoided=job.avoid,
            at=now,
        )

    async def request_cancel(
        self, job_id: UUID, *, account_id: UUID | None, by_operator: bool = False, now: datetime
    ) -> Change:
        job = self._state.job(job_id)
        if account_id is not None and job.account_id != account_id:
            raise NotFound(f"There is no job {job_id}.")
        steps = Steps(self._state, now=now)
        if job.state in CLAIMED:
            self._state.jobs[job_id] = replace(job, cancel_requested=True)
        elif job.state not in TERMINAL:
            cause = Cause.CANCELLED_BY_OPERATOR if by_operator else Cause.CANCELLED_BY_USER
            steps.end(job, JobState.CANCELLED, cause, charged_gpu_ms=0, cancel_requested=True)
        return steps.change([job_id])

    async def active_jobs(self) -> list[Job]:
        jobs = (self._state.jobs[each] for each in sorted(self._state.living))
        return [job for job in jobs if job.state in HOLDS_SLOT]

    async def resubmit(self, dead_letter: UUID, *, new_id: UUID, now: datetime) -> Change:
        letter = self._state.dead_letter(dead_letter)
        if letter.resolution:
            raise Conflict(
                f"The dead letter of job {dead_letter} is resolved already: it was {letter.resolution}.",
                code="already_resolved",
            )
        failed, steps = self._state.jobs[dead_letter], Steps(self._state, now=now)
        check_pictures(self._state, [failed.recipe])
        steps.bear(_successor(failed, new_id, now), words=self._state.words[dead_letter])
        self._state.dead_letters[dead_letter] = replace(
            letter, resolution="requeued", resolved_at=now, successor_id=new_id
        )
        return steps.change([new_id])

    def _claimed(self, job_id: UUID, fence: int) -> Job | None:
        """The job while a worker has it under just this fence."""
        job = self._state.jobs.get(job_id)
        return job if job is not None and job.state in CLAIMED and job.fence == fence else None


def _fence(job: Job) -> int | None:
    return job.fence if job.state in CLAIMED else None


def _charge(job: Job, measured_gpu_ms: int) -> int:
    return min(job.hold_gpu_ms, measured_gpu_ms * job.price_percent // 100)


def _unchanged(job_id: UUID, job: Job | None, *, repeated: bool) -> Reported:
    change = Change(jobs=(job,)) if job is not None else Change()
    return Reported(job_id=job_id, outcome=Outcome.REPEATED if repeated else Outcome.STALE, change=change)


def _successor(failed: Job, new_id: UUID, now: datetime) -> Job:
    return Job(
        id=new_id,
        account_id=failed.account_id,
        batch_id=failed.batch_id,
        state=JobState.READY,
        lane=failed.lane,
        visibility=failed.visibility,
        source=failed.source,
        prompt=failed.prompt,
        model=failed.model,
        seed=failed.seed,
        images=failed.images,
        hold_gpu_ms=0,
        price_percent=0,
        weight=failed.weight,
        recipe=failed.recipe,
        notes=failed.notes,
        created_at=now,
        ready_at=now,
    )
