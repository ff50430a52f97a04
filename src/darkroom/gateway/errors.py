"""Every refusal as one envelope: `{"error": {"code", "message", "hint", "field"}}`, and which status it has.

| error of core            | status | Retry-After |
|--------------------------|--------|-------------|
| PromptError              | 422    |             |
| Blocked                  | 403    |             |
| NotAuthenticated         | 401    |             |
| NotAllowed               | 403    |             |
| NotFound                 | 404    |             |
| Conflict                 | 409    |             |
| Exhausted                | 429    | yes         |
| other Refused            | 422    |             |
| Unavailable              | 503    | yes         |
| any other                | 500, `internal_error` with the number of an incident, and nothing of what happened |
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from darkroom.core.errors import (
    Blocked,
    Conflict,
    DarkroomError,
    Exhausted,
    NotActive,
    NotAllowed,
    NotFound,
    PromptError,
    Refused,
    Unavailable,
)
from darkroom.gateway.invalid import told
from darkroom.gateway.pages import page

RETRY_AFTER_S = 2  # where a part of the service is away
EXHAUSTED_RETRY_AFTER_S = 60  # where waiting alone does not help
PROGRAMS = ("/api/", "/worker/", "/files/", "/assets/")  # where nobody reads
AWAY_HINT = f"Ask again in {RETRY_AFTER_S} s; with the same Idempotency-Key nothing is made twice."

log = logging.getLogger("darkroom.gateway")


class NotAuthenticated(Refused):
    """This needs an API key or a session."""

    code = "not_authenticated"


class ErrorOut(BaseModel):
    """What is wrong. `code` is stable; `url` is given by `not_active` only: where to go instead."""

    model_config = ConfigDict(extra="forbid")

    code: str
    message: str
    hint: Annotated[str, Field(description='What would be right; "" where nobody can say')] = ""
    field: Annotated[str | None, Field(description="Where in the request the fault is")] = None
    url: Annotated[str | None, Field(exclude_if=lambda value: value is None)] = None


class ErrorEnvelope(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": "invalid_parameter",
                        "message": "--ar 20:1 is wider than 14:1, the widest that mini-1 can draw (at character 17).",
                        "hint": "Try --ar 14:1.",
                        "field": "prompt",
                    }
                }
            ]
        },
    )

    error: ErrorOut


STATUSES: tuple[tuple[type[DarkroomError], int], ...] = (
    (PromptError, 422),
    (Blocked, 403),
    (NotAuthenticated, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Exhausted, 429),
    (Refused, 422),
    (Unavailable, 503),
)
"""The first that fits decides."""

CODES: Mapping[int, str] = {
    400: "malformed_request",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
}
"""Codes of what the framework refuses by itself."""

RETRY_AFTER = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
MEANINGS: Mapping[int, str] = {
    400: "The body is no JSON",
    401: "No key, session or token, or one that is not good any more",
    403: "Not allowed to who asks, or by the content policy",
    404: "There is no such thing, or it is somebody else's",
    409: "It contradicts what is there",
    413: "The body is too large",
    415: "The body's Content-Type is not application/json",
    422: "The request is understood and wrong",
    429: "A quota, a cap or a rate is used up",
    500: "Our mistake",
    503: "A part of the service cannot answer now",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: what it may refuse with. What every route may is added by `openapi.described`."""
    return {status: refusal(status) for status in statuses}


def refusal(status: int) -> dict[str, Any]:
    """How one status is told in the API's description."""
    described: dict[str, Any] = {
        "model": ErrorEnvelope,
        "description": MEANINGS.get(status) or HTTPStatus(status).phrase,
    }
    return described | ({"headers": RETRY_AFTER} if status in (429, 503) else {})


