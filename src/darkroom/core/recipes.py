"""How a job comes from pictures: the action, what goes in and in which role, and where the old picture lies in the new one.

A recipe and the job's canonical prompt decide its pixels together. Knows no prompt, no store and no tensor. A job that comes
from words alone has the empty recipe.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from darkroom.core.errors import OutputError
from darkroom.core.params import IMAGES_PER_JOB

INPUTS_MAX = 16
RECIPE_CHARACTERS_MAX = 16_384
SIDE_MAX_PX = 4_096  # of a frame, and of what lies in it
SCALE_MAX = 8
WEIGHT_MAX = 1_000_000.0
SOURCE_CHARACTERS_MAX = 256

DIGEST = re.compile(r"[0-9a-f]{64}")


class Action(StrEnum):
    """What was asked for. All but IMAGINE and BLEND begin at one image."""

    IMAGINE = "imagine"
    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"
    VARY_SUBTLE = "vary_subtle"
    VARY_STRONG = "vary_strong"
    VARY_REGION = "vary_region"
    ZOOM_OUT = "zoom_out"
    PAN = "pan"
    REMIX = "remix"
    REROLL = "reroll"
    ENHANCE = "enhance"
    HD = "hd"
    BLEND = "blend"


class Role(StrEnum):
    """What a parent is to a job."""

    INIT = "init"
    """Its pixels are what the drawing starts from."""
    MASK = "mask"
    """White is drawn again, black stays."""
    PROMPT = "prompt"
    """An image prompt (`--iw`)."""
    STYLE = "style"
    CHARACTER = "character"
    OMNI = "omni"
    BLEND = "blend"
    SOURCE = "source"
    """Its words, parameters or seed are used, its pixels are not."""
    REPLAY = "replay"
    """The image that is drawn again, to see whether it comes out the same."""


class ParentKind(StrEnum):
    IMAGE = "image"
    UPLOAD = "upload"


@dataclass(frozen=True, kw_only=True)
class Input:
    """A parent of a job. `digest` is the sha256 of the file whose pixels are used, where it is kept too; "" for none.

    `source` is how the prompt names it ("upload:..."), "" where the action brought it.
    """

    role: Role
    parent_id: UUID
    kind: ParentKind
    digest: str = ""
    weight: float = 1.0
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A canvas of `width` x `height` pixels, and where the old picture lies in it: its corner and its size there."""

    width: int
    height: int
    left: int
    top: int
    inner_width: int
    inner_height: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """`indices` are the images of the grid that are drawn: image i of the job has the noise of image `indices[i]`.

    `strength` is how much of the INIT is drawn anew: 0 nothing, 1 all of it; None where there is none. `scale` is by how much
    an upscale enlarges each side. `frame` is where the INIT lies on a larger canvas, None where it fills it. Pixels that
    stay are the INIT's own but for a seam of `seam_px` pixels. `replay_of` is the image that is drawn again by this very
    recipe.
    """

    action: Action = Action.IMAGINE
    inputs: tuple[Input, ...] = ()
    indices: tuple[int, ...] = tuple(range(IMAGES_PER_JOB))
    strength: float | None = None
    scale: int | None = None
    frame: Frame | None = None
    seam_px: int = 0
    replay_of: UUID | None = None

    @property
    def images(self) -> int:
        return len(self.indices)

    def of(self, role: Role) -> tuple[Input, ...]:
        """The inputs in a role, in order."""
        return tuple(each for each in self.inputs if each.role is role)

    @property
    def digests(self) -> tuple[str, ...]:
        """The files that whoever draws must have, each once."""
        return tuple(dict.fromkeys(each.digest for each in self.inputs if each.digest))

    def as_object(self) -> dict[str, Any]:
        """Plain JSON values; what is as in the empty recipe is left away, but for the action."""
        found: dict[str, Any] = {"action": self.action.value}
        if self.inputs:
            found["inputs"] = [_input_object(each) for each in self.inputs]
        if self.indices != EMPTY.indices:
            found["indices"] = list(self.indices)
        if self.strength is not None:
            found["strength"] = self.strength
        if self.scale is not None:
            found["scale"] = self.scale
        if self.frame is not None:
            found["frame"] = {name: getattr(self.frame, name) for name in FRAME_FIELDS}
        if self.seam_px:
            found["seam_px"] = self.seam_px
        if self.replay_of is not None:
            found["replay_of"] = str(self.replay_of)
        return found

    def to_json(self) -> str:
        """One line of ASCII; the same recipe gives the same text."""
        return json.dumps(self.as_object(), ensure_ascii=True, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. OutputError for anything else."""
        try:
            if len(text) > RECIPE_CHARACTERS_MAX:
                raise ValueError(f"it has more than {RECIPE_CHARACTERS_MAX} characters")
            return cls.from_object(json.loads(text))
        except RECIPE_FAULTS as error:
            raise OutputError(f"a recipe cannot be read: {error!r}") from error

    @classmethod
    def from_object(cls, found: Mapping[str, Any]) -> Self:
        """The inverse of `as_object`. One of RECIPE_FAULTS for anything else, however hostile: what comes out can be drawn as
        far as that can be told without its pictures."""
        if unknown := sorted(found.keys() - FIELDS):  # what is not understood is not drawn as something else
            raise ValueError(f"it has a field {unknown[0]!r}, which this version does not know")
        strength, scale = found.get("strength"), found.get("scale")
        frame, replay_of = found.get("frame"), found.get("replay_of")
        inputs = tuple(_input(each) for each in found.get("inputs", ()))
        if len(inputs) > INPUTS_MAX:
            raise ValueError(f"it has {len(inputs)} inputs, more than {INPUTS_MAX}")
        return cls(
            action=Action(found["action"]),
            inputs=inputs,
            indices=_indices(found.get("indices", EMPTY.indices)),
            strength=None if strength is None else _real("strength", strength, 0, 1),
            scale=None if scale is None else _whole("scale", scale, 1, SCALE_MAX),
            frame=None if frame is None else _frame(frame),
            seam_px=_whole("seam_px", found.get("seam_px", 0), 0, SIDE_MAX_PX),
            replay_of=None if replay_of is None else UUID(replay_of),
        )


RECIPE_FAULTS = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What `Recipe.from_object` raises for what is no recipe."""
FIELDS = frozenset({"action", "inputs", "indices", "strength", "scale", "frame", "seam_px", "replay_of"})
FRAME_FIELDS = ("width", "height", "left", "top", "inner_width", "inner_height")
EMPTY = Recipe()


def _input_object(each: Input) -> dict[str, Any]:
    found: dict[str, Any] = {
        "role": each.role.value,
        "parent_id": str(each.parent_id),
        "kind": each.kind.value,
    }
    if each.digest:
        found["digest"] = each.digest
    if each.weight != 1.0:
        found["weight"] = each.weight
    if each.source:
        found["source"] = each.source
    return found


def _input(found: Mapping[str, Any]) -> Input:
    digest, source = str(found.get("digest", "")), str(found.get("source", ""))
    if digest and not DIGEST.fullmatch(digest):
        raise ValueError("a digest is a sha256 in 64 hexadecimal digits")
    if len(source) > SOURCE_CHARACTERS_MAX:
        raise ValueError(f"a source has at most {SOURCE_CHARACTERS_MAX} characters")
    return Input(
        role=Role(found["role"]),
        parent_id=UUID(found["parent_id"]),
        kind=ParentKind(found["kind"]),
        digest=digest,
        weight=_real("weight", found.get("weight", 1.0), 0, WEIGHT_MAX),
        source=source,
    )


def _indices(found: Any) -> tuple[int, ...]:
    indices = tuple(_whole("an index", each, 0, IMAGES_PER_JOB - 1) for each in found)
    if not indices or len(set(indices)) < len(indices):
        raise ValueError("it draws no image, or one twice")
    return indices


def _frame(found: Mapping[str, Any]) -> Frame:
    least = {"left": 0, "top": 0}
    frame = Frame(
        **{name: _whole(name, found[name], least.get(name, 1), SIDE_MAX_PX) for name in FRAME_FIELDS}
    )
    if frame.left + frame.inner_width > frame.width or frame.top + frame.inner_height > frame.height:
        raise ValueError("the old picture does not lie within its frame")
    return frame


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}")
    return value


def _real(name: str, value: Any, least: float, most: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name} is a number")
    if not (math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name} is a number from {least:g} to {most:g}")
    return float(value)
