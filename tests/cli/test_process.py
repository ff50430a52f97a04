"""The command as people run it: real processes, the real model, real signals, a real terminal."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom.finish.read import read_provenance

DARKROOM = [sys.executable, "-m", "darkroom.cli"]
STEPS_DONE = re.compile(rb"[1-9]\d*/\d+")  # in a bar: 12/64


def imagine(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*DARKROOM, "imagine", "--here", *arguments]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False)


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def only_job(found: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert found.returncode == 0, found.stderr.decode()
    [job] = json.loads(found.stdout)["jobs"]
    assert isinstance(job, dict)
    return job


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A red fox drawn by the real model in few steps, from standard input: its folder, and what `--json` said."""
    folder = tmp_path_factory.mktemp("grid")
    prompt = b"a red fox in the snow --seed 7 --q 0.25\n"
    return folder, only_job(imagine(folder, "-", "--json", stdin=prompt))


def test_a_prompt_becomes_four_pictures(grid: tuple[Path, dict[str, Any]]) -> None:
    folder, job = grid
    files = [folder / image[kind] for image in [*job["images"], job["grid"]] for kind in ("png", "webp")]
    assert sorted(files) == sorted((folder / "out").iterdir())
    sizes = set()
    for file in files:
        assert read_provenance(file).canonical == job["canonical"]
        with Image.open(file) as image:
            image.load()
            sizes.add(image.size)
    assert sizes == {(256, 256), (516, 516)}
    assert len({pixels(folder / image["png"]) for image in job["images"]}) == 4


def test_the_canonical_prompt_of_a_file_draws_it_again_among_others(
    grid: tuple[Path, dict[str, Any]],
) -> None:
    """Another process, one image of it alone, with another prompt in flight."""
    folder, job = grid
    canonical = read_provenance(folder / job["images"][1]["png"]).canonical
    both = canonical.replace("a red fox in the snow", "{a green apple, a red fox in the snow}")
    found = imagine(folder, both, "-o", "again", "--image", "2", "--format", "png", "--quiet", "--json")
    assert (found.returncode, found.stderr) == (0, b"")
    apple, fox = (folder / each["images"][0]["png"] for each in json.loads(found.stdout)["jobs"])
    assert fox.name == "a-red-fox-in-the-snow_7_2.png"
    assert pixels(fox) == pixels(folder / job["images"][1]["png"])
    assert pixels(apple) != pixels(fox)


def test_interrupted_while_it_loads(tmp_path: Path) -> None:
    command = [*DARKROOM, "imagine", "--here", "a red fox", "-o", "out", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr and process.stdout
        assert process.stderr.readline() == b"1 job, 4 images\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "cancelled"
    assert err == b""
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_draws(tmp_path: Path, number: signal.Signals) -> None:
    """On a terminal, whose bar tells when the first steps are done."""
    command = [*DARKROOM, "imagine", "--here", "a red fox --q 4", "-o", "out"]
    ours, theirs = pty.openpty()
    environ = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": "100",
        "LINES": "40",
    }
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, env=environ
    ) as process:
        os.close(theirs)
        seen = b""
        while not STEPS_DONE.search(seen):
            said = _said(ours)
            assert said, seen.decode()
            seen += said
        process.send_signal(number)
        while said := _said(ours):
            seen += said
        assert process.stdout and process.stdout.read() == b""
    os.close(ours)
    assert process.returncode == 130
    assert b"Traceback" not in seen
    assert seen.rstrip().endswith(b"darkroom: Cancelled.")
    assert list((tmp_path / "out").iterdir()) == []


def _said(terminal: int) -> bytes:
    """What a terminal says next; nothing more once nobody holds its other side."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says it
        return b""
