"""Disguises come off, innocent words stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.moderation.folding import COMPOUND_PIECES, MAX_READINGS, fold


def readings(text):
    return [word.readings for word in fold(text)]


def may_read(text, term):
    return any(term in word for word in readings(text))


@pytest.mark.parametrize(
    "text",
    [
        "nude",
        "NUDE",
        "ＮＵＤＥ",
        "nüdé",
        "n u d e",
        "n.u.d.e",
        "n-u-d-e",
        "N_U_D_E!",
        "a n u d e",
        "nud3",
        "nuuuuude",
        "nu\u200bde",
        "n\u00adude",
        "nu-de",
        "nud\u0435",  # Cyrillic
        "n\u03c5de",  # Greek
        "n*de",
        "nude's",
    ],
)
def test_disguises_come_off(text):
    assert may_read(text, "nude")


@pytest.mark.parametrize(
    ("text", "term"), [("p0rn", "porn"), ("$ex", "sex"), ("b00bs", "boobs"), ("k1ll", "kill")]
)
def test_signs_are_read_as_letters(text, term):
    assert may_read(text, term)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Scunthorpe", "cunt"),
        ("Essex", "sex"),
        ("class", "ass"),
        ("assassin", "ass"),
        ("grape", "rape"),
        ("therapist", "rapist"),
        ("the pen is blue", "penis"),
        ("a s s e m b l y", "ass"),
        ("cocktail", "cock"),
        ("as sure as can be", "ass"),
        ("plan b, c. u n t", "cunt"),
    ],
)
def test_innocent_words_stay_whole(text, term):
    assert not may_read(text, term)


def test_plain_words_in_order():
    assert [word.plain for word in fold("A red FOX, in the dog's house!")] == [
        "a", "red", "fox", "in", "the", "dog", "house",
    ]  # fmt: skip


def test_letters_are_spelled_with_one_sign_throughout():
    assert [word.plain for word in fold("s.i.e.g h.e.i.l")] == ["sieg", "heil"]


def test_numbers_lead_words_as_words_of_their_own():
    assert [word.plain for word in fold("a 16yo, 50mm")] == ["a", "16", "yo", "50", "mm"]


def test_other_scripts_stay_what_they_are():
    assert [word.plain for word in fold("красная лиса")] == ["красная", "лиса"]


@given(st.text(max_size=60))
def test_any_text_folds_into_few_readings(text):
    for word in fold(text):
        assert word.plain
        assert 1 <= len(word.readings) <= 4 * COMPOUND_PIECES * MAX_READINGS


@given(st.lists(st.sampled_from(["1", "4", "e", "*", "$", "@", "!", "|"]), max_size=200))
def test_a_wall_of_signs_costs_little(signs):
    assert len(fold("x" + "".join(signs) + "x")) <= 200


def test_a_chain_of_compounds_is_read_a_stretch_at_a_time():
    words = fold("no-" * 400 + "nu-de")
    assert len(words) == 402
    assert max(len(reading) for word in words for reading in word.readings) <= 2 * COMPOUND_PIECES
    assert "nude" in words[-2].readings
