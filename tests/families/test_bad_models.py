"""Bad models and bad requests: each is a clear error, and whoever draws beside it gets the bits that it would get alone.

Real folders, the real loading and the real engine; a folder is made bad as people's folders are.
"""

from __future__ import annotations

import importlib
import json
import pickle
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.families import builders_sd, builders_sdxl, builders_z_image, drive, lora_files
from tests.families.drive import SQUARE, WIDE, asked
from torch import Tensor

from darkroom.core.capabilities import AdapterSource, ModelCapabilities
from darkroom.core.errors import ModelError, WeightsError
from darkroom.core.events import ImageFailed, ImageFinished
from darkroom.core.params import GenerationParams
from darkroom.engine.engine import Engine
from darkroom.engine.requests import Request
from darkroom.engine.rows import state_bytes
from darkroom.model.denoiser import Denoiser
from darkroom.model.families.rehearsal import rehearse
from darkroom.model.loading import load_model, needed_bytes
from darkroom.model.placement import Placement
from darkroom.worker.shelf import Shelf

UNET = "unet/diffusion_pytorch_model.safetensors"
ENCODER = "text_encoder/model.safetensors"
GOOD = asked("a red cat", seed=3)
NAN = float("nan")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for family, builder in (("sd", builders_sd), ("sdxl", builders_sdxl), ("z-image", builders_z_image)):
        made[family] = tmp_path_factory.mktemp(family)
        builder.build(made[family])
    return made


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A Stable Diffusion folder of one's own, to be damaged."""
    return shutil.copytree(folders["sd"], tmp_path / "model")


@pytest.fixture(scope="module")
def good(folders: dict[str, Path]) -> Denoiser:
    return load_model(entry(folders["sd"]), drive.CPU)


@pytest.fixture(scope="module")
def alone(good: Denoiser) -> Tensor:
    """What the good request becomes by itself."""
    return drive.drawn(good, GOOD)[0]


def entry(folder: Path, family: str = "sd", *adapters: Path) -> ModelCapabilities:
    found = drive.entry(family, folder, steps=4, guidance=2.0)
    assert found.source is not None
    sources = tuple(AdapterSource(file=str(path)) for path in adapters)
    return replace(found, source=replace(found.source, adapters=sources))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_weights(path: Path, change: Callable[[Tensor], Tensor]) -> None:
    save_file({name: change(t) for name, t in load_file(path).items()}, path, metadata={"format": "pt"})


# -- folders that are no models -----------------------------------------------------------------------------------------


def missing_shards(folder: Path) -> None:
    names = [f"diffusion_pytorch_model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    tensors = sorted(load_file(folder / UNET))
    (folder / UNET).rename(folder / "unet" / names[1])
    index = {"weight_map": {tensor: names[i % 3] for i, tensor in enumerate(tensors)}}
    (folder / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))


def a_pickle(folder: Path) -> None:
    (folder / UNET).unlink()
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(pickle.dumps({"weight": 1}))


def whole_numbers(folder: Path) -> None:
    change_weights(folder / UNET, lambda tensor: (tensor * 100).to(torch.int8))


def scaled_eight_bits(folder: Path) -> None:
    tensors = {name: t.to(torch.float8_e4m3fn) for name, t in load_file(folder / UNET).items()}
    save_file({**tensors, "conv_in.weight_scale": torch.ones(1)}, folder / UNET)


def not_numbers(folder: Path) -> None:
    change_weights(folder / UNET, lambda tensor: tensor * NAN)


def not_numbers_in_the_encoder(folder: Path) -> None:
    change_weights(folder / ENCODER, lambda tensor: tensor * NAN)


def not_numbers_in_the_decoder(folder: Path) -> None:
    change_weights(folder / "vae/diffusion_pytorch_model.safetensors", lambda tensor: tensor * NAN)


def another_width(folder: Path) -> None:
    edit(folder / "unet/config.json", cross_attention_dim=32)


def a_width_of_a_million(folder: Path) -> None:
    edit(folder / "text_encoder/config.json", hidden_size=10**6)


def weights_from_elsewhere(folder: Path) -> None:
    away = shutil.copytree(folder / "text_encoder", folder.parent / "away")
    content = {
        "base_model_name_or_path": str(away),
        "peft_type": "LORA",
        "r": 4,
        "target_modules": ["q_proj"],
    }
    (folder / "text_encoder/adapter_config.json").write_text(json.dumps(content))


def a_hundred_million_layers(folder: Path) -> None:
    edit(folder / "unet/config.json", layers_per_block=100_000_000)


