"""`darkroom imagine` end to end in this process, on a tiny network: files, JSON, failures, cancelling."""

import io
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from darkroom.cli.draw import PHASES
from darkroom.cli.main import run
from darkroom.core.errors import OutputError
from darkroom.core.events import ImageCancelled, ImageFinished, StepTaken
from darkroom.finish.grid import GAP_PX
from darkroom.finish.read import read_provenance
from darkroom.worker.studio import Studio

PX = 64  # of a tiny image, enlarged


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def pixels(path: str | Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one object on stdout."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def imagine_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run(["imagine", "--here", "--json", "--quiet", *arguments]) == code
    return result(capsys)


def test_four_images_and_a_grid_in_both_formats(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagine", "--here", "a red fox in the snow --seed 7", "-o", "out"]) == 0
    printed = capsys.readouterr()
    expected = [f"a-red-fox-in-the-snow_7_{n}.{f}" for n in (1, 2, 3, 4, "grid") for f in ("png", "webp")]
    assert printed.out.splitlines() == [f"out/{name}" for name in expected]
    assert names(Path("out")) == sorted(expected)
    assert printed.err == "1 job, 4 images\n"
    with Image.open("out/a-red-fox-in-the-snow_7_grid.webp") as grid:
        assert grid.size == (2 * PX + GAP_PX, 2 * PX + GAP_PX)


def test_what_the_files_say(drawing: Studio) -> None:
    run(["imagine", "--here", "a red fox --seed 7 --s 250 --no blur", "-o", "out", "--quiet"])
    for file, image in (("out/a-red-fox_7_3.webp", 3), ("out/a-red-fox_7_grid.png", None)):
        provenance = read_provenance(Path(file))
        assert (provenance.seed, provenance.image, provenance.model) == (7, image, "mini-1")
        assert provenance.canonical.startswith("a red fox ") and "--seed 7" in provenance.canonical
        assert provenance.parameters["stylize"] == 250
        assert provenance.parameters["negative"] == ["blur"]
        assert provenance.weights == drawing.models.now("mini-1").weights_hash
        assert provenance.engine["rows"] == 8
        assert provenance.engine["exact"] is True


def test_json_names_the_files_and_the_time(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    [job] = imagine_json(capsys, "a red fox", "--format", "png")["jobs"]
    assert f"--seed {job['seed']}" in job["canonical"]
    assert [image["image"] for image in job["images"]] == [1, 2, 3, 4]
    assert all(set(image) == {"image", "png"} for image in job["images"])
    assert Path(job["grid"]["png"]).parent == Path("out")
    assert tuple(job["times"]) == PHASES
    assert all(seconds >= 0 for seconds in job["times"].values())
    assert len(names(Path("out"))) == 5


def test_the_seed_decides_the_pixels(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    grids = [
        imagine_json(capsys, f"a red fox --seed {seed}", "-o", folder)["jobs"][0]["grid"]["png"]
        for seed, folder in ((7, "a"), (7, "b"), (8, "c"))
    ]
    first, same, other = map(pixels, grids)
    assert first == same
    assert first != other


def test_seeds_that_are_drawn_differ(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = {imagine_json(capsys, "a red fox", "--image", "1")["jobs"][0]["seed"] for _ in range(3)}
    assert len(seeds) == 3


def test_an_image_made_alone_is_the_image_of_the_grid(
    drawing: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = imagine_json(capsys, "a red fox --seed 7", "-o", "whole")["jobs"][0]
    alone = imagine_json(capsys, "a red fox --seed 7", "-o", "alone", "--image", "3")["jobs"][0]
    assert [image["image"] for image in alone["images"]] == [3]
    assert alone["grid"] is None
    assert pixels(alone["images"][0]["png"]) == pixels(whole["images"][2]["png"])
    assert names(Path("alone")) == ["a-red-fox_7_3.png", "a-red-fox_7_3.webp"]


def test_permutations_share_an_engine_and_stay_themselves(
    drawing: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["imagine", "--here", "a {red, green} fox --seed 7", "-o", "out", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "2 jobs, 8 images\n"
    red, green = json.loads(printed.out)["jobs"]
    assert red["canonical"].startswith("a red fox")
    assert green["canonical"].startswith("a green fox")
    alone = imagine_json(capsys, "a green fox --seed 7", "-o", "alone")["jobs"][0]
    assert pixels(alone["grid"]["png"]) == pixels(green["grid"]["png"])
    assert pixels(red["grid"]["png"]) != pixels(green["grid"]["png"])


def test_files_are_never_replaced(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    run(["imagine", "--here", "a fox --seed 7", "--quiet", "--format", "png", "--image", "1"])
    before = Path("out/a-fox_7_1.png").read_bytes()
    run(["imagine", "--here", "a fox --seed 7 --s 0", "--quiet", "--format", "png", "--image", "1"])
    run(["imagine", "--here", "{a fox, A FOX!} --seed 7", "--quiet", "--format", "png", "--image", "1"])
    assert names(Path("out")) == ["a-fox_7-2_1.png", "a-fox_7-3_1.png", "a-fox_7-4_1.png", "a-fox_7_1.png"]
    assert Path("out/a-fox_7_1.png").read_bytes() == before


def test_a_job_that_fails_fails_alone(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagine", "--here", "an {unpaintable, painted} fox --seed 7", "--json", "--quiet"]) == 1
    printed = capsys.readouterr()
    failed, drawn = sorted(json.loads(printed.out)["jobs"], key=lambda job: "images" in job)
    assert failed["error"]["code"] == "job_failed"
    assert "nobody can paint that" in failed["error"]["message"]
    assert len(drawn["images"]) == 4
    assert "nobody can paint that" in printed.err
    assert len(names(Path("out"))) == 10


def test_the_prompt_can_come_from_standard_input(
    drawing: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a red fox --seed 9\n")))
    [job] = imagine_json(capsys, "-")["jobs"]
    assert job["seed"] == 9


def test_words_without_quotes_are_a_prompt(drawing: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    [job] = imagine_json(capsys, "a", "red", "fox", "--image", "2")["jobs"]
    assert job["canonical"].startswith("a red fox ")


def test_a_disk_that_fills_up_leaves_no_part_of_a_job(
    drawing: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from darkroom.cli import save
    from darkroom.finish.write import write_whole

    def write_until_full(path: Path, data: bytes) -> None:
        if "grid" in path.name:
            raise OutputError(f"cannot write {path}: No space left on device")
        write_whole(path, data)

    monkeypatch.setattr(save, "write_whole", write_until_full)
    assert run(["imagine", "--here", "a fox", "-o", "out"]) == 1
    printed = capsys.readouterr()
    assert "No space left on device" in printed.err
    assert printed.out == ""
    assert names(Path("out")) == []


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_interrupt_cancels(
    drawing: Studio,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    as_json: Sequence[str],
) -> None:
    """A real signal in the third step."""
    step, events = drawing.engine.step, []

    def interrupted() -> Any:
        events.extend(happened := step())
        if any(isinstance(event, StepTaken) and event.step == 3 for event in happened):
            signal.raise_signal(signal.SIGINT)
        return happened

    monkeypatch.setattr(drawing.engine, "step", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    assert run(["imagine", "--here", "a fox", "-o", "out", *as_json]) == 130
    assert signal.getsignal(signal.SIGINT) is handler
    assert max(event.step for event in events if isinstance(event, StepTaken)) == 3
    assert len([event for event in events if isinstance(event, ImageCancelled)]) == 4
    assert names(Path("out")) == []
    printed = capsys.readouterr()
    if as_json:
        assert json.loads(printed.out)["error"]["code"] == "cancelled"
    else:
        assert (printed.out, printed.err.splitlines()[-1]) == ("", "darkroom: Cancelled.")
    assert not drawing.engine.busy


def test_what_was_finished_before_an_interrupt_is_kept_and_named(
    drawing: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = drawing.engine.step

    def interrupted() -> Any:
        happened = step()
        if any(isinstance(event, ImageFinished) for event in happened):
            signal.raise_signal(signal.SIGINT)
        return happened

    monkeypatch.setattr(drawing.engine, "step", interrupted)
    prompt = "a {red --q 0.25, green --q 4} --seed 7"
    assert run(["imagine", "--here", prompt, "--image", "1", "--format", "png", "--quiet"]) == 130
    assert capsys.readouterr().out == "out/a-red_7_1.png\n"
    assert names(Path("out")) == ["a-red_7_1.png"]


def test_a_second_interrupt_does_not_wait(drawing: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []

    def impatient() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        reached.append(1)

    monkeypatch.setattr(drawing.engine, "step", impatient)
    assert run(["imagine", "--here", "a fox", "--quiet"]) == 130
    assert reached == []


# -- bad input ----------------------------------------------------------------------------------------------------

BAD_PROMPTS = {
    "empty": ("", "empty_prompt"),
    "blank": ("  \n ", "empty_prompt"),
    "aspect with a zero": ("a fox --ar 0:1", "invalid_parameter"),
    "too wide": ("a fox --ar 99:1", "invalid_parameter"),
    "negative seed": ("a fox --seed -1", "invalid_parameter"),
    "two aspects": ("a fox --ar 1:1 --ar 2:1", "parameter_conflict"),
    "text after a parameter": ("a fox --seed 3 in the snow", "invalid_parameter"),
    "unknown parameter": ("a fox --sed 3", "invalid_parameter"),
    "unbalanced braces": ("a {red, green fox", "invalid_parameter"),
    "weights that cancel": ("a fox::1 snow::-1", "invalid_parameter"),
    "too long": ("fox " * 25_000, "invalid_parameter"),
    "too many jobs": ("a {1,2,3,4,5,6,7,8} {1,2,3,4,5,6,7,8} fox", "invalid_parameter"),
    "unsupported": ("a fox --exp 5", "unsupported_by_model"),
    "a version that nobody answers to": ("a fox --v 99", "unsupported_by_model"),
}


@pytest.mark.parametrize(("prompt", "code"), BAD_PROMPTS.values(), ids=BAD_PROMPTS.keys())
def test_bad_prompts(drawing: Studio, capsys: pytest.CaptureFixture[str], prompt: str, code: str) -> None:
    error = imagine_json(capsys, prompt, code=2)["error"]
    assert set(error) == {"code", "message", "position", "hint"}
    assert error["code"] == code
    assert run(["imagine", "--here", prompt]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"darkroom: {error['message']}")
    assert names(Path()) == []


def test_a_folder_that_cannot_be_written_is_told_before_the_model_is_loaded(
    drawing: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("darkroom.cli.here.open_studio", never)
    Path("file").write_bytes(b"")
    for folder in ("file", "file/out", "/proc/out"):
        error = imagine_json(capsys, "a fox", "-o", folder, code=1)["error"]
        assert error["code"] == "output_failed"
        assert f"cannot write in the folder {folder}: " in error["message"]
    assert names(Path()) == ["file"]


def test_a_model_without_a_network_is_an_error(
    drawing: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("registry.toml").write_text(
        '[models.big]\ntitle = "Big"\nfamily = "giant"\ndefault = true\nnative_px = 1024\nlarge_px = 2048\nhonours = ["seed"]\n'
    )
    monkeypatch.setenv("DARKROOM_REGISTRY", "registry.toml")
    error = imagine_json(capsys, "a fox", code=1)["error"]
    assert error["code"] == "model_failed"
    assert "big is of the family 'giant'" in error["message"]


def test_the_cap_on_jobs_is_a_setting(
    drawing: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_MAX_JOBS", "2")
    assert "2" in imagine_json(capsys, "a {1,2,3} fox", code=2)["error"]["message"]
    monkeypatch.setenv("DARKROOM_MAX_JOBS", "many")
    assert "DARKROOM_MAX_JOBS must be" in imagine_json(capsys, "a fox", code=1)["error"]["message"]


def test_options_that_do_not_exist_ask_for_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagine", "--here", "a", "fox", "--seed", "7"]) == 2
    assert "in quotes" in capsys.readouterr().err
    assert run(["imagine"]) == 2
    assert "Missing argument" in capsys.readouterr().err
    assert run(["imagine", "--here", "a fox", "--image", "5", "--json"]) == 2
    assert result(capsys)["error"]["code"] == "usage"
