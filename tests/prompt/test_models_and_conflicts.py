"""What a prompt may ask of its model, and which parameters exclude each other. Never silence."""

from dataclasses import replace

import pytest

from darkroom.core.capabilities import HONOURABLE, ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.prompt import PARAMETERS, parse
from darkroom.prompt.table import NAMES, NEEDS

LINK = "https://x.org/a.png"


def in_context(parameter):
    """An example of a parameter, with what it means nothing without."""
    needed = NEEDS.get(parameter.key)
    before = next((each.example for each in PARAMETERS if each.key == needed), "")
    return f"{before} {parameter.example}".strip()


def test_models_and_their_names(one):
    assert one("a").model == "able-1"
    assert (
        one("a --v modest-1").model
        == one("a --VERSION Modest-1").model
        == one("a --v old").model
        == "modest-1"
    )
    assert one("a --v 7").model == one("a --niji 6").model == "able-1"
    assert one("a --niji").model == "modest-1"


@pytest.mark.parametrize("typed", ["--v 99", "--version x", "--niji 7", "--niji 9", '--v "7"'])
def test_a_version_that_nobody_answers_to(typed, refused):
    error = refused(f"a {typed}")
    assert (error.code, error.position) == ("unsupported_by_model", 3)
    assert error.message.startswith(f"{typed} names no model")
    assert "able-1, modest-1" in error.hint


def test_models_and_versions_take_one_word(refused):
    assert refused("a --v 7 8").position == 9
    assert refused("a --niji 6 cute").position == 12


@pytest.mark.parametrize(
    "parameter",
    [p for p in PARAMETERS if p.honours and p.honours not in ("aspect", "no", "image_prompts", "video")],
    ids=lambda p: f"{p.key}-{p.name}",
)
def test_what_the_model_does_not_honour_is_an_error_that_names_who_does(parameter, refused):
    error = refused(f"a {in_context(parameter)} --v modest-1")
    assert (error.code, error.position) == ("unsupported_by_model", 3)
    assert "modest-1" in error.message
    assert parameter.names[0] in error.message or parameter.key in NEEDS
    assert error.hint == "Models that can: able-1."


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (f"{LINK} a", 1),
        ("a:: b", 2),
        ("a::1", 2),
        ("a --stylize 100", 3),
        ("a --chaos 0", 3),
        ("a --stop 100", 3),
    ],
)
def test_images_weights_and_values_at_their_default_count_as_asked_for(text, position, refused):
    error = refused(f"{text} --v old")
    assert (error.code, error.position) == ("unsupported_by_model", position)


def test_films_need_a_model_and_an_image(refused):
    assert refused("a --video --v old").code == "unsupported_by_model"
    error = refused("a --video")
    assert (error.code, error.position) == ("parameter_conflict", 3)


def test_where_no_model_can_the_error_says_so(catalogue):
    modest = replace(catalogue.models["modest-1"], default=True)
    with pytest.raises(PromptError, match="No model that is installed can"):
        parse("a --tile", catalogue=ModelCatalogue(models={"modest-1": modest}))


def test_lane_and_visibility_are_no_matter_of_the_model(one):
    job = one("a --relax --stealth --v modest-1")
    assert (job.lane, job.visibility) == ("relax", "stealth")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("--fast", "--turbo"),
        ("--relax", "--fast"),
        ("--hd", "--sd"),
        ("--sd", "--hd"),
        ("--draft", "--hd"),
        ("--stealth", "--public"),
        ("--v 7", "--niji 6"),
    ],
)
def test_parameters_that_exclude_each_other(first, second, refused):
    error = refused(f"a {first} {second}")
    assert (error.code, error.position) == ("parameter_conflict", 4 + len(first))
    assert error.message.startswith(f"{second} cannot go with {first} of character 3")


@pytest.mark.parametrize(
    "typed", ["--iw 2", "--sw 5", "--cw 5", "--ow 5", "--motion low", "--loop", f"--end {LINK}", "--bs 2"]
)
def test_parameters_that_mean_nothing_alone(typed, refused):
    error = refused(f"a {typed}")
    assert (error.code, error.position) == ("parameter_conflict", 3)
    assert "means nothing without" in error.message


@pytest.mark.parametrize(
    "typed", ["--iw 2", "--sw 5", "--cw 5", "--ow 5", "--motion low", "--loop", "--bs 2"]
)
def test_nobody_is_told_to_add_what_the_model_could_not_honour(typed, refused):
    error = refused(f"a {typed} --v old")
    assert (error.code, error.position) == ("unsupported_by_model", 3)
    assert "modest-1" in error.message


def test_a_loop_has_no_other_end(refused):
    assert refused(f"{LINK} --video --loop --end {LINK}").code == "parameter_conflict"


def test_the_table_asks_for_nothing_that_no_model_can_declare():
    asked = {parameter.honours for parameter in PARAMETERS if parameter.honours}
    assert asked | {"weights"} == HONOURABLE
    never = {parameter.key for parameter in NAMES.values() if not parameter.honours}
    assert never == {"version", "niji", "sd", "turbo", "fast", "relax", "stealth", "public"}


def test_the_same_prompt_is_read_for_another_model(catalogue):
    jobs = parse("a --v {able-1, modest-1}", catalogue=catalogue)
    assert [job.model for job in jobs] == ["able-1", "modest-1"]
