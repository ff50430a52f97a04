"""`darkroom models add | check | remove | pull`: from a folder to an entry and back, and what is said of one that is no model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from darkroom.bootstrap.models import open_catalogue
from darkroom.cli.main import run
from darkroom.settings import read_settings

WEIGHTED = {
    "unet": ("diffusers", "UNet2DConditionModel", "diffusion_pytorch_model"),
    "vae": ("diffusers", "AutoencoderKL", "diffusion_pytorch_model"),
    "text_encoder": ("transformers", "CLIPTextModel", "model"),
}
CONFIGS = {"unet": {"sample_size": 64}, "vae": {"block_out_channels": [1, 2, 4, 4]}, "text_encoder": {}}

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a folder of Stable Diffusion looks like from outside; its numbers mean nothing."""
    root = tmp_path / "sd"
    index: dict[str, object] = {
        "_class_name": "StableDiffusionPipeline",
        "tokenizer": ["transformers", "CLIPTokenizer"],
    }
    (root / "tokenizer").mkdir(parents=True)
    (root / "tokenizer" / "tokenizer.json").write_text("{}")
    (root / "scheduler").mkdir()
    (root / "scheduler" / "scheduler_config.json").write_text("{}")
    for name, (library, class_name, file) in WEIGHTED.items():
        index[name] = [library, class_name]
        (root / name).mkdir()
        (root / name / "config.json").write_text(json.dumps(CONFIGS[name]))
        save_file({"w": np.zeros((256, 256), np.float16)}, root / name / f"{file}.safetensors")
    (root / "model_index.json").write_text(json.dumps(index))
    return root


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def told(*arguments: object) -> tuple[int, str, str]:
        code = run(["models", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return told


@pytest.fixture
def settings(nobody_else: Path):  # type: ignore[no-untyped-def]
    return read_settings({"DARKROOM_DATA": str(nobody_else / "data")})


def test_a_folder_is_added_listed_checked_and_removed(folder: Path, told: Told, settings) -> None:  # type: ignore[no-untyped-def]
    code, out, err = told(
        "add", "Ink", folder, "--steps", 20, "--guidance", 5, "--title", "Ink of mine", "--licence", "CC0"
    )
    assert (code, err) == (0, ""), err
    assert "ink is listed in" in out and "--v ink" in out
    model = open_catalogue(settings).models["ink"]
    assert (model.family, model.native_px, model.title, model.licence) == ("sd", 512, "Ink of mine", "CC0")
    assert model.source is not None
    assert (model.source.folder, model.source.steps, model.source.guidance) == (str(folder), 20, 5.0)
    assert {"no", "aspect", "seed"} <= model.honours and "stylize" not in model.honours

    assert "ink\n  Ink of mine" in told()[1]
    code, out, _ = told("check", "ink")
    assert code == 0 and "looks right; --draw tries it" in out and "F16" in out and "0.12 MiB" in out

    assert told("remove", "ink")[0] == 0
    assert "ink" not in open_catalogue(settings).models
    assert (folder / "model_index.json").exists()


def test_the_list_stays_one_json_object(folder: Path, told: Told) -> None:
    told("add", "ink", folder)
    models = {model["name"]: model for model in json.loads(told("--json")[1])["models"]}
    assert models["ink"]["source"] == str(folder)
    assert models["mini-1"]["source"] is None


def test_the_list_says_how_an_entry_is_driven(folder: Path, told: Told, tmp_path: Path) -> None:
    save_file({"unet.x.lora_A.weight": np.zeros((4, 256), np.float32)}, tmp_path / "line.safetensors")
    asked = ("--steps", 9, "--guidance", 1, "--sampler", "heun", "--precision", "fp16")
    assert told("add", "ink", folder, *asked, "--lora", f"{tmp_path}/line.safetensors=0.6")[0] == 0
    _, _, listed = told()[1].partition("\nink\n")
    facts = dict(line.split(maxsplit=1) for line in listed.splitlines()[1:])
    assert (facts["steps"], facts["guidance"], facts["sampler"], facts["precision"]) == (
        "9",
        "1",
        "heun",
        "fp16",
    )
    assert facts["lora"] == "line.safetensors at 0.6"
    assert "no," not in facts["honours"].split()
    models = {model["name"]: model for model in json.loads(told("--json")[1])["models"]}
    assert models["ink"]["driven"]["steps"] == 9 and models["mini-1"]["driven"] is None


def test_a_hand_edited_entry_is_checked(folder: Path, told: Told, settings) -> None:  # type: ignore[no-untyped-def]
    told("add", "ink", folder)
    listed = settings.data / "models.toml"
    listed.write_text(listed.read_text() + 'sampler = "dpmpp"\n')
    code, out, _ = told("check", "ink")
    assert code == 1 and "wrong: models of the family sd have no sampler 'dpmpp'" in out


def test_an_own_default_draws_where_no_model_is_named(folder: Path, told: Told, settings) -> None:  # type: ignore[no-untyped-def]
    told("add", "ink", folder, "--default")
    assert open_catalogue(settings).default.name == "ink"
    told("remove", "ink")
    assert open_catalogue(settings).default.name == "mini-1"


def test_adapters_come_with_their_weights(folder: Path, told: Told, settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    save_file({"unet.x.lora_A.weight": np.zeros((4, 256), np.float32)}, tmp_path / "line.safetensors")
    code, _, err = told("add", "ink", folder, "--lora", f"{tmp_path}/line.safetensors=0.6")
    assert code == 0, err
    source = open_catalogue(settings).models["ink"].source
    assert source is not None and [(Path(each.file).name, each.weight) for each in source.adapters] == [
        ("line.safetensors", 0.6)
    ]


def missing_weights(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def a_pickle(folder: Path) -> None:
    missing_weights(folder)
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")


def missing_shard(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(folder / "unet" / "diffusion_pytorch_model-00001-of-00002.safetensors")
    names = {name: f"diffusion_pytorch_model-0000{name}-of-00002.safetensors" for name in "12"}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(
        json.dumps({"weight_map": names})
    )


def cut_short(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def no_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def another_kind(folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "AudioLDMPipeline"}))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (missing_weights, "unet: no weights"),
        (a_pickle, "is a pickle"),
        (missing_shard, "1 of 2 shards missing|diffusion_pytorch_model-00002-of-00002"),
        (cut_short, "load it again"),
        (no_index, "has no model_index.json"),
        (another_kind, "AudioLDMPipeline is of no family"),
    ],
)
def test_a_folder_that_is_no_model_is_not_added_and_says_why(
    folder: Path,
    told: Told,
    settings,
    damage: Callable[[Path], None],
    words: str,  # type: ignore[no-untyped-def]
) -> None:
    damage(folder)
    code, _, err = told("add", "ink", folder)
    assert code == 1 and any(each in err for each in words.split("|")), err
    assert "ink" not in open_catalogue(settings).models
    code, out, _ = told("check", folder)
    assert code == 1 and "cannot be drawn with" in out and any(each in out for each in words.split("|"))
    assert json.loads(told("check", folder, "--json")[1])["problems"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("line.ckpt", b"\x80\x04", "is a pickle"),
        ("line.safetensors", b"nothing", "no safetensors file"),
        ("gone.safetensors", None, "cannot be read"),
    ],
)
def test_an_adapter_that_is_none_is_refused(
    folder: Path, told: Told, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, _, err = told("add", "ink", folder, "--lora", tmp_path / name)
    assert code == 1 and words in err


def test_an_adapter_of_another_model_is_refused(folder: Path, told: Told, settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    down, up = np.zeros((4, 2048), np.float32), np.zeros((300, 4), np.float32)
    save_file({"unet.x.lora_A.weight": down, "unet.x.lora_B.weight": up}, tmp_path / "xl.safetensors")
    words = "the adapter xl.safetensors is made for another model: it has layers that read 2048 numbers"
    code, _, err = told("add", "ink", folder, "--lora", tmp_path / "xl.safetensors")
    assert code == 1 and words in err
    told("add", "ink", folder)
    listed = settings.data / "models.toml"
    listed.write_text(listed.read_text() + f'adapters = [{{ file = "{tmp_path}/xl.safetensors" }}]\n')
    code, out, _ = told("check", "ink")
    assert code == 1 and words in out


def test_weights_that_are_no_adapter_are_refused(folder: Path, told: Told) -> None:
    code, _, err = told(
        "add", "ink", folder, "--lora", folder / "unet" / "diffusion_pytorch_model.safetensors"
    )
    assert code == 1 and "holds no LoRA weights" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("add", "mini-1", "FOLDER"), 1, "choose another"),
        (("add", "my ink", "FOLDER"), 1, "is no name for --v"),
        (("add", "ink", "FOLDER", "--lora", "a=much"), 2, "FILE=WEIGHT"),
        (("add", "My Ink", "FOLDER"), 1, "darkroom: 'My Ink' is no name for --v"),
        (("add", "ink", "FOLDER", "--sampler", "foo"), 1, "the family sd have no sampler 'foo'"),
        (("add", "ink", "FOLDER", "--native-px", "7"), 2, "64<=x<=4096"),
        (("add", "ink", "FOLDER", "--native-px", "8192"), 2, "64<=x<=4096"),
        (("add", "ink", "nowhere"), 1, "there is no folder"),
        (("check", "nobody"), 1, "no model 'nobody'"),
        (("remove", "mini-1"), 1, "only those can be removed"),
        (("remove", "nobody"), 1, "is not among the models"),
        (("pull", "ink"), 2, "OWNER/NAME"),
    ],
)
def test_a_wish_that_cannot_be_met_says_what_would_be_right(
    folder: Path, told: Told, arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, _, err = told(*(str(folder) if each == "FOLDER" else each for each in arguments))
    assert (found, words in err) == (code, True), err


def test_a_built_in_model_has_nothing_to_check(told: Told) -> None:
    code, out, _ = told("check", "mini-1")
    assert code == 0 and "built in" in out


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[dict[str, object]]:
    """A hub on this machine: `snapshot_download` copies a folder. What it was asked for is kept."""
    import shutil

    import huggingface_hub

    asked: list[dict[str, object]] = []

    def snapshot_download(
        name: str,
        *,
        revision: str | None,
        local_dir: Path,
        allow_patterns: list[str],
        ignore_patterns: list[str],
    ) -> str:
        asked.append({"name": name, "revision": revision, "patterns": allow_patterns})
        if name == "nobody/nothing":
            raise OSError("Name or service not known")
        shutil.copytree(folder, local_dir)
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_a_model_is_fetched_listed_and_deleted_again(
    told: Told, settings, hub: list[dict[str, object]]
) -> None:  # type: ignore[no-untyped-def]
    code, _, err = told("pull", "somebody/Ink-XL v2", "--revision", "v1")
    assert code == 0, err
    assert hub[0]["name"] == "somebody/Ink-XL v2" and hub[0]["revision"] == "v1"
    assert not any("bin" in pattern or "ckpt" in pattern or "py" in pattern for pattern in hub[0]["patterns"])  # type: ignore[attr-defined]
    source = open_catalogue(settings).models["ink-xl-v2"].source
    assert source is not None and Path(source.folder).is_dir()
    assert told("pull", "other/Ink-XL-v2")[0] == 1  # the name is taken
    code, out, _ = told("remove", "ink-xl-v2", "--files")
    assert code == 0 and "is deleted" in out
    assert not Path(source.folder).exists()


def test_files_that_were_not_fetched_are_never_deleted(folder: Path, told: Told) -> None:
    told("add", "ink", folder)
    told_last = told("remove", "ink", "--files")[1]
    assert "its files stay: `darkroom models pull` did not fetch them" in told_last
    assert "after its next start" in told_last
    assert (folder / "model_index.json").exists()


def test_no_network_is_said(told: Told, hub: list[dict[str, object]]) -> None:
    code, _, err = told("pull", "nobody/nothing")
    assert code == 1 and "cannot be fetched from the hub: Name or service not known" in err


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a/b", "..", "a b"])
def test_nothing_is_fetched_under_a_name_that_leads_elsewhere(
    told: Told, hub: list[dict[str, object]], name: str
) -> None:
    code, _, err = told("pull", "somebody/ink", "--name", name)
    assert code == 1 and "is no name for --v" in err
    assert hub == []


def test_a_template_of_a_chat_is_fetched_too(told: Told, hub: list[dict[str, object]]) -> None:
    told("pull", "somebody/ink")
    assert "*/*.jinja" in hub[0]["patterns"]  # type: ignore[operator]


def test_a_fetched_folder_of_two_models_is_not_deleted_with_one(
    told: Told, settings, hub: list[dict[str, object]]
) -> None:  # type: ignore[no-untyped-def]
    told("pull", "somebody/ink")
    there = Path(open_catalogue(settings).models["ink"].source.folder)  # type: ignore[union-attr]
    told("add", "wash", there)
    assert "its files stay: wash is drawn from them too" in told("remove", "ink", "--files")[1]
    assert there.is_dir()
    assert "is deleted" in told("remove", "wash", "--files")[1]
    assert not there.exists()


@pytest.mark.parametrize("led_by", ["..", "link"])
def test_only_a_folder_of_the_fetched_ones_is_deleted(
    told: Told, settings, folder: Path, hub: list[dict[str, object]], led_by: str
) -> None:  # type: ignore[no-untyped-def]
    """An entry is the person's to edit: with `models/..` it would be the data folder, with all pictures."""
    told("pull", "somebody/ink")
    there = Path(open_catalogue(settings).models["ink"].source.folder)  # type: ignore[union-attr]
    (there.parent / "link").symlink_to(folder)
    listed = settings.data / "models.toml"
    listed.write_text(listed.read_text().replace(str(there), str(there.parent / led_by)))
    code, out, err = told("remove", "ink", "--files")
    assert (code, "its files stay" in out) == (0, True), err
    assert there.is_dir() and listed.is_file() and folder.is_dir()


def test_what_a_folder_says_does_not_steer_the_terminal(folder: Path, told: Told) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "\x1b[2J\u202ePipeline"}))
    for text in (told("check", folder)[1], told("add", "ink", folder)[2]):
        assert "\\x1b[2J" in text and "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize("kind", ["HTTPError", "XetDownloadError"])
def test_a_connection_that_breaks_half_way_is_said(
    told: Told, hub: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """These two are no OSError, and come from the middle of a file."""
    import huggingface_hub

    def broken(*_: object, local_dir: Path, **__: object) -> str:
        local_dir.mkdir(parents=True)
        raise getattr(huggingface_hub.errors, kind)("the read timed out")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    code, _, err = told("pull", "somebody/ink")
    assert (
        code == 1
        and "somebody/ink cannot be fetched from the hub: the read timed out. What was fetched" in err
    )