def layers_inside_a_part(folder: Path) -> None:
    edit(folder / "text_encoder/config.json", text_config={"num_hidden_layers": 10**9})


def a_table_of_a_million(folder: Path) -> None:
    edit(folder / "unet/config.json", sample_size=[10**6, 10**6])


def a_billion_spare_words(folder: Path) -> None:
    edit(folder / "tokenizer/tokenizer_config.json", extra_ids=10**9)


def kernels_from_the_hub(folder: Path) -> None:
    edit(folder / "text_encoder/config.json", attn_implementation={"": "somebody/kernels"})


def a_field_of_another_type(folder: Path) -> None:
    edit(folder / "text_encoder/config.json", num_hidden_layers="../../x")


def an_activation_that_is_a_number(folder: Path) -> None:
    edit(folder / "vae/config.json", act_fn=3)


def a_scale_that_is_a_list(folder: Path) -> None:
    edit(folder / "vae/config.json", shift_factor=[1])


def a_tokenizer_without_a_length(folder: Path) -> None:
    path = folder / "tokenizer/tokenizer_config.json"
    kept = {key: value for key, value in json.loads(path.read_text()).items() if key != "model_max_length"}
    path.write_text(json.dumps(kept))


def a_text_longer_than_the_encoder(folder: Path) -> None:
    edit(folder / "tokenizer/tokenizer_config.json", model_max_length=77)


def an_unknown_schedule(folder: Path) -> None:
    edit(folder / "scheduler/scheduler_config.json", _class_name="EvilScheduler")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            missing_shards,
            "unet: diffusion_pytorch_model-00001-of-00003.safetensors and 1 more of 3 shards missing",
        ),
        (
            a_pickle,
            "diffusion_pytorch_model.bin is a pickle, which can run code, and is not opened; convert it",
        ),
        (whole_numbers, "in I8, which is no dtype of weights; take them in F32, BF16 or F16"),
        (scaled_eight_bits, "unet is quantised, which Darkroom does not load"),
        (not_numbers, "makes numbers that are not finite in float32"),
        (not_numbers_in_the_encoder, "makes numbers that are not finite in float32"),
        (not_numbers_in_the_decoder, "the decoder of tiny-sd made numbers that are not finite"),
        (another_width, "unet reads texts of width 32 (cross_attention_dim), and text_encoder writes 16"),
        (
            weights_from_elsewhere,
            "text_encoder has an adapter_config.json, which stands for weights of another",
        ),
        (
            a_hundred_million_layers,
            "unet has layers_per_block = 100000000 in its config, and its files hold",
        ),
        (layers_inside_a_part, "text_encoder has num_hidden_layers = 1000000000 in its config"),
        (a_table_of_a_million, "unet has sample_size = 1000000 in its config, which is more than 4096"),
        (
            a_billion_spare_words,
            "tokenizer has extra_ids = 1000000000 in its config, which is more than 4096",
        ),
        (kernels_from_the_hub, "text_encoder asks for kernels from the hub (attn_implementation)"),
        (
            a_field_of_another_type,
            "text_encoder cannot be loaded: Validation error for field 'num_hidden_layers'",
        ),
        (an_activation_that_is_a_number, "vae cannot be loaded: 'int' object has no attribute 'lower'"),
        (a_scale_that_is_a_list, "tiny-sd was loaded and cannot draw: float() argument must be"),
        (a_tokenizer_without_a_length, "should say what CLIP reads, 77"),
        (
            a_text_longer_than_the_encoder,
            "tiny-sd was loaded and cannot draw: Sequence length must be less than",
        ),
        (an_unknown_schedule, "cannot be drawn with EvilScheduler; known are"),
    ],
)
def test_a_bad_folder_is_refused_while_another_model_draws(
    folder: Path, good: Denoiser, alone: Tensor, damage: Callable[[Path], None], words: str
) -> None:
    engine = Engine(preview_every=0)
    engine.add(good, Request(job_id="good", index=0, params=GOOD))
    engine.step()
    damage(folder)
    with pytest.raises((ModelError, WeightsError)) as caught:
        load_model(entry(folder), drive.CPU)
    assert words in caught.value.message
    assert finished(engine) == ({"good"}, {})
    assert torch.equal(engine.take_finished()[0].latent, alone)


