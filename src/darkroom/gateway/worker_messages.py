"""The worker protocol's JSON: schemas with their limits, and by hand to and from core's nouns. Knows no route."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from darkroom.core.errors import Refused
from darkroom.core.images import ImageFile, Variant
from darkroom.core.jobs import Outcome
from darkroom.core.params import IMAGES_PER_JOB, SEED_MAX, Lane
from darkroom.core.work import (
    STATE_MEDIA_TYPE,
    STATE_NAME,
    Assignment,
    Claim,
    Completion,
    EngineVitals,
    Failure,
    Fault,
    Instructions,
    Progress,
    StagedFile,
    StagedImage,
)
from darkroom.gateway.invalid import check_storable
from darkroom.gateway.views import Out

SLOTS_MAX = 1_024  # jobs that one worker takes at once
ITEMS_MAX = 1_024  # claims or progress items in one call
REPORTS_MAX = 256  # in one call
FILES_MAX = 64  # of one run
MODELS_MAX = 256  # of one worker
SCORES_MAX = 32  # categories of one picture
NOTES_MAX = 100  # of one run
PREVIEW_MAX = 700_000  # characters of base64, some 512 KiB
PROVENANCE_MAX = 100_000  # characters
MESSAGE_MAX = 4_000  # characters
BYTES_MAX = 1 << 30  # of one file
SIDE_MAX = 65_536  # pixels
GPU_MS_MAX = 1_000_000_000
FENCE_MAX = (1 << 53) - 1  # what every client's JSON can hold exactly
TOTAL_MAX = FENCE_MAX  # of anything that is counted from the start of a process


def _storable(text: str) -> str:
    """Two looks in C for each text: these come by the hundred, and a store can keep neither NUL nor half a character."""
    if "\0" in text:
        raise ValueError("Must not hold the character NUL")
    if not text.isascii():
        text.encode()  # UnicodeEncodeError is a ValueError
    return text


def _described(text: str) -> str:
    """People are shown it as JSON, so it must be an object that every JSON reader takes."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("Must not be nested so deeply") from None
    if not isinstance(found, dict):
        raise ValueError("Must be a JSON object")
    check_storable(found)
    return text


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


