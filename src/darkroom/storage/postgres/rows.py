"""Rows of the database as nouns of core, and the JSON of the columns that hold some. Knows no query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from darkroom.core.accounts import Account, ApiKey, Balance, Entry, EntryKind, Role, Scope
from darkroom.core.images import Image, ImageFile, Variant
from darkroom.core.jobs import Cause, DeadLetter, Job, JobMoved, JobState
from darkroom.core.params import Lane, Visibility
from darkroom.core.recipes import EMPTY, Recipe
from darkroom.core.uploads import Upload, UploadKind
from darkroom.core.verdicts import Decision, ModerationRecord, Subject, Verdict
from darkroom.core.workers import Lease, Worker, WorkerState, WorkerToken
from darkroom.storage.postgres.connection import Record


def storable(text: str) -> str:
    """The text without NUL characters, the only ones that PostgreSQL cannot hold."""
    return text.replace("\x00", "")


def scores_json(scores: Mapping[str, float]) -> str:
    return json.dumps(dict(scores), separators=(",", ":"))


def verdict_json(verdict: Verdict | None) -> str | None:
    """A verdict as ledger_submit takes it; None for no verdict."""
    if verdict is None:
        return None
    return json.dumps(
        {
            "decision": verdict.decision.value,
            "policy": storable(verdict.policy),
            "category": storable(verdict.category),
            "matched": storable(verdict.matched),
            "scores": dict(verdict.scores),
        }
    )


def notes_json(notes: Sequence[str]) -> str:
    """Notes as the ledger's functions take them."""
    return json.dumps([storable(note) for note in notes])


def storable_recipe(recipe: Recipe) -> Recipe:
    """The recipe without what PostgreSQL cannot read out of JSON: NUL characters and halves of surrogate pairs."""
    if all(each.source.isascii() and "\x00" not in each.source for each in recipe.inputs):
        return recipe
    kept = (storable(each.source.encode("utf-8", "ignore").decode()) for each in recipe.inputs)
    inputs = (replace(each, source=source) for each, source in zip(recipe.inputs, kept, strict=True))
    return replace(recipe, inputs=tuple(inputs))


def recipe_json(recipe: Recipe) -> str | None:
    """A recipe as its column holds it; None for the empty one."""
    return None if recipe == EMPTY else storable_recipe(recipe).to_json()


def _recipe(text: str | None) -> Recipe:
    return EMPTY if text is None else Recipe.from_json(text)


def files_json(files: Sequence[ImageFile]) -> str:
    """Files as rows of [variant, digest, media type, width, height, bytes]: images are many, and so are their files."""
    rows = [[f.variant.value, f.digest, f.media_type, f.width, f.height, f.size_bytes] for f in files]
    return json.dumps(rows, separators=(",", ":"))


def _file(row: Sequence[Any]) -> ImageFile:
    variant, digest, media_type, width, height, size_bytes = row
    return ImageFile(
        variant=Variant(variant),
        digest=digest,
        media_type=media_type,
        width=width,
        height=height,
        size_bytes=size_bytes,
    )


