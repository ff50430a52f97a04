"""Accepting a submission whole, or refusing it before anything is written. Knows the caps it is given, and no plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import Conflict, Exhausted, NotAllowed
from darkroom.core.jobs import Change, Job, JobState, NewJob, Submission, Submitted
from darkroom.core.recipes import Recipe
from darkroom.core.verdicts import ModerationRecord, Subject
from darkroom.storage.limits import picture_deleted
from darkroom.storage.memory.state import Reply, State
from darkroom.storage.memory.steps import Steps


def replay(state: State, submission: Submission) -> Submitted | None:
    """The first answer, where this very submission or its idempotency key was here before; Conflict for another body."""
    state.account(submission.account_id)
    key = submission.idempotency_key or ""
    if first := earlier(state, submission.account_id, key, submission.body_digest):
        return first
    again = submission.jobs and all(new.id in state.jobs for new in submission.jobs)
    return _answer(state, [new.id for new in submission.jobs]) if again else None


def earlier(state: State, account_id: UUID, key: str, body_digest: str) -> Submitted | None:
    """The answer that a key was given; None where it is new, Conflict where it was for another body."""
    reply = state.replies.get((account_id, key))
    if reply is None:
        return None
    if reply.body_digest != body_digest:
        raise Conflict(
            f"The idempotency key {key!r} was used for another request.",
            code="idempotency_conflict",
            hint="Use a new key for a new request, and the old one only to repeat the old request.",
        )
    return _answer(state, reply.job_ids)


def accept(state: State, submission: Submission) -> Submitted:
    """Holds and enqueues all jobs. NotAllowed or Exhausted, and then nothing is changed."""
    account = state.account(submission.account_id)
    slots = _check(state, account, submission)
    state.running_caps[account.id] = submission.running_cap
    steps = Steps(state, now=submission.now)
    for index, new in enumerate(submission.jobs):
        steps.bear(_job(new, submission, has_slot=index < slots), words=new.words)
        _log(state, new, submission)
    ids = tuple(new.id for new in submission.jobs)
    if submission.idempotency_key is not None:
        reply = Reply(body_digest=submission.body_digest, job_ids=ids)
        state.replies[account.id, submission.idempotency_key] = reply
    return Submitted(change=steps.change(ids))


def _check(state: State, account: Account, submission: Submission) -> int:
    """How many of the jobs get a slot; raises where the account is blocked, its queue full or its time used up."""
    if account.blocked_reason:
        raise NotAllowed(f"The account is blocked: {account.blocked_reason}.", code="account_blocked")
    slots = min(max(submission.running_cap - account.running, 0), len(submission.jobs))
    waiting = account.waiting + len(submission.jobs) - slots
    if len(submission.jobs) > slots and waiting > submission.waiting_cap:
        raise Exhausted(
            f"Your queue is full: {account.waiting} of your jobs wait, with this it would be {waiting}, "
            f"and at most {submission.waiting_cap} may.",
            code="queue_full",
            hint="Wait until some of your jobs are done, or cancel some.",
        )
    wanted = sum(new.hold_gpu_ms for new in submission.jobs)
    available = state.balances[account.id].available_gpu_ms
    if wanted > max(available, 0) and not submission.unlimited:
        raise Exhausted(
            f"This needs {wanted} ms of GPU time, and {max(available, 0)} ms are left this month.",
            code="fast_time_exhausted",
            hint="Use --relax where your plan has it, or wait for the next month.",
        )
    check_pictures(state, [new.recipe for new in submission.jobs])
    return slots


def check_pictures(state: State, recipes: Iterable[Recipe]) -> None:
    """Refused (`inputs_gone`) where pixels that a job needs are deleted."""
    needed = {
        each.parent_id: state.images.get(each.parent_id) or state.uploads.get(each.parent_id)
        for recipe in recipes
        for each in recipe.inputs
        if each.digest
    }
    for parent_id, parent in needed.items():
        if parent is not None and parent.deleted_at is not None:
            raise picture_deleted(str(parent_id))


def _answer(state: State, job_ids: list[UUID] | tuple[UUID, ...]) -> Submitted:
    return Submitted(change=Change(jobs=tuple(state.jobs[each] for each in job_ids)), replayed=True)


def _log(state: State, new: NewJob, submission: Submission) -> None:
    if new.verdict is not None:
        state.log_verdict(
            ModerationRecord(
                account_id=submission.account_id,
                job_id=new.id,
                subject=Subject.PROMPT,
                text=new.prompt,
                verdict=new.verdict,
                at=submission.now,
            )
        )


def _job(new: NewJob, submission: Submission, *, has_slot: bool) -> Job:
    ready_at: datetime | None = submission.now if has_slot else None
    return Job(
        id=new.id,
        account_id=submission.account_id,
        batch_id=submission.batch_id,
        state=JobState.READY if has_slot else JobState.WAITING,
        lane=new.lane,
        visibility=new.visibility,
        source=submission.source,
        prompt=new.prompt,
        model=new.model,
        seed=new.seed,
        images=new.images,
        hold_gpu_ms=new.hold_gpu_ms,
        price_percent=new.price_percent,
        weight=new.weight,
        recipe=new.recipe,
        notes=new.notes,
        created_at=submission.now,
        ready_at=ready_at,
    )