Text = Annotated[str, AfterValidator(_storable)]
WorkerName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:-]*$", max_length=100, examples=["cpu-0"])
]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
# Pictures only: a browser shows these files under our own address, and a page or an SVG could do more than be seen.
MediaType = Annotated[
    str, Field(pattern=r"^image/(png|webp|avif|jpeg)$", max_length=100, examples=["image/png"])
]
StateType = Literal["application/octet-stream"]
ShortText = Annotated[Text, Field(max_length=200)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Scores = Annotated[dict[ShortText, Score], Field(max_length=SCORES_MAX)]
Fence = Annotated[int, Field(strict=True, ge=0, le=FENCE_MAX)]
GpuMs = Annotated[int, Field(strict=True, ge=0, le=GPU_MS_MAX)]
Side = Annotated[int, Field(strict=True, ge=1, le=SIDE_MAX)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Total = Annotated[int, Field(strict=True, ge=0, le=TOTAL_MAX)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClaimIn(Message):
    job_id: UUID
    fence: Fence


class RegisterIn(Message):
    name: WorkerName
    device: ShortText
    models: Annotated[list[ShortText], Field(max_length=MODELS_MAX)]
    slots: Annotated[int, Field(strict=True, ge=1, le=SLOTS_MAX)]
    version: ShortText = ""


class PullIn(Message):
    worker_id: WorkerName
    free: Annotated[int, Field(strict=True, ge=0, le=SLOTS_MAX)]
    warm: Annotated[list[ShortText], Field(max_length=MODELS_MAX, default_factory=list)]
    wait_s: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)] = 0.0
    lanes: Annotated[
        list[Lane],
        Field(max_length=len(Lane), description="The lanes that it takes jobs of; all where it says none"),
    ] = []


class ProgressItemIn(ClaimIn):
    done: Count = 0
    total: Count = 0
    finishing: bool = False
    preview: Annotated[str, Field(max_length=PREVIEW_MAX, description="A WebP in base64")] = ""
    scores: Annotated[Scores, Field(default_factory=dict)]


class ProgressIn(Message):
    worker_id: WorkerName
    items: Annotated[list[ProgressItemIn], Field(max_length=ITEMS_MAX)]


class VitalsIn(Message):
    """What the worker's engine did since its process began, and how it stands."""

    passes: Total = 0
    rows: Total = 0
    padding_rows: Total = 0
    device_ms: Annotated[float, Field(ge=0, le=TOTAL_MAX, allow_inf_nan=False)] = 0.0
    texts_cached: Total = 0
    texts_encoded: Total = 0
    out_of_memory: Total = 0
    in_flight: Total = 0
    waiting: Total = 0
    oldest_wait_s: Annotated[float, Field(ge=0, le=TOTAL_MAX, allow_inf_nan=False)] = 0.0
    undecoded: Total = 0


class HeartbeatIn(Message):
    worker_id: WorkerName
    claims: Annotated[list[ClaimIn], Field(max_length=ITEMS_MAX)]
    vitals: VitalsIn | None = None


class UploadFileIn(Message):
    name: FileName
    media_type: MediaType | StateType

    @model_validator(mode="after")
    def _only_a_state_is_no_picture(self) -> Self:
        if (self.name == STATE_NAME) != (self.media_type == STATE_MEDIA_TYPE):
            raise ValueError(f"{STATE_NAME}, and it alone, is {STATE_MEDIA_TYPE}")
        return self


class UploadsIn(ClaimIn):
    worker_id: WorkerName
    files: Annotated[list[UploadFileIn], Field(max_length=FILES_MAX)]


class FileIn(Message):
    name: FileName
    variant: Variant
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", max_length=64)]
    media_type: MediaType
    width: Side
    height: Side
    size_bytes: Annotated[int, Field(strict=True, ge=1, le=BYTES_MAX)]


class ImageIn(Message):
    index: Annotated[int, Field(strict=True, ge=0, lt=IMAGES_PER_JOB)] | None
    files: Annotated[list[FileIn], Field(max_length=FILES_MAX)]
    scores: Annotated[Scores, Field(default_factory=dict)]
    provenance: Annotated[
        Text,
        Field(max_length=PROVENANCE_MAX, description="A JSON object as text"),
        AfterValidator(_described),
    ] = "{}"


class CompletedIn(ClaimIn):
    kind: Literal["completed"]
    measured_gpu_ms: GpuMs
    images: Annotated[list[ImageIn], Field(max_length=IMAGES_PER_JOB + 1)]
    notes: Annotated[
        list[Annotated[Text, Field(max_length=MESSAGE_MAX)]],
        Field(max_length=NOTES_MAX, default_factory=list),
    ]


class FailedIn(ClaimIn):
    kind: Literal["failed"]
    fault: Fault
    message: Annotated[Text, Field(max_length=MESSAGE_MAX)] = ""
    measured_gpu_ms: GpuMs = 0
    device: ShortText = ""
    fingerprint: ShortText = ""
    saved: Annotated[
        Literal["", "state.safetensors"],
        Field(description="The staged file that holds the states of unfinished images"),
    ] = ""


ReportIn = Annotated[CompletedIn | FailedIn, Field(discriminator="kind")]


class ReportsIn(Message):
    worker_id: WorkerName
    reports: Annotated[list[ReportIn], Field(max_length=REPORTS_MAX)]


class LeaveIn(Message):
    worker_id: WorkerName


class RegisteredOut(Out):
    worker_id: str
    heartbeat_s: float
    abort_after_s: float
    lease_s: float


class ClaimOut(Out):
    job_id: UUID
    fence: int


class AssignmentOut(ClaimOut):
    prompt: str
    model: str
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)]
    lane: Lane
    images: int
    attempt: int
    flow: Annotated[str, Field(description="Equal for the jobs of one user; says nothing of who that is")]
    saved_url: Annotated[
        str,
        Field(
            description='A URL or a path, as of uploads, to GET what an earlier worker left; "" for nothing'
        ),
    ]
    recipe: Annotated[
        dict[str, Any],
        Field(
            description="The action, the pictures that go in by role and digest, and which images of the grid are drawn"
        ),
    ]
    inputs: Annotated[
        dict[str, str],
        Field(
            description="By sha256, a URL or a path, as of uploads, to GET a picture that the recipe names"
        ),
    ]


