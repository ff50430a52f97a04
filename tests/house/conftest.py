"""Where the project lies, and who lives in it."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT))  # so that `checks` can be imported from wherever pytest was started


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def pyproject(project: Path) -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def rooms(project: Path) -> frozenset[str]:
    """The names of the rooms that are built: packages and modules directly in the package."""
    package = project / "src" / "darkroom"
    return frozenset(
        path.stem
        for path in package.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.stem.startswith("__")
    )
