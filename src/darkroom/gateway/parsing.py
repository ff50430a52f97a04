"""The route that reads a prompt as it is typed: what it means, what is wrong with it and where, what it would cost.

Nothing is made, charged or noted. The rules are those of submitting, in `lifecycle`; here are schemas and waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from darkroom.core.params import Lane, Visibility
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.views import Out
from darkroom.lifecycle.foresee import Foreseen, foresee
from darkroom.prompt.faults import Fault
from darkroom.prompt.outline import Kind

Start = Annotated[int, Field(description="Where it begins in the text that was sent, in characters from 0")]
End = Annotated[int, Field(description="Where the text goes on after it")]


class TypedIn(BaseModel):
    """A prompt as far as it is typed. It may be anything: what is wrong with it is a part of the answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"prompt": "a {red, green} fox in the snow --ar 3:2"}]},
    )

    prompt: str
    lane: Annotated[Lane | None, Field(description="The request's own, as in a submission")] = None


class TypedParameterOut(Out):
    name: Annotated[str, Field(description="Its first name in the list of parameters, without dashes")]
    text: str
    value: Annotated[str | None, Field(description="As typed; null where nothing follows the name")]
    start: Start
    end: End


class TypedLinkOut(Out):
    text: str
    start: Start
    end: End
    kind: Kind


class StretchOut(Out):
    start: Start
    end: End


class PromptFaultOut(Out):
    """Something for which a submission would be refused."""

    code: str
    message: str
    hint: str
    field: str | None
    start: Annotated[int | None, Field(description="In characters from 0; null where the fault has no place")]
    end: int | None


class LaneForecastOut(Out):
    allowed: Annotated[bool, Field(description="Whether your plan has this lane and the prompt may use it")]
    cost_gpu_ms: Annotated[
        int | None,
        Field(description="The most that all jobs together can be charged in it; null while unreadable"),
    ]
    wait_s: Annotated[
        float | None, Field(description="Estimate until the first begins; null where nobody can tell")
    ]


class LaneForecastsOut(Out):
    turbo: LaneForecastOut
    fast: LaneForecastOut
    relax: LaneForecastOut


class ParsedOut(Out):
    valid: Annotated[bool, Field(description="Whether it could be submitted now: there are no faults")]
    prompts: Annotated[
        list[str],
        Field(description="Canonical text of the first 8 jobs; seeds that nobody named are left open"),
    ]
    jobs: Annotated[int, Field(description="How many it makes; counted up to a million")]
    images: int
    model: Annotated[str | None, Field(description="Null where it names none that is there")]
    width: Annotated[int | None, Field(description="Of the pictures of its first job; null while unreadable")]
    height: int | None
    lane: Lane
    visibility: Visibility
    parameters: list[TypedParameterOut]
    links: list[TypedLinkOut]
    words: Annotated[StretchOut | None, Field(description="The part that is to be drawn")]
    faults: list[PromptFaultOut]
    cost_gpu_ms: Annotated[
        int | None,
        Field(description="The most that they can be charged, each in its own lane; null while it cannot be read"),
    ]  # fmt: skip
    wait_s: float | None
    lanes: LaneForecastsOut
    left_gpu_ms: Annotated[int | None, Field(description="Fast time left this month; null without limit")]
    notes: list[str]


def parsing_router() -> APIRouter:
    """Under /api/v1/prompts."""
    router = APIRouter(prefix="/api/v1/prompts", tags=["jobs"])

    @router.post("/parse", responses=refusals(422, 429, 503), operation_id="parsePrompt")
    async def parse_prompt(body: TypedIn, caller: Reader, here: Here) -> ParsedOut:
        """What a submission of this prompt would do, and what it would be refused for. Free, and nothing is kept."""
        found = await foresee(here.rooms, caller.account, caller.plan, body.prompt, lane=body.lane)
        return _parsed_out(found, _waits(found, here))

    return router


def _waits(found: Foreseen, here: Gateway) -> Mapping[Lane, float | None]:
    """Nobody can tell where all slots of the account are taken: that depends on when one of its jobs ends."""
    first = found.first
    if first is None:
        return dict.fromkeys(Lane)
    return {lane: here.dispatcher.expected_wait_s(replace(first, lane=lane)) for lane in Lane}


def _parsed_out(found: Foreseen, waits: Mapping[Lane, float | None]) -> ParsedOut:
    lanes = {
        lane.value: LaneForecastOut(
            allowed=lane in found.allowed, cost_gpu_ms=found.costs_gpu_ms.get(lane), wait_s=waits[lane]
        )
        for lane in Lane
    }
    words = found.outline.words
    return ParsedOut(
        valid=not found.faults,
        prompts=[_whole(each) for each in found.prompts],
        jobs=found.jobs,
        images=found.images,
        model=found.model,
        width=found.size[0] if found.size else None,
        height=found.size[1] if found.size else None,
        lane=found.lane,
        visibility=found.visibility,
        parameters=[
            TypedParameterOut(
                name=each.name,
                text=_whole(each.text),
                value=None if each.value is None else _whole(each.value),
                start=each.start,
                end=each.end,
            )
            for each in found.outline.parameters
        ],
        links=[
            TypedLinkOut(text=_whole(each.text), start=each.start, end=each.end, kind=each.kind)
            for each in found.outline.links
        ],
        words=StretchOut(start=words[0], end=words[1]) if words else None,
        faults=[_fault_out(each) for each in found.faults],
        cost_gpu_ms=found.cost_gpu_ms,
        wait_s=waits[found.lane],
        lanes=LaneForecastsOut(**lanes),
        left_gpu_ms=found.left_gpu_ms,
        notes=list(found.notes),
    )


def _fault_out(fault: Fault) -> PromptFaultOut:
    start, end = fault.place or (None, None)
    return PromptFaultOut(
        code=fault.code,
        message=_whole(fault.message),
        hint=_whole(fault.hint),
        field=fault.field,
        start=start,
        end=end,
    )


def _whole(text: str) -> str:
    """Half of a surrogate pair cannot be sent; a question mark stands for it, so that offsets stay."""
    return text.encode("utf-8", "replace").decode()
