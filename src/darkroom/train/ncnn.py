"""Reads a network in ncnn's text-and-binary format and runs it in plain torch: enough of it for the Real-ESRGAN family.

Only conversions need this. It knows nothing of what the networks are for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.core.errors import WeightsError

MAGIC = "7767517"
FP16_TAG = 0x01306B47  # the 4 bytes before a convolution's weights; 0 is fp32
FP32_TAG = 0
ALIGNMENT = 4  # bytes
FIRST_ARRAY_KEY = -23300  # a key k at or below it means parameter (FIRST_ARRAY_KEY - k), as "count,value,..."

Value = int | float | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One line of the text file, with what the binary file holds for it."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[int, Value]
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    def integer(self, key: int, default: int = 0) -> int:
        value = self.params.get(key, default)
        if not isinstance(value, int):
            raise WeightsError(f"layer {self.name}: parameter {key} is {value!r}, an integer was expected")
        return value

    def number(self, key: int, default: float) -> float:
        value = self.params.get(key, default)
        if isinstance(value, tuple):
            raise WeightsError(f"layer {self.name}: parameter {key} is a list, a number was expected")
        return float(value)

    def numbers(self, key: int) -> tuple[float, ...]:
        value = self.params.get(key, ())
        return value if isinstance(value, tuple) else (float(value),)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Layers in an order in which they can be run."""

    layers: tuple[Layer, ...]

    def convolutions(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if layer.kind == "Convolution")

    def slopes(self) -> tuple[Tensor, ...]:
        """The slopes of all PReLU layers, each (C,)."""
        return tuple(layer.weights["slope"] for layer in self.layers if layer.kind == "PReLU")


class _Binary:
    """A cursor over the weights' bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def take(self, count: int, dtype: type[np.generic]) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        size = count * np.dtype(dtype).itemsize
        if self.offset + size > len(self.data):
            raise WeightsError(
                f"the weights end at byte {len(self.data)}, {self.offset + size} were expected"
            )
        values = np.frombuffer(self.data, dtype, count, self.offset)
        self.offset += math.ceil(size / ALIGNMENT) * ALIGNMENT
        return values

    def floats(self, count: int) -> Tensor:
        return torch.from_numpy(self.take(count, np.float32).astype(np.float32))

    def tagged(self, count: int) -> Tensor:
        tag = int(self.take(1, np.uint32)[0])
        if tag == FP16_TAG:
            return torch.from_numpy(self.take(count, np.float16).astype(np.float32))
        if tag == FP32_TAG:
            return self.floats(count)
        raise WeightsError(f"weights stored as {tag:#x} are not understood; fp16 and fp32 are")


def read_graph(text: str, binary: bytes) -> Graph:
    """A graph from the contents of a .param and a .bin file. Raises WeightsError where they are not what they should be."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != [MAGIC]:
        raise WeightsError(f"this is no ncnn network: its first line must be {MAGIC}")
    cursor = _Binary(binary)
    layers: list[Layer] = []
    known: set[str] = set()
    for words in lines[2:]:
        layer = _read_layer(words, cursor)
        unknown = [name for name in layer.inputs if name not in known]
        if unknown:
            raise WeightsError(f"layer {layer.name} takes {unknown[0]!r}, which no layer before it gives")
        known.update(layer.outputs)
        layers.append(layer)
    if len(layers) != int(lines[1][0]):
        raise WeightsError(f"{lines[1][0]} layers were announced, {len(layers)} are there")
    if cursor.offset != len(binary):
        raise WeightsError(f"the layers need {cursor.offset} bytes of weights, {len(binary)} are there")
    return Graph(layers=tuple(layers))


def _read_layer(words: list[str], cursor: _Binary) -> Layer:
    try:
        kind, name, inputs, outputs = words[0], words[1], int(words[2]), int(words[3])
        blobs, settings = words[4 : 4 + inputs + outputs], words[4 + inputs + outputs :]
        params = dict(_read_setting(setting) for setting in settings)
    except (IndexError, ValueError) as fault:
        raise WeightsError(f"this line of the network cannot be read: {' '.join(words)}") from fault
    layer = Layer(
        kind=kind, name=name, inputs=tuple(blobs[:inputs]), outputs=tuple(blobs[inputs:]), params=params
    )
    if kind not in _RUN:
        raise WeightsError(f"layer {name} is a {kind}; known are {', '.join(sorted(_RUN))}")
    weights = _read_weights(layer, cursor)
    return Layer(**{**layer.__dict__, "weights": weights})


