"""Prompts from what was read off a picture, in the grammar of the captions that mini-1 learned: subject, place, light, colours, look.

What is not likely enough is left out; where nothing is, the prompts speak of colours alone. Deterministic; knows no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count as counting
from itertools import islice
from typing import Any

from darkroom.classifiers.colours import colour_shares
from darkroom.classifiers.picture_reading import Reading

LEAST_THING, LEAST_SECOND_THING = 0.15, 0.08
"""Odds under which a thing is not named: the first guess, and any other."""
LEAST_PAIR = 0.35
"""How likely the second thing must be beside the first, where two are counted: then they are one of each, which is commoner."""
LEAST_PLACE = 0.3
LEAST_LOOK = 0.25
LEAST_TIME = 0.5
LEAST_COUNT = 0.5
LEAST_PAINT = 0.6
LEAST_PAINTED_SHARE = 0.04  # of the pixels: a colour that is hardly there is not said
LEAST_MAIN_SHARE = 0.12
MAIN_COLOURS = 2
SAID_THINGS = 3
PROMPTS_MAX = 8

Vocabulary = Mapping[str, Any]


def prompts_of(reading: Reading, vocabulary: Vocabulary, *, count: int) -> tuple[str, ...]:
    """`count` different prompts (at most 8), the likeliest first."""
    wanted = min(count, PROMPTS_MAX)
    shares = colour_shares(reading.square, vocabulary["palette"])
    scene = _Scene(reading=reading, vocabulary=vocabulary, shares=shares)
    drafts = dict.fromkeys(islice(_drafts(scene), 12 * wanted))
    return tuple(drafts)[:wanted]


def _drafts(scene: _Scene) -> Iterator[str]:
    """Without end: the likeliest things, then the scenery alone, in ever other words for the same."""
    for turn in counting():
        place = scene.places[turn // 2 % len(scene.places)]
        time, look = scene.time(place, turn), scene.look
        subjects = scene.subjects
        for number in range(SAID_THINGS if subjects else 0):
            subject = subjects[number % len(subjects)]
            where = scene.where(place, turn + number)
            if number % 2:
                yield scene.toned(_spaced(f"{scene.noun(look, turn)} of {subject}", where, time))
            else:
                yield _comma(_spaced(subject, where, time), scene.tag(look, turn + number))
        if not subjects:
            yield _comma(_spaced(scene.view(place, turn), time), scene.tag(look, turn))
        yield scene.toned(_spaced(scene.view(place, turn + 1), time), scene.tag(look, turn))
        yield scene.toned(f"{scene.noun(look, turn)} of {_spaced(scene.view(place, turn), time)}")


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """A reading in words."""

    reading: Reading
    vocabulary: Vocabulary
    shares: Mapping[str, float]  # of the pixels, by colour, the largest first

    @property
    def look(self) -> str:
        """The likeliest style; "" where none is likely."""
        return self._most_likely("style", LEAST_LOOK)

    @property
    def subjects(self) -> list[str]:
        """What is named, the likeliest first; nothing where the picture is taken for an empty view."""
        number = self._most_likely("count", LEAST_COUNT)
        (first, odds), *others = self.reading.best_things(SAID_THINGS)
        if number == "0" or odds < LEAST_THING:
            return []
        named = [first, *(other for other, share in others if share >= LEAST_SECOND_THING)]
        things = [self.vocabulary["things"][index] for index in named]
        if number == "2" and len(things) > 1 and others[0][1] >= LEAST_PAIR * odds:
            one, other = (str(thing["one"]) for thing in things[:2])
            return [f"{one} and {other}", f"{other} next to {one}"]
        return [self._subject(thing, number) for thing in things]

    @property
    def places(self) -> list[str]:
        """The likeliest places; one empty name where none is likely."""
        best = self.reading.best("place", 2)
        return [name for name, odds in best if odds >= LEAST_PLACE] or [""]

    def toned(self, said: str, *parts: str) -> str:
        """The colours that most pixels have put behind what is said, less those that it names: "..., mostly green and blue"."""
        names = [name for name in self._main_colours() if name not in said.split()]
        return _comma(said, f"mostly {' and '.join(names)}" if names else "", *parts)

    def _subject(self, thing: Mapping[str, Any], number: str) -> str:
        """ "a fox", "two red apples"."""
        several = self.vocabulary["numbers"].get(number)
        paint = self._paint(thing)
        if several:
            return _spaced(several, paint, thing["many"])
        return _indefinite(f"{paint} {thing['name']}") if paint else str(thing["one"])

    def where(self, place: str, turn: int) -> str:
        return self._filled(place, "phrases", turn)

    def view(self, place: str, turn: int) -> str:
        """A scene that stands alone; only its colours where no place is likely."""
        if not place:
            return f"a scene in {' and '.join(self._main_colours()) or 'many colours'}"
        return self._filled(place, "views", turn)

    def time(self, place: str, turn: int) -> str:
        """The light, where the place has any and it is not plain day."""
        name = self._most_likely("time", LEAST_TIME)
        if not place or not self.vocabulary["places"][place]["timed"] or name in ("", "day"):
            return ""
        return _nth(self.vocabulary["times"][name], turn)

    def tag(self, look: str, turn: int) -> str:
        return _nth(self.vocabulary["looks"][look]["tags"] if look else self.vocabulary["media"], turn)

    def noun(self, look: str, turn: int) -> str:
        nouns = self.vocabulary["looks"][look]["nouns"] if look else self.vocabulary["media"]
        return _indefinite(_nth(nouns, turn))

    def _filled(self, place: str, kind: str, turn: int) -> str:
        if not place:
            return ""
        colourless = self.look in self.vocabulary["colourless"]
        phrase = _nth(self.vocabulary["places"][place][f"plain_{kind}" if colourless else kind], turn)
        (first, _), (second, _) = self.reading.best("backdrop", 2)
        filled = phrase.format(first, second, wall=first)
        for name in (first, second):
            filled = filled.replace(f"a {name}", _indefinite(name), 1)
        return filled

    def _paint(self, thing: Mapping[str, Any]) -> str:
        """The colour of a thing that may have any; "" where the picture does not bear it out."""
        name = self._most_likely("colour", LEAST_PAINT)
        if not thing["paintable"] or self.look in self.vocabulary["colourless"]:
            return ""
        return name if self.shares.get(name, 0.0) >= LEAST_PAINTED_SHARE else ""

    def _main_colours(self) -> list[str]:
        return [name for name, share in self.shares.items() if share >= LEAST_MAIN_SHARE][:MAIN_COLOURS]

    def _most_likely(self, attribute: str, least: float) -> str:
        name, odds = self.reading.best(attribute)[0]
        return name if odds >= least else ""


def _nth(options: list[str], turn: int) -> str:
    return options[turn % len(options)]


def _spaced(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _comma(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _indefinite(phrase: str) -> str:
    """With "a" or "an". The nouns of looks and the names of colours follow their letters."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"
