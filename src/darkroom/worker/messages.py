"""The worker protocol's JSON, written and read by hand. Knows no HTTP; trusts no answer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from darkroom.core.errors import Unavailable
from darkroom.core.jobs import Outcome
from darkroom.core.params import IMAGES_PER_JOB, Lane
from darkroom.core.recipes import EMPTY, RECIPE_FAULTS, Recipe
from darkroom.core.work import (
    Assignment,
    Claim,
    Completion,
    EngineVitals,
    Failure,
    Instructions,
    Progress,
    StagedFile,
    StagedImage,
)

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Report = Completion | Failure
T = TypeVar("T")
TEXT_MAX = 2_000  # characters of a message or a note


@dataclass(frozen=True, kw_only=True)
class Introduction:
    """A worker as it introduces itself."""

    name: str
    device: str
    models: tuple[str, ...]
    slots: int
    version: str


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a worker is told when it registers."""

    worker_id: str
    heartbeat_s: float
    abort_after_s: float


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A job that this worker was given and cannot make sense of, and why."""

    claim: Claim
    reason: str


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """The answer to a pull. What cannot be read of it is the matter of that one job."""

    jobs: tuple[Assignment, ...]
    instructions: Instructions
    unreadable: tuple[Unreadable, ...] = ()


def introduction_json(worker: Introduction) -> Mapping[str, Json]:
    return {
        "name": worker.name,
        "device": worker.device,
        "models": list(worker.models),
        "slots": worker.slots,
        "version": worker.version,
    }


def claim_json(claim: Claim) -> Mapping[str, Json]:
    return {"job_id": str(claim.job_id), "fence": claim.fence}


def vitals_json(vitals: EngineVitals) -> Mapping[str, Json]:
    return {
        "passes": vitals.passes,
        "rows": vitals.rows,
        "padding_rows": vitals.padding_rows,
        "device_ms": vitals.device_ms,
        "texts_cached": vitals.texts_cached,
        "texts_encoded": vitals.texts_encoded,
        "out_of_memory": vitals.out_of_memory,
        "in_flight": vitals.in_flight,
        "waiting": vitals.waiting,
        "oldest_wait_s": vitals.oldest_wait_s,
        "undecoded": vitals.undecoded,
    }


def progress_json(item: Progress) -> Mapping[str, Json]:
    return {
        **claim_json(item.claim),
        "done": item.done,
        "total": item.total,
        "finishing": item.finishing,
        "preview": b64encode(item.preview).decode("ascii"),
        "scores": dict(item.scores),
    }


def report_json(report: Report) -> Mapping[str, Json]:
    if isinstance(report, Failure):
        return {
            "kind": "failed",
            **claim_json(report.claim),
            "fault": report.fault.value,
            "message": _plain(report.message),
            "measured_gpu_ms": report.measured_gpu_ms,
            "device": report.device,
            "fingerprint": report.fingerprint,
            **({"saved": report.saved} if report.saved else {}),
        }
    return {
        "kind": "completed",
        **claim_json(report.claim),
        "measured_gpu_ms": report.measured_gpu_ms,
        "images": [_image_json(image) for image in report.images],
        "notes": [_plain(note) for note in report.notes],
    }


def _plain(text: str) -> str:
    """A text that every store can keep: errors of devices may hold anything."""
    return text[:TEXT_MAX].replace("\0", "?").encode("utf-8", errors="replace").decode("utf-8")


def _image_json(image: StagedImage) -> Mapping[str, Json]:
    return {
        "index": image.index,
        "files": [_file_json(staged) for staged in image.files],
        "scores": dict(image.scores),
        "provenance": image.provenance,
    }


def _file_json(staged: StagedFile) -> Mapping[str, Json]:
    return {
        "name": staged.name,
        "variant": staged.file.variant.value,
        "digest": staged.file.digest,
        "media_type": staged.file.media_type,
        "width": staged.file.width,
        "height": staged.file.height,
        "size_bytes": staged.file.size_bytes,
    }


def read_registration(answer: object) -> Registration:
    return _read(
        lambda found: Registration(
            worker_id=str(found["worker_id"]),
            heartbeat_s=float(found["heartbeat_s"]),
            abort_after_s=float(found["abort_after_s"]),
        ),
        answer,
    )


def read_pulled(answer: object) -> Pulled:
    return _read(_pulled, answer)


def read_instructions(answer: object) -> Instructions:
    return _read(
        lambda found: Instructions(
            cancel=tuple(_claim(claim) for claim in found.get("cancel", ())),
            abandon=tuple(_claim(claim) for claim in found.get("abandon", ())),
            drain=bool(found.get("drain", False)),
        ),
        answer,
    )


def read_urls(answer: object) -> Mapping[str, str]:
    return _read(lambda found: {str(name): str(url) for name, url in found["urls"].items()}, answer)


def read_outcomes(answer: object, count: int) -> list[Outcome]:
    outcomes = _read(lambda found: [Outcome(each) for each in found["outcomes"]], answer)
    if len(outcomes) != count:
        raise Unavailable(f"the service answered {len(outcomes)} of {count} reports")
    return outcomes


def _pulled(found: dict[str, Any]) -> Pulled:
    jobs, unreadable = [], []
    for job in found["jobs"]:
        claim = _claim(job)
        try:
            jobs.append(_assignment(claim, job))
        except RECIPE_FAULTS as error:
            unreadable.append(Unreadable(claim=claim, reason=_plain(str(error) or repr(error))))
    return Pulled(jobs=tuple(jobs), instructions=read_instructions(found), unreadable=tuple(unreadable))


def _assignment(claim: Claim, job: dict[str, Any]) -> Assignment:
    recipe = Recipe.from_object(job["recipe"]) if job.get("recipe") else EMPTY
    images = int(job["images"])
    if not 1 <= images <= IMAGES_PER_JOB or (recipe != EMPTY and images != recipe.images):
        raise ValueError(f"it has {images} images, which is not what its recipe draws")
    return Assignment(
        claim=claim,
        prompt=str(job["prompt"]),
        model=str(job["model"]),
        seed=int(job["seed"]),
        lane=Lane(str(job["lane"])),
        images=images,
        attempt=int(job["attempt"]),
        flow=str(job.get("flow", "")),
        saved_url=str(job.get("saved_url", "")),
        recipe=recipe,
        inputs={str(digest): str(url) for digest, url in job.get("inputs", {}).items()},
    )


def _claim(found: dict[str, Any]) -> Claim:
    return Claim(job_id=UUID(str(found["job_id"])), fence=int(found["fence"]))


def _read(reader: Callable[[dict[str, Any]], T], answer: Any) -> T:
    """Unavailable where an answer is not what the protocol promises: another service may live at that address."""
    try:
        return reader(answer)
    except RECIPE_FAULTS as error:
        raise Unavailable(f"the service gave an answer that no Darkroom gives: {error!r}") from error
