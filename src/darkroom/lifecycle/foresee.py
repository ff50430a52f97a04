"""What submitting a prompt would do, for whoever is still typing it: its jobs, their prices, and every reason to refuse it.

Asks the same rules as `submit`, in its order, and goes on where `submit` would stop. Makes, fetches, charges and logs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TypeVar

from darkroom.billing.pricing import Price
from darkroom.core.accounts import Account, Plan
from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import Exhausted, ModerationUnavailable, PromptError, Refused
from darkroom.core.ids import new_id
from darkroom.core.params import IMAGES_PER_JOB, GenerationParams, Lane, Visibility
from darkroom.dispatch.ready import ReadyJob
from darkroom.lifecycle.placing import blocked, check_amounts, judge
from darkroom.lifecycle.references import guided, look_up
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sizes import native_pixels, native_size
from darkroom.lifecycle.submit import beside_the_loop, recipe_of
from darkroom.lifecycle.terms import (
    check_account,
    choose_lane,
    choose_visibility,
    lanes_of,
    limits_of,
    read_draft,
)
from darkroom.prompt import count_jobs, format_prompt
from darkroom.prompt.faults import Fault, apart
from darkroom.prompt.outline import Outline, outline
from darkroom.prompt.proofreading import proofread
from darkroom.prompt.support import named_model

SHOWN_MAX = 8  # jobs whose canonical text is told
COUNTED_MAX = 1_000_000  # jobs that are told apart by number
MODEL_KEYS = {"v": "version", "niji": "niji"}

_E = TypeVar("_E", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """The answer. `cost_gpu_ms` is the most that all jobs can be charged, each in its own lane, and `costs_gpu_ms` if all went by
    one; None and empty, like `size`, while the prompt cannot be read. `first` is its first job as the queue would know it, None
    where it would not come into the queue at once."""

    outline: Outline
    faults: tuple[Fault, ...]
    prompts: tuple[str, ...] = ()
    jobs: int = 0
    images: int = 0
    model: str | None = None
    size: tuple[int, int] | None = None
    lane: Lane
    visibility: Visibility
    allowed: frozenset[Lane]
    cost_gpu_ms: int | None = None
    costs_gpu_ms: Mapping[Lane, int] = field(default_factory=dict)
    first: ReadyJob | None = None
    left_gpu_ms: int | None
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Faults:
    """Collects what is wrong, each with its place."""

    outline: Outline
    found: list[Fault] = field(default_factory=list)

    @contextmanager
    def noted(self, *names: str) -> Iterator[None]:
        """What is refused inside is noted, at the parameter of one of these names where the text has one."""
        try:
            yield
        except (PromptError, Refused, ModerationUnavailable) as error:
            if isinstance(error, Exhausted) and error.code == "rate_limited":
                raise
            self.note(error, self.outline.parameter(*names))

    def note(
        self, error: PromptError | Refused | ModerationUnavailable, place: tuple[int, int] | None
    ) -> None:
        if isinstance(error, PromptError):
            place = self.outline.place(error.position) or place or self._link(error)
        fault = Fault(
            code=error.code,
            message=apart(error) if isinstance(error, PromptError) else error.message,
            hint=getattr(error, "hint", ""),
            field="prompt" if isinstance(error, PromptError) else getattr(error, "field", None),
            place=place,
        )
        if fault not in self.found:
            self.found.append(fault)

    def _link(self, error: PromptError) -> tuple[int, int] | None:
        """A picture that cannot be used is named at the beginning of what is said of it."""
        return self.outline.named(error.message.partition(" ")[0])


async def foresee(
    rooms: Rooms, account: Account, plan: Plan, text: str, *, lane: Lane | None = None
) -> Foreseen:
    """Whatever the text is. Exhausted (`rate_limited`) where too many checks of the account wait; StoreUnavailable."""
    outlined = await beside_the_loop(rooms, account, text, partial(outline, text))
    faults = _Faults(outline=outlined)
    with faults.noted():
        check_account(account)
    found = Foreseen(
        outline=outlined,
        faults=(),
        lane=lane or _said(outlined, Lane) or account.lane,
        visibility=_said(outlined, Visibility) or account.visibility,
        allowed=lanes_of(plan),
        left_gpu_ms=await _left_gpu_ms(rooms, account, plan),
    )
    try:
        drawn = await beside_the_loop(rooms, account, text, partial(read_draft, rooms, plan, text))
    except PromptError as first:
        wrong, count = await rooms.checks.run(account.id, partial(_proofread, rooms, plan, text, first))
        for error in wrong:
            faults.note(error, None)
        model = _model(outlined, rooms.catalogue)
        found = replace(found, jobs=count, images=count * IMAGES_PER_JOB, model=model)
    else:
        found = await _drawn(rooms, account, plan, drawn, lane, found, faults)
    return replace(found, faults=tuple(faults.found))


def _proofread(rooms: Rooms, plan: Plan, text: str, first: PromptError) -> tuple[Sequence[PromptError], int]:
    """What is wrong, and how many jobs it might have been: with their repeats, else the permutations alone, else 0."""
    wrong = proofread(first, text, catalogue=rooms.catalogue, limits=limits_of(plan))
    for counted_max in (plan.batch, 0):
        try:
            return wrong, min(count_jobs(text, counted_max=counted_max), COUNTED_MAX)
        except PromptError:
            continue
    return wrong, 0


async def _drawn(
    rooms: Rooms,
    account: Account,
    plan: Plan,
    drawn: Sequence[GenerationParams],
    wished: Lane | None,
    found: Foreseen,
    faults: _Faults,
) -> Foreseen:
    """What a prompt that can be read comes to. Every rule is asked, whatever the others said."""
    for params in drawn:
        with faults.noted(*Lane):
            choose_lane(params, wished, account, plan, batch=len(drawn))
        with faults.noted(*Visibility):
            choose_visibility(params, account, plan)
    with faults.noted():
        verdict = await judge(rooms, account, drawn)
        if verdict.blocked:
            raise blocked(rooms, verdict)
    links: list[str] = []
    with faults.noted():
        pictures, links = await look_up(rooms, account, drawn)
        for params in drawn:
            recipe_of(guided(params, pictures))
    lanes = [wished or params.lane or account.lane for params in drawn]
    cost_gpu_ms = _cost_gpu_ms(rooms, drawn, lanes)
    with faults.noted():
        await check_amounts(rooms, account, plan, jobs=len(drawn), needed_gpu_ms=cost_gpu_ms)
    first = drawn[0]
    return replace(
        found,
        prompts=tuple(format_prompt(params) for params in drawn[:SHOWN_MAX]),
        jobs=len(drawn),
        images=len(drawn) * IMAGES_PER_JOB,
        model=first.model,
        size=native_size(rooms, first),
        lane=lanes[0],
        visibility=first.visibility or account.visibility,
        allowed=frozenset(each for each in found.allowed if _may(drawn, each, account, plan)),
        cost_gpu_ms=cost_gpu_ms,
        costs_gpu_ms={each: _cost_gpu_ms(rooms, drawn, [each] * len(drawn)) for each in Lane},
        first=await _queued(rooms, account, plan, first, lanes[0]),
        notes=_notes(links),
    )


def _cost_gpu_ms(rooms: Rooms, drawn: Sequence[GenerationParams], lanes: Sequence[Lane]) -> int:
    """The most that jobs can be charged in these lanes. Their pictures change no price: they only guide."""
    return sum(_price(rooms, *each).hold_gpu_ms for each in zip(drawn, lanes, strict=True))


def _price(rooms: Rooms, params: GenerationParams, lane: Lane) -> Price:
    return rooms.prices.price(params, lane, native_pixels=native_pixels(rooms, params.model))


def _may(drawn: Sequence[GenerationParams], lane: Lane, account: Account, plan: Plan) -> bool:
    """Whether the batch could go by this lane, if the prompt named no other."""
    try:
        for params in drawn:
            choose_lane(replace(params, lane=None), lane, account, plan, batch=len(drawn))
    except (PromptError, Refused):
        return False
    return True


async def _queued(
    rooms: Rooms, account: Account, plan: Plan, params: GenerationParams, lane: Lane
) -> ReadyJob | None:
    """None where all of the account's slots are taken: nobody can tell when one is free."""
    now = rooms.clock()
    if (await rooms.accounts.get(account.id)).running >= plan.running:
        return None
    price = _price(rooms, params, lane)
    return ReadyJob(
        id=new_id(now),
        account_id=account.id,
        lane=lane,
        model=params.model,
        weight=plan.weight,
        cost_gpu_ms=max(price.estimate_gpu_ms, 1),
        ready_at=now.timestamp(),
    )


def _model(outlined: Outline, catalogue: ModelCatalogue) -> str | None:
    """The model of a prompt that cannot be read, as far as its text names one."""
    asked = next((each for each in outlined.parameters if each.name in MODEL_KEYS), None)
    if asked is None:
        return catalogue.default.name
    model = named_model(MODEL_KEYS[asked.name], asked.value or "", catalogue)
    return model.name if model else None


def _said(outlined: Outline, kind: type[_E]) -> _E | None:
    """The first flag of a kind in the text."""
    return next((kind(each.name) for each in outlined.parameters if each.name in set(kind)), None)


async def _left_gpu_ms(rooms: Rooms, account: Account, plan: Plan) -> int | None:
    if plan.unlimited:
        return None
    return max((await rooms.accounts.balance(account.id)).available_gpu_ms, 0)


def _notes(links: Sequence[str]) -> tuple[str, ...]:
    if not links:
        return ()
    what = "A picture" if len(links) == 1 else f"{len(links)} pictures"
    return (f"{what} will be fetched when you submit, and looked at only then.",)
