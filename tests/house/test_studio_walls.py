"""The studio's folders have floors, too: what all screens share knows no screen, and no file imports itself in a circle."""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

IMPORT = re.compile(
    r"""^\s*(?:import|export)\s[^"';]*?["'](\.[^"']+)["']|^\s*import\s+["'](\.[^"']+)["']""", re.M
)
SHARED = {
    "api": frozenset[str](),
    "parts": frozenset({"api", "shell"}),
    "live": frozenset({"api", "shell"}),
}
"""Folder -> the other folders that its files may import."""


def sources(project: Path) -> list[Path]:
    """Every module and component that is built."""
    found = (project / "web" / "src").rglob("*.*")
    return sorted(
        path
        for path in found
        if path.suffix in (".ts", ".svelte") and not path.name.endswith((".test.ts", ".d.ts", ".sample.ts"))
    )


def imported(path: Path) -> Iterator[Path]:
    """The files that a file imports when it is loaded; what it fetches later (`import(...)`) is not among them."""
    text = re.sub(r"(?m)^\s*import type .*$", "", path.read_text(encoding="utf-8"))
    for pair in IMPORT.findall(text):
        target = (path.parent / (pair[0] or pair[1])).resolve()
        for candidate in (target, target.with_name(target.name + ".ts")):
            if candidate.suffix in (".ts", ".svelte") and candidate.is_file():
                yield candidate


@pytest.fixture(scope="module")
def graph(project: Path) -> dict[Path, set[Path]]:
    return {path: set(imported(path)) for path in sources(project)}


def test_the_imports_are_found(graph: dict[Path, set[Path]], project: Path) -> None:
    app = project / "web" / "src" / "App.svelte"
    names = {path.name for path in graph[app]}
    assert {"Create.svelte", "router.svelte.ts", "screens.ts", "Waiting.svelte"} <= names
    assert sum(len(targets) for targets in graph.values()) > 300


def test_no_file_imports_itself_in_a_circle(graph: dict[Path, set[Path]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as fault:
        pytest.fail(" <- ".join(path.name for path in fault.args[1]))


@pytest.mark.parametrize("folder", SHARED)
def test_what_all_screens_share_knows_no_screen(
    folder: str, graph: dict[Path, set[Path]], project: Path
) -> None:
    source = project / "web" / "src"
    strays = [
        f"{path.relative_to(source)} imports {target.relative_to(source)}"
        for path, targets in graph.items()
        if path.relative_to(source).parts[0] == folder
        for target in sorted(targets)
        if target.relative_to(source).parts[0] not in {folder, *SHARED[folder]}
    ]
    assert strays == []


def test_screens_are_fetched_when_somebody_goes_there(graph: dict[Path, set[Path]], project: Path) -> None:
    """The first load holds Create and the shell alone: no screen that comes later may be reached from main.ts."""
    source = project / "web" / "src"
    reached, left = set[Path](), [source / "main.ts"]
    while left:
        path = left.pop()
        if path not in reached:
            reached.add(path)
            left += graph.get(path, ())
    folders = {path.relative_to(source).parts[0] for path in reached}
    assert folders & {"operate", "account", "rank", "explore", "lineage", "editor"} == set()
