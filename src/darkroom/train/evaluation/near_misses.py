"""Scenes that differ from a given one in a single thing: whether a picture is told from these is the test of composition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from darkroom.train.composer import PALETTE, PLACES, SceneSpec, full_caption
from darkroom.train.composer.places import Setting
from darkroom.train.composer.words import STYLES
from darkroom.train.sprites import Atlas

MISSES = 7
OTHERS = 15
_TRIES = 60
_OTHER_SIDE = {"left": "right", "right": "left", "single": "left"}


def near_misses(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator, count: int = MISSES) -> list[str]:
    """Captions of `count` scenes in each of which one thing is another: the object, its number, colour or side, place, time, style."""
    own = full_caption(spec, atlas)
    found: list[str] = []
    for _ in range(_TRIES):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        other = full_caption(change(spec, atlas, rng), atlas)
        if other != own and other not in found:
            found.append(other)
        if len(found) == count:
            break
    return found


def other_objects(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator, count: int = OTHERS) -> list[str]:
    """Captions of the same scene with up to `count` other things in place of the first."""
    own = full_caption(spec, atlas)
    drawn = (full_caption(_object(spec, atlas, rng), atlas) for _ in range(_TRIES))
    return [text for text in dict.fromkeys(drawn) if text != own][:count]


def _object(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    first, *rest = spec.objects
    same_set = [
        c.name for c in atlas.concepts.values() if spec.art_set in c.art_sets and c.name != first.concept
    ]
    changed = replace(first, concept=str(rng.choice(same_set)))
    return replace(spec, objects=(changed, *rest))


def _count(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    if len(spec.objects) != 1:
        return spec
    count = int(rng.integers(1, 5))
    arrangement = "single" if count == 1 else "row" if count == 2 else "group"
    return replace(spec, objects=(replace(spec.objects[0], count=count),), arrangement=arrangement)


def _colour(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    painted = [i for i, thing in enumerate(spec.objects) if thing.colour]
    if not painted:
        return spec
    objects = list(spec.objects)
    objects[painted[0]] = replace(objects[painted[0]], colour=str(rng.choice(tuple(PALETTE))))
    return replace(spec, objects=tuple(objects))


def _order(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    if len(spec.objects) == 1:
        return replace(spec, arrangement=_OTHER_SIDE.get(spec.arrangement, spec.arrangement))
    return replace(spec, objects=(spec.objects[1], spec.objects[0], *spec.objects[2:]))


def _place(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    """Another place of the same kind at the same time of day, or another colour behind the thing."""
    if spec.backdrop:
        return replace(spec, backdrop=(str(rng.choice(tuple(PALETTE))), *spec.backdrop[1:]))
    here = PLACES[spec.place]
    if here.setting is not Setting.OUTDOOR:
        return spec
    near = [
        n for n, p in PLACES.items() if p.setting is here.setting and spec.time in p.times and n != spec.place
    ]
    return replace(spec, place=str(rng.choice(near))) if near else spec


def _time(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    times = [time for time in PLACES[spec.place].times if time != spec.time]
    return replace(spec, time=str(rng.choice(times))) if spec.time and times else spec


def _style(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> SceneSpec:
    if not spec.style:
        shared = set.intersection(*(set(atlas.concepts[o.concept].art_sets) for o in spec.objects))
        return replace(spec, art_set=str(rng.choice(sorted(shared))))
    return replace(spec, style=str(rng.choice([name for name in STYLES if name != spec.style])))


_CHANGES = (_object, _count, _colour, _order, _place, _time, _style)
