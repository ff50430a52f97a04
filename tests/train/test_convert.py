"""Conversions of public weights, on small stand-ins for the sources."""

import json
import struct
import zipfile

import pytest
import torch
from click.testing import CliRunner
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from darkroom.core.errors import WeightsError
from darkroom.model import text_encoder, upscaler
from darkroom.train import convert, ncnn

VOCABULARY, POSITIONS, WIDTH, HIDDEN = 7, 300, 8, 16


def bert_weights() -> dict[str, torch.Tensor]:
    """The names and (small) shapes of the source; every tensor has another value."""
    shapes = {
        "embeddings.word_embeddings.weight": (VOCABULARY, WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for index in range(text_encoder.LAYERS):
        layer = f"encoder.layer.{index}"
        dense = [f"attention.self.{name}" for name in ("query", "key", "value")] + ["attention.output.dense"]
        shapes.update({f"{layer}.{name}.weight": (WIDTH, WIDTH) for name in dense})
        shapes.update({f"{layer}.{name}.bias": (WIDTH,) for name in [*dense, "output.dense"]})
        shapes[f"{layer}.intermediate.dense.weight"] = (HIDDEN, WIDTH)
        shapes[f"{layer}.intermediate.dense.bias"] = (HIDDEN,)
        shapes[f"{layer}.output.dense.weight"] = (WIDTH, HIDDEN)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    shapes.update({f"{norm}.{part}": (WIDTH,) for norm in norms for part in ("weight", "bias")})
    return {
        name: torch.full(shape, float(value)) for value, (name, shape) in enumerate(shapes.items(), start=1)
    }


def compact_package(folder, *, layers: int = upscaler.COMPACT_LAYERS + 2):
    """A package with the structure of the default upscaler and random weights."""
    generator = torch.Generator().manual_seed(0)
    widths = [3, *[64] * (layers - 1), 48]
    lines, binary, blob = ["Input in 0 1 data", "Split s 1 2 data image x0"], b"", "x0"
    for index in range(layers):
        count = widths[index] * widths[index + 1] * 9
        lines.append(f"Convolution c{index} 1 1 {blob} c{index} 0={widths[index + 1]} 1=3 4=1 5=1 6={count}")
        kernel = 0.05 * torch.randn(count, generator=generator)
        binary += struct.pack("<I", ncnn.FP16_TAG) + kernel.half().numpy().tobytes()
        binary += (0.1 * torch.randn(widths[index + 1], generator=generator)).numpy().tobytes()
        blob = f"c{index}"
        if index < layers - 1:
            lines.append(f"PReLU p{index} 1 1 {blob} p{index} 0=64")
            binary += torch.rand(64, generator=generator).numpy().tobytes()
            blob = f"p{index}"
    lines += [
        f"PixelShuffle d 1 1 {blob} d 0=4",
        "Interp r 1 1 image r 0=1 1=4.0 2=4.0",
        "BinaryOp a 2 1 d r output",
    ]
    models = folder / convert.UPSCALER_SOURCE / "models"
    models.mkdir(parents=True)
    (models / "realesr-animevideov3-x4.param").write_text("\n".join([ncnn.MAGIC, f"{len(lines)} 1", *lines]))
    (models / "realesr-animevideov3-x4.bin").write_bytes(binary)
    return folder


def test_every_weight_of_the_text_encoder_gets_its_name():
    renamed = convert.rename_text_encoder(bert_weights())
    encoder = text_encoder.TextEncoder(Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")))
    assert set(renamed) == set(encoder.state_dict())


def test_query_key_and_value_are_stacked_in_this_order_and_positions_hold_the_token_type():
    source = bert_weights()
    renamed = convert.rename_text_encoder(source)
    stacked = renamed["layers.2.qkv.weight"].view(3, WIDTH, WIDTH)
    for row, name in enumerate(("query", "key", "value")):
        assert torch.equal(stacked[row], source[f"encoder.layer.2.attention.self.{name}.weight"])
    positions = (
        source["embeddings.position_embeddings.weight"][0]
        + source["embeddings.token_type_embeddings.weight"][0]
    )
    assert renamed["positions.weight"].shape == (text_encoder.MAX_TOKENS, WIDTH)
    assert torch.equal(renamed["positions.weight"][0], positions)


def test_matrices_are_stored_in_int8_and_vectors_are_kept(tmp_path):
    weights = {"a.weight": torch.randn(4, 128), "a.bias": torch.randn(4)}
    stored = convert.quantise_text_encoder(weights)
    assert stored["a.weight"].dtype == torch.int8
    assert stored["a.weight.scale"].shape == (4, 128 // convert.TEXT_GROUP)
    convert._write(stored, tmp_path / "w.safetensors", {})
    restored = text_encoder.read_weights(tmp_path / "w.safetensors")
    assert torch.equal(restored["a.bias"], weights["a.bias"])
    torch.testing.assert_close(restored["a.weight"], weights["a.weight"], rtol=0, atol=0.02)


def test_the_tokeniser_loses_padding_and_truncation_only():
    source = {
        "truncation": {"max_length": 128},
        "padding": {"x": 1},
        "decoder": {},
        "model": {"vocab": {"é": 0}},
    }
    trimmed = convert.trim_tokenizer(json.dumps(source).encode())
    assert json.loads(trimmed) == {
        "truncation": None,
        "padding": None,
        "decoder": None,
        "model": {"vocab": {"é": 0}},
    }
    assert "é" in trimmed


def test_a_package_is_read_from_a_folder_and_from_a_wheel(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "file").write_bytes(b"content")
    wheel = tmp_path / "pkg-1.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(tmp_path / "pkg" / "file", "pkg/file")
    for location in (tmp_path, wheel):
        files = convert.PackageFiles.find("pkg", location)
        assert files.read("file") == b"content"
        with pytest.raises(WeightsError, match="pkg/other"):
            files.read("other")


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(WeightsError, match=r"no_such_package_here is not installed.*--source"):
        convert.PackageFiles.find("no_such_package_here", None)


def test_the_converted_upscaler_equals_the_graph_it_came_from(tmp_path):
    source = compact_package(tmp_path / "source")
    result = CliRunner().invoke(
        convert.convert, ["upscaler", "--source", str(source), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert "1.3 MB, largest difference of a pixel" in result.output
    models = source / convert.UPSCALER_SOURCE / "models" / "realesr-animevideov3-x4"
    graph = ncnn.read_graph(models.with_suffix(".param").read_text(), models.with_suffix(".bin").read_bytes())
    image = torch.rand(1, 3, 12, 9)
    converted = upscaler.Upscaler.load(tmp_path / "out").upscale(image)
    torch.testing.assert_close(converted, ncnn.run(graph, image).clamp(0, 1), rtol=0, atol=1e-5)


def test_another_network_is_refused(tmp_path):
    source = compact_package(tmp_path / "source", layers=4)
    result = CliRunner().invoke(
        convert.convert, ["upscaler", "--source", str(source), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 1
    assert "18 convolutions were expected" in result.output
    assert not (tmp_path / "out" / "upscaler.safetensors").exists()


@pytest.mark.parametrize("command", [["text-encoder"], ["upscaler"], ["upscaler", "--creative"]])
def test_a_source_without_the_files_is_a_sentence(tmp_path, command):
    result = CliRunner().invoke(
        convert.convert, [*command, "--source", str(tmp_path), "--out", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "has no readable file" in result.output
    assert "Traceback" not in result.output


def test_the_creative_names_fill_the_creative_network():
    layers = 1 + 6 * 3 * 5 + 5
    convolution = ncnn.Layer(
        kind="Convolution",
        name="c",
        inputs=(),
        outputs=(),
        params={},
        weights={"weight": torch.zeros(1, 1, 3, 3), "bias": torch.zeros(1)},
    )
    renamed = convert.rename_upscaler(ncnn.Graph(layers=(convolution,) * layers), "creative")
    assert set(renamed) == set(upscaler.Creative().state_dict())
