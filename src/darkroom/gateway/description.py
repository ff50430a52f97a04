"""The API's description (/openapi.json): what every route may refuse is added here, so that no router has to repeat it.

A route that is not public may answer 401, 403, 429 and 503; one with a body 400, 413, 415; all of them 422 in our envelope.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from darkroom.gateway.errors import ErrorEnvelope, refusal

TITLE = "Darkroom"
SUMMARY = "Text goes in, a grid of four pictures comes out."
TEXT = """Log in with `Authorization: Bearer dk_...` (an API key) or with the cookie of a session.

Every refusal has one form: `{"error": {"code", "message", "hint", "field"}}`; the codes are stable. What is somebody
else's is not there (404). Lists are newest first; give `next_cursor` back as `cursor` for the next page. Money is GPU-milliseconds."""
TAGS = [
    {"name": "jobs", "description": "A prompt becomes a job, a job four images and their grid."},
    {"name": "images", "description": "Finished pictures, with signed links to their files."},
    {"name": "actions", "description": "New pictures of those that are there: vary, extend, upscale, blend."},
    {"name": "gallery", "description": "Marks, folders, searches, trash, downloads, and what others show."},
    {"name": "uploads", "description": "Pictures that you bring along, to draw from them."},
    {"name": "describe", "description": "Prompts for a picture, and what the words of a prompt weigh."},
    {"name": "events", "description": "What happens to your jobs, live."},
    {"name": "account", "description": "Your plan, your time, your keys."},
    {"name": "sessions", "description": "Logging in by a one-time link."},
    {"name": "pages", "description": "What a browser shows."},
    {"name": "admin: users", "description": "For operators."},
    {"name": "admin: jobs", "description": "For operators."},
    {"name": "admin: workers", "description": "For operators."},
    {"name": "admin: moderation", "description": "For operators."},
    {"name": "operation", "description": "For those who run this service."},
    {"name": "workers", "description": "For workers, with a worker token."},
]
FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")


def described(app: FastAPI) -> dict[str, Any]:
    """The description of an app, made once it is complete."""
    document = get_openapi(
        title=TITLE, version=app.version, summary=SUMMARY, description=TEXT, routes=app.routes, tags=TAGS
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in FRAMEWORKS_OWN:
        schemas.pop(name, None)
    for name, schema in _envelope_schemas().items():
        schemas.setdefault(name, schema)
    for path, operation in _operations(document):
        _complete(path, operation)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete(path: str, operation: dict[str, Any]) -> None:
    """What the route itself says of other statuses stays, and of these what it says in words."""
    responses = operation["responses"]
    for status, response in list(responses.items()):
        if status >= "400" and not _own_schema(response):
            responses[status] = _response(int(status)) | {"description": response["description"]}
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    statuses = {422, 500}
    if operation.get("security"):
        statuses |= {401, 403, 429, 503}
    if "requestBody" in operation:
        statuses |= {400, 413, 415}
    if "{" in path:
        statuses |= {404}
    for status in sorted(statuses):
        responses.setdefault(str(status), _response(status))


def _own_schema(response: dict[str, Any]) -> bool:
    """Whether a refusal has a schema under the right media type; the framework takes that of the route's success."""
    return "application/json" in response.get("content", {})


def _response(status: int) -> dict[str, Any]:
    described = refusal(status)
    del described["model"]
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}}
    return {**described, "content": content}


def _envelope_schemas() -> dict[str, Any]:
    schema = ErrorEnvelope.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "ErrorEnvelope": schema}
