"""`/files/{key}`: the bytes behind the signed URLs of a local object store. The signature is the permission; no session is asked.

Nothing here knows what a picture is: it streams what the store holds and stores what a worker sends, whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from darkroom.core.errors import (
    DarkroomError,
    NotAllowed,
    NotFound,
    Refused,
    StoreUnavailable,
)
from darkroom.core.ports import Objects
from darkroom.storage.objects.keys import STAGING, digest_of
from darkroom.storage.objects.links import Link, disposition
from darkroom.storage.objects.seam import Served

UPLOAD_MAX_BYTES = 64 * 1024 * 1024
RETRY_AFTER_S = 10
# A picture shows itself and nothing else, whatever its bytes may be taken for.
GUARDS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
STATUSES = {
    "media_type_mismatch": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "range_invalid": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}


def system_clock() -> datetime:
    return datetime.now(UTC)


def files_router(
    objects: Objects,
    *,
    upload_max_bytes: int = UPLOAD_MAX_BYTES,
    clock: Callable[[], datetime] = system_clock,
) -> APIRouter:
    """The routes of a store whose URLs lead here; none for one that serves itself (S3). Answers its errors by itself."""
    router = APIRouter()
    if not isinstance(objects, Served):
        return router

    async def read(key: str, request: Request) -> Response:
        try:
            now = clock()
            link = objects.verify("GET", key, request.query_params, now=now)
            return await _read(objects, link, request, max_age_s=link.expires_at_s - int(now.timestamp()))
        except DarkroomError as error:
            return _answer(error)

    async def write(key: str, request: Request) -> Response:
        try:
            link = objects.verify("PUT", key, request.query_params, now=clock())
            await _write(objects, link, request, upload_max_bytes)
            return Response(status_code=HTTPStatus.NO_CONTENT)
        except DarkroomError as error:
            return _answer(error)
        except ClientDisconnect:  # nobody is left to read this
            return Response(status_code=HTTPStatus.BAD_REQUEST)

    router.add_api_route(
        "/files/{key:path}", read, methods=["GET", "HEAD"], include_in_schema=False, response_model=None
    )
    router.add_api_route(
        "/files/{key:path}", write, methods=["PUT"], include_in_schema=False, response_model=None
    )
    return router


async def _read(objects: Served, link: Link, request: Request, *, max_age_s: int) -> Response:
    size_bytes = await objects.size_bytes(link.key)
    headers = _headers(link, max_age_s)
    if knows(request.headers.get("if-none-match", ""), headers.get("ETag")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    start, stop = _wanted(request.headers, headers.get("ETag"), size_bytes)
    headers["Content-Length"] = str(stop - start)
    partial = (start, stop) != (0, size_bytes)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
    status = HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(
        objects.read(link.key, start=start, stop=stop), status_code=status, headers=headers
    )


async def _write(objects: Served, link: Link, request: Request, max_bytes: int) -> None:
    if not link.key.startswith(STAGING):
        raise NotAllowed("only staged files are written", code="link_invalid", hint="ask for an upload link")
    if request.headers.get("content-type", "") != link.media_type:
        raise Refused(
            "the file is not of the type that this link is for",
            code="media_type_mismatch",
            hint=f"send the header Content-Type: {link.media_type}",
            field="content-type",
        )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    await objects.receive(link.key, _limited(request.stream(), max_bytes), media_type=link.media_type)


async def _limited(pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    total = 0
    async for piece in pieces:
        total += len(piece)
        if total > max_bytes:
            raise _too_large(max_bytes)
        yield piece


def _headers(link: Link, max_age_s: int) -> dict[str, str]:
    headers = {"Content-Type": link.media_type, "Accept-Ranges": "bytes", **GUARDS}
    if digest := digest_of(link.key):
        headers["ETag"] = f'"{digest}"'
        headers["Cache-Control"] = f"private, max-age={max_age_s}, immutable"
    else:
        headers["Cache-Control"] = "private, no-store"
    if link.filename:
        headers["Content-Disposition"] = disposition(link.filename)
    return headers


def knows(if_none_match: str, etag: str | None) -> bool:
    given = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag is not None and (etag in given or "*" in given)


def _wanted(headers: Mapping[str, str], etag: str | None, size_bytes: int) -> tuple[int, int]:
    """From where to before where; the whole file for anything but one plain range (RFC 9110, 14.2)."""
    found = RANGE.fullmatch(headers.get("range", ""))
    if found is None or found.group(0) == "bytes=-" or headers.get("if-range", etag) != etag:
        return 0, size_bytes
    first, last = found.groups()
    if not first:  # the last so many bytes
        start, stop = max(size_bytes - int(last), 0), size_bytes
    else:
        start, stop = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
    if last and first and int(last) < int(first):
        return 0, size_bytes
    if start >= stop:
        raise Refused(
            "the file has no such range", code="range_invalid", hint=f"the file has {size_bytes} bytes"
        )
    return start, stop


def _too_large(max_bytes: int) -> Refused:
    return Refused(
        f"the file is larger than {max_bytes} bytes", code="too_large", hint="upload a smaller file"
    )


def _answer(error: DarkroomError) -> JSONResponse:
    """The envelope of every error of the service, with the status that an error of these routes has."""
    hint = error.hint if isinstance(error, Refused) else "try again in a moment"
    field = error.field if isinstance(error, Refused) else None
    content = {"error": {"code": error.code, "message": error.message, "hint": hint, "field": field}}
    headers = {"Cache-Control": "no-store", **GUARDS}
    if isinstance(error, StoreUnavailable):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return JSONResponse(content, status_code=_status(error), headers=headers)


def _status(error: DarkroomError) -> HTTPStatus:
    if isinstance(error, StoreUnavailable):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, NotAllowed):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    return STATUSES.get(error.code, HTTPStatus.BAD_REQUEST)
