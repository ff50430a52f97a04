"""The route of bulk downloads: some images, or a folder, as one ZIP with a manifest. The ZIP itself is `archive`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from darkroom.core.accounts import Account
from darkroom.core.errors import Exhausted, Refused
from darkroom.core.gallery import Choice
from darkroom.core.images import Image
from darkroom.core.ports import ImageFilter
from darkroom.gateway.archive import archive, file_for_download
from darkroom.gateway.auth import Writer
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.lifecycle.choices import record_choices
from darkroom.lifecycle.keeping import visible_pictures
from darkroom.storage.objects.links import disposition

IMAGES_MAX = 1_000  # of one download
BYTES_MAX = 4 * 1024**3
DOWNLOADS_MAX = (
    2  # of one account at once: each holds a picture in memory for as long as its client cares to read
)
RETRY_AFTER_S = 30
ZIP = "application/zip"
ZIP_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The ZIP, as it is written",
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class DownloadIn(Body):
    """Either of the two."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ids": ["01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b"]}]}
    )

    ids: Annotated[
        list[UUID] | None,
        Field(min_length=1, max_length=IMAGES_MAX, description="Images of yours, and public ones"),
    ] = None
    folder: Annotated[
        UUID | None, Field(description="All that lies in a folder of yours, hidden ones too")
    ] = None


def downloads_router() -> APIRouter:
    """All under /api/v1/downloads."""
    router = APIRouter(prefix="/api/v1/downloads", tags=["gallery"])
    under_way: Counter[UUID] = Counter()

    @router.post(
        "",
        response_class=StreamingResponse,
        responses={**ZIP_RESPONSE, **refusals(404, 422, 429, 503)},
        operation_id="download",
    )
    async def download(body: DownloadIn, caller: Writer, here: Here) -> StreamingResponse:
        """Up to 1,000 images (4 GiB) as a ZIP, with what each was made from in `manifest.json`."""
        _check_free(under_way, caller.account)
        images = await _wanted(body, caller.account, here)
        _check_size(images)
        await record_choices(here.rooms, caller.account, Choice.DOWNLOADED, images)
        _check_free(under_way, caller.account)  # others may have begun meanwhile
        name = f"darkroom-{here.now():%Y-%m-%d}.zip"
        return StreamingResponse(
            _counted(under_way, caller.account, archive(images, here.rooms.objects)),
            media_type=ZIP,
            headers={"Content-Disposition": disposition(name)},
        )

    return router


def _check_free(under_way: Counter[UUID], account: Account) -> None:
    if under_way[account.id] >= DOWNLOADS_MAX:
        raise Exhausted(
            f"This account has {DOWNLOADS_MAX} downloads under way already.",
            code="too_many_downloads",
            hint="Let one of them end first.",
            retry_after_s=RETRY_AFTER_S,
        )


async def _counted(
    under_way: Counter[UUID], account: Account, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The same pieces. Counted from the first that is asked for, because a stream that never begins never ends either."""
    under_way[account.id] += 1
    try:
        async for piece in pieces:
            yield piece
    finally:
        under_way[account.id] -= 1
        if not under_way[account.id]:
            del under_way[account.id]


async def _wanted(body: DownloadIn, account: Account, here: Gateway) -> list[Image]:
    if (body.ids is None) == (body.folder is None):
        raise Refused(
            "Say either which images (ids), or which folder.",
            code="invalid_request",
            hint='Send {"ids": [...]} or {"folder": "..."}.',
            field="ids",
        )
    if body.ids is not None:
        return await visible_pictures(here.rooms, account, body.ids)
    assert body.folder is not None, "one of the two is given"
    folder = await here.rooms.gallery.folder(body.folder, account_id=account.id)
    wanted = ImageFilter(account_id=account.id, folder_id=folder.id, hidden=None)
    images = await here.rooms.gallery.find(wanted, before=None, limit=IMAGES_MAX + 1)
    if not images:
        raise Refused(
            f"The folder {folder.name!r} is empty.", code="nothing_to_download", hint="Put images in first."
        )
    if len(images) > IMAGES_MAX:
        raise Refused(
            f"The folder {folder.name!r} holds more than {IMAGES_MAX:,} images, the most of one download.",
            code="too_large",
            hint="Name some of its images.",
            field="folder",
        )
    return images


def _check_size(images: list[Image]) -> None:
    files = (file_for_download(image) for image in images)
    total = sum(file.size_bytes for file in files if file)
    if total > BYTES_MAX:
        raise Refused(
            f"These images have {total:,} bytes together, and a download has at most {BYTES_MAX:,}.",
            code="too_large",
            hint="Take them in parts.",
            field="ids",
        )
