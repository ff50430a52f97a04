"""The atlas: every concept's sprite in every art set, in one file, decoded when first asked for.

The file is a plain zip: `atlas.json` with the concepts and one WebP for each sprite. Does not know where sprites come from.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.core.errors import OutputError

ART_SETS: tuple[str, ...] = ("fluent-3d", "noto", "fluent-flat", "twemoji", "emojione", "fxemoji")
HABITATS: tuple[str, ...] = ("ground", "air", "water", "indoor")
SPRITE_PX = 128
ATLAS_NAME = "atlas.zip"
INDEX_NAME = "atlas.json"
ATLAS_FORMAT = 1
WEBP_EFFORT = 80  # lossless: flat art under lossy chroma bleeds at the edges, and saves only a third
OPAQUE = 8  # alpha (of 255) from which a pixel's colour is trusted
SILENT_H = ("hour", "honest", "heir")
SOUNDED_Y = ("uni", "use", "eu", "one")
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same sprites give the same file

Sprite = NDArray[np.uint8]  # (128, 128, 4) RGBA, straight alpha


@dataclass(frozen=True, kw_only=True)
class Concept:
    """A thing that can be drawn, and how it is spoken of.

    `natural_colour` is the colour it has in every art set ("" where they differ); `recolour` says that it stays the
    same thing in another colour; `synonyms` are words to know it by, some plural or narrower than the thing, and so not
    for captions; `habitat` is one of HABITATS; `head_only` that some art sets show the head alone.
    """

    name: str
    plural: str
    category: str
    synonyms: tuple[str, ...]
    natural_colour: str
    recolour: bool
    habitat: str
    art_sets: tuple[str, ...]
    head_only: bool = False

    @property
    def article(self) -> str:
        """ "a" or "an", by the sound of the name and not by its letter ("an hourglass", "a unicorn")."""
        silent = self.name.startswith(SILENT_H)
        vowel = self.name[0] in "aeiou" and not self.name.startswith(SOUNDED_Y)
        return "an" if silent or vowel else "a"


class Atlas:
    """Concepts by name (sorted), and their sprites. Cheap to load; each sprite is decoded once a process."""

    def __init__(self, concepts: Mapping[str, Concept], encoded: Mapping[tuple[str, str], bytes]) -> None:
        self.concepts: Mapping[str, Concept] = MappingProxyType(dict(sorted(concepts.items())))
        self._encoded = dict(encoded)
        self._decoded: dict[tuple[str, str], Sprite] = {}

    def sprite(self, concept: str, art_set: str) -> Sprite:
        """(128, 128, 4) uint8 RGBA, straight alpha, read-only; the longest side of the thing is 120 px, centred.

        The colour runs on beyond the edge of the thing, so that resizing draws no dark fringe. KeyError for a
        concept or an art set that the atlas lacks.
        """
        key = (concept, art_set)
        if key not in self._decoded:
            self._decoded[key] = decode(self._encoded[key])
        return self._decoded[key]

    @classmethod
    def load(cls, folder: Path) -> Atlas:
        """The atlas in `folder`. OutputError where there is none, or one of another format."""
        path = Path(folder) / ATLAS_NAME
        try:
            with zipfile.ZipFile(path) as archive:
                index = json.loads(archive.read(INDEX_NAME))
                if index.get("format") != ATLAS_FORMAT:
                    raise OutputError(
                        f"{path} has format {index.get('format')}, {ATLAS_FORMAT} was expected; build it anew"
                    )
                concepts = {row["name"]: concept_of(row) for row in index["concepts"]}
                encoded = {
                    (c.name, s): archive.read(member(c.name, s))
                    for c in concepts.values()
                    for s in c.art_sets
                }
        except (OSError, KeyError, zipfile.BadZipFile) as fault:
            raise OutputError(
                f"no usable sprite atlas at {path} ({fault}); `python -m darkroom.train.sprites build` makes one"
            ) from fault
        return cls(concepts, encoded)

    def save(self, folder: Path) -> Path:
        """Write the atlas into `folder`, whole or not at all; the file's path."""
        folder.mkdir(parents=True, exist_ok=True)
        path, part = folder / ATLAS_NAME, folder / (ATLAS_NAME + ".part")
        index = {"format": ATLAS_FORMAT, "concepts": [asdict(c) for c in self.concepts.values()]}
        with zipfile.ZipFile(part, "w") as archive:
            archive.writestr(
                zipfile.ZipInfo(INDEX_NAME, ZIP_TIME), json.dumps(index, ensure_ascii=False, indent=1)
            )
            for concept in self.concepts.values():
                for art_set in concept.art_sets:
                    blob = self._encoded[concept.name, art_set]
                    archive.writestr(zipfile.ZipInfo(member(concept.name, art_set), ZIP_TIME), blob)
        part.replace(path)
        return path


def member(concept: str, art_set: str) -> str:
    return f"{art_set}/{concept}.webp"


def concept_of(row: Mapping[str, object]) -> Concept:
    """A concept from its JSON row, lists as tuples; what a later version added is passed over."""
    known = {f.name for f in fields(Concept)}
    return Concept(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items() if k in known})  # type: ignore[arg-type]


def encode(sprite: Sprite) -> bytes:
    blob = io.BytesIO()
    Image.fromarray(sprite).save(blob, "WEBP", lossless=True, quality=WEBP_EFFORT, method=4)
    return blob.getvalue()


def decode(blob: bytes) -> Sprite:
    sprite = bleed(np.asarray(Image.open(io.BytesIO(blob)).convert("RGBA")))
    sprite.setflags(write=False)
    return sprite


def bleed(sprite: Sprite) -> Sprite:
    """Give every transparent pixel the colour of the nearest opaque one; alpha stays as it is."""
    hidden = (sprite[..., 3] < OPAQUE).astype(np.uint8)
    out = sprite.copy()
    if hidden.all():
        return out
    _, label = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(label.max()) + 1, 3), np.uint8)
    colours[label[hidden == 0]] = sprite[..., :3][hidden == 0]
    out[..., :3] = colours[label]
    return out
