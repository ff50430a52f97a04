"""The user's page on the prompt language says what the code does: every parameter, code and limit, and no other."""

import re
from pathlib import Path

import pytest

from darkroom.core.errors import PromptError
from darkroom.prompt import CODES, PARAMETERS, format_prompt, parse
from darkroom.prompt.body import PARTS_MAX
from darkroom.prompt.permutations import NESTING_MAX
from darkroom.prompt.table import NAMES, PROMPT_MAX
from darkroom.prompt.values import ENTRIES_MAX

PAGE = Path(__file__).parents[2] / "docs" / "prompt-language.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def section(page, title):
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_parameter_has_its_row_and_there_is_no_other(page):
    rows = [line for line in section(page, "Parameters").splitlines() if line.startswith("| `--")]
    assert rows == [
        f"| {' '.join(f'`--{name}`' for name in p.names)} | {p.values} | {p.default} | {p.meaning} | `{p.example}` |"
        for p in PARAMETERS
    ]


def test_every_code_is_explained_and_there_is_no_other(page):
    assert tuple(re.findall(r"(?m)^\| `([a-z_]+)` \|", section(page, "Errors"))) == CODES


def test_no_parameter_is_named_that_does_not_exist(page):
    named = {name for name in re.findall(r"--([a-z]+)", page) if name != "parameter"}
    assert named == set(NAMES)


@pytest.mark.parametrize("limit", [PARTS_MAX, ENTRIES_MAX, NESTING_MAX, f"{PROMPT_MAX:,}"])
def test_limits_are_named(limit, page):
    assert re.search(rf"(?<!\d){limit}(?!\d)", page)


def test_what_the_page_calls_right_is_right_and_what_it_calls_wrong_is_wrong(catalogue):
    for text in (
        "a fox --ar 16:9",
        "a —ar 16:9",
        "hot::2 dog",
        "{red, green} apple",
        "a --{ar 16:9, tile}",
        'a sign "OPEN"',
    ):
        assert parse(text, catalogue=catalogue)
    for text in ("a --ar16:9", "a - -ar 1:1", "a {b,}", "a --iw 1"):
        with pytest.raises(PromptError):
            parse(text, catalogue=catalogue)


def test_the_canonical_example_is_canonical(page, catalogue):
    example = re.search(r"```\n(.*)\n```", section(page, "Canonical text"))
    assert example
    text = example[1].replace("mini-1", "able-1")
    assert [format_prompt(job) for job in parse(text, catalogue=catalogue)] == [text]
