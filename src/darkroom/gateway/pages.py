"""Pages of the server's own: small, complete in themselves, for when there is no studio to show yet. They hold nothing of anybody's."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse

from darkroom.gateway.credentials import new_secret

FRAME = "page.html"
HTML: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
}
"""For `responses=` of a route that answers with a page."""


def page(name: str, *, title: str, status: int = 200) -> HTMLResponse:
    """The page of that file in the house's frame. Its one style and its scripts run by a nonce, and nothing else does."""
    nonce = new_secret("")
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self';"
        " img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    text = _read(FRAME).replace("{{main}}", _read(name))
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    text = text.replace("{{title}}", title).replace("{{nonce}}", nonce)
    return HTMLResponse(text, status_code=status, headers=headers)


def _read(name: str) -> str:
    return files("darkroom.gateway").joinpath(name).read_text(encoding="utf-8")
