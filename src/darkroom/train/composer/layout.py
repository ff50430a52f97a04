"""Where each thing goes and how large it is. Pure geometry: knows no pixels' colours and no sprites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.train.composer.places import PLACES, Place, Setting
from darkroom.train.composer.spec import ObjectSpec, SceneSpec

MARGIN = 0.03  # of the frame's sides kept free
_LAYOUT_STREAM = 23
_SIZE_FACTOR = {None: 1.0, "small": 0.74, "large": 1.2}
_ROW_SIZE = {1: 0.57, 2: 0.44, 3: 0.4, 4: 0.38}  # of the short side, where the frame is wide enough
_FLYING_HEIGHT = 0.44  # of the height: the middle of what flies


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One thing in the frame. Lengths are pixels; `size` is the sprite's longer side."""

    kind: int  # index into the scene's objects
    x: float  # middle
    base: float  # the lowest visible row
    size: float
    flipped: bool
    grounded: bool  # stands on something and casts a shadow


def arrange(spec: SceneSpec, habitats: tuple[str, ...], width: int, height: int) -> list[Placement]:
    """Place every thing of a scene, the farthest first. `habitats` has one entry for each kind."""
    rng = np.random.default_rng([spec.seed, _LAYOUT_STREAM])
    draws = rng.random(6)
    flips = rng.random(16) < 0.35
    kinds = [index for index, thing in enumerate(spec.objects) for _ in range(thing.count)]
    frame = _Frame(
        spec=spec, place=PLACES[spec.place], habitats=habitats, width=width, height=height, draws=draws
    )
    if not kinds:
        return []
    if spec.arrangement == "between":
        kinds = [1, 0, *kinds[2:]]
    if spec.arrangement == "above":
        spots = frame.above(kinds)
    elif spec.arrangement == "group" and len(kinds) > 2:
        spots = frame.group(kinds)
    else:
        spots = frame.row(kinds)
    return [frame.placement(spot, bool(flips[spot.kind])) for spot in spots]


@dataclass(frozen=True, kw_only=True)
class _Spot:
    kind: int
    x: float  # pixels
    size: float
    lift: float = 0.0  # pixels above the usual ground
    middle: float | None = None  # pixels: set where the thing hangs at a height of its own


