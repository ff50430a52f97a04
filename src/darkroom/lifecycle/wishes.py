"""What may be asked of an image, as plain nouns, and which wishes make sense. Knows no store, no model and no pixel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from darkroom.core.errors import Refused
from darkroom.core.params import Lane

ZOOM_DEFAULT = 2.0
ZOOM_MAX = 2.0  # of one step; a picture may be zoomed out again and again
SCALE_DEFAULT = 2
SCALES = (2, 4)


class Asked(StrEnum):
    """What somebody asks for. `make_square` is a zoom, and `replay` has the action of what it draws again."""

    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"
    VARY_SUBTLE = "vary_subtle"
    VARY_STRONG = "vary_strong"
    VARY_REGION = "vary_region"
    ZOOM_OUT = "zoom_out"
    PAN = "pan"
    MAKE_SQUARE = "make_square"
    REMIX = "remix"
    REROLL = "reroll"
    ENHANCE = "enhance"
    HD = "hd"
    REPLAY = "replay"


class Way(StrEnum):
    """Where a pan goes."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One action on an image. `prompt` is new text of the prompt language, `mask` the id of an upload, `lane` None for the account's.

    What is None was not given; `zoom` and `scale` have defaults.
    """

    action: Asked
    prompt: str | None = None
    mask: UUID | None = None
    zoom: float | None = None
    direction: Way | None = None
    scale: int | None = None
    lane: Lane | None = None


_A = Asked
TAKES: Mapping[str, frozenset[Asked]] = {
    "prompt": frozenset({_A.VARY_REGION, _A.ZOOM_OUT, _A.PAN, _A.MAKE_SQUARE, _A.REMIX}),
    "mask": frozenset({_A.VARY_REGION}),
    "zoom": frozenset({_A.ZOOM_OUT}),
    "direction": frozenset({_A.PAN}),
    "scale": frozenset({_A.UPSCALE_SUBTLE, _A.UPSCALE_CREATIVE}),
}
"""The actions that each field of a wish means something to."""

NEEDS: Mapping[Asked, tuple[str, str]] = {
    _A.VARY_REGION: ("mask", "Upload a PNG of the picture's size (kind mask): white is drawn again, black stays."),
    _A.PAN: ("direction", "Use left, right, up or down."),
    _A.REMIX: ("prompt", "Say what the picture should show instead; reroll takes the same words again."),
}  # fmt: skip
"""What an action cannot do without, and what to say then."""


def check_wish(wish: Wish) -> None:
    """Refused (`invalid_request`) for a field that is missing, out of its range, or means nothing to the action."""
    needed, hint = NEEDS.get(wish.action, ("", ""))
    if needed and getattr(wish, needed) is None:
        raise _wrong(needed, f"{wish.action} needs a {needed}.", hint)
    for field, actions in TAKES.items():
        if getattr(wish, field) is not None and wish.action not in actions:
            able = ", ".join(each for each in Asked if each in actions)
            raise _wrong(field, f"{wish.action} takes no {field}.", f"Leave it away; what takes one: {able}.")
    if wish.prompt is not None and not wish.prompt.strip():
        away = "" if needed == "prompt" else ", or leave it away"
        raise _wrong("prompt", "The prompt is empty.", f"Write a few words{away}.")
    if wish.zoom is not None and not 1 < wish.zoom <= ZOOM_MAX:
        raise _wrong(
            "zoom", f"A zoom of {wish.zoom:g} is not above 1 and at most {ZOOM_MAX:g}.", "Try 1.5 or 2."
        )
    if wish.scale is not None and wish.scale not in SCALES:
        raise _wrong("scale", f"A picture cannot be upscaled by {wish.scale}.", "Use 2 or 4.")


def digest_of(image_id: UUID, wish: Wish) -> str:
    """The same for the same request: what an idempotency key is compared by."""
    body = {name: None if value is None else str(value) for name, value in vars(wish).items()}
    text = json.dumps({"image": str(image_id), **body}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _wrong(field: str, message: str, hint: str) -> Refused:
    return Refused(message, code="invalid_request", hint=hint, field=field)
