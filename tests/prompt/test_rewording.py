"""New words for a job that is there: what is named replaces, what is not named stays, and faults are told where they were typed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.capabilities import HONOURABLE, ModelCapabilities, ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.core.params import GenerationParams
from darkroom.prompt import checked, format_prompt, parse, reworded, stored

ABLE = ModelCapabilities(
    name="able-1", title="all", family="test", honours=HONOURABLE, native_px=256, large_px=512, max_image_prompts=5,
    default=True,
)  # fmt: skip
PLAIN = ModelCapabilities(
    name="plain-1",
    title="little",
    family="test",
    honours=frozenset({"aspect", "seed"}),
    native_px=256,
    large_px=512,
)
CATALOGUE = ModelCatalogue(models={"able-1": ABLE, "plain-1": PLAIN})
PICTURE = "upload:0190a0de-0000-7000-8000-000000000001"


def job(text: str) -> GenerationParams:
    return parse(text, catalogue=CATALOGUE, new_seed=lambda: 5)[0]


def again(text: str, kept: str) -> str:
    found = reworded(text, job(kept), catalogue=CATALOGUE, new_seed=lambda: 9)
    return format_prompt(found).replace(" --v able-1", "")


@pytest.mark.parametrize(
    ("text", "kept", "found"),
    [
        ("a cat", "a fox --chaos 30", "a cat --chaos 30 --seed 9"),
        ("a cat --chaos 5", "a fox --chaos 30 --tile", "a cat --chaos 5 --seed 9 --tile"),
        ("a cat --seed 3", "a fox --seed 4", "a cat --seed 3"),
        ("a cat --no hats", "a fox --no cats", "a cat --seed 9 --no hats"),
        ("a cat", "a fox --no cats", "a cat --seed 9 --no cats"),
        ("a cat --hd", "a fox --draft", "a cat --seed 9 --hd"),
        ("a cat --sd", "a fox --hd", "a cat --seed 9"),
        ("a cat --public", "a fox --stealth", "a cat --seed 9 --public"),
        ("a cat", "a fox --stealth", "a cat --seed 9 --stealth"),
        ("a cat", f"{PICTURE} a fox --iw 2", f"{PICTURE} a cat --seed 9 --iw 2"),
        ("a cat --iw 0.5", f"{PICTURE} a fox --iw 2", f"{PICTURE} a cat --seed 9 --iw 0.5"),
        ("upload:new a cat", f"{PICTURE} a fox --iw 2", "upload:new a cat --seed 9 --iw 2"),
        ("a cat --sw 50", "a fox --sref 12::2", "a cat --seed 9 --sref 12::2 --sw 50"),
        ("a cat --sref 7", "a fox --sref 12::2 --sw 50", "a cat --seed 9 --sref 7 --sw 50"),
        ("a:: b::3", "c::2 d", "a:: b::3 --seed 9"),
        ("a cat --raw", "a fox --style raw", "a cat --seed 9 --raw"),
        ("a \\{cat\\}", "a fox", "a \\{cat\\} --seed 9"),
        ("a cat —chaos 5", "a fox --chaos 9", "a cat --chaos 5 --seed 9"),
    ],
)
def test_what_is_named_replaces_and_the_rest_stays(text: str, kept: str, found: str) -> None:
    assert again(text, kept) == found


def test_braces_in_what_is_kept_stay_braces() -> None:
    assert again("a cat", r"a fox --no \{x\}, y") == r"a cat --seed 9 --no \{x\}, y"


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("a cat --ar 1", "invalid_parameter", 7),
        ("", "empty_prompt", 0),
        ("--chaos 3", "empty_prompt", 0),
        ("a {cat, dog}", "invalid_parameter", 3),
        ("a cat --repeat 2", "invalid_parameter", 7),
        ("a cat --bogus", "invalid_parameter", 7),
        ("a {cat", "invalid_parameter", 3),
        ("a cat --v nobody", "unsupported_by_model", 7),
    ],
)
def test_faults_are_told_where_they_were_typed(text: str, code: str, position: int) -> None:
    with pytest.raises(PromptError) as fault:
        reworded(text, job(f"{PICTURE} a fox --chaos 9"), catalogue=CATALOGUE)
    assert (fault.value.code, fault.value.position) == (code, position), fault.value.message
    assert f"(at character {position})" in fault.value.message or not position


def test_a_model_that_cannot_honour_what_is_kept_says_what_without_a_place() -> None:
    with pytest.raises(PromptError, match="--tile") as fault:
        reworded("a cat --v plain-1", job("a fox --tile"), catalogue=CATALOGUE)
    assert fault.value.code == "unsupported_by_model" and "at character" not in fault.value.message


def test_the_model_that_is_kept_is_the_one_that_is_asked() -> None:
    models = {"able-1": replace(ABLE, default=False), "plain-1": replace(PLAIN, default=True)}
    assert reworded("upload:x a cat", job("a fox"), catalogue=ModelCatalogue(models=models)).model == "able-1"


def test_stored_text_of_a_model_that_is_gone_is_told_without_a_place() -> None:
    gone = ModelCatalogue(models={"plain-1": replace(PLAIN, default=True)})
    for read in (stored, lambda text, *, catalogue: checked(job(text), catalogue=catalogue)):
        with pytest.raises(PromptError, match="able-1 names no model") as fault:
            read("a fox --v able-1", catalogue=gone)
        assert "at character" not in fault.value.message


WORDS = st.sampled_from(["a fox", "a fox::2 snow", "a \\{brace\\}", '"OPEN" sign', "— a dash", "a, b"])
EXTRAS = st.lists(
    st.sampled_from(["--ar 3:2", "--chaos 7", "--no x, y", "--tile", "--sref 12::2 13", "--iw 2", "--hd", "--draft", "--seed 8"]),
    unique=True,
    max_size=5,
)  # fmt: skip


@given(WORDS, EXTRAS, WORDS)
def test_the_same_job_comes_back_but_for_its_words_and_its_seed(
    words: str, extras: list[str], other: str
) -> None:
    if {"--hd", "--draft"} <= set(extras):
        extras.remove("--hd")
    kept = job(" ".join([PICTURE, words, *extras]))
    found = reworded(other, kept, catalogue=CATALOGUE, new_seed=lambda: 1)
    fresh = job(f"{PICTURE} {other}")
    expected = format_prompt(replace(kept, parts=fresh.parts, seed=1))
    assert format_prompt(found) == expected
    assert checked(found, catalogue=CATALOGUE) == found
