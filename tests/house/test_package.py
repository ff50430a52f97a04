"""What is installed holds every file that the code reads: no SQL, page or policy is left behind in the checkout."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from setuptools import Distribution

from checks.sizes import kept_files

SOURCE = Path("src")
LEFT_BEHIND = {
    "src/darkroom/train/.npmrc"
}  # read by whoever fetches the recipe's pictures, from the checkout


def package_of(path: Path, project: Path) -> Path:
    """The nearest folder above a file that is a package."""
    return next(folder for folder in path.parents if (project / folder / "__init__.py").exists())


def test_every_file_of_a_package_is_installed(project: Path, pyproject: dict[str, Any]) -> None:
    patterns = pyproject["tool"]["setuptools"]["package-data"]
    missing = []
    for path in kept_files(project):
        if path.is_relative_to(SOURCE) and path.suffix != ".py" and path.as_posix() not in LEFT_BEHIND:
            package = package_of(path, project)
            name = ".".join(package.relative_to(SOURCE).parts)
            inside = path.relative_to(package).as_posix()
            own = [
                pattern
                for pattern in [*patterns["*"], *patterns.get(name, [])]
                if pattern.count("/") == inside.count("/") and fnmatch(inside, pattern)
            ]
            missing += [] if own else [path.as_posix()]
    assert missing == []


def test_the_built_studio_is_installed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not in the repository, so the test above does not see it: `make test` has built it."""
    monkeypatch.chdir(project)
    distribution = Distribution()
    distribution.parse_config_files()
    command = distribution.get_command_obj("build_py")
    command.ensure_finalized()
    sources = [Path(source) / name for _, source, _, names in command.data_files for name in names]
    built = [path.as_posix() for path in sources if "gateway/studio/" in path.as_posix()]
    assert any(path.endswith("studio/index.html") for path in built)
    assert {Path(path).suffix for path in built} >= {".js", ".css", ".br", ".gz"}
