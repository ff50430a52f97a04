"""The page at `/`: a prompt, and your jobs as they are drawn. It uses the public API and nothing else.

A stopgap of one file until the studio stands: it has no parameters panel, no library and no settings.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from darkroom.gateway.credentials import new_secret

PAGE = "home.html"


def home_router() -> APIRouter:
    """`GET /`."""
    router = APIRouter(tags=["pages"])
    page = files("darkroom.gateway").joinpath(PAGE).read_text(encoding="utf-8")

    @router.get(
        "/",
        operation_id="homePage",
        response_class=HTMLResponse,
        responses={200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}},
    )
    async def home() -> HTMLResponse:
        """A page to draw with. It holds nothing of anybody's: what it shows, it asks the API for."""
        nonce = new_secret("")
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self';"
            " img-src 'self' https: http: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return HTMLResponse(page.replace("{{nonce}}", nonce), headers=headers)

    return router
