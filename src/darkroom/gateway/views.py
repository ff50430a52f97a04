"""Jobs and images as the API shows them: schemas, and the conversion by hand from the nouns of core.

Signs the URLs of an image's files; whoever calls has checked that the one who asks may see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from darkroom.core.images import Image, ImageFile
from darkroom.core.jobs import TERMINAL, Cause, Job, JobMoved, JobState
from darkroom.core.params import Lane, Visibility
from darkroom.core.ports import Objects
from darkroom.core.recipes import FRAME_FIELDS, Action, ParentKind, Recipe, Role
from darkroom.storage.objects import blob_key

LINK_LIFE_S = 3600  # at least, at most twice that: links expire on the hour, so that browsers can cache them
PREVIEW_TYPE = "image/webp"


class Out(BaseModel):
    """What the API answers with; nothing that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileOut(Out):
    url: str
    media_type: str
    width: int
    height: int
    size_bytes: int


class InputOut(Out):
    role: Role
    parent_id: UUID
    kind: ParentKind
    weight: float
    source: Annotated[str, Field(description='How the prompt names it; "" where the action brought it')]


class FrameOut(Out):
    """A canvas, and where the old picture lies in it, in pixels."""

    width: int
    height: int
    left: int
    top: int
    inner_width: int
    inner_height: int


class RecipeOut(Out):
    """How a job comes from pictures. With the prompt it decides every pixel."""

    action: Action
    inputs: list[InputOut]
    indices: Annotated[list[int], Field(description="The images of the grid that are drawn, 1 to 4")]
    strength: Annotated[
        float | None,
        Field(description="How much of the picture it starts from is drawn anew: 0 nothing, 1 all"),
    ]
    scale: Annotated[int | None, Field(description="By how much an upscale enlarges each side")]
    frame: FrameOut | None
    seam_px: Annotated[
        int, Field(description="How far old and new pixels are blended; all other old pixels stay")
    ]
    replay_of: UUID | None


class ImageOut(Out):
    id: UUID
    job_id: UUID
    index: Annotated[int | None, Field(description="1 to 4; null for the grid of all")]
    width: int
    height: int
    model: str
    seed: int
    prompt: str
    visibility: Visibility
    action: Action
    parents: Annotated[
        list[UUID], Field(description="The images and uploads that it was made from, each once")
    ]
    files: dict[str, FileOut]
    created_at: datetime


class ProgressOut(Out):
    done: Annotated[int, Field(description="Denoising steps done, of all images together")]
    total: int
    preview_url: str | None


class FaultOut(Out):
    code: str
    message: str


class JobOut(Out):
    id: UUID
    batch_id: UUID
    state: JobState
    lane: Lane
    visibility: Visibility
    source: Annotated[str, Field(description="The prompt as it was typed")]
    prompt: Annotated[str, Field(description="Canonical text of this job, with its seed")]
    model: str
    seed: int
    action: Action
    recipe: RecipeOut
    position: Annotated[
        int | None,
        Field(
            description="Ready: jobs ahead in the queue, of everybody; waiting: your own waiting jobs that get a slot before it."
            " Null in other states, and where the process that answers does not dispatch and cannot tell"
        ),
    ]
    wait_s: Annotated[
        float | None,
        Field(
            description="Ready: estimate of the seconds until it starts. Null where nobody can tell: while it waits for a slot,"
            " where no worker is there, and where the process that answers does not dispatch"
        ),
    ]
    cost_gpu_ms: Annotated[int, Field(description="The most that this job can be charged")]
    charged_gpu_ms: int | None
    attempt: int
    cancel_requested: bool
    progress: ProgressOut | None
    images: list[ImageOut]
    grid: ImageOut | None
    notes: list[str]
    error: FaultOut | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class MoveOut(Out):
    """One transition of a job's life."""

    id: Annotated[int, Field(description="Durable event id")]
    job_id: UUID
    batch_id: UUID
    was: JobState | None
    state: JobState
    cause: Cause
    at: datetime
    detail: str


