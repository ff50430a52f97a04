"""What a scene contains, as plain nouns: the truth that the renderer draws and the caption tells.

Knows neither pixels nor words nor how scenes are sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_KINDS = 3
MAX_COUNT = 4


class Split(Enum):
    """Which part of the corpus a scene belongs to."""

    TRAIN = "train"
    HELD_OUT = "held-out"  # known concepts in combinations never seen in training
    ZERO_SHOT = "zero-shot"  # concepts or an art set never seen in training


@dataclass(frozen=True, kw_only=True)
class ObjectSpec:
    """One kind of thing, `count` times. `colour` is set only where the sprite is recoloured."""

    concept: str
    count: int = 1
    colour: str | None = None
    size: str | None = None  # "small", "large" or None

    def __post_init__(self) -> None:
        assert 1 <= self.count <= MAX_COUNT, f"count is {self.count}, want 1 to {MAX_COUNT}"
        assert self.size in (None, "small", "large"), f"size is {self.size!r}"


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """A whole scene. `seed` decides everything that is not said here (exact shapes, positions, shades)."""

    seed: int
    objects: tuple[ObjectSpec, ...] = ()
    arrangement: str = "single"
    place: str = "meadow"
    backdrop: tuple[str, ...] = ()  # studio colours, a room's wall or a planet's colour
    time: str = "day"
    weather: str = ""
    art_set: str = "noto"
    style: str = ""

    def __post_init__(self) -> None:
        assert len(self.objects) <= MAX_KINDS, f"{len(self.objects)} kinds, at most {MAX_KINDS} fit"

    @property
    def look(self) -> str:
        """What decides the strokes: the filter style if there is one, else the art set."""
        return self.style or self.art_set

    @property
    def total(self) -> int:
        """How many things stand in the scene."""
        return sum(thing.count for thing in self.objects)


def attributes(spec: SceneSpec) -> dict[str, str]:
    """The labels that attribute classifiers are trained on; empty text where a scene has none.

    Object, count and colour are those of the first kind named.
    """
    first = spec.objects[0] if spec.objects else None
    return {
        "object": first.concept if first else "",
        "count": str(first.count) if first else "0",
        "colour": (first.colour or "") if first else "",
        "place": spec.place,
        "time": spec.time,
        "style": spec.look,
    }