def _read_setting(setting: str) -> tuple[int, Value]:
    key_text, value = setting.split("=", 1)
    key = int(key_text)
    if key <= FIRST_ARRAY_KEY:
        values = value.split(",")
        if int(values[0]) != len(values) - 1:
            raise ValueError(setting)
        return FIRST_ARRAY_KEY - key, tuple(float(part) for part in values[1:])
    return key, float(value) if any(mark in value for mark in ".eE") else int(value)


def _read_weights(layer: Layer, cursor: _Binary) -> dict[str, Tensor]:
    if layer.kind == "PReLU":
        return {"slope": cursor.floats(layer.integer(0))}
    if layer.kind != "Convolution":
        return {}
    channels, kernel, count = layer.integer(0), layer.integer(1), layer.integer(6)
    if channels < 1 or kernel < 1 or count % (channels * kernel * kernel):
        raise WeightsError(
            f"layer {layer.name}: {count} weights do not make {channels} kernels of {kernel}x{kernel}"
        )
    weights = {"weight": cursor.tagged(count).view(channels, -1, kernel, kernel)}
    if layer.integer(5):
        weights["bias"] = cursor.floats(channels)
    return weights


@torch.no_grad()
def run(graph: Graph, image: Tensor) -> Tensor:
    """The blob `output` for the blob `data`: (B, C, H, W) fp32 -> whatever the graph makes of it."""
    blobs: dict[str, Tensor] = {}
    last_use = {name: index for index, layer in enumerate(graph.layers) for name in layer.inputs}
    for index, layer in enumerate(graph.layers):
        inputs = [image] if layer.kind == "Input" else [blobs[name] for name in layer.inputs]
        result = _RUN[layer.kind](layer, inputs)
        blobs.update(dict.fromkeys(layer.outputs, result))
        for name in layer.inputs:
            if last_use[name] == index:
                blobs.pop(name, None)
    if "output" not in blobs:
        raise WeightsError("the network gives no blob named 'output'")
    return blobs["output"]


def _same(layer: Layer, inputs: list[Tensor]) -> Tensor:
    return inputs[0]


def _convolution(layer: Layer, inputs: list[Tensor]) -> Tensor:
    result = F.conv2d(
        inputs[0],
        layer.weights["weight"],
        layer.weights.get("bias"),
        stride=layer.integer(3, 1),
        padding=layer.integer(4),
    )
    match layer.integer(9):
        case 0:
            return result
        case 1:
            return F.relu(result)
        case 2:
            return F.leaky_relu(result, layer.numbers(10)[0])
        case other:
            raise WeightsError(f"layer {layer.name}: activation {other} is not understood")


def _prelu(layer: Layer, inputs: list[Tensor]) -> Tensor:
    return F.prelu(inputs[0], layer.weights["slope"])


def _pixel_shuffle(layer: Layer, inputs: list[Tensor]) -> Tensor:
    return F.pixel_shuffle(inputs[0], layer.integer(0, 1))


def _interp(layer: Layer, inputs: list[Tensor]) -> Tensor:
    if layer.integer(0) != 1:
        raise WeightsError(f"layer {layer.name}: only nearest interpolation is understood")
    return F.interpolate(inputs[0], scale_factor=(layer.number(1, 1.0), layer.number(2, 1.0)), mode="nearest")


def _concat(layer: Layer, inputs: list[Tensor]) -> Tensor:
    return torch.cat(inputs, dim=1)


def _binary(layer: Layer, inputs: list[Tensor]) -> Tensor:
    if layer.integer(0) != 0 or len(inputs) != 2:
        raise WeightsError(f"layer {layer.name}: only the sum of two blobs is understood")
    return inputs[0] + inputs[1]


def _eltwise(layer: Layer, inputs: list[Tensor]) -> Tensor:
    if layer.integer(0) != 1:
        raise WeightsError(f"layer {layer.name}: only weighted sums are understood")
    factors = layer.numbers(1) or (1.0,) * len(inputs)
    return torch.stack([factor * blob for factor, blob in zip(factors, inputs, strict=True)]).sum(dim=0)


_RUN: Mapping[str, Callable[[Layer, list[Tensor]], Tensor]] = {
    "BinaryOp": _binary,
    "Concat": _concat,
    "Convolution": _convolution,
    "Eltwise": _eltwise,
    "Input": _same,
    "Interp": _interp,
    "PReLU": _prelu,
    "PixelShuffle": _pixel_shuffle,
    "Split": _same,
}
