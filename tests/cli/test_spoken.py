"""What the service says to programs, as people are told it: commands for actions, places in what was typed, nothing drawn by lot."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.cli.failures import sentence
from darkroom.cli.spoken import spoken, typed
from darkroom.cli.styles import drawn_styles, undrawn
from darkroom.core.errors import PromptError
from darkroom.core.recipes import Action
from darkroom.lifecycle.wishes import Asked


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Use upscale_creative for more.", "Use `darkroom upscale --creative` for more."),
        ("It is a mask, which vary_region takes.", "It is a mask, which `darkroom region` takes."),
        ("First (POST /api/v1/uploads/fetch), one by one.", "First (`darkroom upload ADDRESS`), one by one."),
        ("Upload it (POST /api/v1/uploads), or not.", "Upload it (`darkroom upload FILE`), or not."),
        ("'zoom_out' is no parameter.", "'zoom_out' is no parameter."),
        ("--zoom_out and my_zoom_outer", "--zoom_out and my_zoom_outer"),
    ],
)
def test_commands_stand_for_names_of_the_api(said: str, told: str) -> None:
    assert spoken(said) == told


def test_every_action_that_is_no_plain_word_has_a_command() -> None:
    for action in {each.value for each in (*Action, *Asked)}:
        assert "_" not in action or spoken(action).startswith("`darkroom ")


def test_an_error_is_told_with_commands() -> None:
    error: dict[str, str | int] = {"message": "It is no draft.", "hint": "Use zoom_out."}
    assert sentence(error) == "darkroom: It is no draft.\n  Use `darkroom zoom`."


@pytest.mark.parametrize(
    ("position", "told", "message"),
    [
        (89, 1, "It is wrong (at character 1). Mend it."),
        (98, 10, "It is wrong (at character 10). Mend it."),
        (99, 11, "It is wrong (at character 11). Mend it."),  # the end of what was typed
        (100, 0, "It is wrong. Mend it."),
        (88, 0, "It is wrong. Mend it."),
        (1, 0, "It is wrong. Mend it."),
    ],
)
def test_a_place_is_counted_in_what_was_typed(position: int, told: int, message: str) -> None:
    refusal = PromptError(
        "invalid_parameter",
        f"It is wrong (at character {position}). Mend it.",
        position=position,
        hint="Mend it.",
    )
    found = typed(refusal, before=88, length=10)
    assert (found.position, found.message, found.hint) == (told, message, "Mend it.")


def test_a_refusal_without_a_place_has_none_after_it() -> None:
    refusal = PromptError("invalid_link", "It is gone.")
    assert typed(refusal, before=88, length=10) is refusal


@pytest.mark.parametrize(
    ("source", "prompt", "told"),
    [
        ("a fox --sref random", "a fox --v able-1 --sref 4711", "`--sref 4711` gives it again"),
        (
            "a fox --sref 12 random::2 --ar 3:2",
            "a fox --sref 12 4711::2 --sw 50",
            "`--sref 12 4711::2` gives",
        ),
        ("a random fox --sref 12", "a random fox --sref 12", ""),
        ("a fox --sref 12 --no random", "a fox --sref 12 --no random", ""),
        ("a fox --sref randomly", "a fox", ""),
    ],
)
def test_a_style_that_was_drawn_by_lot(source: str, prompt: str, told: str) -> None:
    job = {"id": "019d", "source": source, "prompt": prompt}
    assert told in "".join(drawn_styles([job]))
    assert len(list(drawn_styles([job]))) == bool(told)
    assert all("of 019d" in each for each in drawn_styles([job, job]))


@pytest.mark.parametrize(
    ("action", "said", "shown"),
    [
        ("vary_subtle", "", "a fox --v able-1 --sref 4711"),
        ("remix", "a fox --seed 8", "a fox --v able-1 --seed 8 --sref 4711"),
        ("blend", "--sref random", "a fox --v able-1 --sref random"),
        ("hd", "", "a fox --v able-1 --seed 8 --sref 4711"),
        ("replay", "", "a fox --v able-1 --seed 8 --sref 4711"),
        ("upscale_creative", "", "a fox --v able-1 --seed 8 --sref 4711"),
    ],
)
def test_a_dry_run_shows_nothing_that_is_drawn_by_lot(action: str, said: str, shown: str) -> None:
    answer: dict[str, Any] = {"action": action, "prompt": "a fox --v able-1 --seed 8 --sref 4711"}
    assert undrawn(answer, said) == shown
