"""Canonical text: what it looks like, and that it reads back as the same job."""

import pytest

from darkroom.prompt import STORED, format_prompt, parse

LINK = "https://x.org/a.png"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  a   red fox ", "a red fox --v able-1"),
        ("a --seed 0 --AR 32:18 —s 250", "a --ar 16:9 --v able-1 --stylize 250 --seed 0"),
        ("a --s 100 --c 0 --q 1 --stop 100 --sd --ar 3:3", "a --v able-1"),
        ("a:: b", "a:: b --v able-1"),
        ("a::1.5 b", "a::3 b::2 --v able-1"),
        ("a::0.001 b::3", "a::0.000333222259 b::0.999666777741 --v able-1"),
        ("a: ::2 b", "a: ::2 b --v able-1"),
        ("a::2", "a --v able-1"),
        (r"\{a\} b\\, c", r"\{a\} b\\, c --v able-1"),
        ("a --no z , y --no x", "a --v able-1 --no z, y, x"),
        (
            "a --style raw --p --q .5 --fast --public",
            "a --v able-1 --quality 0.5 --raw --profile --fast --public",
        ),
        (f"{LINK}  upload:b --iw .50", f"{LINK} upload:b --v able-1 --iw 0.5"),
        (f"a --sw 5 --sref {LINK}::2.0 007", f"a --v able-1 --sref {LINK}::2 7 --sw 5"),
        (
            f"{LINK} --bs 1 --video --loop --motion high",
            f"{LINK} --v able-1 --video --motion high --loop --bs 1",
        ),
        ("a --exp 3 --draft --tile --stop 50", "a --v able-1 --stop 50 --tile --exp 3 --draft"),
        ('"say  --ar" it', '"say --ar" it --v able-1'),
        ("a --niji 6 --hd", "a --v able-1 --hd"),
    ],
)
def test_canonical_text(text, canonical, one):
    job = one(text)
    assert format_prompt(job) == canonical
    assert one(canonical) == job


def test_the_model_is_always_named_because_the_default_may_change(one):
    assert format_prompt(one("a --v modest-1")) == "a --v modest-1"
    assert format_prompt(one("a")).endswith("--v able-1")


def test_canonical_text_of_the_longest_prompt_is_read_back_from_a_store(catalogue):
    text = "fox," * 1500
    (job,) = parse(text, catalogue=catalogue)
    stored = format_prompt(job)
    assert len(stored) > 6_000
    assert parse(stored, catalogue=catalogue, limits=STORED) == (job,)


def test_a_random_style_is_stored_as_its_code(catalogue):
    (job,) = parse("a --sref random", catalogue=catalogue, new_seed=lambda: 42)
    assert format_prompt(job) == "a --v able-1 --seed 42 --sref 42"
