"""The picture embedder as an ONNX graph: convolutions with ReLU, two kinds of pooling, one matrix.

The twin of darkroom.train.describe.network after its norms were folded. Knows no file, no words and no session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from darkroom.classifiers.onnx_graph import Array, Graph, Node, Port

SIDE = 64  # pixels of the square that it sees
UNSHUFFLE = 2  # its first step: four pixels become channels of one
OPSETS = {"": 20}


def embedder_graph(weights: Mapping[str, Array], blocks: Sequence[int]) -> Graph:
    """`x` (B, 12, 32, 32) fp32 as `unshuffled` gives it -> `found` (B, N): all outputs side by side.

    `weights` in floats; `blocks` counts the residual blocks at each width. Raises KeyError where a weight is missing.
    """
    network = _Network(weights=weights)
    nodes = [*network.convolution("x", "stem", "stage 0"), _relu("stage 0", "h0.0")]
    for number, count in enumerate(blocks):
        if number:
            last = f"h{number - 1}.{blocks[number - 1]}"
            nodes.extend(network.convolution(last, f"downs.{number}", f"stage {number}", stride=2))
            nodes.append(_relu(f"stage {number}", f"h{number}.0"))
        for index in range(count):
            nodes.extend(network.block(number, index))
    nodes.extend(network.head(f"h{len(blocks) - 1}.{blocks[-1]}"))
    half = SIDE // UNSHUFFLE
    return Graph(
        name="picture",
        nodes=nodes,
        constants=network.constants,
        inputs=[Port(name="x", dtype="float32", shape=["batch", 3 * UNSHUFFLE**2, half, half])],
        outputs=[Port(name="found", dtype="float32", shape=["batch", len(weights["out.bias"])])],
        opsets=OPSETS,
    )


def unshuffled(pictures: Array) -> Array:
    """(B, 64, 64, 3) uint8 -> (B, 12, 32, 32) fp32 in [-1, 1], channels as torch's pixel_unshuffle orders them."""
    half = SIDE // UNSHUFFLE
    scaled = pictures.astype(np.float32) / 127.5 - 1
    cells = scaled.reshape(-1, half, UNSHUFFLE, half, UNSHUFFLE, 3)  # (B, h, dy, w, dx, 3)
    return np.ascontiguousarray(cells.transpose(0, 5, 2, 4, 1, 3).reshape(-1, 3 * UNSHUFFLE**2, half, half))


def unpacked(levels: Array, scale: Array) -> Array:
    """Int8 levels (N, ...) and a scale for each row (N,) -> fp32."""
    rows = scale.astype(np.float32).reshape(-1, *(1 for _ in levels.shape[1:]))
    return levels.astype(np.float32) * rows


@dataclass(frozen=True, kw_only=True)
class _Network:
    """Nodes that are named by what they make; each puts the constants it needs beside it."""

    weights: Mapping[str, Array]
    constants: dict[str, Array] = field(default_factory=dict)

    def convolution(self, source: str, name: str, out: str, *, stride: int = 1) -> Iterator[Node]:
        """3x3 with a border of zeros."""
        for part in ("weight", "bias"):
            self.constants[f"{name}.{part}"] = self.weights[f"{name}.{part}"]
        yield Node(
            kind="Conv",
            inputs=[source, f"{name}.weight", f"{name}.bias"],
            outputs=[out],
            attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [stride, stride]},
        )

    def block(self, number: int, index: int) -> Iterator[Node]:
        """A residual block, h<number>.<index> -> h<number>.<index + 1>."""
        name, x = f"stages.{number}.{index}", f"h{number}.{index}"
        yield from self.convolution(x, f"{name}.first", f"{name} inner")
        yield _relu(f"{name} inner", f"{name} active")
        yield from self.convolution(f"{name} active", f"{name}.second", f"{name} change")
        yield Node(kind="Add", inputs=[x, f"{name} change"], outputs=[f"{name} sum"])
        yield _relu(f"{name} sum", f"h{number}.{index + 1}")

    def head(self, cells: str) -> Iterator[Node]:
        """Mean and largest of each channel, side by side, through the one matrix (N, 2C)."""
        self.constants["out.weight"] = self.weights["out.weight"]
        self.constants["out.bias"] = self.weights["out.bias"]
        yield Node(kind="GlobalAveragePool", inputs=[cells], outputs=["mean"])
        yield Node(kind="GlobalMaxPool", inputs=[cells], outputs=["most"])
        yield Node(kind="Concat", inputs=["mean", "most"], outputs=["pooled"], attributes={"axis": 1})
        yield Node(kind="Flatten", inputs=["pooled"], outputs=["flat"], attributes={"axis": 1})
        yield Node(
            kind="Gemm",
            inputs=["flat", "out.weight", "out.bias"],
            outputs=["found"],
            attributes={"transB": 1},
        )


def _relu(source: str, out: str) -> Node:
    return Node(kind="Relu", inputs=[source], outputs=[out])
