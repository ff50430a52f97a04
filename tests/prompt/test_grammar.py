"""The rules of the grammar, one by one: where parameters stand, how they are spelled, what a text may hold."""

import pytest

from darkroom.core.errors import PromptError
from darkroom.core.params import Aspect
from darkroom.prompt import parse
from darkroom.prompt.table import PROMPT_MAX


def typed_at(text, error):
    """What the user typed at the place that an error names."""
    return text[error.position - 1 :]


def test_a_prompt_without_parameters_has_every_default(one):
    job = one("a red fox")
    assert (job.text, job.model, job.seed, job.lane, job.visibility) == (
        "a red fox",
        "able-1",
        None,
        None,
        None,
    )
    assert [(part.text, part.weight) for part in job.parts] == [("a red fox", 1.0)]


@pytest.mark.parametrize("text", ["", " ", "\n\t", "--ar 16:9", "\u200b", "\u3000", "--raw --tile"])
def test_a_prompt_without_words_is_empty(text, refused):
    error = refused(text)
    assert (error.code, error.position) == ("empty_prompt", 0)


@pytest.mark.parametrize("mark", ["--", "—", "–"])
def test_a_long_dash_directly_before_a_name_counts_as_two(mark, one):
    assert one(f"a fox {mark}ar 16:9 {mark}raw").aspect == Aspect(width=16, height=9)


@pytest.mark.parametrize(
    "text",
    [
        "a fox — no text",
        "a fox – raw and wild",
        "black—white",
        "a well-known fox",
        "他说 —你好",
        "a - b",
        "fox -- cub",
        "minus -5 degrees",
        "stops--not yet",
        "--- fox",
    ],
)
def test_dashes_of_prose_stay_words(text, one):
    assert one(text).text == text


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ("--ar16:9", "--ar 16:9"),
        ("--AR16:9", "--AR 16:9"),
        ("--ar=16:9", "--ar 16:9"),
        ("--ar:16:9", "--ar 16:9"),
        ("--s250", "--s 250"),
        ("--style-raw", "--style -raw"),
        ("--tile,", "--tile"),
        ("--tile--raw", "--tile --raw"),
        ("- -ar", "--ar 3:2"),
        ("-- ar", "--ar 3:2"),
        ("-ar", "--ar 3:2"),
        ("---ar", "--ar 3:2"),
        ("——ar", "--ar 3:2"),
        ("—-ar", "--ar 3:2"),
        ("-ar16:9", "--ar 16:9"),
        ("–ar16:9", "--ar 16:9"),
    ],
)
def test_wrong_spacing_is_an_error_with_the_corrected_form(typed, corrected, refused):
    error = refused(f"a fox {typed} 3:2")
    assert (error.code, error.position) == ("invalid_parameter", 7)
    assert error.message.startswith(typed)
    assert error.hint == f"Write {corrected}."


def test_a_long_dash_before_a_word_is_explained(refused):
    error = refused("a woman —smiling")
    assert (error.code, error.position) == ("invalid_parameter", 9)
    assert error.hint == "Put a space after the dash where it belongs to your words."
    assert refused("a fox —chaso 5").hint == "Did you mean --chaos?"


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("fox - -ar", "--ar"),
        ("fox -tile fog", "--tile"),
        ("fox - -profile --raw", "--profile"),
        ("fox - -ar 1:1 --raw", "--ar 1:1"),
    ],
)
def test_the_corrected_form_takes_along_only_what_can_be_the_value(text, corrected, refused):
    assert refused(text).hint == f"Write {corrected}."


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("--arr", "--ar"),
        ("--stylise", "--stylize"),
        ("--aspct", "--aspect"),
        ("--SEEED", "--seed"),
        ("—stylze", "--stylize"),
    ],
)
def test_an_unknown_parameter_is_an_error_with_the_nearest_name(typed, nearest, refused):
    error = refused(f"a fox {typed} 3")
    assert (error.code, error.position) == ("invalid_parameter", 7)
    assert error.message.startswith(f"{typed} is not a parameter")
    assert error.hint == f"Did you mean {nearest}?"


@pytest.mark.parametrize("typed", ["--zzz", "--16:9", "--über", "--犬"])
def test_an_unknown_parameter_like_no_other_lists_them_all(typed, refused):
    error = refused(f"a fox {typed}")
    assert error.message.startswith(f"{typed} is not a parameter")
    assert "--ar, --v, --niji" in error.hint