def job(row: Record) -> Job:
    return Job(
        id=row["id"],
        account_id=row["account_id"],
        batch_id=row["batch_id"],
        state=JobState(row["state"]),
        lane=Lane(row["lane"]),
        visibility=Visibility(row["visibility"]),
        source=row["source"],
        prompt=row["prompt"],
        model=row["model"],
        seed=row["seed"],
        images=row["images"],
        hold_gpu_ms=row["hold_gpu_ms"],
        price_percent=row["price_percent"],
        weight=row["weight"],
        attempt=row["attempt"],
        rejections=row["rejections"],
        avoid=tuple(row["avoid"]),
        worker_id=row["worker_id"],
        fence=row["fence"],
        cancel_requested=row["cancel_requested"],
        created_at=row["created_at"],
        ready_at=row["ready_at"],
        not_before=row["not_before"],
        saved=row["saved"],
        recipe=_recipe(row["recipe"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        measured_gpu_ms=row["measured_gpu_ms"],
        charged_gpu_ms=row["charged_gpu_ms"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        notes=tuple(row["notes"]),
    )


def moved(row: Record) -> JobMoved:
    return JobMoved(
        id=row["id"],
        account_id=row["account_id"],
        job_id=row["job_id"],
        batch_id=row["batch_id"],
        was=None if row["was"] is None else JobState(row["was"]),
        state=JobState(row["state"]),
        cause=Cause(row["cause"]),
        at=row["at"],
        detail=row["detail"],
    )


def image(row: Record) -> Image:
    return Image(
        id=row["id"],
        job_id=row["job_id"],
        account_id=row["account_id"],
        index=row["index"],
        visibility=Visibility(row["visibility"]),
        model=row["model"],
        seed=row["seed"],
        prompt=row["prompt"] if row["deleted_at"] is None else "",  # its job's other images keep that
        files=tuple(_file(each) for each in json.loads(row["files"])),
        scores=json.loads(row["scores"]),
        policy=row["policy"],
        provenance=row["provenance"],
        recipe=_recipe(row["recipe"]),
        created_at=row["created_at"],
        trashed_at=row["trashed_at"],
        deleted_at=row["deleted_at"],
    )


def upload(row: Record) -> Upload:
    return Upload(
        id=row["id"],
        account_id=row["account_id"],
        kind=UploadKind(row["kind"]),
        digest=row["digest"],
        width=row["width"],
        height=row["height"],
        size_bytes=row["size_bytes"],
        source=row["source"],
        scores=json.loads(row["scores"]),
        policy=row["policy"],
        created_at=row["created_at"],
        deleted_at=row["deleted_at"],
    )


def account(row: Record) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        plan=row["plan"],
        lane=Lane(row["lane"]),
        visibility=Visibility(row["visibility"]),
        running=row["running"],
        waiting=row["waiting"],
        blocked_reason=row["blocked_reason"],
        created_at=row["created_at"],
        period_start=row["period_start"],
        period_end=row["period_end"],
    )


def balance(row: Record) -> Balance:
    return Balance(
        granted_gpu_ms=row["granted_gpu_ms"],
        expired_gpu_ms=row["expired_gpu_ms"],
        settled_gpu_ms=row["settled_gpu_ms"],
        held_gpu_ms=row["held_gpu_ms"],
    )


def entry(row: Record) -> Entry:
    return Entry(
        id=row["id"],
        account_id=row["account_id"],
        job_id=row["job_id"],
        kind=EntryKind(row["kind"]),
        amount_gpu_ms=row["amount_gpu_ms"],
        at=row["at"],
        note=row["note"],
    )


def api_key(row: Record) -> ApiKey:
    return ApiKey(
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        prefix=row["prefix"],
        scopes=frozenset(Scope(each) for each in row["scopes"]),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )


def found_key(row: Record) -> ApiKey:
    """The key of a row that is an account first (query find_key)."""
    return ApiKey(
        id=row["key_id"],
        account_id=row["id"],
        name=row["key_name"],
        prefix=row["prefix"],
        scopes=frozenset(Scope(each) for each in row["scopes"]),
        created_at=row["key_created_at"],
        last_used_at=row["last_used_at"],
    )


def worker(row: Record) -> Worker:
    return Worker(
        id=row["id"],
        name=row["name"],
        device=row["device"],
        models=tuple(row["models"]),
        slots=row["slots"],
        version=row["version"],
        state=WorkerState(row["state"]),
        reason=row["reason"],
        registered_at=row["registered_at"],
        seen_at=row["seen_at"],
    )


def lease(row: Record) -> Lease:
    return Lease(holder=row["holder"], epoch=row["epoch"], url=row["url"], until=row["until"])


def worker_token(row: Record) -> WorkerToken:
    return WorkerToken(
        id=row["id"], name=row["name"], created_at=row["created_at"], revoked_at=row["revoked_at"]
    )


def dead_letter(row: Record) -> DeadLetter:
    return DeadLetter(
        job_id=row["job_id"],
        account_id=row["account_id"],
        prompt=row["prompt"],
        model=row["model"],
        seed=row["seed"],
        error_message=row["error_message"],
        device=row["device"],
        fingerprint=row["fingerprint"],
        attempts=row["attempts"],
        avoided=tuple(row["avoided"]),
        at=row["at"],
        resolution=row["resolution"],
        resolved_at=row["resolved_at"],
        successor_id=row["successor_id"],
    )


def moderation_record(row: Record) -> ModerationRecord:
    verdict = Verdict(
        decision=Decision(row["decision"]),
        policy=row["policy"],
        category=row["category"],
        matched=row["matched"],
        scores=json.loads(row["scores"]),
    )
    return ModerationRecord(
        id=row["id"],
        account_id=row["account_id"],
        job_id=row["job_id"],
        subject=Subject(row["subject"]),
        text=row["text"],
        verdict=verdict,
        at=row["at"],
    )