def test_an_adapter_of_another_family_is_refused_while_another_model_draws(
    folder: Path, good: Denoiser, alone: Tensor, tmp_path: Path
) -> None:
    path = lora_files.save(
        lora_files.lora_weights(builders_sdxl.pipeline(), seed=1), tmp_path / "xl.safetensors"
    )
    engine = Engine(preview_every=0)
    engine.add(good, Request(job_id="good", index=0, params=GOOD))
    engine.step()
    with pytest.raises(ModelError, match=r"xl\.safetensors does not fit this model of the family 'sd'"):
        load_model(entry(folder, "sd", path), drive.CPU)
    assert finished(engine) == ({"good"}, {})
    assert torch.equal(engine.take_finished()[0].latent, alone)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('not for you') }}", "not for you"),
        (
            "{{ messages[0].content.__class__.__mro__ }}",
            "access to attribute '__class__' of 'str' object is unsafe",
        ),
        ("{% for", "unexpected"),
        ("{{ messages + 1 }}", "can only concatenate list"),
        (None, "chat"),
    ],
)
def test_a_template_that_fails_is_refused(
    folders: dict[str, Path], tmp_path: Path, template: str | None, words: str
) -> None:
    folder = shutil.copytree(folders["z-image"], tmp_path / "model")
    path = folder / "tokenizer/chat_template.jinja"
    path.unlink() if template is None else path.write_text(template)
    with pytest.raises(WeightsError, match="cannot draw: ") as caught:
        load_model(entry(folder, "z-image"), drive.CPU)
    assert words in caught.value.message


