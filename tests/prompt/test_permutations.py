"""Braces: what they expand to, how many that is, and that a bomb is counted and never built."""

import pytest

from darkroom.core.errors import PromptError
from darkroom.prompt import BatchLimits, count_jobs, parse, permutations
from darkroom.prompt.source import text_of


def texts(text, catalogue):
    return [job.text for job in parse(text, catalogue=catalogue)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {red, blue} bird", ["a red bird", "a blue bird"]),
        ("{a, b}{c, d}", ["ac", "ad", "bc", "bd"]),
        ("{a, b {c, d}} e", ["a e", "b c e", "b d e"]),
        ("{{a, b}, c}", ["a", "b", "c"]),
        ("{{{a}}}", ["a"]),
        (r"{a\, b, c}", ["a, b", "c"]),
        (r"\{a, b\}", ["{a, b}"]),
        (r"a\, b", ["a, b"]),
        (r"c:\temp \\, d", [r"c:\temp \, d"]),
        ("a, b", ["a, b"]),
        ("{a, a}", ["a", "a"]),
        ("a\\", ["a\\"]),
    ],
)
def test_every_combination_is_a_job(text, expected, catalogue):
    assert texts(text, catalogue) == expected
    assert count_jobs(text) == len(expected)


def test_permutations_in_values_names_links_and_weights(catalogue):
    jobs = parse("https://x.org/{a, b}.png fox::{1, 3} cub --{ar 2:1, tile} --no {x, y}", catalogue=catalogue)
    assert len(jobs) == 16
    assert {job.image_prompts[0].source[-5:] for job in jobs} == {"a.png", "b.png"}
    assert {job.parts[0].weight for job in jobs} == {0.5, 0.75}
    assert {(job.aspect.width, job.tile) for job in jobs} == {(2, False), (1, True)}
    assert {job.negative for job in jobs} == {("x",), ("y",)}


def test_an_error_inside_a_permutation_is_placed_in_the_text_as_typed(refused):
    text = r"a \{x\} {fine, wrong --seed abc} end"
    error = refused(r"a \{x\} {fine, fox} --seed {1, abc}")
    assert error.message.startswith("--seed abc")
    assert error.position == 21
    assert text[refused(text).position - 1 :].startswith("end")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a {b", 3),
        ("a {b {c}", 3),
        ("a b}", 4),
        ("a {b}}", 6),
        ("{}", 1),
        ("a {,b}", 3),
        ("a {b,}", 5),
        ("a {b, ,c}", 5),
        ("a { }", 3),
        ("a {b\\}", 3),
    ],
)
def test_braces_that_make_no_sense(text, position, refused):
    error = refused(text)
    assert (error.code, error.position) == ("invalid_parameter", position)
    assert error.message.startswith(f'"{text[position - 1]}"')
    with pytest.raises(PromptError):
        count_jobs(text)


def test_a_nest_may_be_sixteen_deep(refused):
    assert count_jobs("{" * 16 + "a" + "}" * 16) == 1
    assert refused("{" * 17 + "a" + "}" * 17).position == 17


def test_a_bomb_is_counted_and_not_built(refused):
    bomb = "{a,b}" * 60
    assert count_jobs(bomb) == 2**60
    error = refused("x " + bomb)
    assert (error.code, error.position) == ("invalid_parameter", 3)
    assert "1,152,921,504,606,846,976 jobs, more than the 40" in error.message
    assert "about 10^361 jobs" in refused("{a,b}" * 1200).message


def test_a_nested_bomb_is_counted_and_not_built(refused):
    bomb = "a"
    for _ in range(6):
        bomb = "{" + f"{bomb} {bomb},x" + "}"
    assert count_jobs(bomb) == 210_066_388_901
    assert "210,066,388,901" in refused(bomb).message


def test_the_count_includes_repeats():
    assert count_jobs("{a, b} --repeat 3") == 6
    assert count_jobs("a --repeat {2, 5}") == 7
    assert count_jobs("{a, b --repeat 4}") == 5
    assert count_jobs("") == 1


def test_a_larger_cap_builds_more(catalogue):
    assert (
        len(parse("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", catalogue=catalogue, limits=BatchLimits(jobs=64))) == 64
    )


def test_a_prompt_without_braces_or_escapes_stands_for_itself():
    text = " a fox,  a boat --no x, y "
    assert permutations.is_plain(text)
    assert list(permutations.expand(permutations.read_braces(text))) == [
        text_of(text, tuple(range(1, len(text) + 1)))
    ]
    assert not any(permutations.is_plain(each) for each in ("{a}", "a}", r"a\,b"))
