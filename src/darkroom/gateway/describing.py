"""The routes of describe and shorten: free, but for their own limit a minute, because they take the server's own processor."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from darkroom.classifiers.decoding import small_pixels
from darkroom.core.accounts import Account
from darkroom.core.errors import Refused
from darkroom.core.images import Variant
from darkroom.core.uploads import UploadKind
from darkroom.gateway.auth import Writer
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.limits import count
from darkroom.gateway.views import Out
from darkroom.lifecycle.describe import describe, shorten
from darkroom.lifecycle.sight import not_there, visible_image
from darkroom.lifecycle.uploads import own_upload
from darkroom.prompt.table import PROMPT_MAX
from darkroom.storage.objects import blob_key

PER_MINUTE = 20  # descriptions and shortenings of one account
SEEN_SIDE = 1024  # pixels; what describes sees no more of a picture


class DescribedOut(Out):
    prompts: Annotated[
        list[str],
        Field(description="Up to four different ones, the likeliest first; none that policy forbids"),
    ]


class PromptIn(Body):
    """What to shorten."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a very old red fox in the snow --ar 3:2"}]}
    )

    prompt: Annotated[
        str, Field(max_length=PROMPT_MAX, description="Its parameters and links are not weighed")
    ]


class WordOut(Out):
    word: str
    start: Annotated[int, Field(description="Where it begins in the prompt, in characters from 0")]
    end: Annotated[int, Field(description="Where the prompt goes on after it")]
    weight: Annotated[float, Field(description="0 to 1; 1 is the word that matters most")]


class ShortenedOut(Out):
    words: list[WordOut]
    prompts: Annotated[list[str], Field(description="Up to five, each shorter than the one before")]
    notes: list[str]


def describing_router() -> APIRouter:
    """Under /api/v1/images, /api/v1/uploads and /api/v1/shorten."""
    router = APIRouter(prefix="/api/v1", tags=["describe"])

    @router.post(
        "/images/{image_id}/describe", responses=refusals(404, 422, 429, 503), operation_id="describeImage"
    )
    async def describe_image(image_id: UUID, caller: Writer, here: Here) -> DescribedOut:
        """Four prompts for an image of yours or a public one."""
        image = await visible_image(here.rooms, caller.account, image_id)
        file = image.file(Variant.PNG)
        if file is None:
            raise not_there(image_id)
        return await _described(here, caller.account, file.digest)

    @router.post(
        "/uploads/{upload_id}/describe", responses=refusals(404, 422, 429, 503), operation_id="describeUpload"
    )
    async def describe_upload(upload_id: UUID, caller: Writer, here: Here) -> DescribedOut:
        """Four prompts for a picture that you brought."""
        upload = await own_upload(here.rooms, caller.account, upload_id)
        if upload.kind is UploadKind.MASK:
            raise Refused(
                "A mask shows nothing that could be described.",
                code="invalid_request",
                hint="Name a picture.",
            )
        return await _described(here, caller.account, upload.digest)

    @router.post("/shorten", responses=refusals(422, 429, 503), operation_id="shortenPrompt")
    async def shorten_prompt(wanted: PromptIn, caller: Writer, here: Here) -> ShortenedOut:
        """Which words of a prompt carry weight, and shorter prompts."""
        _count(here, caller.account)
        found = await shorten(here.rooms, caller.account, wanted.prompt)
        return ShortenedOut(
            words=[
                WordOut(word=each.word, start=each.start, end=each.end, weight=each.weight)
                for each in found.words
            ],
            prompts=list(found.prompts),
            notes=list(found.notes),
        )

    return router


async def _described(here: Gateway, account: Account, digest: str) -> DescribedOut:
    _count(here, account)
    async with here.rooms.turns.taken(account.id):  # a kept file has up to 60 MiB, and its pixels 200
        data = await here.rooms.objects.get(blob_key(digest))
        pixels = await here.rooms.checks.run(account.id, partial(small_pixels, data, side=SEEN_SIDE))
    prompts = await describe(here.rooms, account, width=pixels.width, height=pixels.height, rgb=pixels.rgb)
    return DescribedOut(prompts=list(prompts))


def _count(here: Gateway, account: Account) -> None:
    """Raises Exhausted (`rate_limited`)."""
    what = "descriptions and shortenings"
    count(here.descriptions, account.id, per_minute=PER_MINUTE, now=here.now(), what=what)
