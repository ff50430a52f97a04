"""Jobs that are decided on are judged, priced and placed: one transaction, told to whoever follows. Whether they came from a prompt
or from an action makes no difference here. Knows no prompt text and no parameter but through their rooms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from darkroom.core.accounts import Account, Plan
from darkroom.core.errors import Blocked, Exhausted, StoreUnavailable
from darkroom.core.ids import RANDOM_BITS, new_id
from darkroom.core.jobs import NewJob, Submission, Submitted
from darkroom.core.params import GenerationParams, Lane, Visibility
from darkroom.core.recipes import EMPTY, Recipe
from darkroom.core.verdicts import ModerationRecord, Subject, Verdict
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sizes import native_pixels
from darkroom.moderation.prompts import texts_of
from darkroom.prompt import format_prompt

AGAIN_AFTER_S = (0.1, 0.4)  # where the store broke off in the middle of a submission


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One job before it has a price. `size` is that of its pictures in pixels, None where it is the model's own."""

    params: GenerationParams
    recipe: Recipe = EMPTY
    lane: Lane
    visibility: Visibility
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for, so that it is not done twice: the text as it was typed, the key, and what the key is compared by."""

    text: str
    digest: str
    idempotency_key: str | None = None

    async def earlier(self, rooms: Rooms, account: Account) -> Submitted | None:
        """The first answer, where this key was used before. Conflict (`idempotency_conflict`)."""
        if self.idempotency_key is None:
            return None
        return await rooms.ledger.earlier(
            account.id, idempotency_key=self.idempotency_key, body_digest=self.digest
        )


def priced(rooms: Rooms, plan: Plan, drawings: Sequence[Drawing], verdict: Verdict) -> tuple[NewJob, ...]:
    """In the order of their ids: made in one millisecond, they count up from one random number."""
    now = rooms.clock()
    first = new_id(now).int % (1 << RANDOM_BITS - 2)
    jobs = []
    for i, drawing in enumerate(drawings):
        params = drawing.params
        seed = rooms.new_seed() if params.seed is None else params.seed
        price = rooms.prices.price(
            params,
            drawing.lane,
            recipe=drawing.recipe,
            size=drawing.size,
            native_pixels=native_pixels(rooms, params.model),
        )
        jobs.append(
            NewJob(
                id=new_id(now, randomness=first + i),
                prompt=format_prompt(params),
                words=" ".join(dict.fromkeys((params.text, *params.negative))),
                model=params.model,
                seed=seed,
                lane=drawing.lane,
                visibility=drawing.visibility,
                hold_gpu_ms=price.hold_gpu_ms,
                price_percent=price.price_percent,
                weight=plan.weight,
                images=drawing.recipe.images,
                recipe=drawing.recipe,
                verdict=verdict,
                notes=drawing.notes,
            )
        )
    return tuple(jobs)


async def check_means(rooms: Rooms, account: Account, plan: Plan, jobs: Sequence[NewJob]) -> None:
    """What the ledger would refuse now, for who only asks what it would cost. Exhausted (`queue_full`, `fast_time_exhausted`)."""
    needed_gpu_ms = sum(job.hold_gpu_ms for job in jobs)
    await check_amounts(rooms, account, plan, jobs=len(jobs), needed_gpu_ms=needed_gpu_ms)


async def check_amounts(rooms: Rooms, account: Account, plan: Plan, *, jobs: int, needed_gpu_ms: int) -> None:
    """The same of so many jobs, for which so much would be held."""
    now, balance = await rooms.accounts.get(account.id), await rooms.accounts.balance(account.id)
    left = max(balance.available_gpu_ms, 0)
    slots = min(max(plan.running - now.running, 0), jobs)
    if jobs > slots and now.waiting + jobs - slots > plan.waiting_cap:
        raise Exhausted(
            f"Your queue is full: {now.waiting} of your jobs wait, and at most {plan.waiting_cap} may.",
            code="queue_full",
            hint="Wait until some of your jobs are done, or cancel some.",
        )
    if needed_gpu_ms > left and not plan.unlimited:
        raise Exhausted(
            f"This needs {needed_gpu_ms} ms of GPU time, and {left} ms are left this month.",
            code="fast_time_exhausted",
            hint="Use --relax where your plan has it, or wait for the next month.",
        )


async def place(
    rooms: Rooms, account: Account, plan: Plan, jobs: tuple[NewJob, ...], request: Request
) -> Submitted:
    """All of the jobs or none, held and enqueued, and told. Exhausted, Conflict, NotAllowed, Refused, StoreUnavailable."""
    submission = Submission(
        account_id=account.id,
        batch_id=new_id(rooms.clock()),
        source=request.text,
        jobs=jobs,
        running_cap=plan.running,
        waiting_cap=plan.waiting_cap,
        unlimited=plan.unlimited,
        idempotency_key=request.idempotency_key,
        body_digest=request.digest,
        now=rooms.clock(),
    )
    submitted = await _enqueue(rooms, submission)
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


async def moderate(rooms: Rooms, account: Account, drawn: Sequence[GenerationParams], text: str) -> Verdict:
    """The verdict on every text of all jobs, once each. It is CPU work, so it runs beside the event loop unless it is known.

    Blocked, which is logged under `text`; ModerationUnavailable.
    """
    verdict = await judge(rooms, account, drawn)
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
        raise blocked(rooms, verdict)
    return verdict


async def judge(rooms: Rooms, account: Account, drawn: Sequence[GenerationParams]) -> Verdict:
    """The verdict alone, whatever it is; nothing is logged. ModerationUnavailable."""
    texts = list(dict.fromkeys(each for params in drawn for each in texts_of(params)))
    verdict = rooms.moderator.remembered(texts)
    if verdict is None:
        verdict = await rooms.checks.run(account.id, partial(rooms.moderator.check, texts))
    return verdict


def blocked(rooms: Rooms, verdict: Verdict) -> Blocked:
    """What somebody is told whose prompt was blocked."""
    return Blocked(rooms.image_policy.category(verdict.category).sentence, category=verdict.category)
