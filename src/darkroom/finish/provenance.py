"""Where a picture comes from: a frozen noun and its JSON. Knows neither files nor image formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from darkroom.core.errors import OutputError
from darkroom.core.params import GenerationParams, Reference, VideoParams
from darkroom.core.recipes import EMPTY, RECIPE_FAULTS, Recipe

FORMAT_VERSION = 2
READABLE_VERSIONS = (1, FORMAT_VERSION)
"""Version 1 knew neither a recipe nor the digest of the pixels."""
JSON_CHARACTERS_MAX = 262_144
NESTING_MAX = 8
PNG_CHUNK = "darkroom"  # where a PNG file keeps it
XMP_TAG = "darkroom:provenance"  # where a WebP file keeps it

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Everything that is needed to make one picture again.

    `canonical` is the prompt as text that parses to the same job, with the seed that was drawn; `parameters` spells the
    job out, and `recipe` says what pictures it came from. `image` counts from 1; it is None for the grid. `weights` is a
    sha256, `engine` the fingerprint of what decides the bits (rows, library, device, dtype), `created` a moment in UTC to
    the second. `pixels` is the digest of the picture itself, so that two can be compared without them; "" where nobody
    knows it.
    """

    canonical: str
    parameters: Mapping[str, Json]
    seed: int
    image: int | None
    model: str
    weights: str
    engine: Mapping[str, Json]
    software: str
    created: datetime
    recipe: Recipe = EMPTY
    pixels: str = ""

    def to_json(self) -> str:
        """One line of ASCII. Lone surrogates are escaped too, so that it can be stored anywhere."""
        return json.dumps(self.as_object(), ensure_ascii=True, separators=(",", ":"))

    def as_object(self) -> dict[str, Json]:
        """The noun as plain JSON values, in the order in which people read them; without what there is none of."""
        found: dict[str, Json] = {
            "version": FORMAT_VERSION,
            "canonical": self.canonical,
            "seed": self.seed,
            "image": self.image,
            "model": self.model,
            "weights": self.weights,
            "engine": dict(self.engine),
            "software": self.software,
            "created": self.created.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "parameters": dict(self.parameters),
        }
        if self.recipe != EMPTY:
            found["recipe"] = self.recipe.as_object()
        if self.pixels:
            found["pixels"] = self.pixels
        return found

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. OutputError for anything that is not provenance, however hostile."""
        found = _object(text)
        if found.get("version") not in READABLE_VERSIONS:
            raise OutputError(
                f"the provenance is of version {found.get('version')!r}; this Darkroom reads up to {FORMAT_VERSION}"
            )
        image = found.get("image")
        return cls(
            canonical=_text(found, "canonical"),
            parameters=_mapping(found, "parameters"),
            seed=_count(found, "seed"),
            image=None if image is None else _count(found, "image"),
            model=_text(found, "model"),
            weights=_text(found, "weights"),
            engine=_mapping(found, "engine"),
            software=_text(found, "software"),
            created=_moment(found, "created"),
            recipe=_recipe(found),
            pixels=_text(found, "pixels") if "pixels" in found else "",
        )


def parameters_of(params: GenerationParams) -> dict[str, Json]:
    """A job's parameters as JSON values, every one of them, under the long names of the prompt language."""
    return {
        "parts": [{"text": part.text, "weight": part.weight} for part in params.parts],
        "negative": list(params.negative),
        "image_prompts": _references(params.image_prompts),
        "aspect": str(params.aspect),
        "model": params.model,
        "seed": params.seed,
        "stylize": params.stylize,
        "chaos": params.chaos,
        "weird": params.weird,
        "quality": params.quality,
        "stop": params.stop,
        "tile": params.tile,
        "image_weight": params.image_weight,
        "style_references": _references(params.style_references),
        "style_weight": params.style_weight,
        "character_references": _references(params.character_references),
        "character_weight": params.character_weight,
        "omni_references": _references(params.omni_references),
        "omni_weight": params.omni_weight,
        "raw": params.raw,
        "profile": params.profile,
        "experimental": params.experimental,
        "draft": params.draft,
        "hd": params.hd,
        "lane": params.lane.value if params.lane else None,
        "visibility": params.visibility.value if params.visibility else None,
        "video": _video(params.video),
    }


def _references(references: tuple[Reference, ...]) -> list[Json]:
    return [{"source": reference.source, "weight": reference.weight} for reference in references]


def _video(video: VideoParams | None) -> Json:
    if video is None:
        return None
    return {"motion": video.motion, "loop": video.loop, "end": video.end, "batch": video.batch}


def _object(text: str) -> dict[str, Any]:
    if len(text) > JSON_CHARACTERS_MAX:
        raise OutputError(
            f"the provenance has {len(text)} characters, more than the {JSON_CHARACTERS_MAX} allowed"
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OutputError("the provenance is damaged: it is not valid JSON") from error
    if not isinstance(found, dict) or _depth(found) > NESTING_MAX:
        raise OutputError(f"the provenance is damaged: it is not an object of at most {NESTING_MAX} levels")
    return found


def _depth(value: Any) -> int:
    """How many containers lie inside each other, counted level by level, so that no depth can exhaust the stack."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def _text(found: dict[str, Any], key: str) -> str:
    if not isinstance(value := found.get(key), str):
        raise OutputError(f"the provenance is damaged: {key!r} must be text")
    return value


def _count(found: dict[str, Any], key: str) -> int:
    value = found.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise OutputError(f"the provenance is damaged: {key!r} must be a whole number, 0 or more")
    return value


def _mapping(found: dict[str, Any], key: str) -> dict[str, Json]:
    if not isinstance(value := found.get(key), dict):
        raise OutputError(f"the provenance is damaged: {key!r} must be an object")
    return value


def _recipe(found: dict[str, Any]) -> Recipe:
    if "recipe" not in found:
        return EMPTY
    try:
        return Recipe.from_object(_mapping(found, "recipe"))
    except RECIPE_FAULTS as error:
        raise OutputError(f"the provenance is damaged: 'recipe' cannot be read: {error!r}") from error


def _moment(found: dict[str, Any], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(found, key))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise OutputError(
            f"the provenance is damaged: {key!r} must be a moment like 2026-01-31T12:00:00Z"
        ) from error
