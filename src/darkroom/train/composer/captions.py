"""Captions that are true by construction: one canonical wording, and many shorter or differently ordered ones.

Parts may be left out; nothing is ever said that the scene does not show. Draws no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.train.composer import words
from darkroom.train.composer.palette import PALETTE
from darkroom.train.composer.places import PLACES, Setting
from darkroom.train.composer.sky import sky_features
from darkroom.train.composer.spec import ObjectSpec, SceneSpec

if TYPE_CHECKING:
    from darkroom.train.sprites import Atlas

SYNONYM_SHARE = 0.15
NATURAL_COLOUR_SHARE = 0.15  # of things that were not repainted: the colour they have anyway is said
_COLOURS = frozenset((*PALETTE, "grey"))
_KEEP = {"where": 0.93, "time": 0.9, "day": 0.35, "weather": 0.85, "sky": 0.45, "planet": 0.75,
         "style": 0.92, "art set": 0.6, "plain": 0.3, "arrangement": 0.8, "colour": 0.95, "size": 0.9}  # fmt: skip


class _Voice:
    """Chooses wordings. Without a generator it always takes the first and drops nothing: the canonical caption."""

    def __init__(self, rng: np.random.Generator | None) -> None:
        self._rng = rng

    @property
    def canonical(self) -> bool:
        return self._rng is None

    def choose(self, options: Sequence[str]) -> str:
        return options[0] if self._rng is None else options[int(self._rng.integers(len(options)))]

    def keeps(self, part: str) -> bool:
        return self._rng is None or bool(self._rng.random() < _KEEP[part])

    def sometimes(self, share: float) -> bool:
        return self._rng is not None and bool(self._rng.random() < share)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The pieces of one caption; empty text for what is left out."""

    subject: str
    where: str
    time: str
    weather: str
    extras: tuple[str, ...]
    tag: str
    noun: str


def caption(spec: SceneSpec, atlas: Atlas, rng: np.random.Generator) -> str:
    """A true caption in one of many wordings; parts are left out at random."""
    voice = _Voice(rng)
    parts = _parts(spec, atlas, voice)
    draw = float(rng.random())
    scene = " ".join(part for part in (parts.subject, parts.where, parts.time, parts.weather) if part)
    if draw < 0.12 and parts.time:
        return _comma(
            parts.time,
            " ".join(p for p in (parts.subject, parts.where, parts.weather) if p),
            *parts.extras,
            parts.tag,
        )
    if draw < 0.22:
        return _comma(parts.subject, parts.where, parts.time, parts.weather, *parts.extras, parts.tag)
    if draw < 0.5 and parts.noun:
        return _comma(f"{words.indefinite(parts.noun)} of {scene}", *parts.extras)
    if draw < 0.56 and parts.tag:
        return _comma(parts.tag, scene, *parts.extras)
    return _comma(scene, *parts.extras, parts.tag)


def full_caption(spec: SceneSpec, atlas: Atlas) -> str:
    """The canonical caption: everything that the scene shows, always in the same words."""
    parts = _parts(spec, atlas, _Voice(None))
    scene = " ".join(part for part in (parts.subject, parts.where, parts.time, parts.weather) if part)
    return _comma(scene, *parts.extras, parts.tag)