@dataclass(frozen=True, kw_only=True)
class _Frame:
    spec: SceneSpec
    place: Place
    habitats: tuple[str, ...]
    width: int
    height: int
    draws: np.ndarray

    @property
    def unit(self) -> float:
        return float(min(self.width, self.height))

    def row(self, kinds: list[int]) -> list[_Spot]:
        """Side by side around the middle (or around a side, if the scene says so)."""
        count = len(kinds)
        share = _ROW_SIZE[min(count, 4)] * (0.92 + 0.2 * self.draws[0])
        if self.spec.arrangement in ("left", "right") and count == 1:
            share *= 0.86
        room = self.width * (1 - 2 * MARGIN)
        if count == 1:
            share *= _SIZE_FACTOR[self.spec.objects[0].size]
        size = min(share * self.unit, room / count * 0.97, self.height * 0.8)
        step = min(size * 1.1, room / count)
        middle = self._middle(step * count)
        return [_Spot(kind=kind, x=middle + (i - (count - 1) / 2) * step, size=self._sized(kind, size, step))
                for i, kind in enumerate(kinds)]  # fmt: skip

    def group(self, kinds: list[int]) -> list[_Spot]:
        """Two ranks, one over the other; on the ground a zigzag, the rear rank a little higher."""
        if not self._floating(kinds[0]):
            return self._zigzag(kinds)
        size = min(0.37 * (0.95 + 0.15 * float(self.draws[0])) * self.unit, self.width * 0.42)
        front = 2
        rear = len(kinds) - front
        lift = size * 1.02
        spots = [_Spot(kind=kinds[i], x=self.width / 2 + (i - (rear - 1) / 2) * size * 1.12, size=size * 0.94, lift=lift)
                 for i in range(rear)]  # fmt: skip
        return spots + [_Spot(kind=kinds[rear + i], x=self.width / 2 + (i - 0.5) * size * 1.16, size=size)
                        for i in range(front)]  # fmt: skip

    def _zigzag(self, kinds: list[int]) -> list[_Spot]:
        count = len(kinds)
        size = min(0.31, 1.16 / (count + 0.2)) * self.unit
        step = size * 0.84
        lift = 0.13 * min(self.unit, 1.6 * size / 0.3)
        spots = [_Spot(kind=kind, x=self.width / 2 + (i - (count - 1) / 2) * step, size=size * (1 if i % 2 else 0.92),
                       lift=0 if i % 2 else lift) for i, kind in enumerate(kinds)]  # fmt: skip
        return sorted(spots, key=lambda spot: -spot.lift)

    def above(self, kinds: list[int]) -> list[_Spot]:
        """The first kind hangs over the second."""
        size = 0.37 * (0.97 + 0.12 * float(self.draws[0])) * self.unit
        x = self.width / 2 + (float(self.draws[1]) - 0.5) * 0.1 * self.unit
        base = self._base(kinds[1], size)
        low = self.height / 2 + size * 1.06 if self._floating(kinds[1]) and not self.place.water else base
        high = max(low - size * 1.62, size * 0.56)
        upper, lower = (self._sized(kind, size, size) for kind in kinds)
        return [
            _Spot(kind=kinds[0], x=x, size=upper, middle=high),
            _Spot(kind=kinds[1], x=x, size=lower, lift=base - low),
        ]

    def placement(self, spot: _Spot, flipped: bool) -> Placement:
        """A spot brought down to the ground, or hung at its height."""
        drift = (float(self.draws[2 + spot.kind]) - 0.5) * 0.03 * self.unit
        if spot.middle is not None:
            return Placement(kind=spot.kind, x=spot.x, base=spot.middle + spot.size / 2, size=spot.size,
                             flipped=flipped, grounded=False)  # fmt: skip
        base = self._base(spot.kind, spot.size) - spot.lift + drift
        grounded = self._standing() and not self._flies(spot.kind)
        return Placement(kind=spot.kind, x=spot.x, base=min(base, self.height * (1 - MARGIN / 2)), size=spot.size,
                         flipped=flipped, grounded=grounded)  # fmt: skip

    def _middle(self, extent: float) -> float:
        if self.spec.arrangement in ("left", "right"):
            side = -1 if self.spec.arrangement == "left" else 1
            edge = self.width / 2 - extent / 2 - self.width * MARGIN
            return self.width / 2 + side * min(
                edge, self.width * 0.25 + 0.02 * float(self.draws[1]) * self.unit
            )
        slack = max(self.width * (1 - 2 * MARGIN) - extent, 0)
        return self.width / 2 + (float(self.draws[1]) - 0.5) * min(slack, 0.14 * self.unit)

    def _sized(self, kind: int, size: float, step: float) -> float:
        thing: ObjectSpec = self.spec.objects[kind]
        if self.spec.total == 1:
            return size
        return min(size * _SIZE_FACTOR[thing.size], step * 1.04)

    def _standing(self) -> bool:
        return self.place.solid

    def _flies(self, kind: int) -> bool:
        return self.habitats[kind] == "air" and self.place.setting in (Setting.OUTDOOR, Setting.VOID)

    def _floating(self, kind: int) -> bool:
        return (
            self._flies(kind)
            or self.place.setting in (Setting.STUDIO, Setting.UNDERWATER)
            or not self._standing()
        )

    def _base(self, kind: int, size: float) -> float:
        crowd = 0.5 * size if self.spec.arrangement == "group" and self.spec.total > 2 else 0.0
        if self.place.setting is Setting.STUDIO and self.spec.place != "spotlight":
            return self.height * 0.51 + size / 2 + crowd
        if self._flies(kind):
            return self.height * _FLYING_HEIGHT + size / 2 + crowd
        if self.place.solid or self.place.water:
            return max(self.height * self.place.standing, size * 1.03)
        return self.height * (0.49 if self.spec.place != "clouds" else 0.46) + size / 2 + crowd