def link_expiry(now: datetime) -> datetime:
    """The end of the hour after next: links made within one hour are the same text."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour + timedelta(hours=1, seconds=LINK_LIFE_S)


async def image_out(image: Image, objects: Objects, *, now: datetime) -> ImageOut:
    """An image with links to its files."""
    files = {each.variant.value: await _file_out(each, image, objects, now) for each in image.files}
    largest = max(image.files, key=lambda each: each.width * each.height, default=None)
    return ImageOut(
        id=image.id,
        job_id=image.job_id,
        index=None if image.index is None else image.index + 1,
        width=largest.width if largest else 0,
        height=largest.height if largest else 0,
        model=image.model,
        seed=image.seed,
        prompt=image.prompt,
        visibility=image.visibility,
        action=image.recipe.action,
        parents=list(dict.fromkeys(each.parent_id for each in image.recipe.inputs)),
        files=files,
        created_at=image.created_at,
    )


async def _file_out(file: ImageFile, image: Image, objects: Objects, now: datetime) -> FileOut:
    url = await objects.read_url(
        blob_key(file.digest), expires_at=link_expiry(now), media_type=file.media_type
    )
    return FileOut(
        url=url,
        media_type=file.media_type,
        width=file.width,
        height=file.height,
        size_bytes=file.size_bytes,
    )


def job_out(
    job: Job,
    *,
    images: Sequence[ImageOut] = (),
    position: int | None = None,
    wait_s: float | None = None,
    progress: ProgressOut | None = None,
) -> JobOut:
    """A job with what is known around it. An error is shown for a job that ended without pictures."""
    ended_badly = job.state in TERMINAL and job.state is not JobState.COMPLETED
    return JobOut(
        id=job.id,
        batch_id=job.batch_id,
        state=job.state,
        lane=job.lane,
        visibility=job.visibility,
        source=job.source,
        prompt=job.prompt,
        model=job.model,
        seed=job.seed,
        action=job.recipe.action,
        recipe=recipe_out(job.recipe),
        position=position,
        wait_s=wait_s,
        cost_gpu_ms=job.hold_gpu_ms,
        charged_gpu_ms=job.charged_gpu_ms,
        attempt=job.attempt,
        cancel_requested=job.cancel_requested,
        progress=progress,
        images=[image for image in images if image.index is not None],
        grid=next((image for image in images if image.index is None), None),
        notes=list(job.notes),
        error=FaultOut(code=job.error_code or job.state.value, message=job.error_message or "")
        if ended_badly
        else None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def recipe_out(recipe: Recipe) -> RecipeOut:
    """A recipe without the digests of its files: who asks is shown pictures by their ids."""
    frame = recipe.frame
    return RecipeOut(
        action=recipe.action,
        inputs=[
            InputOut(
                role=each.role,
                parent_id=each.parent_id,
                kind=each.kind,
                weight=each.weight,
                source=each.source,
            )
            for each in recipe.inputs
        ],
        indices=[index + 1 for index in recipe.indices],
        strength=recipe.strength,
        scale=recipe.scale,
        frame=None if frame is None else FrameOut(**{name: getattr(frame, name) for name in FRAME_FIELDS}),
        seam_px=recipe.seam_px,
        replay_of=recipe.replay_of,
    )


def move_out(moved: JobMoved) -> MoveOut:
    """A transition as an event and as a line of the history."""
    return MoveOut(
        id=moved.id,
        job_id=moved.job_id,
        batch_id=moved.batch_id,
        was=moved.was,
        state=moved.state,
        cause=moved.cause,
        at=moved.at,
        detail=moved.detail,
    )


def by_job(images: Iterable[Image]) -> dict[UUID, list[Image]]:
    """Images grouped by their job, in order."""
    grouped: dict[UUID, list[Image]] = {}
    for image in images:
        grouped.setdefault(image.job_id, []).append(image)
    return grouped
