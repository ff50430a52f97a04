"""The routes of pictures that people bring along: a file in a form, or a link that the service fetches.

A form is read only after it is known who asks, and while few are read at once. Knows no picture: the lifecycle decides.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from darkroom.core.errors import Refused
from darkroom.core.ports import Objects
from darkroom.core.uploads import Upload, UploadKind
from darkroom.gateway.auth import Caller, Reader, Writer
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.jobs import PAGE, PAGE_MAX
from darkroom.gateway.limits import count
from darkroom.gateway.views import Out, link_expiry
from darkroom.lifecycle.uploads import MEDIA_TYPE, delete_upload, own_upload, take_link, take_upload
from darkroom.storage.objects import blob_key

UPLOADS_PER_MINUTE = 60  # files and links of one account
FORM_MAX_S = 60.0  # for a form to arrive
TEXT_PART_MAX_BYTES = 1024  # of a part that is no file
FORM = "multipart/form-data"
FORM_HINT = "Send multipart/form-data with one part `file`, and `kind` where it is a mask."

FORM_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        FORM: {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "A PNG, JPEG, WebP or GIF of at most 20 MiB; a mask is a PNG",
                    },
                    "kind": {
                        "type": "string",
                        "enum": [each.value for each in UploadKind],
                        "default": "picture",
                    },
                },
            }
        }
    },
}
FORM_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no form"},
    415: {"description": f"The body's Content-Type is not {FORM}"},
}


class LinkIn(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://pictures.example/fox.jpg"}]})

    url: Annotated[str, Field(min_length=1)]


class UploadOut(Out):
    id: UUID
    reference: Annotated[str, Field(description="How a prompt names it")]
    kind: UploadKind
    width: int
    height: int
    size_bytes: int
    source: Annotated[str, Field(description='The link that it came from; "" for a file')]
    url: Annotated[str, Field(description="Signed, to the PNG that is kept")]
    created_at: datetime


class UploadsOut(Out):
    uploads: list[UploadOut]
    next_cursor: UUID | None


def uploads_router() -> APIRouter:
    """All under /api/v1/uploads."""
    router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

    @router.post(
        "",
        status_code=201,
        operation_id="createUpload",
        openapi_extra={"requestBody": FORM_BODY},
        responses=refusals(403, 422, 429, 503) | FORM_REFUSALS,
    )
    async def create_upload(request: Request, caller: Writer, here: Here) -> UploadOut:
        """Bring a picture or a mask along. It is made safe, checked against the content policy, and kept as a PNG."""
        _count(caller, here)
        _check_type(request)
        async with here.rooms.turns.taken(caller.account.id):
            data, kind = await _form(request)
            upload = await take_upload(here.rooms, caller.account, data, kind=kind)
        return await upload_out(upload, here.rooms.objects, now=here.now())

    @router.post(
        "/fetch", status_code=201, operation_id="fetchUpload", responses=refusals(403, 422, 429, 503)
    )
    async def fetch_upload(body: LinkIn, caller: Writer, here: Here) -> UploadOut:
        """Bring along the picture at a public http(s) address."""
        _count(caller, here)
        upload = await take_link(here.rooms, caller.account, body.url)
        return await upload_out(upload, here.rooms.objects, now=here.now())

    @router.get("", responses=refusals(422, 503), operation_id="listUploads")
    async def list_uploads(
        caller: Reader,
        here: Here,
        cursor: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
        kind: Annotated[UploadKind, Query(description="Pictures, or masks")] = UploadKind.PICTURE,
    ) -> UploadsOut:
        """The pictures that you brought along, or your masks, newest first."""
        found = await here.rooms.uploads.all(caller.account.id, before=cursor, limit=limit + 1, kind=kind)
        now = here.now()
        return UploadsOut(
            uploads=[await upload_out(each, here.rooms.objects, now=now) for each in found[:limit]],
            next_cursor=found[limit - 1].id if len(found) > limit else None,
        )

    @router.get("/{upload_id}", responses=refusals(404, 422, 503), operation_id="getUpload")
    async def get_upload(upload_id: UUID, caller: Reader, here: Here) -> UploadOut:
        """One picture or mask of yours."""
        upload = await own_upload(here.rooms, caller.account, upload_id)
        return await upload_out(upload, here.rooms.objects, now=here.now())

    @router.delete(
        "/{upload_id}", status_code=204, responses=refusals(404, 422, 503), operation_id="deleteUpload"
    )
    async def delete_one(upload_id: UUID, caller: Writer, here: Here) -> Response:
        """Delete a picture or mask. What was drawn from it stays, and says so; it cannot be replayed any more."""
        await delete_upload(here.rooms, caller.account, upload_id)
        return Response(status_code=204)

    return router


async def upload_out(upload: Upload, objects: Objects, *, now: datetime) -> UploadOut:
    """An upload as the API shows it to its owner; signs the URL of its file."""
    url = await objects.read_url(blob_key(upload.digest), expires_at=link_expiry(now), media_type=MEDIA_TYPE)
    return UploadOut(
        id=upload.id,
        reference=f"upload:{upload.id}",
        kind=upload.kind,
        width=upload.width,
        height=upload.height,
        size_bytes=upload.size_bytes,
        source=upload.source,
        url=url,
        created_at=upload.created_at,
    )


def _count(caller: Caller, here: Gateway) -> None:
    """Exhausted (`rate_limited`): decoding and judging cost more than other requests."""
    count(here.uploads, caller.account.id, per_minute=UPLOADS_PER_MINUTE, now=here.now(), what="uploads")


def _check_type(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"The body's Content-Type is not {FORM}.")


async def _form(request: Request) -> tuple[bytes, UploadKind]:
    """The file of a form and what it is. The front door limits the body; parts beyond a mebibyte wait on disk."""
    try:
        async with (
            asyncio.timeout(FORM_MAX_S),
            request.form(max_files=1, max_fields=1, max_part_size=TEXT_PART_MAX_BYTES) as form,
        ):
            return await _parts(form)
    except HTTPException as fault:
        if fault.status_code != 400:
            raise
        raise _not_understood(f"The form cannot be read: {fault.detail}") from fault
    except (TimeoutError, ClientDisconnect) as fault:
        raise _not_understood(f"The form did not arrive whole within {FORM_MAX_S:g} s.") from fault


async def _parts(form: FormData) -> tuple[bytes, UploadKind]:
    unknown = sorted(set(form) - {"file", "kind"})
    if unknown:
        raise _not_understood(f"The form has a part {unknown[0][:100]!r}, which is not known here.")
    file, kind = form.get("file"), form.get("kind", UploadKind.PICTURE.value)
    if not isinstance(file, UploadFile):
        raise _not_understood("The form has no file.")
    if kind not in tuple(UploadKind):
        raise _not_understood("The kind is neither picture nor mask.", field="kind")
    return await file.read(), UploadKind(str(kind))


def _not_understood(message: str, *, field: str = "file") -> Refused:
    return Refused(message, code="invalid_request", hint=FORM_HINT, field=field)
