"""Readings to prompts: what is likely is said in the captions' words, what is not is left out, and prompts differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from darkroom.classifiers.phrasing import Vocabulary, prompts_of
from darkroom.classifiers.picture_reading import PictureReader, Reading

GREEN, BLUE = (76, 176, 84), (58, 118, 224)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return PictureReader.load().vocabulary


def reading(
    vocabulary: Vocabulary,
    *,
    things: Mapping[str, float] | None = None,
    colours: tuple[tuple[int, int, int], ...] = (GREEN, BLUE),
    **sure: str,
) -> Reading:
    """A reading that is sure of some attributes and knows nothing of the others."""
    names = [thing["name"] for thing in vocabulary["things"]]
    attributes = {}
    for name, values in vocabulary["attributes"].items():
        odds = dict.fromkeys(values, 1 / len(values))
        attributes[name] = {value: float(value == sure[name]) for value in values} if name in sure else odds
    half = np.zeros((64, 64, 3), np.uint8)
    half[:32], half[32:] = colours
    return Reading(
        things=tuple((things or {}).get(name, 0.0) for name in names),
        attributes=attributes,
        vector=(1.0,),
        square=half,
    )


def test_a_sure_reading_speaks_like_a_caption(vocabulary: Vocabulary) -> None:
    found = reading(
        vocabulary, things={"fox": 0.9}, count="1", place="snow", time="night", style="watercolour"
    )
    prompts = prompts_of(found, vocabulary, count=4)
    assert prompts == (
        "a fox in the snow at night, watercolour",
        "a watercolour painting of a fox in a snowy landscape at night, mostly green and blue",
        "a fox on snowy ground at night, watercolour style",
        "a winter landscape at night, mostly green and blue, watercolour",
    )


def test_several_things_are_counted(vocabulary: Vocabulary) -> None:
    found = reading(vocabulary, things={"fox": 0.9}, count="3", place="snow")
    assert "three foxes in the snow" in prompts_of(found, vocabulary, count=1)[0]


def test_two_likely_things_of_two_stand_together(vocabulary: Vocabulary) -> None:
    both = reading(vocabulary, things={"fox": 0.5, "owl": 0.2}, count="2", place="snow")
    same = reading(vocabulary, things={"fox": 0.5, "owl": 0.1}, count="2", place="snow")
    assert prompts_of(both, vocabulary, count=2)[0].startswith("a fox and an owl in the snow")
    assert "an owl next to a fox" in prompts_of(both, vocabulary, count=2)[1]
    assert prompts_of(same, vocabulary, count=1)[0].startswith("two foxes in the snow")


def test_less_likely_things_come_later(vocabulary: Vocabulary) -> None:
    found = reading(vocabulary, things={"fox": 0.5, "dog": 0.3}, count="1", place="snow")
    prompts = prompts_of(found, vocabulary, count=4)
    assert "a fox" in prompts[0] and "a dog" in prompts[1] and "a fox" in prompts[2]


@pytest.mark.parametrize("odds", [0.0, 0.14])
def test_an_unlikely_thing_is_not_named(vocabulary: Vocabulary, odds: float) -> None:
    found = reading(vocabulary, things={"fox": odds}, count="1", place="snow")
    assert "fox" not in " / ".join(prompts_of(found, vocabulary, count=8))


def test_an_empty_view_names_no_thing(vocabulary: Vocabulary) -> None:
    found = reading(vocabulary, things={"fox": 0.9}, count="0", place="snow")
    prompts = prompts_of(found, vocabulary, count=4)
    assert "fox" not in " / ".join(prompts)
    assert prompts[0].startswith("a snowy landscape")


def test_paint_is_said_where_the_pixels_bear_it_out(vocabulary: Vocabulary) -> None:
    sure = {"count": "1", "place": "studio", "backdrop": "blue", "things": {"alarm clock": 0.9}}
    green = reading(vocabulary, colour="green", **sure)  # type: ignore[arg-type]
    pink = reading(vocabulary, colour="pink", **sure)  # type: ignore[arg-type]
    assert prompts_of(green, vocabulary, count=1)[0].startswith("a green alarm clock on a blue background")
    assert prompts_of(pink, vocabulary, count=1)[0].startswith("an alarm clock on a blue background")


def test_colours_that_a_prompt_names_are_not_said_twice(vocabulary: Vocabulary) -> None:
    found = reading(vocabulary, count="0", place="studio", backdrop="blue")
    assert all(prompt.count("blue") <= 1 for prompt in prompts_of(found, vocabulary, count=8))


def test_a_drawing_without_colours_names_none(vocabulary: Vocabulary) -> None:
    found = reading(vocabulary, count="0", place="studio", backdrop="blue", style="pencil")
    assert prompts_of(found, vocabulary, count=1) == ("a plain background, pencil drawing",)


def test_day_and_places_without_light_say_no_time(vocabulary: Vocabulary) -> None:
    day = reading(vocabulary, count="0", place="snow", time="day")
    cave = reading(vocabulary, count="0", place="space", time="night")
    assert "by day" not in prompts_of(day, vocabulary, count=1)[0]
    assert "at night" not in prompts_of(cave, vocabulary, count=1)[0]


def test_a_picture_that_is_nothing_known_is_told_by_its_colours(vocabulary: Vocabulary) -> None:
    prompts = prompts_of(reading(vocabulary), vocabulary, count=4)
    assert prompts[0] == "a scene in green and blue, digital illustration"
    assert len(set(prompts)) == 4
    assert all("green and blue" in prompt for prompt in prompts)


@pytest.mark.parametrize("count", range(1, 9))
def test_as_many_as_asked_for_and_all_different(vocabulary: Vocabulary, count: int) -> None:
    for found in (
        reading(vocabulary),
        reading(vocabulary, things={"fox": 1.0}, place="kitchen", backdrop="red"),
    ):
        prompts = prompts_of(found, vocabulary, count=count)
        assert len(prompts) == len(set(prompts)) == count


def test_every_place_fills_its_colours(vocabulary: Vocabulary) -> None:
    for place in vocabulary["places"]:
        found = reading(vocabulary, things={"fox": 1.0}, count="1", place=place, backdrop="orange")
        text = " / ".join(prompts_of(found, vocabulary, count=8))
        assert not set("{}") & set(text), text
        assert "a orange" not in text
