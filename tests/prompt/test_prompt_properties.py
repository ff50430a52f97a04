"""Whatever comes in: no crash, every error points into the text, and canonical text reads back as the same job."""

from math import prod

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.core.errors import PromptError
from darkroom.core.params import (
    SEED_MAX,
    Aspect,
    GenerationParams,
    Lane,
    PromptPart,
    Reference,
    VideoParams,
    Visibility,
)
from darkroom.prompt import CODES, PARAMETERS, STORED, BatchLimits, count_jobs, format_prompt, parse
from darkroom.prompt.table import NAMES

ANY = st.text(st.characters(exclude_categories=()), max_size=200)
PIECES = [
    *(f"--{name}" for name in NAMES),
    *(parameter.example for parameter in PARAMETERS),
    *(
        "—ar",
        "–no",
        "-ar",
        "- -ar",
        "-- ar",
        "--ar16:9",
        "--zz",
        "{",
        "}",
        ",",
        "::",
        "::2",
        "::-0.5",
        "::.",
        '"',
        "“",
        "”",
    ),
    *("\\", "\\,", "\\{", "--", "—", "-", "a", "2", "16:9", "-1", "é", "random", "raw", "."),
    *("https://x.org/a.png", "upload:b", "http://[", "9" * 30, "\ud800", "\u200d", " ", "\n"),
]
SYNTAX = st.lists(st.sampled_from(PIECES), max_size=25)
TYPED = st.builds(lambda pieces, glue: glue.join(pieces), SYNTAX, st.sampled_from(["", " "]))


def attempted(read):
    """What `read` returns, or the PromptError that it raises; anything else that it raises is a crash."""
    try:
        return read()
    except PromptError as error:
        return error


@given(text=ANY | TYPED)
@example(text='a::2"x::3 y"')
@example(text='a "b --no x, "y')
@example(text="a --no b\\, c")
@example(text="a --no \\\\, b")
@settings(max_examples=6 * settings().max_examples)
def test_no_text_crashes_and_whatever_is_understood_reads_back(text, catalogue):
    jobs = attempted(lambda: parse(text, catalogue=catalogue))
    if isinstance(jobs, PromptError):
        assert jobs.code in CODES
        assert jobs.message.isprintable()
        assert 0 <= jobs.position <= len(text)
        assert jobs.position > 0 or jobs.code == "empty_prompt"
        return
    assert len(jobs) == count_jobs(text)
    for job in jobs:
        assert parse(format_prompt(job), catalogue=catalogue, limits=STORED) == (job,)


@given(text=ANY | TYPED)
def test_counting_crashes_on_no_text(text):
    jobs = attempted(lambda: count_jobs(text))
    assert 0 < jobs.position <= len(text) if isinstance(jobs, PromptError) else jobs >= 1


@given(text=ANY.filter(bool))
def test_no_long_text_crashes(text, catalogue):
    with pytest.raises(PromptError, match="Shorten it"):
        parse(text * 6_001, catalogue=catalogue)


@given(
    before=st.text("ab ,.é", max_size=30),
    typed=st.sampled_from(["--ar 99:1", "--s 1001", "--zz", "--seed -1", "--ar1:2"]),
)
def test_an_error_points_at_the_text_that_it_quotes(before, typed, catalogue):
    with pytest.raises(PromptError) as caught:
        parse(f"x{before} {typed}", catalogue=catalogue)
    assert caught.value.message.startswith(typed)
    assert f"x{before} {typed}"[caught.value.position - 1 :] == typed


OPTIONS = st.lists(st.sampled_from(["a", "b c", r"d\, e", "--tile"]), min_size=1, max_size=5)


@given(groups=st.lists(OPTIONS, max_size=12))
def test_the_count_is_the_product_of_the_options(groups):
    text = "x " + "y ".join("{" + ", ".join(options) + "}" for options in groups if "--tile" not in options)
    expected = prod(len(options) for options in groups if "--tile" not in options)
    assert count_jobs(text) == expected


