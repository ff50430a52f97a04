"""Splitting a prompt into words and into phrases that may name a thing."""

import pytest

from darkroom.model import phrases


def spans_of(prompt: str, *, named: str = "") -> list[str]:
    words = phrases.split_words(prompt)
    marks = [word.text == named for word in words]
    spans = phrases.candidates(words, [not mark for mark in marks], marks)
    return [" ".join(word.text for word in words[first:end]) for first, end in spans]


def matches_of(prompt: str, *names: str) -> list[str]:
    words = phrases.split_words(prompt)
    table = {phrases.key_of(name): name for name in names}
    return [name for _, _, name in phrases.longest_matches(words, [True] * len(words), table)]


def test_words_keep_their_places():
    prompt = "A Red-Fox's den, “snow”"
    words = phrases.split_words(prompt)
    assert [word.text for word in words] == ["a", "red", "fox", "den", "snow"]
    assert [prompt[word.start : word.end] for word in words] == ["A", "Red", "Fox's", "den", "snow"]
    assert [word.pause for word in words] == [False, False, False, False, True]


@pytest.mark.parametrize("text", ["", "   ", "🦊🦊", "'''", "\ud800", "...---..."])
def test_text_without_words(text):
    assert phrases.split_words(text) == ()
    assert phrases.candidates((), (), ()) == ()


def test_any_script_has_words():
    assert [word.text for word in phrases.split_words("Füchse 狐 лиса")] == ["füchse", "狐", "лиса"]


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("foxes", "fox"),
        ("puppies", "puppy"),
        ("wolves", "wolf"),
        ("knives", "knife"),
        ("cats", "cat"),
        ("shoes", "shoe"),
    ],
)
def test_singular_forms(plural, singular):
    assert singular in phrases.singular_forms(plural)


def test_some_words_only_look_like_plurals():
    assert phrases.singular_forms("glass") == ("glass",)
    assert phrases.singular_forms("bus") == ("bus",)


def test_the_longest_match_wins_and_nothing_overlaps():
    assert matches_of("a hot dog and a dog", "dog", "hot dog") == ["hot dog", "dog"]
    assert matches_of("ice cream cone", "cream cone", "ice cream") == ["ice cream"]


def test_plurals_and_compounds_match():
    assert matches_of("two teddy bears", "teddy bear") == ["teddy bear"]
    assert matches_of("three sail boats", "sailboat", "boat") == ["sailboat"]


def test_a_pause_parts_what_would_be_a_name():
    assert matches_of("it is hot, dog", "hot dog") == []
    assert matches_of("hot-dog", "hot dog") == ["hot dog"]


def test_words_already_taken_are_not_matched():
    words = phrases.split_words("dog house")
    assert list(phrases.longest_matches(words, [False, True], {("dog",): "dog"})) == []


def test_candidates_are_runs_of_up_to_three_words():
    assert spans_of("shiny old sailing ship") == ["ship"]
    assert spans_of("wild guinea pig farmer") == [
        "guinea",
        "guinea pig",
        "pig",
        "guinea pig farmer",
        "pig farmer",
        "farmer",
    ]


@pytest.mark.parametrize(
    "prompt",
    ["in the red", "two blue", "running quickly", "very little", "at sunset", "mountains", "in 1999"],
)
def test_colours_numbers_verbs_places_and_times_are_no_candidates(prompt):
    assert spans_of(prompt) == []


def test_what_describes_a_named_thing_is_no_candidate():
    assert spans_of("a pirate ship", named="ship") == []
    assert spans_of("a pirate, ship", named="ship") == ["pirate"]
    assert spans_of("a labrador chasing butterflies", named="butterflies") == ["labrador"]


def test_the_lists_do_not_contradict_each_other():
    known = phrases.vocabulary()
    assert not known.breakers & known.weak
    assert not set(known.scenery) & set(known.kinds)
    assert all(phrases.key_of(phrase) for phrase in (*known.scenery, *known.kinds, *known.idioms))