class InstructionsOut(Out):
    """`cancel`: stop and report it. `abandon`: drop it without a word. `drain`: take nothing new."""

    cancel: list[ClaimOut]
    abandon: list[ClaimOut]
    drain: bool


class PulledOut(InstructionsOut):
    jobs: list[AssignmentOut]


class UploadsOut(Out):
    urls: dict[str, str]


class OutcomesOut(Out):
    outcomes: list[Outcome]


def claim_of(message: ClaimIn) -> Claim:
    return Claim(job_id=message.job_id, fence=message.fence)


def vitals_of(message: VitalsIn | None) -> EngineVitals | None:
    return None if message is None else EngineVitals(**message.model_dump())


def progress_of(item: ProgressItemIn) -> Progress:
    """Refused (`invalid_request`) where the preview is no base64."""
    try:
        preview = b64decode(item.preview, validate=True)
    except ValueError:  # binascii.Error, or characters beyond ASCII
        raise Refused(
            "A preview is no base64.", code="invalid_request", hint="Send a WebP in base64.", field="preview"
        ) from None
    return Progress(
        claim=claim_of(item),
        done=item.done,
        total=item.total,
        finishing=item.finishing,
        preview=preview,
        scores=item.scores,
    )


def report_of(report: CompletedIn | FailedIn) -> Completion | Failure:
    if isinstance(report, FailedIn):
        return Failure(
            claim=claim_of(report),
            fault=report.fault,
            message=report.message,
            measured_gpu_ms=report.measured_gpu_ms,
            device=report.device,
            fingerprint=report.fingerprint,
            saved=report.saved,
        )
    return Completion(
        claim=claim_of(report),
        measured_gpu_ms=report.measured_gpu_ms,
        images=tuple(_image(image) for image in report.images),
        notes=tuple(report.notes),
    )


def _image(image: ImageIn) -> StagedImage:
    return StagedImage(
        index=image.index,
        files=tuple(StagedFile(name=file.name, file=_file(file)) for file in image.files),
        scores=image.scores,
        provenance=image.provenance,
    )


def _file(file: FileIn) -> ImageFile:
    return ImageFile(
        variant=file.variant,
        digest=file.digest,
        media_type=file.media_type,
        width=file.width,
        height=file.height,
        size_bytes=file.size_bytes,
    )


def instructions_json(told: Instructions) -> dict[str, Any]:
    return {
        "cancel": [_claim_json(claim) for claim in told.cancel],
        "abandon": [_claim_json(claim) for claim in told.abandon],
        "drain": told.drain,
    }


def pulled_json(jobs: Sequence[Assignment], told: Instructions) -> dict[str, Any]:
    return {"jobs": [_assignment_json(job) for job in jobs], **instructions_json(told)}


def _assignment_json(job: Assignment) -> dict[str, Any]:
    return {
        **_claim_json(job.claim),
        "prompt": job.prompt,
        "model": job.model,
        "seed": job.seed,
        "lane": job.lane.value,
        "images": job.images,
        "attempt": job.attempt,
        "flow": job.flow,
        "saved_url": job.saved_url,
        "recipe": job.recipe.as_object(),
        "inputs": dict(job.inputs),
    }


def _claim_json(claim: Claim) -> dict[str, Any]:
    return {"job_id": str(claim.job_id), "fence": claim.fence}
