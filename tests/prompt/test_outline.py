"""Where things lie in a prompt: every place is a place of the text as it was typed, faulty or not."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from tests.prompt.test_prompt_properties import ANY, TYPED, attempted

from darkroom.core.errors import PromptError
from darkroom.prompt import PARAMETERS, parse
from darkroom.prompt.outline import OUTLINED_MAX, Kind, outline
from darkroom.prompt.table import NAMES


def parameters(text):
    return [(each.name, each.text, each.value) for each in outline(text).parameters]


def words(text):
    found = outline(text).words
    return found and text[slice(*found)]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.example)
def test_every_parameter_is_told_by_its_first_name_with_all_behind_it(parameter):
    example = parameter.example
    (found,) = outline(f"a fox {example}").parameters
    assert (found.name, found.text, found.start, found.end) == (
        NAMES[example[2:].split()[0]].names[0],
        example,
        6,
        6 + len(example),
    )
    assert found.value == (example.partition(" ")[2] or None)


def test_parameters_stand_one_after_the_other_and_words_before_them():
    text = "  a red fox   --ar 3:2  --tile --no fog, mist "
    assert parameters(text) == [
        ("ar", "--ar 3:2", "3:2"),
        ("tile", "--tile", None),
        ("no", "--no fog, mist", "fog, mist"),
    ]
    assert words(text) == "a red fox"
    assert parameters("a fox –ar 3:2") == [("ar", "–ar 3:2", "3:2")], "phones make one dash of two"
    assert parameters("a fox --s 250 --aspect 1:1") == [
        ("stylize", "--s 250", "250"),
        ("ar", "--aspect 1:1", "1:1"),
    ]


def test_what_stands_in_quotes_is_no_parameter_and_what_nobody_knows_ends_the_one_before():
    assert parameters('a sign "SALE --ar 3:2" --raw') == [("raw", "--raw", None)]
    assert words('a sign "SALE --ar 3:2" --raw') == 'a sign "SALE --ar 3:2"'
    assert parameters("a fox --ar 3:2 --foo 9") == [("ar", "--ar 3:2", "3:2")]
    assert words("a fox --foo 9") == "a fox"


def test_braces_end_the_parameters_inside_them():
    inside = "{fox --ar 1:1, dog --ar 3:2} in snow --chaos 5 {--tile, --raw}"
    assert [text for _, text, _ in parameters(inside)] == [
        "--ar 1:1",
        "--ar 3:2",
        "--chaos 5",
        "--tile",
        "--raw",
    ]
    assert words(inside) == "{fox --ar 1:1, dog --ar 3:2} in snow"
    assert parameters("a fox --ar {1:1, 3:2}") == [("ar", "--ar {1:1, 3:2}", "{1:1, 3:2}")]
    assert parameters("a \\{b --no c, d\\}") == [("no", "--no c, d\\}", "c, d\\}")], (
        "an escaped brace is text"
    )


def test_links_are_found_where_they_are_and_words_begin_behind_the_first_ones():
    text = "upload:ab https://x.org/a.png {red, blue} fox --sref https://x.org/b.png::2 1234"
    found = outline(text)
    assert [(each.text, each.kind) for each in found.links] == [
        ("upload:ab", Kind.UPLOAD),
        ("https://x.org/a.png", Kind.LINK),
        ("https://x.org/b.png", Kind.LINK),
    ]
    assert all(text[each.start : each.end] == each.text for each in found.links)
    assert words(text) == "{red, blue} fox"
    assert words("{https://x.org/a.png, upload:b} fox") == "fox"
    assert words("upload:a upload:b") is None and words(" ") is None and words("--ar 3:2") is None
    assert found.named("UPLOAD:AB") == (0, 9) and found.named("upload:zz") is None


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("a fox --ar 99:1", "--ar 99:1"),
        ("a fox --ar", "--ar"),
        ("a fox --foo bar --raw", "--foo"),
        ("a fox --ar 3:2 red dog", "red"),
        ("a fox --tile x", "x"),
        ("a fox --ar 3:2 --ar 1:1", "--ar 1:1"),
        ("fox--ar 3:2", "--ar"),
        ("a {red, } fox", ","),
        ("a {red fox", "{"),
        ("a fox}", "}"),
        ("a fox {1,2,3} {1,2,3,4,5} {1,2,3}", "{1,2,3}"),
        ("a fox \x07", "\x07"),
        ("👩‍🎨 a fox --stylize 5000 --raw", "--stylize 5000"),
        ("a fox https://x.org/a.png", "https://x.org/a.png"),
        ('https://x.org/a.txt a "b c"', "https://x.org/a.txt"),
        ("x" * 7_000, "x" * 1_000),
        ("x" * 20_000, "x" * (OUTLINED_MAX - 6_000)),
    ],
)
def test_a_fault_is_under_the_text_that_caused_it(text, under, catalogue):
    with pytest.raises(PromptError) as refused:
        parse(text, catalogue=catalogue)
    start, end = outline(text).place(refused.value.position)
    assert text[start:end] == under


def test_a_fault_without_a_place_has_none_and_one_beyond_what_is_outlined_still_has_one():
    assert outline("a fox").place(0) is None
    text = "x" * (OUTLINED_MAX + 10)
    assert outline(text).place(OUTLINED_MAX + 5) == (OUTLINED_MAX + 4, len(text))


@given(text=ANY | TYPED)
@example(text="{" * 50 + "--ar" + "," * 50)
@example(text="--ar{--ar,--ar}::\\{")
def test_whatever_comes_in_every_place_is_in_the_text_and_nothing_overlaps(text, catalogue):
    found = outline(text)
    for each in (*found.parameters, *found.links):
        assert text[each.start : each.end] == each.text and each.text.strip() == each.text != ""
    for some in (found.parameters, found.links):
        assert all(a.end <= b.start for a, b in pairwise(some))
    if found.words:
        assert text[slice(*found.words)].strip()
    error = attempted(lambda: parse(text, catalogue=catalogue))
    place = found.place(error.position) if isinstance(error, PromptError) else None
    if place:
        assert place[0] == error.position - 1 and place[0] < place[1] <= max(len(text), place[0] + 1)
    elif isinstance(error, PromptError):
        assert error.position == 0
