"""The commands that do not draw: models, show, help, version; errors as sentences; start-up without torch."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from PIL import Image

from darkroom import __version__
from darkroom.cli import failures, main
from darkroom.cli.main import run
from darkroom.cli.plain import plain
from darkroom.core.errors import Cancelled, DarkroomError, ModelError, OutputError, PromptError
from darkroom.core.fingerprints import short_of
from darkroom.finish.encode import ImageFormat, encode
from darkroom.finish.provenance import Provenance

PROVENANCE = Provenance(
    canonical="a fox --seed 7",
    parameters={"stylize": 100, "negative": ["\x1b[31mred"]},
    seed=7,
    image=None,
    model="mini-1",
    weights="ab" * 32,
    engine={"rows": 8, "torch": "2"},
    software="Darkroom 0.1.0",
    created=datetime(2026, 1, 31, 12, tzinfo=UTC),
)


def darkroom(
    *arguments: str | bytes, stdin: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "darkroom.cli", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, env={**os.environ, **environ}, check=False
    )


# -- models -------------------------------------------------------------------------------------------------------


def test_models_lists_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("mini-1  (default)\n")
    assert "answers to  mini-1, 1, mini" in printed
    assert "aspect, chaos" in printed


def test_models_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    [mini] = [model for model in found["models"] if model["default"]]
    assert mini["name"] == "mini-1"
    assert "seed" in mini["honours"]
    assert found["aliases"]["mini"] == "mini-1"


def test_another_registry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_REGISTRY", str(tmp_path / "absent.toml"))
    assert run(["models"]) == 1
    assert "absent.toml: cannot be read" in capsys.readouterr().err


# -- show ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ImageFormat)
def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str], file_format: ImageFormat) -> None:
    (file := tmp_path / "fox").write_bytes(encode(Image.new("RGB", (4, 4)), file_format, PROVENANCE))
    assert run(["show", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "prompt       a fox --seed 7\nseed         7\nimage        the grid of 4\n" in printed
    assert "  rows                 8\n" in printed
    assert f"fingerprint  {short_of(PROVENANCE.engine)}\n" in printed
    assert "\x1b" not in printed
    assert run(["show", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == PROVENANCE.as_object()


def test_show_of_what_is_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file := tmp_path / "notes.txt").write_text("hello")
    assert run(["show", str(file)]) == 1
    assert capsys.readouterr().err == f"darkroom: {file} is neither a PNG nor a WebP nor an AVIF picture\n"
    assert run(["show", "--json", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "output_failed"


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PromptError("empty_prompt", "nothing"), 2),
        (click.UsageError("what?"), 2),
        (OutputError(), 1),
        (ModelError(), 1),
        (DarkroomError(), 1),
        (click.ClickException("broken"), 1),
        (Cancelled(), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.tell(error, as_json=True) == code
    assert set(json.loads(capsys.readouterr().out)["error"]) == {"code", "message", "position", "hint"}
    assert failures.tell(error, as_json=False) == code
    printed = capsys.readouterr()
    assert printed.err
    assert printed.out == ""


def test_every_error_of_ours_is_expected() -> None:
    def below(kind: type[BaseException]) -> list[type[BaseException]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    assert len(below(DarkroomError)) >= 7
    assert all(issubclass(kind, failures.EXPECTED) for kind in below(DarkroomError))


def test_a_hint_is_said_once() -> None:
    assert failures.sentence({"message": "Wrong. Try 1.", "hint": "Try 1."}) == "darkroom: Wrong. Try 1."
    assert failures.sentence({"message": "Wrong.", "hint": "Try 1."}) == "darkroom: Wrong.\n  Try 1."


def test_json_is_asked_for_before_the_prompt() -> None:
    assert failures.wants_json(["parse", "--json", "--", "x"])
    assert not failures.wants_json(["parse", "--", "--json"])


def test_unknown_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagin"]) == 2
    assert "imagin" in capsys.readouterr().err
    assert run(["--json", "nothing"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


# -- the process --------------------------------------------------------------------------------------------------


def test_help_has_an_example_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert 'darkroom imagine "a red fox in the snow --seed 7" -o out/' in printed
    assert all(f"  {name} " in printed for name in main.darkroom.commands)


def test_version() -> None:
    found = darkroom("--version")
    assert (found.returncode, found.stdout) == (0, f"darkroom {__version__}\n".encode())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["imagine", "--help"],
        ["models", "--json"],
        ["parse", "--json", "--", "a fox"],
        ["imagine", ""],
        ["imagine", "--here", ""],
        ["jobs"],
        ["account"],
        ["admin", "users", "list"],
        ["serve", "--help"],
        ["worker", "--help"],
    ],
)
def test_torch_is_not_imported_by_what_does_not_draw(arguments: list[str]) -> None:
    """Nor anything else that takes long."""
    program = (
        "import sys\nfrom darkroom.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'PIL', 'rich', 'tokenizers', 'safetensors'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    found = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
    assert found.returncode == 0, found.stderr.decode()


def test_show_needs_no_decoder_of_pictures(tmp_path: Path) -> None:
    (file := tmp_path / "fox.png").write_bytes(encode(Image.new("RGB", (4, 4)), ImageFormat.PNG, PROVENANCE))
    program = (
        "import sys\nfrom darkroom.cli.main import run\nassert run(['show', sys.argv[1]]) == 0\n"
        "assert not {'torch', 'PIL'} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, check=False)
    assert found.returncode == 0, found.stderr.decode()


@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_text_that_cannot_be_printed_is_escaped(tmp_path: Path, locale: str) -> None:
    for arguments in (
        ["imagine", b"fox \xff\xfe"],
        ["show", os.fsencode(tmp_path) + b"/\xff.png"],
    ):
        found = darkroom(*arguments, LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert found.returncode in (1, 2)
        assert found.stderr.startswith(b"darkroom: ")
        assert b"Traceback" not in found.stderr


def test_a_megabyte_on_standard_input() -> None:
    found = darkroom("imagine", "--json", "-", stdin=b"fox " * 250_000)
    assert found.returncode == 2
    assert json.loads(found.stdout)["error"]["code"] == "invalid_parameter"
    assert found.stderr == b""


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        (">/dev/full", 1, "darkroom: cannot go on: No space left on device"),
        (">&-", 0, ""),
        ("2>&- >/dev/null", 0, ""),
        ("- <&-", 2, "`-` reads the prompt from standard input, which is closed"),
    ],
)
def test_streams_that_are_full_or_closed_are_no_traceback(streams: str, code: int, said: str) -> None:
    prompt = "" if streams.startswith("-") else "-- fox"
    command = f"{sys.executable} -m darkroom.cli parse {prompt} {streams}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, check=False, text=True)
    assert (found.returncode, found.stdout) == (code, "")
    assert said in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", ["imagine", "parse"])
def test_a_prompt_that_is_not_quoted_is_shown_how(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "a", "fox", "--ar", "1:1"]) == 2
    assert f"go in quotes: darkroom {command} " in capsys.readouterr().err


def test_what_would_steer_a_terminal_is_escaped() -> None:
    assert plain("a b\x1b[31m \u202efox\udcff\U000e0001") == r"a b\x1b[31m \u202efox\udcff\U000e0001"


def test_a_reader_that_went_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m darkroom.cli models | true"
    found = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert found.stderr == b""
