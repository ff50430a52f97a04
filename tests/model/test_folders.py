"""Folders in diffusers' layout, written by hand: what is a model, and each way in which one is not."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import WeightsError
from darkroom.model.folders import inspect, read_header, weight_files
from darkroom.model.layouts import LAYOUTS, family_of

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}

HEADERS = [
    "[]",
    "33",
    '{"a": 1}',
    '{"a": {"dtype": "F32", "shape": [1], "data_offsets": 7}}',
    '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}',
    '{"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 6]}}',
    '{"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 8]}}',
]
"""Well-formed JSON that is no header, or one that contradicts itself."""


def safetensors(path: Path, tensors: Mapping[str, tuple[str, Sequence[int]]]) -> Path:
    """A file of zeros in the format of safetensors: name -> (dtype, shape)."""
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        start, count = end, 1
        for side in shape:
            count *= side
        end += count * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(end))
    return path


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_model(folder: Path, family: str = "sd") -> Path:
    """The smallest folder that is a model of a family: each network has one tensor of 6 numbers."""
    layout = LAYOUTS[family]
    index: dict[str, object] = {"_class_name": min(layout.pipelines), "_diffusers_version": "0.40.0"}
    for name, classes in layout.components.items():
        index[name] = ["diffusers", min(classes)]
        write_json(folder / name / ("tokenizer.json" if name.startswith("tokenizer") else "config.json"), {})
        if not name.startswith("tokenizer"):
            stem = "model" if name.startswith("text_encoder") else "diffusion_pytorch_model"
            safetensors(folder / name / f"{stem}.safetensors", {"weight": ("F32", [2, 3])})
    write_json(folder / "scheduler" / "scheduler_config.json", {})
    write_json(folder / "model_index.json", index)
    return folder


@pytest.mark.parametrize("family", sorted(LAYOUTS))
def test_a_folder_of_each_family_is_known(tmp_path: Path, family: str) -> None:
    report = inspect(write_model(tmp_path, family))
    assert (report.family, report.problems) == (family, ())
    networks = [name for name in LAYOUTS[family].components if not name.startswith("tokenizer")]
    assert report.numbers == 6 * len(networks)
    assert report.bytes_by_dtype == {"F32": 24 * len(networks)}
    assert len(report.files) == len(networks)
    assert LAYOUTS[family].network in {component.name for component in report.components}


def test_dtypes_are_counted_apart(tmp_path: Path) -> None:
    write_model(tmp_path)
    safetensors(tmp_path / "unet/diffusion_pytorch_model.safetensors", {"a": ("F16", [5]), "b": ("F32", [])})
    (unet,) = [each for each in inspect(tmp_path).components if each.name == "unet"]
    assert unet.bytes_by_dtype == {"F16": 10, "F32": 4}


def only_problem(folder: Path) -> str:
    (problem,) = inspect(folder).problems
    return problem


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "unet/config.json").unlink()
    (tmp_path / "vae/diffusion_pytorch_model.safetensors").unlink()
    (tmp_path / "scheduler/scheduler_config.json").unlink()
    (tmp_path / "tokenizer/tokenizer.json").unlink()
    (tmp_path / "tokenizer").rmdir()
    problems = "\n".join(inspect(tmp_path).problems)
    assert "unet: config.json cannot be read" in problems
    assert "vae: no weights" in problems
    assert "subfolder tokenizer is missing" in problems
    assert "scheduler/scheduler_config.json is missing" in problems


def test_a_tokenizer_without_words_is_refused(tmp_path: Path) -> None:
    """transformers would make an empty one of it, and every prompt would read alike."""
    (write_model(tmp_path) / "tokenizer/tokenizer.json").unlink()
    write_json(tmp_path / "tokenizer/tokenizer_config.json", {})
    assert "tokenizer has no vocabulary (tokenizer.json or vocab.json" in only_problem(tmp_path)
    write_json(tmp_path / "tokenizer/vocab.json", {})
    assert inspect(tmp_path).problems == ()


def test_an_optional_component_may_be_missing_and_a_needed_one_not(tmp_path: Path) -> None:
    write_model(tmp_path, "sd3")
    index = json.loads((tmp_path / "model_index.json").read_text())
    index["text_encoder_3"] = index["tokenizer_3"] = [None, None]
    write_json(tmp_path / "model_index.json", index)
    assert inspect(tmp_path).problems == ()
    index["text_encoder_2"] = [None, None]
    write_json(tmp_path / "model_index.json", index)
    assert "names no text_encoder_2" in only_problem(tmp_path)


def test_missing_shards_are_counted(tmp_path: Path) -> None:
    unet = write_model(tmp_path) / "unet"
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    names = [f"diffusion_pytorch_model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    index = {"weight_map": dict(zip("abc", names, strict=True))}
    write_json(unet / "diffusion_pytorch_model.safetensors.index.json", index)
    safetensors(unet / names[1], {"b": ("BF16", [4])})
    assert "00001-of-00003.safetensors and 1 more of 3 shards missing" in only_problem(tmp_path)
    for name in names:
        safetensors(unet / name, {"b": ("BF16", [4])})
    assert inspect(tmp_path).problems == ()
    assert weight_files(unet) == [unet / name for name in names]


def test_an_index_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    unet = write_model(tmp_path) / "unet"
    for name in ("../vae/diffusion_pytorch_model.safetensors", "/etc/passwd", "weights.bin"):
        write_json(unet / "diffusion_pytorch_model.safetensors.index.json", {"weight_map": {"a": name}})
        assert "names files that are not shards beside it" in only_problem(tmp_path)


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "model.pt"])
def test_a_pickle_is_refused_with_how_to_convert_it(tmp_path: Path, name: str) -> None:
    unet = write_model(tmp_path) / "unet"
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    (unet / name).write_bytes(b"\x80\x04.")
    problem = only_problem(tmp_path)
    assert f"{name} is a pickle" in problem
    assert "safe_serialization=True" in problem


def test_a_variant_and_quantised_weights_are_refused(tmp_path: Path) -> None:
    unet = write_model(tmp_path) / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model.fp16.safetensors")
    assert "fp16.safetensors; rename it" in only_problem(tmp_path)
    write_json(write_model(tmp_path) / "unet/config.json", {"quantization_config": {"load_in_4bit": True}})
    assert "unet is quantised" in only_problem(tmp_path)


def test_files_that_were_cut_short_are_told_from_whole_ones(tmp_path: Path) -> None:
    path = write_model(tmp_path) / "unet/diffusion_pytorch_model.safetensors"
    whole = path.read_bytes()
    for length in (0, 7, 8, 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "load it again" in only_problem(tmp_path), length


@given(raw=st.binary(max_size=64), length=st.integers(0, 2**64 - 1))
def test_a_header_of_any_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    for claimed in (length, len(raw)):
        path.write_bytes(struct.pack("<Q", claimed) + raw)
        try:
            assert read_header(path) == {}, "so few bytes describe no tensor"
        except WeightsError:
            continue
        assert claimed == len(raw) and isinstance(json.loads(raw), dict)


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_of_another_form_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with pytest.raises(WeightsError, match="broken header"):
        read_header(path)


def test_what_is_no_model_says_what_would_be(tmp_path: Path) -> None:
    assert "there is no folder" in only_problem(tmp_path / "nowhere")
    assert "has no model_index.json" in only_problem(tmp_path)
    (tmp_path / "old.ckpt").touch()
    assert "old.ckpt is a pickle" in only_problem(tmp_path)
    for content in ("", "{", "[]", "[" * 100_000):
        (tmp_path / "model_index.json").write_text(content)
        assert "model_index.json" in only_problem(tmp_path)


def test_classes_that_nobody_drives_are_named(tmp_path: Path) -> None:
    write_json(tmp_path / "model_index.json", {"_class_name": "StableDiffusionXLImg2ImgPipeline"})
    assert "refiner" in only_problem(tmp_path)
    write_json(tmp_path / "model_index.json", {"_class_name": "WanPipeline"})
    assert "WanPipeline is of no family that Darkroom drives" in only_problem(tmp_path)
    assert family_of("WanPipeline") == ""


def test_a_component_of_another_class_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    write_json(tmp_path / "model_index.json", {**index, "unet": ["diffusers", "UNet3DConditionModel"]})
    assert only_problem(tmp_path) == "unet is a UNet3DConditionModel; this family has UNet2DConditionModel"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe would be read for ever."""
    config = write_model(tmp_path) / "unet/config.json"
    config.unlink()
    os.mkfifo(config)
    assert only_problem(tmp_path) == "unet: config.json is not a file"
    os.mkfifo(tmp_path / "style.safetensors")
    with pytest.raises(WeightsError, match="is not a file"):
        read_header(tmp_path / "style.safetensors")
