"""A prompt becomes jobs: parse, check, moderate, price, hold and enqueue in one transaction, tell. All jobs or none.

Knows nothing of who draws. A blocked prompt costs nothing and reaches nobody; without moderation nothing is accepted.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial

from darkroom.core.accounts import Account, Plan
from darkroom.core.errors import Blocked, StoreUnavailable
from darkroom.core.ids import RANDOM_BITS, new_id
from darkroom.core.jobs import NewJob, Submission, Submitted
from darkroom.core.params import GenerationParams, Lane, Visibility
from darkroom.core.verdicts import ModerationRecord, Subject, Verdict
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.terms import check_account, choose_lane, choose_visibility, read_prompt
from darkroom.moderation.prompts import texts_of
from darkroom.prompt import format_prompt

READ_AT_ONCE_MAX_CHARACTERS = 1_000  # of a prompt without permutations: some milliseconds of parsing
READ_AT_ONCE_MAX_PERMUTED = 100
AGAIN_AFTER_S = (0.1, 0.4)  # where the store broke off in the middle of a submission


async def submit(
    rooms: Rooms, account: Account, *, text: str, lane: Lane | None = None, idempotency_key: str | None = None
) -> Submitted:
    """The jobs that a prompt asks for, accepted. `lane` is the request's own wish beside what the prompt says.

    The same key with the same text and lane gives the first jobs again: nothing is checked, drawn or charged anew.
    Raises NotAllowed (`account_blocked`), PromptError, Blocked, Exhausted, Conflict (`idempotency_conflict`),
    ModerationUnavailable, StoreUnavailable; whatever it raises, nothing was charged or enqueued (after StoreUnavailable, as far
    as anybody knows: only a key makes it safe to ask again).
    """
    check_account(account)
    digest = _digest(text, lane)
    if idempotency_key is not None:
        first = await rooms.ledger.earlier(account.id, idempotency_key=idempotency_key, body_digest=digest)
        if first is not None:
            return first
    plan = rooms.plans.in_force(account.plan)
    drawn = await _read(rooms, account, plan, text)
    lanes = [choose_lane(params, lane, account, plan, batch=len(drawn)) for params in drawn]
    looks = [choose_visibility(params, account, plan) for params in drawn]
    verdict = await _moderate(rooms, account, drawn, text)
    submitted = await _enqueue(
        rooms,
        Submission(
            account_id=account.id,
            batch_id=new_id(rooms.clock()),
            source=text,
            jobs=_new_jobs(rooms, plan, drawn, lanes, looks, verdict),
            running_cap=plan.running,
            waiting_cap=plan.waiting_cap,
            unlimited=plan.unlimited,
            idempotency_key=idempotency_key,
            body_digest=digest,
            now=rooms.clock(),
        ),
    )
    if not submitted.replayed:
        rooms.tell(submitted.change)
    return submitted


async def _enqueue(rooms: Rooms, submission: Submission) -> Submitted:
    """The transaction. An answer that was lost is asked for again: the ledger knows the very same jobs. StoreUnavailable."""
    for wait_s in AGAIN_AFTER_S:
        try:
            return await rooms.ledger.submit(submission)
        except StoreUnavailable:
            await asyncio.sleep(wait_s)
    return await rooms.ledger.submit(submission)


async def _read(rooms: Rooms, account: Account, plan: Plan, text: str) -> tuple[GenerationParams, ...]:
    """The jobs of a prompt. A long one with permutations takes half a second, which the event loop has not. PromptError."""
    at_once = READ_AT_ONCE_MAX_PERMUTED if "{" in text else READ_AT_ONCE_MAX_CHARACTERS
    if len(text) <= at_once:
        return read_prompt(rooms, plan, text)
    return await rooms.checks.run(account.id, partial(read_prompt, rooms, plan, text))


def _digest(text: str, lane: Lane | None) -> str:
    body = f"{lane.value if lane else ''}\n{text}"
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


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
