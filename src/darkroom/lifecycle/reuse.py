"""Which pictures of a job that is there may be used once more: those that its account still has, or that others show.

Knows no prompt text and no action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound, PromptError, Refused
from darkroom.core.images import Variant
from darkroom.core.params import GenerationParams, Reference
from darkroom.core.recipes import Input, ParentKind, Recipe, Role
from darkroom.lifecycle.references import FIELDS, Found, find, pictures
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.sight import may_see

PIXELS_MATTER = frozenset({Role.INIT, Role.MASK})
"""Without these a job cannot be drawn again at all; what guided it can be left away."""


async def usable(rooms: Rooms, account: Account, params: GenerationParams) -> tuple[GenerationParams, str]:
    """The parameters without pictures that this account may not use or that are gone, and a note that says so.

    Refused (`guides_gone`) where nothing is left to draw.
    """
    found: dict[str, Found] = {}
    named = list(dict.fromkeys(pictures(params)))
    for each in named:
        try:
            found[each] = await find(rooms, account, each)
        except PromptError:
            continue
    lost = len(named) - len(found)
    if not lost:
        return params, ""
    left = _left(params, found)
    if not left.parts and len(left.image_prompts) < 2:
        raise Refused(
            "The image was blended from pictures that are gone or not yours, and it has no words.",
            code="guides_gone",
            hint="Give a prompt (remix), or blend other pictures.",
        )
    if lost == 1:
        return left, "A picture that guided the image is gone or not yours, so it was left away."
    return left, f"{lost} pictures that guided the image are gone or not yours, so they were left away."


def _left(params: GenerationParams, found: Mapping[str, Found]) -> GenerationParams:
    """A weight goes with what it belongs to."""

    def kept(field: str) -> tuple[Reference, ...]:
        return tuple(
            each for each in getattr(params, field) if each.source.isdecimal() or each.source in found
        )

    fields: dict[str, Any] = {field: kept(field) for field in FIELDS}
    left = replace(params, **fields)
    return replace(
        left,
        image_weight=left.image_weight if left.image_prompts else 1.0,
        style_weight=left.style_weight if left.style_references else 100,
        character_weight=left.character_weight if left.character_references else 100,
        omni_weight=left.omni_weight if left.omni_references else 100,
    )


async def check_inputs(rooms: Rooms, account: Account, recipe: Recipe, *, all_of_them: bool) -> None:
    """Refused (`inputs_gone`) where pixels that a job was drawn from are gone or somebody else's: `all_of_them`, or those that
    it started from."""
    for each in recipe.inputs:
        if each.digest and (all_of_them or each.role in PIXELS_MATTER):
            why = await _fault(rooms, account, each)
            if why:
                raise Refused(
                    f"The image was drawn from the {each.kind} {each.parent_id} ({each.role}), {why}.",
                    code="inputs_gone",
                    hint="The image itself can still be varied, zoomed or upscaled.",
                )


async def _fault(rooms: Rooms, account: Account, given: Input) -> str:
    """What is wrong with an input; "" for nothing."""
    try:
        return await _looked_at(rooms, account, given.kind, given.parent_id)
    except NotFound:
        return "which is not there any more"


async def _looked_at(rooms: Rooms, account: Account, kind: ParentKind, parent_id: UUID) -> str:
    if kind is ParentKind.UPLOAD:
        upload = await rooms.uploads.get(parent_id)
        if upload.account_id != account.id:
            return "which is not yours"
        return "" if upload.deleted_at is None else "whose pixels are deleted"
    image = await rooms.library.image(parent_id)
    if image.deleted_at is not None or image.file(Variant.PNG) is None:
        return "whose pixels are deleted"
    return "" if may_see(account.id, image) else "which is not yours"
