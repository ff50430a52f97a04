"""Drawing scene descriptions for a corpus: how often each place, number, colour and style occurs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.train.composer.filters import STYLES
from darkroom.train.composer.palette import PALETTE
from darkroom.train.composer.places import PLACES, PLANET_COLOURS, WALL_COLOURS, Setting, place_names
from darkroom.train.composer.spec import ObjectSpec, SceneSpec, Split
from darkroom.train.composer.split import HELD_OUT_ART_SET, HELD_OUT_CONCEPTS, is_held_out
from darkroom.train.composer.words import COLOURLESS

if TYPE_CHECKING:
    from darkroom.train.sprites import Atlas

KINDS_SHARE = (0.07, 0.68, 0.2, 0.05)  # of scenes with 0, 1, 2 and 3 kinds of things
STUDIO_SHARE = 0.34  # of all scenes; those without a thing are never in the studio
STYLED_SHARE = 0.2
COLOURED_SHARE = 0.5  # of things that may be repainted
SIZED_SHARE = 0.12
SINGLE_SHARE = 0.85  # of scenes with one kind: just one of it
SEVERAL_SHARE = 0.12  # of the first kinds of a pair: two of it
AT_HOME_SHARE = 0.5  # of scenes: the place suits the first thing
WEATHER_SHARE = 0.14
TOO_COARSE_FOR_WEATHER = ("neon", "line art", "pencil", "low poly", "pixel art")  # rain would hide the scene
ZERO_SHOT_SET_SHARE = 0.3  # of zero-shot scenes: the unseen art set rather than an unseen concept
ART_SET_WEIGHTS = {"fluent-3d": 3.0, "noto": 2.0, "fluent-flat": 2.0}  # others 1
STYLE_WEIGHTS = {"pixel art": 1.5, "watercolour": 1.5, "halftone": 0.6, "line art": 0.8}  # others 1
_TIME_WEIGHTS = {"day": 3.0, "sunset": 1.6, "night": 1.8, "dawn": 1.0, "dusk": 0.9, "storm": 0.7}
_MAX_TRIES = 20_000


def sample_spec(rng: np.random.Generator, atlas: Atlas, *, split: Split) -> SceneSpec:
    """Draw one scene of a split.

    TRAIN never shows a held-out concept, art set or combination; HELD_OUT shows known concepts in held-out
    combinations only; ZERO_SHOT shows a held-out concept in a known art set, or the held-out art set.
    """
    for _ in range(_MAX_TRIES):
        spec = _draw(rng, atlas, split)
        if split is Split.ZERO_SHOT or is_held_out(spec) == (split is Split.HELD_OUT):
            return spec
    raise AssertionError(f"no scene of split {split.value} in {_MAX_TRIES} draws: the atlas is too small")


def _draw(rng: np.random.Generator, atlas: Atlas, split: Split) -> SceneSpec:
    new_set = split is Split.ZERO_SHOT and rng.random() < ZERO_SHOT_SET_SHARE
    kinds = int(rng.choice(4, p=KINDS_SHARE))
    if split is not Split.TRAIN:
        kinds = max(kinds, 1)
    names = _concepts(rng, atlas, kinds, unseen=split is Split.ZERO_SHOT and not new_set)
    art_set = HELD_OUT_ART_SET if new_set else _art_set(rng, atlas, names)
    names = (
        tuple(n for n in names if art_set in atlas.concepts[n].art_sets)
        or _any_of_set(rng, atlas, art_set)[:kinds]
    )
    place = _place(rng, atlas, names)
    style = (
        _weighted(rng, tuple(STYLES), STYLE_WEIGHTS) if rng.random() < STYLED_SHARE and not new_set else ""
    )
    objects, arrangement = _objects(rng, atlas, names, style)
    taken = {o.colour or atlas.concepts[o.concept].natural_colour for o in objects}
    time = _time(rng, place)
    weathers = PLACES[place].weathers
    chance = 0.5 if time == "storm" else WEATHER_SHARE
    falls = bool(weathers) and rng.random() < chance and style not in TOO_COARSE_FOR_WEATHER
    weather = str(rng.choice(weathers)) if falls else ""
    return SceneSpec(
        seed=int(rng.integers(2**31)), objects=objects, arrangement=arrangement, place=place,
        backdrop=_backdrop(rng, place, taken), time=time, weather=weather, art_set=art_set, style=style,
    )  # fmt: skip


def _concepts(rng: np.random.Generator, atlas: Atlas, kinds: int, *, unseen: bool) -> tuple[str, ...]:
    known = [name for name in atlas.concepts if name not in HELD_OUT_CONCEPTS]
    chosen = [str(name) for name in rng.choice(known, min(kinds, len(known)), replace=False)]
    if unseen:
        rare = [name for name in HELD_OUT_CONCEPTS if name in atlas.concepts]
        assert rare, "the atlas has none of the held-out concepts"
        chosen[0] = str(rng.choice(rare))
    return tuple(chosen)


def _art_set(rng: np.random.Generator, atlas: Atlas, names: tuple[str, ...]) -> str:
    """A training art set that has the first thing; the others of the scene are dropped if they lack it."""
    if not names:
        return "noto"
    sets = [s for s in atlas.concepts[names[0]].art_sets if s != HELD_OUT_ART_SET]
    shared = [s for s in sets if all(s in atlas.concepts[n].art_sets for n in names)]
    return _weighted(rng, tuple(shared or sets), ART_SET_WEIGHTS)


def _any_of_set(rng: np.random.Generator, atlas: Atlas, art_set: str) -> tuple[str, ...]:
    have = [n for n, c in atlas.concepts.items() if art_set in c.art_sets and n not in HELD_OUT_CONCEPTS]
    return (str(rng.choice(have)),)


def _weighted(rng: np.random.Generator, names: tuple[str, ...], weights: dict[str, float]) -> str:
    share = np.array([weights.get(name, 1.0) for name in names])
    return names[int(rng.choice(len(names), p=share / share.sum()))]


_PASTELS = tuple(c for c in PALETTE if c not in ("white", "black", "gray", "beige", "brown"))
_STUDIOS = place_names(Setting.STUDIO)
_SCENERY = tuple(name for name in PLACES if name not in _STUDIOS)
_WEIGHTS = {name: place.weight for name, place in PLACES.items()}


def _place(rng: np.random.Generator, atlas: Atlas, names: tuple[str, ...]) -> str:
    if names and rng.random() < STUDIO_SHARE / (1 - KINDS_SHARE[0]):
        return _weighted(rng, _STUDIOS, _WEIGHTS)
    options = _SCENERY
    if names and rng.random() < AT_HOME_SHARE:
        habitat = atlas.concepts[names[0]].habitat
        options = tuple(n for n in _SCENERY if habitat in PLACES[n].habitats)
    elif names and atlas.concepts[names[0]].habitat not in ("water", "air"):
        options = tuple(n for n in _SCENERY if n != "sea")
    return _weighted(rng, options, _WEIGHTS)


def _time(rng: np.random.Generator, place: str) -> str:
    times = PLACES[place].times
    if len(set(times)) < len(times):  # a short list that repeats carries its own weights
        return str(rng.choice(times))
    return _weighted(rng, times, _TIME_WEIGHTS)


def _backdrop(rng: np.random.Generator, place: str, taken: set[str]) -> tuple[str, ...]:
    """The colours of a place, other than those of the things, which would not stand out."""
    if PLACES[place].setting is Setting.STUDIO:
        colours = [c for c in (_PASTELS if place == "pastel" else tuple(PALETTE)) if c not in taken]
        count = 2 if place == "gradient" else 1
        return tuple(str(c) for c in rng.choice(colours, count, replace=False))
    if place in ("room", "kitchen", "bedroom"):
        return (str(rng.choice([c for c in WALL_COLOURS if c not in taken])),)
    if place == "space" and rng.random() < 0.5:
        return (str(rng.choice(PLANET_COLOURS)),)
    return ()


def _objects(
    rng: np.random.Generator, atlas: Atlas, names: tuple[str, ...], style: str
) -> tuple[tuple[ObjectSpec, ...], str]:
    """The things of a scene and how they are arranged."""
    if len(names) <= 1:
        count = 1 if rng.random() < SINGLE_SHARE else int(rng.integers(2, 5))
        things = tuple(_thing(rng, atlas, name, count, style) for name in names)
        return things, _arrangement_of_one(rng, count)
    arrangement = str(rng.choice(("beside", "above"), p=(0.78, 0.22))) if len(names) == 2 else "between"
    several = arrangement == "beside" and rng.random() < SEVERAL_SHARE
    things = tuple(
        _thing(rng, atlas, name, 2 if several and i == 0 else 1, style) for i, name in enumerate(names)
    )
    return things, arrangement


def _arrangement_of_one(rng: np.random.Generator, count: int) -> str:
    if count == 1:
        return str(rng.choice(("single", "left", "right"), p=(0.7, 0.15, 0.15)))
    if count == 2:
        return "row"
    return "group" if rng.random() < (0.5 if count == 3 else 0.75) else "row"


def _thing(rng: np.random.Generator, atlas: Atlas, name: str, count: int, style: str) -> ObjectSpec:
    concept = atlas.concepts[name]
    colour = None
    if concept.recolour and style not in COLOURLESS and rng.random() < COLOURED_SHARE:
        colour = str(rng.choice([c for c in PALETTE if c not in ("beige",)]))
    size = str(rng.choice(("small", "large"))) if rng.random() < SIZED_SHARE and count <= 2 else None
    return ObjectSpec(concept=name, count=count, colour=colour, size=size)
