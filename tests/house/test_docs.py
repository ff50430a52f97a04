"""The documents keep up with the code: links lead somewhere, and every command that is named exists, and the reverse."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from checks.sizes import kept_files
from darkroom import settings
from darkroom.core import events
from darkroom.prompt import CODES, PARAMETERS

LINK = re.compile(r"(?<!\\)\[[^\]\n]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"(?ms)^```.*?^```")
MAKE = re.compile(r"`make ([a-z][a-z-]*)|^make ([a-z][a-z-]*)", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


def anchor(heading: str) -> str:
    """The anchor that a heading gets, as the forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(document: Path) -> Iterator[str]:
    """Each relative link of `document` that leads to no file, or to a heading that its file does not have."""
    for target in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if target.startswith(ELSEWHERE):
            continue
        name, _, fragment = target.partition("#")
        path = document.parent / name if name else document
        if not path.exists():
            yield target
        elif fragment and path.suffix == ".md":
            headings = re.findall(r"(?m)^#+ (.*)$", FENCE.sub("", path.read_text(encoding="utf-8")))
            if fragment not in map(anchor, headings):
                yield target


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Every command below `command` that can be run and is shown, with its full name."""
    if not isinstance(command, click.Group):
        yield context.command_path, command
        return
    if command.invoke_without_command:
        yield context.command_path, command
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None, f"{context.command_path} lists {name} and has no such command"
        if not below.hidden:
            yield from commands(below, click.Context(below, parent=context, info_name=name))


def make_targets(project: Path) -> set[str]:
    """The targets that `make` lists."""
    return set(re.findall(r"(?m)^([a-z-]+):.*## ", (project / "Makefile").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def documents(project: Path) -> list[Path]:
    return [project / path for path in kept_files(project) if path.suffix == ".md"]


@pytest.fixture(scope="module")
def command_docs(project: Path) -> str:
    return (project / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tree() -> dict[str, click.Command]:
    """Full name (`darkroom imagine`) -> command."""
    from darkroom.cli import main

    root = main.darkroom
    return dict(commands(root, click.Context(root, info_name="darkroom")))


def test_relative_links_lead_somewhere(documents: list[Path], project: Path) -> None:
    assert len(documents) > 5
    assert [f"{d.relative_to(project)}: {link}" for d in documents for link in broken_links(d)] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One, two\n[x](b.md) [y](#one-two) [z](#three) [w](a.md)\n```\n[code](none)\n```\n")
    assert list(broken_links(document)) == ["b.md", "#three"]


def test_every_make_command_in_the_documents_exists(documents: list[Path], project: Path) -> None:
    targets = make_targets(project)
    named = {
        name
        for d in documents
        for pair in MAKE.findall(d.read_text(encoding="utf-8"))
        for name in pair
        if name
    }
    assert {"imagine", "test", "check"} <= named
    assert named - targets == set()


def test_make_alone_lists_every_target(project: Path) -> None:
    text = (project / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"(?s)\.PHONY: (.*?)\n\n", text)[1].replace("\\\n", " ").split())
    assert phony - {"format-check"} == make_targets(project)


def test_every_program_that_make_starts_exists(project: Path) -> None:
    text = (project / "Makefile").read_text(encoding="utf-8")
    modules = set(re.findall(r"-m (darkroom\.[a-z_.]+|checks\.[a-z_]+)", text))
    assert len(modules) > 4
    assert sorted(name for name in modules if importlib.util.find_spec(name) is None) == []
    scripts = re.findall(r"benchmarks/[a-z_]+\.py", text)
    assert [name for name in scripts if not (project / name).exists()] == []


def test_every_command_is_described(tree: dict[str, click.Command], command_docs: str) -> None:
    assert [name for name in tree if name not in command_docs] == []


def test_every_option_is_described(tree: dict[str, click.Command], command_docs: str) -> None:
    options = {
        (name, option)
        for name, command in tree.items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in parameter.opts
        if option.startswith("--")
    }
    assert sorted(pair for pair in options if pair[1] not in command_docs) == []


def test_no_command_is_described_that_does_not_exist(
    tree: dict[str, click.Command], command_docs: str
) -> None:
    named = set(re.findall(r"(?m)^#+ `?(darkroom [a-z-]+)", command_docs))
    assert named - set(tree) == set()


def test_every_parameter_is_described_as_the_parser_knows_it(project: Path) -> None:
    text = (project / "docs" / "prompt-language.md").read_text(encoding="utf-8")
    rows = [
        f"| {' '.join(f'`--{name}`' for name in p.names)} | {p.values} | {p.default} | {p.meaning} |"
        for p in PARAMETERS
    ]
    assert [row for row in rows if row not in text] == []
    assert len(re.findall(r"(?m)^\| `--", text)) == len(rows)


def test_every_code_of_an_error_is_described(project: Path) -> None:
    text = (project / "docs" / "prompt-language.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^\| `([a-z_]+)` \|", text) == list(CODES)


def test_every_setting_is_described(project: Path) -> None:
    text = (project / "docs" / "settings.md").read_text(encoding="utf-8")
    variables = {value.name for value in vars(settings).values() if isinstance(value, settings.Variable)}
    assert set(re.findall(r"(?m)^\| `(DARKROOM_[A-Z_]+)`", text)) == variables


def test_every_event_is_described(project: Path) -> None:
    text = (project / "docs" / "architecture" / "06-the-engine.md").read_text(encoding="utf-8")
    assert [kind.__name__ for kind in get_args(events.Event) if f"`{kind.__name__}`" not in text] == []


def test_decisions_are_numbered_without_a_gap(project: Path) -> None:
    numbers = [path.name[:4] for path in sorted((project / "docs" / "adr").glob("[0-9]*.md"))]
    assert numbers == [f"{n:04}" for n in range(1, len(numbers) + 1)]


def test_every_benchmark_can_be_loaded(project: Path) -> None:
    """They are run by hand only, so that nobody else notices when what they import has moved."""
    code = "import runpy, sys\nfor path in sys.argv[1:]:\n    runpy.run_path(path, run_name='loaded')"
    scripts = sorted(
        str(path) for path in (project / "benchmarks").glob("*.py") if path.name != "__init__.py"
    )
    assert len(scripts) > 2
    done = subprocess.run(
        [sys.executable, "-c", code, *scripts], capture_output=True, text=True, check=False, cwd=project
    )
    assert done.returncode == 0, done.stderr
