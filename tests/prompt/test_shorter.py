"""Shorter prompts: the lightest words go first, and what stays can be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.ports import WordWeight
from darkroom.prompt.prose import words_of
from darkroom.prompt.shorter import shorter_prompts


def weighed(text: str, weights: dict[str, float]) -> tuple[WordWeight, ...]:
    return tuple(
        WordWeight(word=match[0], start=match.start(), end=match.end(), weight=weights.get(match[0], 0.0))
        for match in words_of(text)
    )


def shorter(text: str, **weights: float) -> tuple[str, ...]:
    return shorter_prompts(text, weighed(text, weights))


def test_the_lightest_go_first_and_the_heaviest_stays() -> None:
    found = shorter("red fox snow night oil", fox=1.0, snow=0.8, oil=0.6, night=0.4, red=0.2)
    assert found == ("fox snow night oil", "fox snow oil", "fox snow", "fox")


def test_little_words_go_with_what_they_lead_to() -> None:
    found = shorter(
        "a fox in the snow at night, an oil painting", fox=1.0, painting=0.9, oil=0.8, snow=0.1, night=0.2
    )
    assert found[0] == "a fox at night, an oil painting"
    assert found[1] == "a fox, an oil painting"


def test_an_article_stays_when_its_adjective_goes() -> None:
    assert shorter("a tiny fox", fox=1.0, tiny=0.1)[-1] == "a fox"


def test_an_article_fits_the_word_that_it_comes_to_stand_before() -> None:
    assert shorter("an oil painting", painting=1.0, oil=0.1)[-1] == "a painting"
    assert shorter("A red owl", owl=1.0, red=0.1)[-1] == "An owl"
    assert shorter("a unicorn in snow", unicorn=1.0, snow=0.1)[-1] == "a unicorn"


def test_parameters_links_and_weights_are_left_out() -> None:
    found = shorter("https://host/x.png red fox::2 snow --ar 3:2", fox=1.0, snow=0.9, red=0.1)
    assert found[0] == "fox, snow"


def test_equal_weights_drop_the_last_words_first() -> None:
    assert shorter("one two three four")[-1] == "one"


def test_nothing_to_leave_out() -> None:
    assert shorter("fox", fox=1.0) == ()
    assert shorter("") == ()
    assert shorter("of the and") == ()


TEXTS = st.lists(
    st.sampled_from(["a", "the", "in", "fox", "snow", "red", "of", "night,", "oil.", "x::2", "--ar"]),
    max_size=30,
).map(" ".join)


@given(TEXTS, st.randoms(use_true_random=False))
def test_each_is_shorter_than_the_one_before_and_holds_its_words_in_order(text: str, random: object) -> None:
    words = tuple(
        WordWeight(word=m[0], start=m.start(), end=m.end(), weight=random.random())  # type: ignore[attr-defined]
        for m in words_of(text)
    )
    found = shorter_prompts(text, words)
    assert len(found) <= 5
    lengths = [len(prompt.split()) for prompt in found]
    assert all(before > after for before, after in zip([len(words) + 1, *lengths], lengths, strict=False))
    for prompt in found:
        rest = iter(word.word for word in words)
        plain = ("a" if each == "an" else each.strip(",") for each in prompt.split())  # an article is adapted
        assert all(each in rest for each in plain), prompt
