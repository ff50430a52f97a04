"""The routes that make new pictures of those that are there: an action on an image, and a blend. The rules are in `lifecycle`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from darkroom.core.jobs import Job, NewJob
from darkroom.core.params import Lane
from darkroom.gateway.auth import Writer
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.jobs import IdempotencyKey, shown
from darkroom.gateway.views import JobOut, Out
from darkroom.lifecycle.act import act
from darkroom.lifecycle.sizes import size_of
from darkroom.lifecycle.submit import quote, submit
from darkroom.lifecycle.wishes import Asked, Way, Wish
from darkroom.prompt.table import PROMPT_MAX

BLENDED_LEAST, BLENDED_MOST = 2, 5
PARAMETERS_MAX = 1_000  # characters


class ActionIn(Body):
    """What to do with an image. A field that means nothing to the action is refused."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "vary_subtle", "dry_run": True}]})

    action: Asked
    prompt: Annotated[
        str | None,
        Field(
            max_length=2 * PROMPT_MAX,
            description="New words for vary_region, zoom_out, pan, make_square and remix; parameters that it does not name stay",
        ),
    ] = None
    mask: Annotated[
        UUID | None,
        Field(
            description="For vary_region: your upload of kind mask, of the image's size; white is drawn again"
        ),
    ] = None
    zoom: Annotated[
        float | None,
        Field(allow_inf_nan=False, description="For zoom_out: above 1, at most 2; 2 where it is left away"),
    ] = None
    direction: Annotated[Way | None, Field(description="For pan")] = None
    scale: Annotated[
        int | None, Field(strict=True, description="For upscales: 2 or 4; 2 where it is left away")
    ] = None
    lane: Annotated[Lane | None, Field(description="Instead of the account's")] = None
    dry_run: Annotated[bool, Field(description="Only say what it would be and cost")] = False


class BlendIn(Body):
    """Pictures to be blended without words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "images": [
                        "01a20090-1d9a-7d14-90f9-606256d1b141",
                        "01a20090-c608-74c9-a77f-e8b5fc9108e6",
                    ],
                    "parameters": "--ar 3:2",
                }
            ]
        }
    )

    images: Annotated[
        list[UUID],
        Field(
            min_length=BLENDED_LEAST,
            max_length=BLENDED_MOST,
            description="Uploads of yours, or images that you may see",
        ),
    ]
    parameters: Annotated[
        str,
        Field(
            max_length=PARAMETERS_MAX,
            pattern=r"^(\s*(--|[–—])[A-Za-z].*)?$",
            description="Parameters of the prompt language, such as --ar 3:2",
        ),
    ] = ""
    lane: Annotated[Lane | None, Field(description="Instead of the account's")] = None
    dry_run: Annotated[bool, Field(description="Only say what it would be and cost")] = False


class ActionOut(Out):
    dry_run: bool
    action: str
    prompt: Annotated[str, Field(description="Canonical text of the job")]
    width: Annotated[
        int,
        Field(
            description="Pixels of each picture; nearly so where the model's own size for this ratio is drawn"
        ),
    ]
    height: int
    images: Annotated[int, Field(description="How many pictures it makes")]
    cost_gpu_ms: Annotated[int, Field(description="The most that it can be charged")]
    jobs: Annotated[list[JobOut], Field(description="Empty for a dry run")]
    notes: list[str]
    replayed: Annotated[bool, Field(description="True where the idempotency key had been used before")]


REFUSALS = refusals(403, 404, 409, 422, 429, 503)


def actions_router() -> APIRouter:
    """`/api/v1/images/{image_id}/actions` and `/api/v1/blend`."""
    router = APIRouter(prefix="/api/v1", tags=["actions"])

    @router.post("/images/{image_id}/actions", status_code=202, responses=REFUSALS, operation_id="actOnImage")
    async def act_on_image(
        image_id: UUID,
        body: ActionIn,
        caller: Writer,
        here: Here,
        answer: Response,
        key: IdempotencyKey = None,
    ) -> ActionOut:
        """Vary, extend, upscale or redraw an image. With `dry_run` nothing is made, and the answer is a 200."""
        wish = Wish(
            action=body.action,
            prompt=body.prompt,
            mask=body.mask,
            zoom=body.zoom,
            direction=body.direction,
            scale=body.scale,
            lane=body.lane,
        )
        with here.crowd.entered(body.lane or caller.account.lane):
            done = await act(
                here.rooms, caller.account, image_id, wish, dry_run=body.dry_run, idempotency_key=key
            )
        answer.status_code = 200 if body.dry_run else 202
        placed = [done.job] if isinstance(done.job, Job) else []
        return _answer(
            [done.job],
            await shown(placed, here, owner=caller.account.id),
            action=body.action,
            size=done.size,
            notes=done.notes,
            replayed=done.replayed,
        )

    @router.post("/blend", status_code=202, responses=REFUSALS, operation_id="blendImages")
    async def blend_images(
        body: BlendIn, caller: Writer, here: Here, answer: Response, key: IdempotencyKey = None
    ) -> ActionOut:
        """Blend two to five pictures without words. With `dry_run` nothing is made, and the answer is a 200."""
        text = " ".join((*(f"upload:{each}" for each in body.images), body.parameters)).strip()
        answer.status_code = 200 if body.dry_run else 202
        with here.crowd.entered(body.lane or caller.account.lane):
            if body.dry_run:
                found = await quote(here.rooms, caller.account, text=text, lane=body.lane)
                return _answer(found.jobs, [], action="blend", size=await size_of(here.rooms, found.jobs[0]))
            done = await submit(here.rooms, caller.account, text=text, lane=body.lane, idempotency_key=key)
        jobs = done.change.jobs
        return _answer(
            jobs,
            await shown(jobs, here, owner=caller.account.id),
            action="blend",
            size=await size_of(here.rooms, jobs[0]),
            replayed=done.replayed,
        )

    return router


def _answer(
    made: Sequence[Job | NewJob],
    jobs: list[JobOut],
    *,
    action: str,
    size: tuple[int, int],
    notes: Sequence[str] = (),
    replayed: bool = False,
) -> ActionOut:
    """`made` are the jobs as they were placed, or as they would be; `jobs` is empty then."""
    return ActionOut(
        dry_run=not jobs,
        action=action,
        prompt=made[0].prompt,
        width=size[0],
        height=size[1],
        images=sum(job.images for job in made),
        cost_gpu_ms=sum(job.hold_gpu_ms for job in made),
        jobs=jobs,
        notes=list(notes),
        replayed=replayed,
    )