def _comma(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _parts(spec: SceneSpec, atlas: Atlas, voice: _Voice) -> _Parts:
    subject = _things(spec, atlas, voice) if spec.objects else _view(spec, voice)
    where = _where(spec, voice) if spec.objects and voice.keeps("where") else ""
    tag, noun = _medium(spec, voice)
    return _Parts(
        subject=subject,
        where=where,
        time=_time(spec, voice),
        weather=voice.choose(words.WEATHERS[spec.weather]) if spec.weather and voice.keeps("weather") else "",
        extras=_extras(spec, voice),
        tag=tag,
        noun=noun,
    )


def _things(spec: SceneSpec, atlas: Atlas, voice: _Voice) -> str:
    named = [_thing(thing, spec, atlas, voice) for thing in spec.objects]
    if len(named) == 1:
        return _one_kind(named[0], spec, voice)
    if not voice.keeps("arrangement"):
        return words.listed(named)
    first, second = named[0], named[1]
    if spec.arrangement == "between" and len(named) == 3:
        lined_up = f"{words.listed([second, first, named[2]])} side by side"
        return voice.choose((f"{first} between {words.listed(named[1:])}", lined_up))
    if spec.arrangement == "above":
        return voice.choose((f"{first} above {second}", f"{second} below {first}", f"{first} over {second}"))
    return voice.choose((f"{first} to the left of {second}", f"{second} to the right of {first}",
                         f"{first} next to {second}", f"{first} beside {second}", f"{first} and {second}"))  # fmt: skip


def _one_kind(named: str, spec: SceneSpec, voice: _Voice) -> str:
    if spec.arrangement in words.SIDES and voice.keeps("arrangement"):
        return f"{named} {voice.choose(words.SIDES[spec.arrangement])}"
    if spec.arrangement == "row" and spec.total > 2 and (voice.canonical or voice.sometimes(0.5)):
        return f"{named} in a row"
    return named


def _thing(thing: ObjectSpec, spec: SceneSpec, atlas: Atlas, voice: _Voice) -> str:
    concept = atlas.concepts[thing.concept]
    adjectives = []
    if thing.size and voice.keeps("size"):
        adjectives.append(voice.choose(words.SIZES[thing.size]))
    colour = _colour_of(thing, concept.natural_colour, spec, voice)
    noun = concept.name if thing.count == 1 else concept.plural
    if colour and colour != noun.split()[0]:
        adjectives.append(voice.choose(words.SPELLINGS.get(colour, (colour,))))
    if thing.count > 1:
        return " ".join([words.NUMBERS[thing.count], *adjectives, noun])
    synonyms = [s for s in concept.synonyms if words.speakable(s, concept.name, _COLOURS)]
    if synonyms and voice.sometimes(SYNONYM_SHARE):
        noun = voice.choose(synonyms)
    return words.indefinite(" ".join([*adjectives, noun]))


def _colour_of(thing: ObjectSpec, natural: str, spec: SceneSpec, voice: _Voice) -> str:
    if spec.style in words.COLOURLESS:
        return ""
    if thing.colour:
        return thing.colour if voice.keeps("colour") else ""
    return natural if natural and voice.sometimes(NATURAL_COLOUR_SHARE) else ""


def _where(spec: SceneSpec, voice: _Voice) -> str:
    unseen = spec.style in words.BACKDROP_UNSEEN
    options = words.UNCOLOURED_PHRASES.get(spec.place) if unseen else None
    return _coloured(voice.choose(options or PLACES[spec.place].phrases), spec)


def _view(spec: SceneSpec, voice: _Voice) -> str:
    unseen = spec.style in words.BACKDROP_UNSEEN
    options = words.UNCOLOURED_VIEWS.get(spec.place) if unseen else None
    return _coloured(voice.choose(options or PLACES[spec.place].views), spec)


def _coloured(phrase: str, spec: SceneSpec) -> str:
    """Fill in the backdrop's colours and mend the article before them."""
    if "{" not in phrase:
        return phrase
    colours = spec.backdrop or ("plain",)
    filled = phrase.format(*colours, wall=colours[0])
    for name in colours:
        filled = filled.replace(f"a {name}", words.indefinite(name), 1)
    return filled


def _time(spec: SceneSpec, voice: _Voice) -> str:
    if spec.time == "" or spec.place == "night sky":
        return ""
    keep = voice.keeps("day" if spec.time == "day" else "time")
    return voice.choose(words.TIMES[spec.time]) if keep else ""


def _extras(spec: SceneSpec, voice: _Voice) -> tuple[str, ...]:
    if spec.place == "space" and spec.backdrop and spec.style not in words.COLOURLESS:
        planet = words.indefinite(f"{spec.backdrop[0]} planet")
        return (
            (voice.choose((f"with {planet}", f"{planet} in the background")),)
            if voice.keeps("planet")
            else ()
        )
    if (
        PLACES[spec.place].setting is not Setting.OUTDOOR
        or spec.time in ("", "storm")
        or spec.place in ("cave", "clouds")
    ):
        return ()
    seen = sky_features(spec)
    shown = []
    if seen.sun:
        shown.append("sun" if spec.time == "day" else "low sun")
    if seen.moon:
        shown.append("moon")
    elif seen.stars and spec.place != "night sky":
        shown.append("stars")
    if seen.clouds:
        shown.append("clouds")
    return tuple(voice.choose(words.SKY[name]) for name in shown if voice.keeps("sky"))


def _medium(spec: SceneSpec, voice: _Voice) -> tuple[str, str]:
    """The tag and the noun of the scene's look, or two empty texts where it is left unsaid."""
    if spec.style:
        medium = words.STYLES[spec.style]
        return (voice.choose(medium.tags), voice.choose(medium.nouns)) if voice.keeps("style") else ("", "")
    if spec.objects:
        medium = words.ART_SETS[spec.art_set]
        return (voice.choose(medium.tags), voice.choose(medium.nouns)) if voice.keeps("art set") else ("", "")
    if voice.canonical:
        return words.PLAIN_MEDIA[0], ""
    word = voice.choose(words.PLAIN_MEDIA)
    return (word if word != "picture" else "", word) if voice.keeps("plain") else ("", "")
