"""The studio: what `web/` was built into, served to browsers. Knows its files, and nothing of what they do.

Every screen has one page, which holds nothing of anybody's: what it shows, it asks the API for.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.files import knows
from darkroom.gateway.pages import HTML, page
from darkroom.storage.objects import blob_key

BUILT = Path(str(files("darkroom.gateway"))) / "studio"
INDEX = "index.html"
UNBUILT = "unbuilt.html"
SCREENS = (
    "/library",
    "/library/trash",
    "/explore",
    "/rank",
    "/account",
    "/operate",
    "/operate/{screen:path}",
    "/images/{image_id}",
    "/images/{image_id}/edit",
    "/images/{image_id}/lineage",
    "/jobs/{job_id}",
)
"""Where the studio shows something beside `/`; it reads the address itself."""
ASSET = "/assets/{name}"
ASSET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,150}")
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""As browsers name them, the better first, and what the build appends to a file so packed."""
FOR_EVER = f"public, max-age={int(timedelta(days=365).total_seconds())}, immutable"
PROBE = blob_key("0" * 64)


def studio_router() -> APIRouter:
    """`GET /` and every other screen, and what the page loads."""
    router = APIRouter(tags=["pages"])

    @router.get("/", operation_id="studioPage", response_class=HTMLResponse, responses=HTML)
    async def studio(request: Request, here: Here) -> Response:
        """The studio. Every screen of it is this page."""
        index = await asyncio.to_thread(_read, here.settings.studio or BUILT, INDEX)
        if index is None:
            return page(UNBUILT, title="Darkroom")
        policy = await _policy(request, here)
        # Browsers keep the policy of a page that they are told did not change, so the tag is of both.
        tag = hashlib.sha256(policy.encode("utf-8", "replace") + b"\0" + index).hexdigest()[:32]
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy, "ETag": f'"{tag}"'}
        if knows(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(index, headers=headers)

    router.add_api_route("/", studio, methods=["HEAD"], include_in_schema=False, response_model=None)
    for screen in SCREENS:
        router.add_api_route(
            screen, studio, methods=["GET", "HEAD"], include_in_schema=False, response_model=None
        )

    @router.api_route(ASSET, methods=["GET", "HEAD"], include_in_schema=False)
    async def asset(name: str, request: Request, here: Here) -> Response:
        """A script, a style or a picture of the studio. Its name changes with its content, so it is kept for ever."""
        media_type = MEDIA_TYPES.get(Path(name).suffix)
        if media_type is None or not ASSET_NAME.fullmatch(name):
            raise _missing(name)
        headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
        headers["Content-Security-Policy"] = await _policy(request, here)  # a worker obeys that of its script
        folder = (here.settings.studio or BUILT) / "assets"
        accepted = _accepted(request.headers.get("accept-encoding", ""))
        for encoding, suffix in ENCODINGS:
            if encoding in accepted and (packed := await asyncio.to_thread(_read, folder, name + suffix)):
                return Response(
                    packed, media_type=media_type, headers=headers | {"Content-Encoding": encoding}
                )
        plain = await asyncio.to_thread(_read, folder, name)
        if plain is None:
            raise _missing(name)
        return Response(plain, media_type=media_type, headers=headers)

    return router


def _read(folder: Path, name: str) -> bytes | None:
    """The bytes of a file; None where it was not built."""
    try:
        return (folder / name).read_bytes()
    except OSError:
        return None


def _missing(name: str) -> NotFound:
    return NotFound(
        f"The studio has no file {name[:80]!r}; a newer one may have been built: load the page again."
    )


def _accepted(header: str) -> set[str]:
    """The encodings that a browser takes (RFC 9110, 12.5.3)."""
    offers = (offer.replace(" ", "").lower().partition(";q=") for offer in header.split(","))
    return {name for name, _, weight in offers if weight.strip("0.") or not weight}


async def _policy(request: Request, here: Gateway) -> str:
    """What the studio may load: its own, and pictures from where the object store signs its links to."""
    elsewhere = await _files_origin(request, here)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self';"
        f" img-src 'self' blob: data:{elsewhere}; connect-src 'self'{elsewhere};"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


async def _files_origin(request: Request, here: Gateway) -> str:
    """The origin of the links to pictures, after a space; "" where it is the page's own, or where nobody can tell now."""
    try:
        url = await here.rooms.objects.read_url(
            PROBE, expires_at=here.now() + timedelta(hours=1), media_type="image/png"
        )
    except StoreUnavailable:
        return ""
    parts = urlsplit(url)
    own = (request.url.scheme, request.headers.get("host", ""))
    return f" {parts.scheme}://{parts.netloc}" if parts.netloc and (parts.scheme, parts.netloc) != own else ""
