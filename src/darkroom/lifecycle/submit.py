"""A prompt becomes jobs: parse, check, moderate, take in its pictures, price, hold and enqueue in one transaction, tell.

All jobs or none. Knows nothing of who draws. A blocked prompt costs nothing and reaches nobody; without moderation nothing is accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from darkroom.core.accounts import Account, Plan
from darkroom.core.errors import Refused
from darkroom.core.gallery import Choice
from darkroom.core.images import Image
from darkroom.core.jobs import NewJob, Submitted
from darkroom.core.params import Lane
from darkroom.core.recipes import EMPTY, Action, Recipe, Role
from darkroom.lifecycle.choices import record_choices
from darkroom.lifecycle.placing import Drawing, Request, check_means, moderate, place, priced
from darkroom.lifecycle.references import Guided, resolve
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.terms import check_account, choose_lane, choose_visibility, read_prompt

READ_AT_ONCE_MAX_CHARACTERS = 1_000  # of a prompt without permutations: some milliseconds of parsing
READ_AT_ONCE_MAX_PERMUTED = 100

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a prompt comes to: its jobs with their prices, and the images that it points at."""

    plan: Plan
    jobs: tuple[NewJob, ...]
    images: tuple[Image, ...]


async def submit(
    rooms: Rooms, account: Account, *, text: str, lane: Lane | None = None, idempotency_key: str | None = None
) -> Submitted:
    """The jobs that a prompt asks for, accepted. `lane` is the request's own wish beside what the prompt says.

    The same key with the same text and lane gives the first jobs again: nothing is checked, fetched, drawn or charged anew.
    Raises NotAllowed (`account_blocked`), PromptError, Refused (a picture), Blocked, Exhausted, Conflict
    (`idempotency_conflict`), ModerationUnavailable, StoreUnavailable; whatever it raises, nothing was charged or enqueued
    (after StoreUnavailable, as far as anybody knows: only a key makes it safe to ask again).
    """
    check_account(account)
    request = Request(text=text, digest=_digest(text, lane), idempotency_key=idempotency_key)
    first = await request.earlier(rooms, account)
    if first is not None:
        return first
    found = await _quoted(rooms, account, text, lane)
    submitted = await place(rooms, account, found.plan, found.jobs, request)
    if found.images and not submitted.replayed:
        await record_choices(rooms, account, Choice.USED, found.images)
    return submitted


async def quote(rooms: Rooms, account: Account, *, text: str, lane: Lane | None = None) -> Quote:
    """What `submit` would enqueue, refused just as there. Charges nothing, and writes nothing but pictures that it fetched."""
    check_account(account)
    found = await _quoted(rooms, account, text, lane)
    await check_means(rooms, account, found.plan, found.jobs)
    return found


async def _quoted(rooms: Rooms, account: Account, text: str, lane: Lane | None) -> Quote:
    """Everything that can be wrong with a prompt is found before anything is fetched."""
    plan = rooms.plans.in_force(account.plan)
    drawn = await beside_the_loop(rooms, account, text, partial(read_prompt, rooms, plan, text))
    lanes = [choose_lane(params, lane, account, plan, batch=len(drawn)) for params in drawn]
    looks = [choose_visibility(params, account, plan) for params in drawn]
    verdict = await moderate(rooms, account, drawn, text)
    guided, images = await resolve(rooms, account, drawn)
    drawings = [
        Drawing(params=each.params, recipe=recipe_of(each), lane=lane, visibility=visibility)
        for each, lane, visibility in zip(guided, lanes, looks, strict=True)
    ]
    return Quote(plan=plan, jobs=priced(rooms, plan, drawings, verdict), images=tuple(images))


async def beside_the_loop(rooms: Rooms, account: Account, text: str, read: Callable[[], _T]) -> _T:
    """What reading a prompt gives. A long one with permutations takes half a second, which the event loop has not."""
    at_once = READ_AT_ONCE_MAX_PERMUTED if "{" in text else READ_AT_ONCE_MAX_CHARACTERS
    if len(text) <= at_once:
        return read()
    return await rooms.checks.run(account.id, read)


def recipe_of(guided: Guided) -> Recipe:
    """Refused (`invalid_request`) for a blend of a picture with itself."""
    if not guided.inputs:
        return EMPTY
    blended = [each.parent_id for each in guided.inputs if each.role is Role.BLEND]
    twice = next((each for each in blended if blended.count(each) > 1), None)
    if twice:
        raise Refused(
            f"The picture {twice} is named twice, and a blend is of different ones.",
            code="invalid_request",
            hint="Name it once; a weight (::2) makes a picture count for more.",
            field="images",
        )
    return Recipe(action=Action.BLEND if blended else Action.IMAGINE, inputs=guided.inputs)


def _digest(text: str, lane: Lane | None) -> str:
    body = f"{lane.value if lane else ''}\n{text}"
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
