"""Where the words of a policy are found in a text."""

import pytest

from darkroom.moderation.folding import fold
from darkroom.moderation.policy import Category, Combination
from darkroom.moderation.terms import TermFinder

CATEGORY = Category(
    name="trial",
    sentence="No.",
    terms=(("nude",), ("erotic*",), ("blow", "job"), ("0..17", "year", "old")),
    anywhere=("porn",),
    allowed=(("nude", "lipstick"), ("porn", "ic")),
    combinations=(Combination(any=(("child",), ("kid",)), near=(("sexy",), ("in", "bed")), within=3),),
)


@pytest.fixture(scope="module")
def find():
    finder = TermFinder(CATEGORY)
    return lambda text: finder.find(fold(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a nude man", "nude"),
        ("eroticism in art", "erotic*"),
        ("a blow-job", "blow job"),
        ("a 9 year old", "0..17 year old"),
        ("a 17-year-old", "0..17 year old"),
        ("freeporn now", "porn"),
        ("a sexy little child", "child + sexy"),
        ("kid one two three in bed", "kid + in bed"),
        ("a nude lipstick on a nude man", "nude"),
    ],
)
def test_found(find, text, found):
    assert find(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nudge",
        "a nude lipstick",
        "an 18 year old",
        "a 0170 year old tree",
        "blow a job away",
        "a child and a cat",
        "kid one two three four in bed",
        "a sexy car",
    ],
)
def test_not_found(find, text):
    assert find(text) == ""
