"""Fetching with the real library where there is no hub: a sentence, whatever else was imported before."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = "http://127.0.0.1:9"
FETCH = """
from pathlib import Path
from darkroom.core.errors import ModelError
from darkroom.model.hub import fetch
try:
    fetch("foo/bar", into=Path("into"))
except ModelError as error:
    print(error.message)
"""


@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="not in the base install")
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HF_ENDPOINT": NOBODY}, "Connection refused"),
        ({"HF_HUB_OFFLINE": "1"}, "outgoing traffic has been disabled"),
    ],
)
def test_no_hub_is_said_without_advice(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    """In a process of its own: here, other tests may have imported what this one must import itself."""
    told = subprocess.run(
        [sys.executable, "-c", FETCH],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("foo/bar cannot be fetched from the hub: ") and words in told.stdout
    assert "environment variable" not in told.stdout and len(told.stdout.splitlines()) == 1
