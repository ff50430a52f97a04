"""Sizes and names of the house (docs/architecture/02-rooms-and-floors.md): `python -m checks.sizes` prints every offender.

Functions, modules, files, drawers. Knows nothing of what the code does.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES = 60
MODULE_LINES = 400
FILE_BYTES = 2_000_000
WEIGHTS_BYTES = 32_000_000  # the text encoder is the largest; see docs/adr/0005-weights-in-the-repository.md

SOURCE = Path("src")
STUDIO = Path("web/src")
WEIGHTS = Path("src/darkroom/model/weights")
DRAWERS = frozenset(
    {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "pipeline"}
)

# Path from the project's root -> why it may be longer than MODULE_LINES.
LONG_MODULES: dict[str, str] = {}


def long_functions(source: str) -> Iterator[tuple[int, str, int]]:
    """Yields (line, name, length in lines) of each function in `source` that is longer than FUNCTION_LINES.

    Decorators do not count; the docstring does.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield node.lineno, node.name, lines


def faults_of_module(path: Path, root: Path) -> Iterator[str]:
    """Yields one sentence for each rule that the module at `root`/`path` breaks."""
    source = (root / path).read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > MODULE_LINES and path.as_posix() not in LONG_MODULES:
        yield f"{path}:1: {lines} lines, at most {MODULE_LINES}: split it by idea"
    for line, name, length in long_functions(source):
        yield f"{path}:{line}: {name} has {length} lines, at most {FUNCTION_LINES}"
    for part in (*path.parent.parts, path.stem):
        if part in DRAWERS:
            yield f"{path}:1: '{part}' is a drawer; name the module after what is in it"
    if path.parent != SOURCE and not (root / path.parent / "__init__.py").exists():
        yield f"{path}:1: its folder has no __init__.py, so the import contracts can't see it"


def faults_of_studio(path: Path, root: Path) -> Iterator[str]:
    """The same of a component or module of the studio, whose functions its own tools judge."""
    lines = len((root / path).read_text(encoding="utf-8").splitlines())
    if lines > MODULE_LINES:
        yield f"{path}:1: {lines} lines, at most {MODULE_LINES}: split it by idea"
    for part in (*path.parent.parts, path.name.partition(".")[0].lower()):
        if part in DRAWERS:
            yield f"{path}:1: '{part}' is a drawer; name the module after what is in it"


def faults_of_file(path: Path, root: Path) -> Iterator[str]:
    """Yields a sentence when the file at `root`/`path` is too large to be kept in git."""
    limit = WEIGHTS_BYTES if path.is_relative_to(WEIGHTS) else FILE_BYTES
    size = (root / path).stat().st_size
    if size > limit:
        yield f"{path}: {size:,} bytes, at most {limit:,} in this folder"


def kept_files(root: Path) -> list[Path]:
    """The files that git keeps or would keep, from the root: what is ignored is not looked at."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode()
    return sorted(
        path for name in set(listing.split("\0")) if name and (root / (path := Path(name))).is_file()
    )


def faults(root: Path, paths: list[Path]) -> list[str]:
    """Every fault of `paths` under `root`, and every listed exception that is no longer needed."""
    found: list[str] = []
    for path in paths:
        if path.suffix == ".py" and path.is_relative_to(SOURCE):
            found.extend(faults_of_module(path, root))
        if path.suffix in (".ts", ".svelte") and path.is_relative_to(STUDIO):
            found.extend(faults_of_studio(path, root))
        found.extend(faults_of_file(path, root))
    found.extend(
        f"{name}: listed in LONG_MODULES, but there is no such file"
        for name in LONG_MODULES
        if Path(name) not in paths
    )
    return found


def main() -> int:
    """Prints the faults of the project in the current folder; returns how the process should exit."""
    root = Path.cwd()
    found = faults(root, kept_files(root))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