@pytest.mark.parametrize("part", ["tokenizer", "text_encoder"])
def test_code_of_a_folder_is_refused_and_nobody_is_asked_whether_to_run_it(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    folder = shutil.copytree(folders["z-image"], tmp_path / "model")
    kind = {"tokenizer": "AutoTokenizer", "text_encoder": "AutoModel"}[part]
    edit(folder / "model_index.json", **{part: ["transformers", kind]})
    config = folder / part / {"tokenizer": "tokenizer_config.json", "text_encoder": "config.json"}[part]
    code = {"AutoTokenizer": ["evil.Evil", None], "AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}
    edit(config, auto_map=code, tokenizer_class="Evil", model_type="evil")
    (folder / part / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(WeightsError, match=f"{part} asks for code of its own"):
        load_model(entry(folder, "z-image"), drive.CPU)
    monkeypatch.setattr("darkroom.model.folders.code_fault", lambda *_: "")
    load_or_refuse(entry(folder, "z-image"))  # the libraries' switch is set as well
    assert not (tmp_path / "ran").exists()


def load_or_refuse(model: ModelCapabilities) -> None:
    with suppress(WeightsError):
        load_model(model, drive.CPU)


# -- requests that cannot be drawn --------------------------------------------------------------------------------------


def finished(engine: Engine) -> tuple[set[str], dict[str, str]]:
    """Drives it to its end: the jobs that were finished, and why the others failed."""
    done, failed = set(), {}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, ImageFailed):
                failed[event.job_id] = event.reason
            elif isinstance(event, ImageFinished):
                done.add(event.job_id)
    return done, failed


def drawn_beside(
    engine: Engine, model: Denoiser, bad: Sequence[GenerationParams]
) -> tuple[Tensor, dict[str, str]]:
    """The good request's latent, drawn in one engine with bad ones before and after it, and why those failed."""
    for number, params in enumerate([*bad, GOOD, *bad]):
        job_id = "good" if params is GOOD else f"bad {number}"
        engine.add(model, Request(job_id=job_id, index=0, params=params))
    done, failed = finished(engine)
    assert done == {"good"}
    assert len(failed) == 2 * len(bad)
    return engine.take_finished()[0].latent, failed


def test_numbers_that_are_not_finite_fail_the_request_that_made_them(folder: Path, alone: Tensor) -> None:
    """One word's vector is broken: who does not use the word notices nothing."""
    ids = builders_sd.pipeline().tokenizer("fox")["input_ids"][1:-1]
    tensors = load_file(folder / ENCODER)
    name = next(name for name in tensors if name.endswith("token_embedding.weight"))
    tensors[name][ids[-1]] = NAN
    save_file(tensors, folder / ENCODER, metadata={"format": "pt"})
    model = load_model(entry(folder), drive.CPU)
    latent, failed = drawn_beside(Engine(preview_every=0), model, [asked("a fox"), asked("fox", aspect=WIDE)])
    assert all("the model's numbers are not finite in step" in reason for reason in failed.values())
    assert torch.equal(latent, alone)


def test_a_request_that_takes_more_than_the_memory_for_all_is_refused_with_the_numbers(
    good: Denoiser, alone: Tensor
) -> None:
    large = asked("a hill", aspect=WIDE)
    small, wanted = (state_bytes(good.prepare(each, index=0)) for each in (GOOD, replace(large, hd=True)))
    assert small < wanted
    engine = Engine(preview_every=0, state_bytes_max=wanted - 1)
    latent, failed = drawn_beside(engine, good, [replace(large, hd=True)])
    assert all(f"it takes {wanted:,} bytes from step to step" in reason for reason in failed.values())
    assert all(f"{wanted - 1:,}" in reason for reason in failed.values())
    assert torch.equal(latent, alone)


def test_a_request_for_which_the_device_has_no_memory_fails_alone(
    folder: Path, alone: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = load_model(entry(folder), drive.CPU)
    forward = model.parts.network.forward

    def small(inputs: Tensor, *arguments: Any, **named: Any) -> Any:
        if inputs.shape[-1] != inputs.shape[-2]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80.00 GiB")
        return forward(inputs, *arguments, **named)

    monkeypatch.setattr(model.parts.network, "forward", small)
    engine = Engine(preview_every=0)
    latent, failed = drawn_beside(engine, model, [asked("a hill", aspect=WIDE)])
    assert all("the device has no memory for one row of tiny-sd/" in reason for reason in failed.values())
    assert all("80.00 GiB" in reason for reason in failed.values())
    assert engine.vitals().out_of_memory > 0
    assert torch.equal(latent, alone)


def test_a_network_that_breaks_on_one_shape_breaks_that_request_alone(
    folder: Path, alone: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = load_model(entry(folder), drive.CPU)
    forward = model.parts.network.forward

    def square(inputs: Tensor, *arguments: Any, **named: Any) -> Any:
        if inputs.shape[-1] != inputs.shape[-2]:
            raise RuntimeError("The size of tensor a (16) must match the size of tensor b (8)")
        return forward(inputs, *arguments, **named)

    monkeypatch.setattr(model.parts.network, "forward", square)
    latent, failed = drawn_beside(Engine(preview_every=0), model, [asked("a hill", aspect=WIDE)])
    assert all("The size of tensor a (16)" in reason for reason in failed.values())
    assert torch.equal(latent, alone)


def test_a_model_larger_than_the_memory_is_refused_with_the_numbers(folder: Path) -> None:
    model = entry(folder)
    needed = needed_bytes(model, drive.CPU)
    with pytest.raises(ModelError) as caught:
        Shelf(needed - 1024**2).room_for(model.name, needed, in_flight=lambda _: 0, now=0.0)
    assert (
        "tiny-sd does not fit: it needs 0.50 GiB, and models may take 0.50 GiB here" in caught.value.message
    )


@pytest.mark.parametrize("family", ["sd", "sd3", "flux", "pixart"])
def test_a_prompt_that_is_cut_is_said_by_us_and_not_by_a_library(
    tmp_path: Path, family: str, caplog: pytest.LogCaptureFixture
) -> None:
    importlib.import_module(f"tests.families.builders_{family}").build(tmp_path)
    model = load_model(entry(tmp_path, family), drive.CPU)
    assert model.prepare(asked("a red cat"), index=0).notes == ()
    (note,) = model.prepare(asked("cat " * 100), index=0).notes
    assert f"the prompt is longer than tiny-{family} can read: its last" in note
    assert "Token indices" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"attention": "flash"}, "attention 'flash' needs a CUDA device, and this is cpu; use sdpa"),
        ({"attention": "sage"}, "attention 'sage' needs a CUDA device, and this is cpu; use sdpa"),
        ({"device": "cuda"}, "torch finds no CUDA device here"),
        ({"device": "abacus"}, "no device 'abacus'; write cpu, cuda or cuda:1"),
    ],
)
def test_a_placement_that_cannot_be_had_is_said_when_the_model_is_loaded(
    folders: dict[str, Path], settings: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError) as caught:
        load_model(entry(folders["sd"]), Placement(**{"device": "cpu", **settings}))
    assert words in caught.value.message


def test_kernels_that_do_not_take_the_network_are_found_when_it_is_loaded(
    good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object, **__: object) -> None:
        raise RuntimeError("FlashAttention only supports head dimensions up to 256")

    monkeypatch.setattr(good.parts.network, "forward", unable)
    with pytest.raises(
        WeightsError, match="tiny-sd was loaded and cannot draw: FlashAttention only supports"
    ):
        rehearse(good)


def test_memory_that_does_not_suffice_for_the_rehearsal_is_no_fault_of_the_folder(
    good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(good.parts.network, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        rehearse(good)


def test_square_and_wide_are_two_shapes(good: Denoiser) -> None:
    """On which the tests above rely."""
    classes = {good.prepare(asked("a", aspect=each), index=0).row_class for each in (SQUARE, WIDE)}
    assert len(classes) == 2
