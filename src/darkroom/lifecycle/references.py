"""The pictures that a prompt points at become inputs of its recipe: uploads and images by id, addresses fetched once and kept.

Whoever asks must own an upload and may see an image; all else is not there. Knows no model and no pixels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound, PromptError, Refused
from darkroom.core.images import Image, Variant
from darkroom.core.params import GenerationParams
from darkroom.core.recipes import INPUTS_MAX, Input, ParentKind, Role
from darkroom.core.uploads import Upload, UploadKind
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sight import may_see
from darkroom.lifecycle.uploads import take_link
from darkroom.prompt.values import RANDOM_STYLE

UPLOAD = "upload:"
PICTURES_MAX = INPUTS_MAX - 4  # of one job: an action adds a start, a mask, a source and what it replays
LINKS_MAX = 12  # addresses of one prompt, whose permutations may make many jobs
LINKS_MAX_S = 60.0  # for all of them together, one after the other

FIELDS: Mapping[str, Role] = {
    "image_prompts": Role.PROMPT,
    "style_references": Role.STYLE,
    "character_references": Role.CHARACTER,
    "omni_references": Role.OMNI,
}
"""Where a prompt names pictures, and what they are to its job."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture that may be used. `image` is set where it is one, for whoever notes that it was chosen."""

    parent_id: UUID
    kind: ParentKind
    digest: str
    image: Image | None = None

    @property
    def source(self) -> str:
        return f"{UPLOAD}{self.parent_id}"


@dataclass(frozen=True, kw_only=True)
class Guided:
    """A job whose references all say `upload:<id>`, and the inputs that they stand for, in their order."""

    params: GenerationParams
    inputs: tuple[Input, ...] = ()


async def resolve(
    rooms: Rooms, account: Account, drawn: Sequence[GenerationParams]
) -> tuple[list[Guided], list[Image]]:
    """Every job of a prompt with its inputs, and the images among them. What is here is looked up before anything is fetched.

    PromptError (`invalid_link`) for what is not there; what `take_link` raises for an address.
    """
    found, links = await look_up(rooms, account, drawn)
    if links:
        found |= await _fetched(rooms, account, links)
    images = {each.parent_id: each.image for each in found.values() if each.image}
    return [guided(params, found) for params in drawn], list(images.values())


async def look_up(
    rooms: Rooms, account: Account, drawn: Sequence[GenerationParams]
) -> tuple[dict[str, Found], list[str]]:
    """The pictures of a prompt that are here, and the addresses of those that would have to be fetched. PromptError."""
    sources = _sources(drawn)
    found = {each: await find(rooms, account, each) for each in sources if each.startswith(UPLOAD)}
    return found, [each for each in sources if each not in found]


async def _fetched(rooms: Rooms, account: Account, links: Sequence[str]) -> dict[str, Found]:
    """What is at each address. Refused (`link_failed`) where all of them together take too long."""
    try:
        async with asyncio.timeout(LINKS_MAX_S), rooms.links.taken(account.id):
            return {each: _uploaded(await take_link(rooms, account, each)) for each in links}
    except TimeoutError:
        raise Refused(
            f"The pictures behind the links did not arrive within {LINKS_MAX_S:g} s.",
            code="link_failed",
            hint="Bring them along first (POST /api/v1/uploads/fetch), one by one.",
            field="prompt",
        ) from None


def _sources(drawn: Sequence[GenerationParams]) -> list[str]:
    """What all jobs of a prompt point at, each once. PromptError where that is more than a job or a prompt may."""
    named = [pictures(params) for params in drawn]
    most = max(map(len, named), default=0)
    if most > PICTURES_MAX:
        raise PromptError(
            "invalid_parameter",
            f"The prompt points at {most} pictures, more than the {PICTURES_MAX} that one job may use.",
            hint="Leave some away.",
        )
    sources = list(dict.fromkeys(each for those in named for each in those))
    links = sum(not each.startswith(UPLOAD) for each in sources)
    if links > LINKS_MAX:
        raise PromptError(
            "invalid_link",
            f"The prompt has {links} links, more than the {LINKS_MAX} that are fetched for one.",
            hint="Bring the pictures along first (POST /api/v1/uploads/fetch), and name them by their ids.",
        )
    return sources


async def find(rooms: Rooms, account: Account, source: str) -> Found:
    """The upload or image that `upload:<id>` names. PromptError (`invalid_link`) says why it cannot be used."""
    try:
        wanted = UUID(source.removeprefix(UPLOAD))
    except ValueError:
        raise _no(source, "is no id of an upload or an image") from None
    try:
        return _of_upload(await rooms.uploads.get(wanted), account, source)
    except NotFound:
        return _of_image(await _image(rooms, wanted, source), account, source)


def _of_upload(upload: Upload, account: Account, source: str) -> Found:
    if upload.account_id != account.id:
        raise _not_there(source)
    if upload.deleted_at is not None:
        raise _no(source, "was deleted, and its pixels are gone")
    if upload.kind is UploadKind.MASK:
        raise _no(source, "is a mask, which vary_region takes")
    return _uploaded(upload)


def _of_image(image: Image, account: Account, source: str) -> Found:
    if image.account_id == account.id and image.deleted_at is not None:
        raise _no(source, "was deleted, and its pixels are gone")
    if not may_see(account.id, image):
        raise _not_there(source)
    if image.index is None:
        raise _no(source, "is a grid; name one of its images")
    file = image.file(Variant.PNG)
    if file is None:
        raise _no(source, "is kept without its pixels")
    return Found(parent_id=image.id, kind=ParentKind.IMAGE, digest=file.digest, image=image)


async def _image(rooms: Rooms, wanted: UUID, source: str) -> Image:
    try:
        return await rooms.library.image(wanted)
    except NotFound:
        raise _not_there(source) from None


def _uploaded(upload: Upload) -> Found:
    return Found(parent_id=upload.id, kind=ParentKind.UPLOAD, digest=upload.digest)


def pictures(params: GenerationParams) -> list[str]:
    """What it points at in its order, without style codes, drawn or still to be drawn."""
    references = [each for field in FIELDS for each in getattr(params, field)]
    return [each.source for each in references if not each.source.isdecimal() and each.source != RANDOM_STYLE]


def guided(params: GenerationParams, found: Mapping[str, Found]) -> Guided:
    """The job with what was found for its references, which must be all of them. Images without words are a blend."""
    prompts = Role.PROMPT if params.parts else Role.BLEND
    inputs: list[Input] = []
    named: dict[str, Any] = {}
    for field, each_role in FIELDS.items():
        references = getattr(params, field)
        shown = [each for each in references if each.source in found]
        role_here = prompts if each_role is Role.PROMPT else each_role
        inputs += [_input(found[each.source], each.weight, role_here) for each in shown]
        named[field] = tuple(
            replace(each, source=found[each.source].source) if each.source in found else each
            for each in references
        )
    return Guided(params=replace(params, **named), inputs=tuple(inputs))


def _input(found: Found, weight: float, role: Role) -> Input:
    return Input(
        role=role,
        parent_id=found.parent_id,
        kind=found.kind,
        digest=found.digest,
        weight=weight,
        source=found.source,
    )


def _not_there(source: str) -> PromptError:
    return _no(source, "is no upload of yours and no image that you may see")


def _no(source: str, what: str) -> PromptError:
    return PromptError(
        "invalid_link",
        f"{source[:60]} {what}.",
        hint="Upload the picture (POST /api/v1/uploads), or name an image by its id.",
    )