@pytest.mark.parametrize("text", ["a --AR 2:1 --RAW --No x", "a --Ar 2:1 --rAw --nO x"])
def test_names_are_case_insensitive(text, one):
    job = one(text)
    assert (job.aspect, job.raw, job.negative) == (Aspect(width=2, height=1), True, ("x",))


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a --ar 16:9 in the snow", "in"),
        ("--ar 16:9 a fox", "a"),
        ("a --raw fox", "fox"),
        ("a --seed 7, fox", "fox"),
        ("a --sref 12 oil", "oil"),
        ("a --cref upload:x oil", "oil"),
        ("a --p id oil", "oil"),
        ("a --ar 1:1 --", "--"),
        ("a --raw https://x.org/a.png", "https://x.org/a.png"),
        ('a --raw "b c"', '"b c"'),
        ("a --sd x", "x"),
    ],
)
def test_text_after_a_parameter_is_an_error_that_shows_where(text, after, refused):
    error = refused(text)
    assert error.code == "invalid_parameter"
    assert typed_at(text, error).startswith(after)
    assert after in error.message


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("a --ar 1:1 --ar 2:1", "--ar 1:1", "--ar 2:1"),
        ("a --ar 1:1 --aspect 1:1", "--ar 1:1", "--aspect 1:1"),
        ("a --tile --tile", "--tile", "--tile"),
        ("a --raw --style raw", "--raw", "--style raw"),
        ("a --v 7 --version 7", "--v 7", "--version 7"),
    ],
)
def test_a_repeated_parameter_is_an_error_that_names_both_places(text, first, second, refused):
    error = refused(text)
    assert error.code == "parameter_conflict"
    assert error.position == text.rindex(second) + 1
    assert f"{first} of character {text.index(first) + 1}" in error.message


def test_no_may_be_repeated_and_its_lists_are_joined(one):
    assert one("a --no x, two words --raw --no z,,y , --tile").negative == ("x", "two words", "z", "y")


@pytest.mark.parametrize("text", ["a --no", "a --no ,", "a --no x --no", "a --no --no x"])
def test_no_without_entries_is_an_error(text, refused):
    assert "needs a value" in refused(text).message


@pytest.mark.parametrize("entry", ["x,--ar", "x,-ar", "blur::2", "x - -tile"])
def test_entries_of_no_hold_no_syntax(entry, refused):
    assert refused(f"a --no {entry}").code == "invalid_parameter"


@pytest.mark.parametrize(
    "text",
    [
        'a sign "OPEN"',
        'a sign "--ar 16:9"',
        'a sign "a::2 b"',
        "a sign “--tile —raw”",
        'a sign ("--raw")',
        'a 12" record and a 7" one',
        'a "quote that never ends',
        '"https://x.org/a.png" on a wall',
        'a "half" and a 12" record',
    ],
)
def test_quoted_text_is_kept_and_never_syntax(text, one):
    job = one(f"{text} --seed 3")
    assert [(part.text, part.weight) for part in job.parts] == [(text, 1.0)]
    assert job.seed == 3


def test_an_open_quote_does_not_swallow_parameters(one):
    job = one('a 12" record and a "sign --ar 2:1 --no "text, more", frame')
    assert (job.aspect.width, job.negative) == (2, ('"text, more"', "frame"))


def test_whitespace_is_collapsed(one):
    assert one("  a\t red \r\n fox\u00a0\u3000 --no  two \n words ").text == "a red fox"


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud800"])
def test_a_character_that_cannot_be_read_is_an_error_with_its_place(bad, refused):
    error = refused(f"a fox {bad} x")
    assert (error.code, error.position) == ("invalid_parameter", 7)
    assert repr(bad)[1:-1] in error.message


def test_emoji_with_joiners_and_combining_marks_are_kept(one):
    text = "👩\u200d🚀 cafe\u0301 🏳️\u200d🌈"
    assert one(text).text == text


def test_the_longest_prompt_is_read_and_one_character_more_is_not(one, refused):
    assert one("x" * PROMPT_MAX).text == "x" * PROMPT_MAX
    error = refused("x" * (PROMPT_MAX + 1))
    assert (error.code, error.position) == ("invalid_parameter", PROMPT_MAX + 1)
    assert "6,001 characters" in error.message


def test_a_megabyte_is_refused_for_its_length_before_anything_else(catalogue):
    with pytest.raises(PromptError, match="1,000,000 characters"):
        parse("{\ud800" * 500_000, catalogue=catalogue)
