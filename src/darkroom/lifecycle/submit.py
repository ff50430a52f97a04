"""A prompt becomes jobs: parse, check, moderate, price, hold and enqueue in one transaction, tell. All jobs or none.

Knows nothing of who draws. A blocked prompt costs nothing and reaches nobody; without moderation nothing is accepted.
"""

from __future__ import annotations

import hashlib
from functools import partial
from uuid import UUID, uuid5

from darkroom.core.accounts import Account, Plan
from darkroom.core.errors import Blocked
from darkroom.core.ids import RANDOM_BITS, new_id
from darkroom.core.jobs import Change, NewJob, Submission, Submitted
from darkroom.core.params import GenerationParams, Lane, Visibility
from darkroom.core.ports import JobFilter
from darkroom.core.verdicts import ModerationRecord, Subject, Verdict
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.terms import check_account, choose_lane, choose_visibility, read_prompt
from darkroom.moderation.prompts import texts_of
from darkroom.prompt import format_prompt

EARLIER_MAX = 1_000  # jobs of a batch that are read again, with those that operators made of its dead letters


async def submit(
    rooms: Rooms, account: Account, *, text: str, lane: Lane | None = None, idempotency_key: str | None = None
) -> Submitted:
    """The jobs that a prompt asks for, accepted. `lane` is the request's own wish beside what the prompt says.

    The same key with the same text and lane gives the first jobs again: nothing is checked, drawn or charged anew.
    Raises NotAllowed (`account_blocked`), PromptError, Blocked, Exhausted, Conflict (`idempotency_conflict`),
    ModerationUnavailable, StoreUnavailable; whatever it raises, nothing was charged or enqueued.
    """
    check_account(account)
    digest = _digest(text, lane)
    batch_id = _batch_id(rooms, account, idempotency_key, digest)
    if idempotency_key is not None and (first := await _earlier(rooms, account, batch_id)):
        return first
    plan = rooms.plans.in_force(account.plan)
    drawn = read_prompt(rooms, plan, text)
    lanes = [choose_lane(params, lane, account, plan, batch=len(drawn)) for params in drawn]
    looks = [choose_visibility(params, account, plan) for params in drawn]
    verdict = await _moderate(rooms, account, drawn, text)
    submitted = await rooms.ledger.submit(
        Submission(
            account_id=account.id,
            batch_id=batch_id,
            source=text,
            jobs=_new_jobs(rooms, plan, drawn, lanes, looks, verdict),
            running_cap=plan.running,
            waiting_cap=plan.waiting_cap,
            unlimited=plan.unlimited,
            idempotency_key=idempotency_key,
            body_digest=digest,
            now=rooms.clock(),
        )
    )
    if not submitted.replayed:
        rooms.tell(submitted.change)
    return submitted


def _digest(text: str, lane: Lane | None) -> str:
    body = f"{lane.value if lane else ''}\n{text}"
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def _batch_id(rooms: Rooms, account: Account, key: str | None, digest: str) -> UUID:
    """A fresh id; with an idempotency key, one that the same request finds again."""
    if key is None:
        return new_id(rooms.clock())
    return uuid5(account.id, f"{digest}\n{key}")


async def _earlier(rooms: Rooms, account: Account, batch_id: UUID) -> Submitted | None:
    """The answer that this very request was given before. Two at the same moment are told apart by the ledger."""
    wanted = JobFilter(account_id=account.id, batch_id=batch_id)
    jobs = await rooms.library.jobs(wanted, before=None, limit=EARLIER_MAX)
    first = tuple(job for job in reversed(jobs) if job.created_at == jobs[-1].created_at)
    return Submitted(change=Change(jobs=first), replayed=True) if first else None


async def _moderate(
    rooms: Rooms, account: Account, drawn: tuple[GenerationParams, ...], text: str
) -> Verdict:
    """The verdict on every text of all jobs, once each. It is CPU work, so it runs beside the event loop unless it is known."""
    texts = list(dict.fromkeys(each for params in drawn for each in texts_of(params)))
    verdict = rooms.moderator.remembered(texts)
    if verdict is None:
        verdict = await rooms.checks.run(account.id, partial(rooms.moderator.check, texts))
    if verdict.blocked:
        record = ModerationRecord(
            account_id=account.id,
            job_id=None,
            subject=Subject.PROMPT,
            text=text,
            verdict=verdict,
            at=rooms.clock(),
        )
        await rooms.operations.log_verdicts([record])
        raise Blocked(rooms.image_policy.category(verdict.category).sentence, category=verdict.category)
    return verdict


def _new_jobs(
    rooms: Rooms,
    plan: Plan,
    drawn: tuple[GenerationParams, ...],
    lanes: list[Lane],
    looks: list[Visibility],
    verdict: Verdict,
) -> tuple[NewJob, ...]:
    """In the order of their ids: made in one millisecond, they count up from one random number."""
    now = rooms.clock()
    first = new_id(now).int % (1 << RANDOM_BITS - 2)
    jobs = []
    for i, (params, lane, visibility) in enumerate(zip(drawn, lanes, looks)):
        seed = rooms.new_seed() if params.seed is None else params.seed
        price = rooms.prices.price(params, lane)
        jobs.append(
            NewJob(
                id=new_id(now, randomness=first + i),
                prompt=format_prompt(params),
                words=" ".join(dict.fromkeys((params.text, *params.negative))),
                model=params.model,
                seed=seed,
                lane=lane,
                visibility=visibility,
                hold_gpu_ms=price.hold_gpu_ms,
                price_percent=price.price_percent,
                weight=plan.weight,
                verdict=verdict,
            )
        )
    return tuple(jobs)
