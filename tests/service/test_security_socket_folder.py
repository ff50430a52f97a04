"""Where the database's socket lies beside everybody's temporary files, nobody else may have made its folder first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.postgres.embedded import _make_private

US = {os.getuid()}


def test_a_new_folder_and_our_own_of_before_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    for _ in range(2):
        _make_private(folder, owners=US)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_one_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="others may write"):
        _make_private(folder, owners=US)


def test_one_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="belongs to somebody else"):
        _make_private(tmp_path, owners={os.getuid() + 1})


def test_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    """Root gives what is in it to the database's user."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    link = tmp_path / "sockets"
    link.symlink_to(elsewhere)
    with pytest.raises(StoreUnavailable):
        _make_private(link, owners=US)
