"""`darkroom parse`: what it prints for any text whatever, and with which exit code."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.cli.main import run
from darkroom.cli.parse import STDIN_MAX_BYTES

REGISTRY = """
[models.fox-1]
title = "Fox"
family = "mini"
default = true
native_px = 256
large_px = 512
max_image_prompts = 2
honours = ["aspect", "seed", "no", "image_prompts", "style_reference", "tile", "raw", "repeat", "profile", "video", "weights"]
[aliases]
7 = "fox-1"
"""
KEYS = {
    *(
        "prompt",
        "parts",
        "negative",
        "image_prompts",
        "aspect",
        "model",
        "seed",
        "stylize",
        "chaos",
        "weird",
        "quality",
    ),
    *("stop", "tile", "raw", "lane", "visibility", "canonical"),
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("DARKROOM_REGISTRY", "DARKROOM_MAX_JOBS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry(tmp_path: Path) -> str:
    path = tmp_path / "models.toml"
    path.write_text(REGISTRY, encoding="utf-8")
    return str(path)


@pytest.fixture
def typed(capsys):
    """Runs the command with some arguments: exit code, what it printed on stdout, and on stderr."""

    def run_parse(*arguments: str) -> tuple[int, str, str]:
        code = run(["parse", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run_parse


@pytest.fixture
def standard_input(monkeypatch):
    def offer(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    return offer


def test_every_key_is_there_and_says_what_was_asked_for(typed, registry):
    text = "https://x.org/a.png a fox::3 cub --ar 32:18 --no text, frame --v 7 --seed 5 --tile --fast --stealth --sref 9::2"
    code, out, _ = typed("--json", "--registry", registry, "--", text)
    (job,) = json.loads(out)["jobs"]
    assert code == 0
    assert set(job) >= KEYS
    assert job["prompt"] == "a fox cub"
    assert job["parts"] == [{"text": "a fox", "weight": 0.75}, {"text": "cub", "weight": 0.25}]
    assert (job["negative"], job["image_prompts"], job["aspect"]) == (
        ["text", "frame"],
        ["https://x.org/a.png"],
        "16:9",
    )
    assert (job["model"], job["seed"], job["tile"], job["raw"]) == ("fox-1", 5, True, False)
    assert (job["lane"], job["visibility"]) == ("fast", "stealth")
    assert job["style_references"] == [{"source": "9", "weight": 2.0}]
    assert job["canonical"].startswith("https://x.org/a.png a fox::3 cub --ar 16:9 --v fox-1 --seed 5 ")


def test_what_the_prompt_leaves_open_is_null(typed):
    (job,) = json.loads(typed("--json", "--", "a fox")[1])["jobs"]
    assert (job["seed"], job["lane"], job["visibility"], job["video"], job["profile"]) == (None,) * 5
    assert (job["stylize"], job["chaos"], job["weird"], job["quality"], job["stop"]) == (100, 0, 0, 1.0, 100)


def test_each_job_is_an_object(typed):
    jobs = json.loads(typed("--json", "--", "a {red, green} fox --repeat 2 --seed 7")[1])["jobs"]
    assert [(job["prompt"], job["seed"]) for job in jobs] == [
        ("a red fox", 7),
        ("a red fox", 8),
        ("a green fox", 7),
        ("a green fox", 8),
    ]


def test_the_canonical_text_is_understood_as_the_same_job(typed):
    (job,) = json.loads(typed("--json", "--", r"a \{fox\}:: b::2 --ar 4:2")[1])["jobs"]
    assert json.loads(typed("--json", "--", job["canonical"])[1])["jobs"] == [job]


def test_an_error_is_an_object_and_exit_code_2(typed):
    code, out, err = typed("--json", "--", "a fox in a den. --ar 20:1")
    assert (code, err) == (2, "")
    assert json.loads(out)["error"] == {
        "code": "invalid_parameter",
        "message": "--ar 20:1 is wider than 14:1, the widest that mini-1 can draw (at character 17). Try --ar 14:1.",
        "position": 17,
        "hint": "Try --ar 14:1.",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_prompt"),
        ("a --ar 0:1", "invalid_parameter"),
        ("a --ar 99:1", "invalid_parameter"),
        ("a --seed -1", "invalid_parameter"),
        ("a --ar 1:1 --ar 1:1", "parameter_conflict"),
        ("a --ar 1:1 fox", "invalid_parameter"),
        ("a --arr 1:1", "invalid_parameter"),
        ("a {b", "invalid_parameter"),
        ("a:: b::-1", "invalid_parameter"),
        ("x" * 1_000_000, "invalid_parameter"),
        ("a \udcff", "invalid_parameter"),
        ("a --v 99", "unsupported_by_model"),
        ("a --exp 5", "unsupported_by_model"),
        ("https://x.org/a.bmp a", "invalid_link"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(text, code, typed):
    exit_code, out, err = typed("--", text)
    assert (exit_code, out) == (2, "")
    assert err.startswith("darkroom: ")
    assert err.removesuffix("\n").isprintable()
    assert len(err) < 1000
    exit_code, out, err = typed("--json", "--", text)
    assert (exit_code, json.loads(out)["error"]["code"], err) == (2, code, "")


@given(text=st.text(st.characters(exclude_categories=()), max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_has_an_answer(text, capsys):
    code = run(["parse", "--json", "--", text])
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == (["jobs"] if code == 0 else ["error"])
    assert code in (0, 2)


def test_people_see_words_weights_and_what_is_not_the_default(typed, registry):
    code, out, _ = typed("--registry", registry, "--", 'a "FOX"::3 cub\u200d --relax --sref 9')
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:4] == ["job", "1:", "a", '"FOX"::3']
    assert ["words", "0.75", "a", '"FOX"'] in lines
    assert ["words", "0.25", r"cub\u200d"] in lines
    assert ["style", "references", "source=9", "weight=1.0"] in lines
    assert ["seed", "open"] in lines and ["lane", "relax"] in lines
    assert "chaos" not in out


def test_the_prompt_may_come_in_words_or_from_standard_input(typed, standard_input):
    assert json.loads(typed("--json", "--", "a", "fox", "--seed", "3")[1])["jobs"][0]["seed"] == 3
    standard_input("\ufeffa füchs --seed 4\r\n".encode())
    (job,) = json.loads(typed("--json", "-")[1])["jobs"]
    assert (job["prompt"], job["seed"]) == ("a füchs", 4)


@pytest.mark.parametrize(
    ("data", "position"),
    [(b"a \xff fox", 3), (b"\x00", 1), (b"x" * (STDIN_MAX_BYTES + 9), 6001), (b"a \xed\xa0\x80", 3)],
)
def test_bytes_that_are_no_prompt_are_refused_with_their_place(data, position, typed, standard_input):
    standard_input(data)
    code, out, _ = typed("--json", "-")
    assert (code, json.loads(out)["error"]["position"]) == (2, position)


def test_no_prompt_at_all_is_empty(typed):
    code, out, _ = typed("--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "empty_prompt")


def test_a_registry_that_cannot_be_read(typed, tmp_path):
    code, _, err = typed("--registry", str(tmp_path / "none.toml"), "--", "a")
    assert code != 0
    assert "none.toml: cannot be read: No such file" in err


def test_the_operator_caps_the_jobs(typed, monkeypatch):
    monkeypatch.setenv("DARKROOM_MAX_JOBS", "2")
    assert typed("--", "a --repeat 2")[0] == 0
    assert "more than the 2 that one prompt may make" in typed("--", "a --repeat 3")[2]


def test_the_command_loads_no_torch_and_prints_lone_surrogates():
    code = (
        "import sys\n"
        "from darkroom.cli.main import run, _print_anything\n"
        "_print_anything(sys.stderr)\n"
        "code = run(['parse', '--', 'a \\udcff'])\n"
        "sys.exit(code if not {'torch', 'numpy', 'PIL'} & set(sys.modules) else 'a heavy module was loaded')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\\udcff")) == (2, 1)
