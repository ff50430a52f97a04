"""MiniLM-L6 as an ONNX graph over the int8 weights as they are stored: a layer reads a third of the memory that floats would take.

The twin of darkroom.model.text_encoder from the embedded tokens on. Knows no tokeniser, no file and no session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from darkroom.classifiers.onnx_graph import DATA_TYPES, Array, Graph, Node, Port

WIDTH = 384
HEADS = 12
LAYERS = 6
NORM_EPS = 1e-12
BITS = 8
SIGN_BIT = 128  # MatMulNBits takes unsigned levels around this zero
INT8_ACTIVATIONS = 4  # the accuracy level of MatMulNBits: eight times as fast as float activations

OPSETS = {"": 20, "com.microsoft": 1}
CONTRIB = "com.microsoft"


def sentence_graph(weights: Mapping[str, Array]) -> Graph:
    """Embedded tokens `x` (B, L, 384) fp32 and `mask` (B, L) int32 -> `sentence` (B, 384), unit length.

    `weights` are those of the file, matrices as int8 with their `.scale`. Raises KeyError where one is missing.
    """
    network = _Network(weights=weights)
    nodes = [network.norm("x", "norm", "h0")]
    for number in range(LAYERS):
        nodes.extend(network.layer(number))
    nodes.extend(network.pool(f"h{LAYERS}"))
    return Graph(
        name="sentence",
        nodes=nodes,
        constants=network.constants,
        inputs=[
            Port(name="x", dtype="float32", shape=["batch", "length", WIDTH]),
            Port(name="mask", dtype="int32", shape=["batch", "length"]),
        ],
        outputs=[Port(name="sentence", dtype="float32", shape=["batch", WIDTH])],
        opsets=OPSETS,
    )


def unpack_rows(levels: Array, scale: Array) -> Array:
    """Int8 levels (..., C) and scales (..., G) -> (..., C) fp32."""
    grouped = levels.astype(np.float32).reshape(*scale.shape, -1)
    return (grouped * scale.astype(np.float32)[..., None]).reshape(levels.shape)


@dataclass(frozen=True, kw_only=True)
class _Network:
    """Nodes that are named by what they make; each puts the constants it needs beside it."""

    weights: Mapping[str, Array]
    constants: dict[str, Array] = field(default_factory=dict)

    def layer(self, number: int) -> Iterator[Node]:
        """A BERT layer, h<number> -> h<number + 1>: norms after the sums."""
        name, x = f"layers.{number}", f"h{number}"
        qkv = [f"{name}.{part}" for part in "qkv"]
        # Queries and keys bear rounding worst: with these in float the vectors keep 0.999 of the original.
        yield from self.float_linear(x, f"{name}.qkv")
        yield Node(
            kind="Split",
            inputs=[f"{name}.qkv"],
            outputs=qkv,
            attributes={"axis": 2, "num_outputs": len(qkv)},
        )
        yield Node(
            kind="MultiHeadAttention",
            inputs=[*qkv, "", "mask"],
            outputs=[f"{name}.mixed"],
            attributes={"num_heads": HEADS},
            domain=CONTRIB,
        )
        yield self.linear(f"{name}.mixed", f"{name}.out")
        yield Node(kind="Add", inputs=[x, f"{name}.out"], outputs=[f"{name}.attended"])
        yield self.norm(f"{name}.attended", f"{name}.attention_norm", f"{name}.middle")
        yield self.linear(f"{name}.middle", f"{name}.up")
        yield Node(kind="Gelu", inputs=[f"{name}.up"], outputs=[f"{name}.hidden"])
        yield self.linear(f"{name}.hidden", f"{name}.down")
        yield Node(kind="Add", inputs=[f"{name}.middle", f"{name}.down"], outputs=[f"{name}.sum"])
        yield self.norm(f"{name}.sum", f"{name}.mlp_norm", f"h{number + 1}")

    def float_linear(self, source: str, name: str) -> Iterator[Node]:
        """A matrix (N, K) unpacked and turned, and its bias."""
        matrix = unpack_rows(self.weights[f"{name}.weight"], self.weights[f"{name}.weight.scale"])
        self.constants[f"{name}.weight"] = np.ascontiguousarray(matrix.T)
        self.constants[f"{name}.bias"] = self.weights[f"{name}.bias"].astype(np.float32)
        yield Node(kind="MatMul", inputs=[source, f"{name}.weight"], outputs=[f"{name}.product"])
        yield Node(kind="Add", inputs=[f"{name}.product", f"{name}.bias"], outputs=[name])

    def linear(self, source: str, name: str) -> Node:
        """A matrix of int8 levels (N, K) with scales (N, K / group), as MatMulNBits packs it."""
        levels, scale = self.weights[f"{name}.weight"], self.weights[f"{name}.weight.scale"]
        rows, columns = levels.shape
        blocks = scale.shape[1]
        packed = (levels.astype(np.int16) + SIGN_BIT).astype(np.uint8)
        self.constants[f"{name}.levels"] = packed.reshape(rows, blocks, columns // blocks)
        self.constants[f"{name}.scale"] = scale.astype(np.float32)
        self.constants[f"{name}.bias"] = self.weights[f"{name}.bias"].astype(np.float32)
        return Node(
            kind="MatMulNBits",
            inputs=[source, f"{name}.levels", f"{name}.scale", "", "", f"{name}.bias"],
            outputs=[name],
            attributes={
                "K": columns,
                "N": rows,
                "bits": BITS,
                "block_size": columns // blocks,
                "accuracy_level": INT8_ACTIVATIONS,
            },
            domain=CONTRIB,
        )

    def norm(self, source: str, name: str, out: str) -> Node:
        self.constants[f"{name}.weight"] = self.weights[f"{name}.weight"].astype(np.float32)
        self.constants[f"{name}.bias"] = self.weights[f"{name}.bias"].astype(np.float32)
        return Node(
            kind="LayerNormalization",
            inputs=[source, f"{name}.weight", f"{name}.bias"],
            outputs=[out],
            attributes={"axis": -1, "epsilon": NORM_EPS},
        )

    def pool(self, tokens: str) -> Iterator[Node]:
        """The sum of the real tokens' vectors at unit length: the mean has the same direction."""
        self.constants["tokens axis"] = np.array([1], np.int64)
        self.constants["width axis"] = np.array([2], np.int64)
        yield Node(kind="Cast", inputs=["mask"], outputs=["kept"], attributes={"to": DATA_TYPES["float32"]})
        yield Node(kind="Unsqueeze", inputs=["kept", "width axis"], outputs=["column"])
        yield Node(kind="Mul", inputs=[tokens, "column"], outputs=["tokens"])
        yield Node(
            kind="ReduceSum", inputs=["tokens", "tokens axis"], outputs=["sum"], attributes={"keepdims": 0}
        )
        yield Node(
            kind="LpNormalization", inputs=["sum"], outputs=["sentence"], attributes={"axis": -1, "p": 2}
        )
