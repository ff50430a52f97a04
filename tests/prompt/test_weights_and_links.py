"""The body of a prompt: image prompts first, then words with weights."""

import pytest

from darkroom.core.params import Reference

LINK = "https://x.org/a.png"


def weights(job):
    return [(part.text, pytest.approx(part.weight)) for part in job.parts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:: b", [("a", 1 / 2), ("b", 1 / 2)]),
        ("a::2 b", [("a", 2 / 3), ("b", 1 / 3)]),
        ("a ::2 b::", [("a", 2 / 3), ("b", 1 / 3)]),
        ("a:: b::-0.5", [("a", 2), ("b", -1)]),
        ("a::.5 b::1. c::+2", [("a", 1 / 7), ("b", 2 / 7), ("c", 4 / 7)]),
        ("a::−0.5 b::2", [("a", -1 / 3), ("b", 4 / 3)]),
        ("a::0 b", [("a", 0), ("b", 1)]),
        ("cat::3D render", [("cat", 1 / 2), ("3D render", 1 / 2)]),
        ("hot::2, dog", [("hot", 2 / 3), (", dog", 1 / 3)]),
        ("a::3", [("a", 1)]),
        ("a:: :b", [("a", 1 / 2), (":b", 1 / 2)]),
        ('"a::b" c::2 d', [('"a::b" c', 2 / 3), ("d", 1 / 3)]),
    ],
)
def test_weights_are_normalised(text, expected, one):
    assert weights(one(text)) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a::1 b::-1", 1),
        ("a::0", 1),
        ("x::-2 b", 1),
        ("a::1000000000 b::-999999999.9999999", 1),
        (f"a::{'9' * 50} b", 2),
    ],
)
def test_weights_whose_sum_is_not_positive_or_that_make_no_sense(text, position, refused):
    error = refused(text)
    assert (error.code, error.position) == ("invalid_parameter", position)


@pytest.mark.parametrize(
    ("text", "position"), [("::2 a", 1), ("a::::b", 4), ("::", 1), ("a:: ::", 5), (f"{LINK} :: a", 21)]
)
def test_a_weight_without_words(text, position, refused):
    error = refused(text)
    assert error.position == position
    assert "is a weight without words" in error.message


@pytest.mark.parametrize(
    "text", ["a::--ar 2:1", "a::2--raw", "a::-ar b", "a::—raw", "fox--ar 2:1", "fox--no"]
)
def test_a_parameter_that_sticks_to_what_is_before_it(text, refused):
    assert refused(text).code == "invalid_parameter"


@pytest.mark.parametrize(
    "link",
    [
        "https://x.org/a.png",
        "HTTP://x.org/a.JPEG?size=2&x=a.bmp",
        "https://x.org/a::b.webp",
        "https://x.org/photo",
        "https://x.org",
        "https://xn--bcher-kva.example:8443/a.gif#top",
        "http://[::1]:80/a.jpg",
        "upload:Ab-1_2",
    ],
)
def test_image_prompts_come_first(link, one):
    job = one(f"{link} a fox --iw 2")
    assert (job.image_prompts, job.text) == ((Reference(source=link),), "a fox")


@pytest.mark.parametrize(
    "link",
    [
        "https://x.org/a.bmp",
        "https://x.org/a.html",
        "ftp://x.org/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://",
        "https:///a.png",
        "http://[::1/a.png",
        "http://x.org:99999/a.png",
        "http://x.org:0/a.png",
        "https://x.org/a.png,",
        "https://x.org/<a>",
        "https://x.org/" + "a" * 2000,
        "https://x.org/a.png::2",
        "upload:a.b",
        "upload:" + "a" * 65,
    ],
)
def test_links_that_are_refused(link, refused):
    for text, position in ((f"{link} a", 1), (f"a {link}", 3), (f"{LINK} {link} b", 21)):
        error = refused(text)
        assert (error.code, error.position) == ("invalid_link", position)
        assert error.message.startswith(link[:50])


@pytest.mark.parametrize("text", [f"a {LINK}", f"a:: {LINK}", f"a::{LINK}", f"{LINK} a upload:b"])
def test_an_image_after_words_is_refused(text, refused):
    error = refused(text)
    assert error.code == "invalid_link"
    assert "image prompts come first" in error.message


@pytest.mark.parametrize(
    ("begins", "each", "most"),
    [("", "x:: ", 64), ("a --no ", "x,", 100), ("a --sref ", "7 ", 16), ("a --cref ", "upload:b ", 16)],
)
def test_lists_have_a_limit(begins, each, most, one, refused):
    assert one(begins + each * most)
    error = refused(begins + each * (most + 1))
    assert (error.code, error.position) == ("invalid_parameter", len(begins) + len(each) * most + 1)
    assert f"one more than the {most}" in error.message


def test_one_image_needs_words_and_two_are_a_blend(one, refused):
    error = refused(f"{LINK} --ar 2:1")
    assert (error.code, error.position) == ("empty_prompt", 1)
    blend = one(f"{LINK} upload:b --ar 2:1")
    assert (blend.parts, len(blend.image_prompts)) == ((), 2)


def test_more_images_than_the_model_takes(refused):
    error = refused(f"{LINK} " * 6 + "a")
    assert error.code == "unsupported_by_model"
    assert "able-1 takes 5" in error.message
