"""What is true of a composed scene, as the labels that classifiers of single attributes learn and are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.train.composer import PALETTE, PLACES, SceneSpec
from darkroom.train.composer.spec import MAX_COUNT
from darkroom.train.composer.words import ART_SETS, BACKDROP_UNSEEN, STYLES, TIMES

UNSAID = -1
"""The index of a label that a scene does not have: not learned from, and not asked for."""
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "count": tuple(str(n) for n in range(MAX_COUNT + 1)),
    "colour": tuple(PALETTE),
    "backdrop": tuple(PALETTE),
    "place": tuple(PLACES),
    "time": tuple(TIMES),
    "style": (*ART_SETS, *STYLES),
}
"""Every attribute but the things themselves, with its values."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The labels of one scene; "" where it has none.

    `count` is of all things together, `colour` that of the only repainted kind, `backdrop` that of a ground of one colour that the
    style leaves visible.
    """

    concepts: tuple[str, ...]
    count: str
    colour: str
    backdrop: str
    place: str
    time: str
    style: str


def facts_of(spec: SceneSpec) -> Facts:
    """The labels of a scene."""
    paints = [thing.colour for thing in spec.objects if thing.colour]
    plain = len(spec.backdrop) == 1 and spec.place != "space" and spec.style not in BACKDROP_UNSEEN
    return Facts(
        concepts=tuple(thing.concept for thing in spec.objects),
        count=str(min(spec.total, MAX_COUNT)),
        colour=paints[0] if len(paints) == 1 else "",
        backdrop=spec.backdrop[0] if plain else "",
        place=spec.place,
        time=spec.time,
        style=spec.look if spec.objects or spec.style else "",
    )


def labels(facts: Sequence[Facts], attribute: str) -> Tensor:
    """(N,) int64 indices into ATTRIBUTES[attribute], UNSAID where a scene has no such label."""
    index = {value: i for i, value in enumerate(ATTRIBUTES[attribute])}
    return torch.tensor([index.get(getattr(each, attribute), UNSAID) for each in facts], dtype=torch.int64)


def presence(facts: Sequence[Facts], concepts: Sequence[str]) -> Tensor:
    """(N, concepts) bool: which things each scene shows."""
    index = {name: i for i, name in enumerate(concepts)}
    shown = torch.zeros(len(facts), len(concepts), dtype=torch.bool)
    for row, each in enumerate(facts):
        shown[row, [index[name] for name in each.concepts]] = True
    return shown
