"""`darkroom models check --draw` with real folders, and what of an entry a picture remembers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.families import builders_sd, builders_sd3, builders_sdxl, drive, lora_files

from darkroom.bootstrap import trial
from darkroom.cli.main import run
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.model.families.sd import StableDiffusion
from darkroom.model.folders import inspect


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for family, builder in (("sd", builders_sd), ("sdxl", builders_sdxl), ("sd3", builders_sd3)):
        made[family] = tmp_path_factory.mktemp(family)
        builder.build(made[family])
    return made


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DARKROOM_DEVICE", "cpu")
    monkeypatch.setenv("DARKROOM_MEMORY", "8")


def checked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = run(["models", "check", *map(str, arguments)])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out


def test_a_folder_is_drawn_with(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out = checked(capsys, folders["sd"])
    assert code == 0 and "looks right; --draw tries it" in out
    code, out = checked(capsys, folders["sd"], "--draw")
    assert code == 0 and "can be drawn with: loaded and tried in" in out and "on cpu in float32" in out
    drawn = json.loads(checked(capsys, folders["sd"], "--draw", "--json")[1])["drawn"]
    assert (drawn["device"], drawn["precision"]) == ("cpu", "float32")
    assert drawn["needed_bytes"] > 0 and drawn["seconds"] > 0


def test_a_listed_model_is_drawn_with_as_its_entry_says(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "add", "ink", str(folders["sd"]), "--precision", "bf16"]) == 0
    capsys.readouterr()
    code, out = checked(capsys, "ink", "--draw")
    assert code == 0 and "ink can be drawn with" in out and "bfloat16" in out


def test_what_only_drawing_shows_is_said(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(folders["sd"], tmp_path / "model")
    config = json.loads((folder / "vae/config.json").read_text())
    (folder / "vae/config.json").write_text(json.dumps({**config, "latent_channels": 8}))
    assert checked(capsys, folder)[0] == 0
    code, out = checked(capsys, folder, "--draw")
    assert code == 1 and "model cannot be drawn with" in out
    assert (
        "wrong:" in out
        and "its config asks for other sizes than its weights have: decoder.conv_in.weight" in out
    )
    assert "github" not in out and "low_cpu_mem_usage" not in out


def test_a_model_beyond_the_memory_is_not_loaded(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "memory_of", lambda *_: 1)
    code, out = checked(capsys, folders["sd"], "--draw")
    assert code == 1 and "wrong: it needs 0.50 GiB of memory, and there are 0.00 for models here" in out


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_an_adapter_that_fits_is_listed_in_both_forms(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], family: str
) -> None:
    builder = {"sd": builders_sd, "sdxl": builders_sdxl}[family]
    weights = lora_files.lora_weights(builder.pipeline(), seed=1, encoders=("text_encoder",))
    plain = lora_files.save(weights, tmp_path / "one.safetensors")
    kohya = lora_files.save(lora_files.as_kohya(weights, single=True), tmp_path / "two.safetensors")
    given = ["--lora", str(plain), "--lora", f"{kohya}=-0.5"]
    assert run(["models", "add", "ink", str(folders[family]), *given]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("into", "part", "of", "taken", "words"),
    [
        ("sd", "unet", "sdxl", "unet", "and text_encoder writes"),
        (
            "sd3",
            "transformer",
            "sd",
            "unet",
            "transformer is a UNet2DConditionModel by its config.json; this family has SD3",
        ),
        ("sd", "text_encoder", "sd3", "text_encoder_3", "text_encoder is a t5 by its config.json"),
    ],
)
def test_a_part_of_another_model_is_seen_without_drawing(
    folders: dict[str, Path], tmp_path: Path, into: str, part: str, of: str, taken: str, words: str
) -> None:
    folder = shutil.copytree(folders[into], tmp_path / "model")
    shutil.rmtree(folder / part)
    shutil.copytree(folders[of] / taken, folder / part)
    assert any(words in problem for problem in inspect(folder).problems), inspect(folder).problems


def test_what_an_entry_says_is_in_the_fingerprint() -> None:
    pipeline = builders_sd.pipeline()
    plain = drive.adapted(StableDiffusion, pipeline)
    assert plain.recipe == f"{plain.sampler}, 30 steps, guidance 7.5 linear, 64 or 96 px"
    others = [drive.adapted(StableDiffusion, pipeline, **change) for change in CHANGES]
    larger = StableDiffusion(plain.parts, replace(plain.entry, native_px=96), drive.CPU)
    laid_over = StableDiffusion(replace(plain.parts, adapters=("ink:0.8",)), plain.entry, drive.CPU)
    assert laid_over.recipe.endswith(", ink:0.8")
    models = [plain, *others, larger, laid_over]
    assert len({fingerprint_of(model, rows=8).short for model in models}) == len(models)
    assert fingerprint_of(plain, rows=8).recipe == plain.recipe


CHANGES = ({"steps": 4}, {"guidance": 2.0}, {"sampler": "heun"}, {"guidance_rule": "token_norm"})
