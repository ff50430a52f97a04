"""What a picture shows, as odds over the caption vocabulary, by the small embedder that ships with the package.

Things are retrieved by the likeness of the picture's vector to the vectors of their names in the text encoder's space. Makes no
sentences, and knows composed scenes alone: of photographs it says little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image
from safetensors import SafetensorError, safe_open

from darkroom.classifiers.onnx_graph import Array, serialise
from darkroom.classifiers.picture_graph import SIDE, embedder_graph, unpacked, unshuffled
from darkroom.classifiers.sessions import RUNTIME_ERRORS, Session
from darkroom.classifiers.text import WEIGHTS_FOLDER
from darkroom.core.errors import Unavailable

WEIGHTS_FILE = "picture-embedder.safetensors"
FORMAT = "darkroom-picture-embedder-1"
WIDTH = 384  # of the text encoder's space
SCALE_SUFFIX = ".scale"
LOAD_ERRORS: tuple[type[Exception], ...] = (
    OSError, ValueError, LookupError, TypeError, SafetensorError, *RUNTIME_ERRORS,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Odds from 0 to 1. `things` by their place in the vocabulary's list; `attributes` by name and value, each summing to 1.

    `vector` is the picture in the space of sentences, 384 long, unit length. `square` is what was looked at, (64, 64, 3) uint8.
    """

    things: tuple[float, ...]
    attributes: Mapping[str, Mapping[str, float]]
    vector: tuple[float, ...]
    square: Array

    def best(self, attribute: str, count: int = 1) -> list[tuple[str, float]]:
        """The likeliest values and their odds, the best first."""
        odds = self.attributes[attribute]
        return sorted(odds.items(), key=lambda each: (-each[1], each[0]))[:count]

    def best_things(self, count: int) -> list[tuple[int, float]]:
        order = sorted(range(len(self.things)), key=lambda index: (-self.things[index], index))
        return [(index, self.things[index]) for index in order[:count]]


class PictureReader:
    """On one core, in milliseconds. Threads may share it."""

    def __init__(self, session: Session, things: Array, document: Mapping[str, Any]) -> None:
        self._session = session
        self._things = things  # (M, 384), unit length
        self._scale = float(document["thing_scale"])
        self.vocabulary: Mapping[str, Any] = document["vocabulary"]
        self._attributes: Mapping[str, Sequence[str]] = self.vocabulary["attributes"]

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Reads `folder` (default: the weights of the package) and runs it once. Raises Unavailable where it can't be read."""
        path = (WEIGHTS_FOLDER if folder is None else folder) / WEIGHTS_FILE
        try:
            weights, document = _read(path)
            things = weights.pop("things")
            session = Session(serialise(embedder_graph(weights, document["blocks"])))
            reader = cls(session, things, document)
            reader.read(Image.new("RGB", (SIDE, SIDE)))
        except LOAD_ERRORS as fault:
            raise Unavailable(
                f"No picture embedder can be read from {path}, so pictures cannot be described: {fault}"
            ) from fault
        return reader

    def read(self, picture: Image.Image) -> Reading:
        """What a picture of any size and shape shows; its sides are squashed to a square. Raises Unavailable."""
        square = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        try:
            found = self._session.run({"x": unshuffled(square[None])})[0]
        except RUNTIME_ERRORS as fault:
            raise Unavailable(
                f"The picture embedder failed, so the picture cannot be described: {fault}"
            ) from fault
        if not np.isfinite(found).all():
            raise Unavailable(
                "The picture embedder makes no numbers of this picture: its weights are damaged."
            )
        caption, thing, rest = found[:WIDTH], found[WIDTH : 2 * WIDTH], found[2 * WIDTH :]
        attributes = {}
        for name, values in self._attributes.items():
            logits, rest = rest[: len(values)], rest[len(values) :]
            attributes[name] = dict(zip(values, _odds(logits), strict=True))
        return Reading(
            things=_odds(self._things @ _unit(thing) * self._scale),
            attributes=attributes,
            vector=tuple(_unit(caption).tolist()),
            square=square,
        )


def _read(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    with safe_open(path, framework="np") as stored:
        names = set(stored.keys())
        metadata = stored.metadata() or {}
        weights = {name: stored.get_tensor(name) for name in names if not name.endswith(SCALE_SUFFIX)}
        for name, levels in weights.items():
            if f"{name}{SCALE_SUFFIX}" in names:
                weights[name] = unpacked(levels, stored.get_tensor(f"{name}{SCALE_SUFFIX}"))
    document = json.loads(metadata.get("document", "{}"))
    if document.get("format") != FORMAT:
        raise ValueError(f"its format is {str(document.get('format'))[:40]!r} and not {FORMAT!r}")
    return weights, document


def _unit(vector: Array) -> Array:
    found: Array = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return found


def _odds(logits: Array) -> tuple[float, ...]:
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return tuple((shares / shares.sum()).tolist())
