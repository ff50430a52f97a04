"""Settings are read from an environment that is handed in, and documented."""

import re
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.settings import VARIABLES, Settings, read_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_without_variables() -> None:
    settings = read_settings({})
    assert settings == Settings(threads=settings.threads)
    assert (settings.weights, settings.registry, settings.out, settings.max_jobs) == (
        None,
        None,
        Path("out"),
        40,
    )
    assert settings.threads >= 1


def test_every_variable_is_read() -> None:
    environ = {
        "DARKROOM_WEIGHTS": "/w",
        "DARKROOM_REGISTRY": " r.toml ",
        "DARKROOM_THREADS": "3",
        "DARKROOM_OUT": "pictures",
        "DARKROOM_MAX_JOBS": "7",
    }
    assert set(environ) == {variable.name for variable in VARIABLES}
    assert read_settings(environ) == Settings(
        weights=Path("/w"), registry=Path("r.toml"), threads=3, out=Path("pictures"), max_jobs=7
    )
    assert read_settings(dict.fromkeys(environ, " ")) == read_settings({})


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "٣", "1025", "9" * 10_000, "\ud800"])
def test_numbers_that_cannot_be(text: str) -> None:
    with pytest.raises(DarkroomError, match="DARKROOM_THREADS must be a whole number from 1 to 1024, not"):
        read_settings({"DARKROOM_THREADS": text})


def test_paths_have_a_limit() -> None:
    with pytest.raises(DarkroomError, match="DARKROOM_OUT is longer"):
        read_settings({"DARKROOM_OUT": "x" * 5000})


def test_every_variable_is_documented_as_it_is() -> None:
    rows = re.findall(r"(?m)^\| `(DARKROOM_\w+)` \| (.*?) \| (.*?) \|$", DOCS.read_text(encoding="utf-8"))
    assert rows == [(variable.name, variable.default, variable.meaning) for variable in VARIABLES]
