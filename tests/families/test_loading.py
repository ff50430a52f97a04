"""Loading: a folder becomes the same model every time, whatever its weights are stored in; what is wrong is said."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.families import builders_sd, builders_sdxl, drive
from tests.families.drive import asked, drawn

from darkroom.core.capabilities import ModelCapabilities, ModelSource
from darkroom.core.errors import ModelError, WeightsError
from darkroom.model import loading
from darkroom.model.folders import inspect
from darkroom.model.loading import (
    Placement,
    hash_of_files,
    load_model,
    load_parts,
    local_folder,
    needed_bytes,
)

NETWORK = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    builders_sd.build(tmp_path / "model")
    return tmp_path / "model"


def entry(folder: Path, family: str = "sd") -> ModelCapabilities:
    found = drive.entry(family, folder, steps=2, guidance=2.0)
    assert found.source is not None
    return replace(found, source=replace(found.source, precision="auto"))


def test_a_folder_is_loaded_alike_each_time(folder: Path) -> None:
    one, two = (load_model(entry(folder), drive.CPU) for _ in range(2))
    assert one.weights_hash == two.weights_hash
    assert torch.equal(*drawn(one, asked("a cat")), *drawn(two, asked("a cat")))


def test_the_hash_is_of_all_weights(folder: Path) -> None:
    before = load_parts(entry(folder), drive.CPU).weights_hash
    for name in ("vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        tensors = load_file(folder / name)
        key = next(iter(tensors))
        tensors[key] = tensors[key] + 1
        save_file(tensors, folder / name, metadata={"format": "pt"})
        after = load_parts(entry(folder), drive.CPU).weights_hash
        assert after != before
        before = after


@pytest.mark.parametrize("name", ["scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"])
def test_the_hash_is_of_what_stands_beside_the_weights_too(folder: Path, name: str) -> None:
    """Other noise levels or another vocabulary make other pictures of the same weights."""
    before = load_parts(entry(folder), drive.CPU).weights_hash
    (folder / name).write_text((folder / name).read_text() + "\n")
    assert load_parts(entry(folder), drive.CPU).weights_hash != before


def test_the_hash_does_not_depend_on_the_folder(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    first = hash_of_files(inspect(moved).files)
    builders_sd.build(tmp_path / "again")
    assert first == hash_of_files(inspect(tmp_path / "again").files)


def test_weights_are_brought_to_the_precision_asked_for(folder: Path) -> None:
    tensors = load_file(folder / NETWORK)
    mixed = {name: t.half() if i % 2 else t for i, (name, t) in enumerate(tensors.items())}
    save_file(mixed, folder / NETWORK, metadata={"format": "pt"})
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        family = load_model(entry(folder), Placement(device="cpu", precision=precision))
        parts = family.parts  # type: ignore[attr-defined]
        assert family.dtype == dtype
        assert {tensor.dtype for tensor in parts.network.parameters()} == {dtype}
        assert {tensor.dtype for tensor in parts.encoders["text_encoder"].parameters()} == {dtype}
        assert parts.vae.dtype == torch.float32  # its force_upcast says that half precision is too little


def test_the_registry_may_fix_the_precision_of_a_model(folder: Path) -> None:
    narrow = drive.entry("sd", folder)
    assert narrow.source is not None
    narrow = replace(narrow, source=replace(narrow.source, precision="bf16"))
    assert load_model(narrow, drive.CPU).dtype == torch.bfloat16
    assert needed_bytes(narrow, drive.CPU) < needed_bytes(entry(folder), drive.CPU)


def test_bf16_draws_nearly_what_fp32_draws(folder: Path) -> None:
    exact, rough = (
        load_model(entry(folder), Placement(device="cpu", precision=precision))
        for precision in ("fp32", "bf16")
    )
    latent = exact.prepare(asked("a cat"), index=0)
    narrow = rough.prepare(asked("a cat"), index=0)
    assert torch.equal(latent.latent, narrow.latent)
    sigma = torch.tensor([1.0])
    one = exact.denoise(latent.latent[None] / 14, sigma, [latent.conditional])
    two = rough.denoise(latent.latent[None] / 14, sigma, [narrow.conditional])
    assert two.dtype == torch.float32
    assert 0 < (one - two).abs().max() < 0.1 * one.abs().max()


def test_needed_bytes_are_those_of_the_weights_in_that_precision(folder: Path) -> None:
    report = inspect(folder)
    numbers = {component.name: sum(component.numbers.values()) for component in report.components}
    free = loading.WORKING_BYTES
    vae, others = numbers["vae"], report.numbers - numbers["vae"]
    assert needed_bytes(entry(folder), drive.CPU) == 4 * report.numbers + free
    assert (
        needed_bytes(entry(folder), Placement(device="cpu", precision="bf16")) == 2 * others + 4 * vae + free
    )


def test_what_is_offloaded_counts_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Placement, "torch_device", torch.device("cuda", 0))
    numbers = {each.name: sum(each.numbers.values()) for each in inspect(folder).components}
    away = Placement(precision="fp16", offload="model")
    largest = max(4 * numbers["vae"], 2 * numbers["text_encoder"])
    assert needed_bytes(entry(folder), away) == 2 * numbers["unet"] + largest + loading.WORKING_BYTES


def refused(model: ModelCapabilities) -> str:
    with pytest.raises((ModelError, WeightsError)) as caught:
        load_model(model, drive.CPU)
    return caught.value.message


def test_a_folder_of_another_family_is_refused(folder: Path, tmp_path: Path) -> None:
    builders_sdxl.build(tmp_path / "xl")
    assert "family = 'sd', which is StableDiffusionPipeline" in refused(entry(tmp_path / "xl"))
    assert "holds a StableDiffusionPipeline" in refused(entry(folder, "sdxl"))
    assert "unknown family 'gan'" in refused(entry(folder, "gan"))


def test_a_model_without_a_source_is_refused(folder: Path) -> None:
    assert "needs folder = ... or hub = ..." in refused(replace(entry(folder), source=None))


def test_the_first_problem_of_a_folder_is_told_and_the_others_counted(folder: Path) -> None:
    (folder / NETWORK).unlink()
    assert "unet: no weights" in refused(entry(folder))
    (folder / "vae/config.json").unlink()
    assert "(and 1 more problems)" in refused(entry(folder))


def test_weights_of_other_shapes_are_refused(folder: Path) -> None:
    tensors = load_file(folder / NETWORK)
    name = next(name for name, tensor in tensors.items() if tensor.dim() == 2)
    save_file({**tensors, name: torch.zeros(3, 3)}, folder / NETWORK, metadata={"format": "pt"})
    words = refused(entry(folder))
    assert "its config asks for other sizes than its weights have: " + name in words and "is 3 x 3" in words


def test_missing_weights_inside_a_file_are_refused(folder: Path) -> None:
    for file in (NETWORK, "text_encoder/model.safetensors"):
        tensors = load_file(folder / file)
        lost = sorted(tensors)[3]
        kept = {name: tensor for name, tensor in tensors.items() if name != lost}
        save_file(kept, folder / file, metadata={"format": "pt"})
        assert lost in refused(entry(folder)), file
        save_file(tensors, folder / file, metadata={"format": "pt"})


def test_code_in_a_folder_is_never_run(folder: Path) -> None:
    (folder / "unet/diffusion_pytorch_model.py").write_text("raise SystemExit")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "unet": ["unet", "Evil"]}))
    assert "unet is a Evil" in refused(entry(folder))


def test_a_network_for_inpainting_is_refused(folder: Path) -> None:
    family = load_model(entry(folder), drive.CPU)
    vae = family.parts.vae  # type: ignore[attr-defined]
    vae.register_to_config(latent_channels=9)
    with pytest.raises(ModelError, match="inpainting"):
        type(family)(family.parts, family.entry, drive.CPU)  # type: ignore[attr-defined, call-arg]


def test_a_missing_library_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers.utils.logging", None)
    assert 'pip install "darkroom[diffusers]"' in refused(entry(folder))


def test_a_name_on_the_hub_without_a_network_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = replace(entry(tmp_path), source=ModelSource(hub="somebody/a-model"))
    message = refused(model)
    assert "somebody/a-model cannot be fetched" in message
    assert "Is there a network" in message


def test_a_hub_name_is_fetched_without_pickles(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked_for: dict[str, object] = {}

    def snapshot_download(name: str, **options: object) -> str:
        asked_for.update(options, name=name)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert local_folder(ModelSource(hub="somebody/a-model", revision="v1")) == folder
    assert (asked_for["name"], asked_for["revision"]) == ("somebody/a-model", "v1")
    patterns = asked_for["allow_patterns"]
    assert isinstance(patterns, list)
    assert not [pattern for pattern in patterns if pattern.endswith(("bin", "ckpt", "pt", "py", "*"))]
