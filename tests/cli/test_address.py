"""Which server and which key: the environment before the config file before this machine; keys stay with their server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from darkroom.bootstrap import settings_of_process
from darkroom.cli.address import Address, NotRunning, find_server, open_client
from darkroom.cli.ids import matching
from darkroom.core.errors import DarkroomError, NotFound, Refused

HERE = "http://127.0.0.1:8642"


@pytest.fixture
def config(nobody_else: Path) -> Path:
    return nobody_else / "config.toml"


def start_here(home: Path, *, pid: int | None = None) -> None:
    """What a server that runs on this machine leaves in its data folder."""
    (home / "data").mkdir()
    found = {"url": HERE, "pid": os.getpid() if pid is None else pid, "version": "1"}
    (home / "data" / "server.json").write_text(json.dumps(found))
    (home / "data" / "owner.key").write_text("dk_owner\n")


def found() -> Address | None:
    return find_server(settings_of_process())


def test_nobody_runs(nobody_else: Path) -> None:
    assert found() is None
    with pytest.raises(NotRunning, match="darkroom serve"):
        open_client()


def test_the_server_of_this_machine(nobody_else: Path) -> None:
    start_here(nobody_else)
    assert found() == Address(url=HERE, key="dk_owner")


def test_a_server_that_died_is_none(nobody_else: Path) -> None:
    start_here(nobody_else, pid=2**22 + 1)
    assert found() is None


def test_the_environment_comes_first(
    nobody_else: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_here(nobody_else)
    config.write_text('url = "https://config.test/"\nkey = "dk_config"\n')
    assert found() == Address(url="https://config.test", key="dk_config")
    monkeypatch.setenv("DARKROOM_KEY", "dk_environment")
    assert found() == Address(url="https://config.test", key="dk_environment")
    monkeypatch.setenv("DARKROOM_URL", HERE)
    assert found() == Address(url=HERE, key="dk_environment")


def test_keys_stay_with_their_server(
    nobody_else: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_here(nobody_else)
    config.write_text('url = "https://config.test"\nkey = "dk_config"\n')
    monkeypatch.setenv("DARKROOM_URL", "https://stranger.test")
    assert found() == Address(url="https://stranger.test", key="")
    monkeypatch.setenv("DARKROOM_URL", HERE)
    assert found() == Address(url=HERE, key="dk_owner")
    config.write_text('key = "dk_config"\n')
    monkeypatch.setenv("DARKROOM_URL", "https://stranger.test")
    assert found() == Address(url="https://stranger.test", key="dk_config")
    assert "dk_config" not in repr(found())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url = ", "is no TOML"),
        (b"\xff", "is no TOML"),
        ('adress = "http://x"', "not 'adress'"),
        ("key = 7", "not 'key'"),
        ('url = "ftp://x"', "must begin with http"),
    ],
)
def test_config_files_that_cannot_be(config: Path, text: str | bytes, said: str) -> None:
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DarkroomError, match=said):
        found()


def test_a_config_file_that_cannot_be_read(config: Path) -> None:
    config.mkdir()
    with pytest.raises(DarkroomError, match="cannot be read"):
        found()


ONE, TWO = "019de368-f600-710e-ae72-1467f293dba3", "019de368-f600-710e-ae72-1467f293dbb4"


def test_ids_by_one_end() -> None:
    assert matching("dba3", [ONE, TWO], what="job") == ONE
    assert matching("93DBB4", [ONE, TWO], what="job") == TWO
    assert matching(ONE.upper(), [], what="job") == ONE
    assert matching("f293dbb", [ONE, TWO], what="job") == TWO  # the beginning of what tables show
    with pytest.raises(Refused, match="fits 2 jobs"):
        matching("F293", [ONE, TWO], what="job")
    with pytest.raises(NotFound):
        matching("67f2", [ONE], what="job")
    with pytest.raises(Refused, match="fits 2 jobs"):
        matching("019de368", [ONE, TWO], what="job")
    with pytest.raises(Refused, match="too short"):
        matching("ba3", [ONE], what="job")
    with pytest.raises(NotFound):
        matching("ffff", [ONE], what="job")
