"""The words of a prompt, with their places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.prompt.prose import prose_of, words_of


def words(text: str) -> list[str]:
    return [match[0] for match in words_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red fox --ar 3:2 --no hats", ["a", "red", "fox"]),
        ("a red fox —ar 3:2", ["a", "red", "fox"]),
        ("https://host/a-b.png a fox", ["a", "fox"]),
        ("upload:01890a5d-ac96-774b-bcce-b302099a8057 fox", ["fox"]),
        ("fox::2 hen::-.5", ["fox", "hen"]),
        ("a 3d owl, it's semi-dark", ["a", "3d", "owl", "it's", "semi-dark"]),
        ("ein süßer Füchs 狐", ["ein", "süßer", "Füchs", "狐"]),
        ("so - well -- then", ["so", "well", "then"]),
        ("--ar 3:2", []),
        ("", []),
        ("..., !?", []),
        ("fox--ar", ["fox", "ar"]),
    ],
)
def test_what_is_a_word(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(max_size=80) | st.text(alphabet="ab,:-— 12/hpst", max_size=40))
def test_every_word_stands_where_it_says(text: str) -> None:
    assert len(prose_of(text)) == len(text)
    for match in words_of(text):
        assert text[match.start() : match.end()] == match[0]


def test_a_weight_ends_a_clause() -> None:
    assert prose_of("fox::2 hen") == "fox,   hen"