@given(
    groups=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=4),
    repeat=st.integers(2, 5),
)
def test_as_many_jobs_are_built_as_were_counted(groups, repeat, catalogue):
    text = "x " + "".join("{" + ",".join(options) + "}" for options in groups) + f" --repeat {repeat}"
    jobs = parse(text, catalogue=catalogue, limits=BatchLimits(jobs=10_000))
    assert len(jobs) == count_jobs(text) == repeat * prod(map(len, groups))


WORD = st.sampled_from(
    [
        "fox",
        "it's",
        "é犬👍",
        "{a",
        "b}",
        "\\",
        "c\\,d",
        "x,y",
        "-5",
        "--",
        "—",
        "-",
        "a-b",
        '"--ar 1:1"',
        '"a::b"',
        "“x y”",
        ":x",
        "x:",
        '12"',
    ]
)
PHRASE = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
LINKS = st.sampled_from(["https://x.org/a.png", "http://x.org/b?c=d::e", "upload:z-9"]).map(
    lambda link: Reference(source=link)
)
NUMBERS = st.integers(-20, 40).map(lambda n: n / 10)


@st.composite
def parts(draw):
    """Phrases with normalised weights."""
    texts = draw(st.lists(PHRASE, min_size=1, max_size=4))
    weights = draw(
        st.lists(NUMBERS, min_size=len(texts), max_size=len(texts)).filter(
            lambda numbers: sum(numbers) > 0.05
        )
    )
    return tuple(
        PromptPart(text=text, weight=round(weight / sum(weights), 12) if len(texts) > 1 else 1.0)
        for text, weight in zip(texts, weights)
    )


STYLES = st.builds(
    Reference,
    source=st.integers(0, SEED_MAX).map(str) | LINKS.map(lambda link: link.source),
    weight=st.integers(1, 1_000_000).map(lambda n: n / 1_000),
)


@st.composite
def jobs_of_any_kind(draw):
    """Jobs that some prompt asks for: references come with their weights, films with an image."""
    styles = tuple(draw(st.lists(STYLES, max_size=3)))
    characters = tuple(draw(st.lists(LINKS, max_size=2)))
    omni = tuple(draw(st.lists(LINKS, max_size=2)))
    images = tuple(draw(st.lists(LINKS, max_size=3)))
    hd = draw(st.booleans())
    loop = draw(st.booleans())
    video = VideoParams(
        motion=draw(st.sampled_from(["low", "high"])),
        loop=loop,
        end=None if loop else draw(st.none() | st.just("https://x.org/a.png")),
        batch=draw(st.sampled_from([1, 2, 4])),
    )
    return GenerationParams(
        parts=draw(parts()),
        negative=tuple(draw(st.lists(PHRASE.filter(lambda text: "," not in text), max_size=3))),
        image_prompts=images,
        aspect=Aspect.of(draw(st.integers(10, 40)), draw(st.integers(10, 40))),
        model="able-1",
        seed=draw(st.none() | st.integers(0, SEED_MAX)),
        stylize=draw(st.integers(0, 1000)),
        chaos=draw(st.integers(0, 100)),
        weird=draw(st.integers(0, 3000)),
        quality=draw(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0])),
        stop=draw(st.integers(10, 100)),
        tile=draw(st.booleans()),
        image_weight=draw(st.integers(0, 3_000_000)) / 1_000_000 if images else 1.0,
        style_references=styles,
        style_weight=draw(st.integers(0, 1000)) if styles else 100,
        character_references=characters,
        character_weight=draw(st.integers(0, 100)) if characters else 100,
        omni_references=omni,
        omni_weight=draw(st.integers(1, 1000)) if omni else 100,
        raw=draw(st.booleans()),
        profile=draw(
            st.none()
            | st.from_regex(r"[A-Za-z0-9_-]{0,9}", fullmatch=True).filter(lambda p: not p.startswith("-"))
        ),
        experimental=draw(st.integers(0, 100)),
        draft=not hd and draw(st.booleans()),
        hd=hd,
        lane=draw(st.none() | st.sampled_from(Lane)),
        visibility=draw(st.none() | st.sampled_from(Visibility)),
        video=video if images and draw(st.booleans()) else None,
    )


@given(job=jobs_of_any_kind())
def test_canonical_text_reads_back_as_the_same_job(job, catalogue):
    assert parse(format_prompt(job), catalogue=catalogue) == (job,)
