"""LoRA: what diffusers draws with adapters we draw, in both formats; and what does not fit is refused."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from safetensors.torch import save_file
from tests.families import builders_pixart, builders_sd, builders_sdxl, drive, lora_files
from tests.families.drive import asked, drawn
from tests.families.unet_parity import MILD, STEPS, TEXT, reference

from darkroom.core.capabilities import AdapterSource, ModelCapabilities
from darkroom.core.errors import ModelError, WeightsError
from darkroom.model.loading import load_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning"),
]
"""diffusers' schedulers hand tensors to numpy in an old way; peft remarks on two adapters, of diffusers' own here."""

BUILDERS = {"sd": builders_sd, "sdxl": builders_sdxl}
ENCODERS = {"sd": ("text_encoder",), "sdxl": ("text_encoder", "text_encoder_2")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family, with one.safetensors (diffusers' form) and two.safetensors (kohya's) in it."""
    made = {}
    for family, builder in BUILDERS.items():
        folder = made[family] = tmp_path_factory.mktemp(family)
        builder.build(folder, schedule=EulerDiscreteScheduler(**MILD))
        one = lora_files.lora_weights(builder.pipeline(), seed=1, encoders=ENCODERS[family])
        two = lora_files.lora_weights(builder.pipeline(), seed=2, encoders=ENCODERS[family])
        lora_files.save(one, folder / "one.safetensors")
        lora_files.save(lora_files.as_kohya(two, single=family == "sd"), folder / "two.safetensors")
    return made


def with_adapters(
    folders: dict[str, Path], family: str, adapters: Sequence[tuple[Path, float]]
) -> ModelCapabilities:
    found = drive.entry(family, folders[family], steps=STEPS, guidance=2.0)
    assert found.source is not None
    sources = tuple(AdapterSource(file=str(path), weight=weight) for path, weight in adapters)
    return replace(found, source=replace(found.source, adapters=sources))


def theirs(builder: ModuleType, adapters: Sequence[tuple[Path, float]], family: object) -> torch.Tensor:
    """What the pipeline draws with the adapters active beside its weights."""
    pipe = builder.pipeline(schedule=EulerDiscreteScheduler(**MILD))
    for i, (path, _) in enumerate(adapters):
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=f"a{i}")
    pipe.set_adapters([f"a{i}" for i in range(len(adapters))], [weight for _, weight in adapters])
    prepared = family.prepare(asked(TEXT, negative="fox"), index=0)  # type: ignore[attr-defined]
    return reference(pipe, prepared, prompt=TEXT, negative_prompt="fox", guidance_scale=2.0)


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_pictures_are_those_of_the_pipeline_with_its_adapters(folders: dict[str, Path], family: str) -> None:
    adapters = [(folders[family] / "one.safetensors", 0.7), (folders[family] / "two.safetensors", -0.4)]
    plain = load_model(with_adapters(folders, family, []), drive.CPU)
    ours = load_model(with_adapters(folders, family, adapters), drive.CPU)
    request = asked(TEXT, negative="fox")
    (latent,), (without,) = drawn(ours, request), drawn(plain, request)
    assert (latent - theirs(BUILDERS[family], adapters, ours)).abs().max() < drive.LATENTS
    assert (latent - without).abs().max() > 0.1


def test_adapters_and_their_weights_are_in_the_row_class_and_in_the_hash(folders: dict[str, Path]) -> None:
    one = folders["sd"] / "one.safetensors"
    models = [
        load_model(with_adapters(folders, "sd", each), drive.CPU) for each in ([], [(one, 1.0)], [(one, 0.5)])
    ]
    assert len({model.weights_hash for model in models}) == 3
    classes = [model.prepare(asked(TEXT), index=0).row_class for model in models]
    assert len(set(classes)) == 3
    assert classes[2].endswith("/one:0.5")


def refused(folders: dict[str, Path], family: str, path: Path, weight: float = 1.0) -> str:
    with pytest.raises((ModelError, WeightsError)) as caught:
        load_model(with_adapters(folders, family, [(path, weight)]), drive.CPU)
    return caught.value.message


def test_an_adapter_of_another_family_is_refused(folders: dict[str, Path]) -> None:
    for family, other in (("sd", "sdxl"), ("sdxl", "sd")):
        for name in ("one.safetensors", "two.safetensors"):
            message = refused(folders, family, folders[other] / name)
            assert name in message
            assert f"does not fit this model of the family {family!r}" in message


def test_an_adapter_of_other_shapes_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    weights = lora_files.lora_weights(builders_sd.pipeline(), seed=1)
    wide = {name: torch.cat([t, t], dim=1) if "lora_A" in name else t for name, t in weights.items()}
    assert "size mismatch" in refused(folders, "sd", lora_files.save(wide, tmp_path / "wide.safetensors"))


def test_an_adapter_of_which_a_part_has_no_place_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    weights = lora_files.lora_weights(builders_sd.pipeline(), seed=1)
    lost = {name.replace("unet.mid_block", "unet.attic"): tensor for name, tensor in weights.items()}
    message = refused(folders, "sd", lora_files.save(lost, tmp_path / "lost.safetensors"))
    assert "layers are in it" in message


def test_a_pickle_is_not_opened(folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("style.bin", "style.pt", "style.ckpt"):
        (tmp_path / name).write_bytes(pickle.dumps({"lora": 1}))
        assert "is a pickle" in refused(folders, "sd", tmp_path / name)
    (tmp_path / "hidden.safetensors").write_bytes(pickle.dumps({"lora": 1}))
    assert "no safetensors file" in refused(folders, "sd", tmp_path / "hidden.safetensors")


def test_what_is_no_adapter_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "plain.safetensors")
    assert "holds no LoRA weights" in refused(folders, "sd", tmp_path / "plain.safetensors")
    assert "cannot be read" in refused(folders, "sd", tmp_path / "missing.safetensors")
    assert "from -10 to 10" in refused(folders, "sd", folders["sd"] / "one.safetensors", weight=float("nan"))


def test_weights_that_are_not_finite_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    weights = lora_files.lora_weights(builders_sd.pipeline(), seed=1)
    broken = {name: tensor * float("nan") for name, tensor in weights.items()}
    assert "not finite" in refused(folders, "sd", lora_files.save(broken, tmp_path / "nan.safetensors"))


def test_a_family_without_adapters_says_so(folders: dict[str, Path], tmp_path: Path) -> None:
    builders_pixart.build(tmp_path)
    message = refused({"pixart": tmp_path}, "pixart", folders["sd"] / "one.safetensors")
    assert "take no adapters" in message