def envelope(status: int, error: ErrorOut, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer to a request that is refused."""
    return JSONResponse(
        {"error": error.model_dump()},
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def status_of(error: DarkroomError) -> int:
    """The HTTP status of an error of ours; 500 for what no request can cause."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def refused(error: DarkroomError) -> JSONResponse:
    """An error of ours, other than our mistakes, as an answer."""
    status = status_of(error)
    field = "prompt" if isinstance(error, PromptError) else getattr(error, "field", None)
    body = ErrorOut(
        code=error.code,
        message=_clean(error.message),
        hint=_clean(getattr(error, "hint", AWAY_HINT if isinstance(error, Unavailable) else "")),
        field=field,
        url=error.url if isinstance(error, NotActive) else None,
    )
    return envelope(status, body, headers=_headers_of(error))


def internal(request: Request, error: Exception) -> JSONResponse:
    """Our mistake: logged with its traceback under a number, of which the client learns only the number."""
    incident = secrets.token_hex(6)
    log.error("incident %s: %s %s", incident, request.method, request.url.path, exc_info=error)
    if hasattr(request.app.state, "gateway"):
        request.app.state.gateway.metrics.incidents.inc()
    body = ErrorOut(
        code="internal_error",
        message="Something went wrong on our side; the operator's log has the details.",
        hint=f"Tell the operator the incident's number: {incident}.",
    )
    return envelope(500, body)


def install(app: FastAPI) -> None:
    """Makes every error of an app an envelope."""
    app.add_exception_handler(DarkroomError, _on_darkroom_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_mistake)


async def _on_darkroom_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DarkroomError)
    if status_of(error) == 500:
        return internal(request, error)
    if isinstance(error, Blocked):
        subject = "image" if error.code == "image_prompt_blocked" else "prompt"
        request.app.state.gateway.metrics.blocks.labels(subject).inc()
    return refused(error)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes):  # what the framework makes of a body that is not called JSON
        body = ErrorOut(
            code=CODES[415],
            message=MEANINGS[415] + ".",
            hint="Send JSON with Content-Type: application/json.",
        )
        return envelope(415, body)
    return envelope(*_invalid(error))


def _invalid(error: RequestValidationError) -> tuple[int, ErrorOut]:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        where = first["loc"][-1]
        message = f"The body is no JSON: {first['ctx']['error']} (at character {where})."
        return 400, ErrorOut(code=CODES[400], message=_clean(message), hint="Send one JSON object.")
    field, message, hint = told(first)
    return 422, ErrorOut(code=CODES[422], message=_clean(message), hint=_clean(hint), field=_clean(field))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: an unknown path, a wrong method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status == 404 and _is_somebody_reading(request):
        return page("lost.html", title="Nothing here · Darkroom", status=404)
    messages = {
        400: ("The body cannot be read as JSON.", "Send one JSON object in UTF-8."),
        404: ("There is nothing at this address.", "/openapi.json lists what there is."),
        405: (f"{request.method} does not go here.", "The header Allow says what does."),
        413: (str(error.detail), "Send less."),
        415: (str(error.detail), "/openapi.json says which type goes here."),
    }
    message, hint = messages.get(status, (str(error.detail), ""))
    body = ErrorOut(code=CODES.get(status, "refused"), message=_clean(message), hint=hint)
    headers = {"Allow": _allowed(request)} if status == 405 else error.headers
    return envelope(status, body, headers=headers)


def _is_somebody_reading(request: Request) -> bool:
    """Whether a person typed this address into a browser, rather than a program that asks the API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(PROGRAMS)


def _allowed(request: Request) -> str:
    """The methods of all routes at an address; the framework names those of the first only."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods))


async def _on_mistake(request: Request, error: Exception) -> JSONResponse:
    return internal(request, error)


def _headers_of(error: DarkroomError) -> dict[str, str]:
    if isinstance(error, Exhausted):
        after_s = EXHAUSTED_RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        return {"Retry-After": str(max(1, after_s))}
    if isinstance(error, Unavailable):
        return {"Retry-After": str(RETRY_AFTER_S)}
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def _clean(text: str) -> str:
    """Text that can be written as UTF-8: a message may quote what a client sent, lone surrogates too."""
    return text.encode("utf-8", "backslashreplace").decode()
