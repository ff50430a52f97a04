"""A server for the time of one command: found, told why it does not start, always stopped; and the real one, end to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from darkroom.bootstrap import settings_of_process
from darkroom.cli import embedded as embedded_module
from darkroom.cli.embedded import CannotStart, Started, embedded
from darkroom.cli.main import run
from darkroom.core.errors import Cancelled
from darkroom.finish.read import read_provenance

FAKE = """
import json, os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
print("warming up", file=sys.stderr)
{body}
"""
STAYS = 'print(json.dumps({"url": "http://127.0.0.1:1"}), flush=True)\nos.read(0, 1)'
"""Ends when standard input is closed, as the real one does."""


def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> Path:
    """A program in the server's place; the file that it writes its process id to."""
    pid = tmp_path / "pid"
    monkeypatch.setattr(
        embedded_module, "COMMAND", (sys.executable, "-c", FAKE.replace("{body}", body), str(pid))
    )
    return pid


def gone(pid: Path) -> bool:
    try:
        os.kill(int(pid.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_it_lives_as_long_as_the_block(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = fake(monkeypatch, tmp_path, STAYS)
    with embedded(settings_of_process(), check=lambda: None) as started:
        assert started.address.url == "http://127.0.0.1:1"
        started.check()
        assert not gone(pid)
    assert gone(pid)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('the disk is on fire')", "the disk is on fire"),
        ('print(json.dumps({"error": {"message": "somebody is there"}}))', "somebody is there"),
        ("print('nonsense')", "warming up"),
    ],
)
def test_why_it_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, said: str) -> None:
    pid = fake(monkeypatch, tmp_path, body)
    with (
        pytest.raises(CannotStart, match=said) as caught,
        embedded(settings_of_process(), check=lambda: None),
    ):
        raise AssertionError("it has not started")
    assert "--here" in caught.value.message
    assert gone(pid)


def test_it_takes_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(monkeypatch, tmp_path, "os.read(0, 1)")
    monkeypatch.setattr(embedded_module, "START_S", 0.2)
    with (
        pytest.raises(CannotStart, match="could not be started"),
        embedded(settings_of_process(), check=lambda: None),
    ):
        raise AssertionError("it has not started")


def test_an_interrupt_while_it_starts_stops_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = fake(monkeypatch, tmp_path, "os.read(0, 1)")

    def check() -> None:
        if pid.exists() and pid.read_text():
            raise Cancelled

    with pytest.raises(Cancelled), embedded(settings_of_process(), check=check):
        raise AssertionError("it has not started")
    assert gone(pid)


def test_a_server_that_ends_by_itself_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = fake(monkeypatch, tmp_path, STAYS)
    with embedded(settings_of_process(), check=lambda: None) as started:
        os.kill(int(pid.read_text()), signal.SIGKILL)
        with pytest.raises(CannotStart, match="warming up"):
            watch(started)


def watch(started: Started) -> None:
    """Until it is noticed, for a limited time."""
    waiting = threading.Event()
    for _ in range(500):
        started.check()
        waiting.wait(0.01)


def test_a_wrong_prompt_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pid = fake(monkeypatch, tmp_path, STAYS)
    monkeypatch.chdir(tmp_path)
    assert run(["imagine", "a fox --sed 3", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_parameter"
    assert not pid.exists()
    assert not (tmp_path / "out").exists()


def test_imagine_says_that_it_starts_one_and_why_it_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch, tmp_path, "sys.exit('no room for a database')")
    monkeypatch.chdir(tmp_path)
    assert run(["imagine", "a fox"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "`darkroom serve` keeps one" in printed.err
    assert "no room for a database" in printed.err


@pytest.mark.slow
def test_imagine_with_nothing_running_draws_all_the_same(nobody_else: Path, tmp_path: Path) -> None:
    """The real server, database and worker, from nothing; they are gone afterwards, what they made is not."""
    command = [
        sys.executable,
        "-m",
        "darkroom.cli",
        "imagine",
        "a red fox in the snow --seed 7 --q 0.25",
        "--json",
    ]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=240)
    assert found.returncode == 0, found.stderr.decode()
    assert b"`darkroom serve` keeps one" in found.stderr
    [job] = json.loads(found.stdout)["jobs"]
    files = [tmp_path / each[kind] for each in [*job["images"], job["grid"]] for kind in ("png", "webp")]
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    assert {read_provenance(file).canonical for file in files} == {job["canonical"]}
    data = nobody_else / "data"
    assert (data / "owner.key").exists()
    assert not (data / "server.json").exists()
