"""The model that ships, loaded once."""

from __future__ import annotations

import pytest

from darkroom.model.mini import Mini


@pytest.fixture(scope="session")
def shipped() -> Mini:
    return Mini.load()
