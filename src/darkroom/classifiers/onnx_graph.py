"""An ONNX model as bytes: nodes and arrays in, the wire format of onnx.proto out.

Exists so that a graph can be written where it is used, without the `onnx` package and without a second copy of weights on the disk.
Knows no network and does not check a graph: the runtime that loads it does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Attribute = int | float | str | Sequence[int]

IR_VERSION = 8
DATA_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # wire types
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # AttributeProto.AttributeType


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator; `domain` is empty for those of ONNX itself."""

    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of the graph; a size that is a name may differ from run to run."""

    name: str
    dtype: str
    shape: Sequence[int | str]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """`opsets` gives the version of each operator domain."""

    name: str
    nodes: Sequence[Node]
    constants: Mapping[str, Array]
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    opsets: Mapping[str, int]


def serialise(graph: Graph) -> bytes:
    """The ModelProto that an ONNX runtime takes as bytes."""
    opsets = [_field(8, _text(1, domain) + _number(2, version)) for domain, version in graph.opsets.items()]
    return b"".join([_number(1, IR_VERSION), _field(7, _graph(graph)), *opsets])


def _graph(graph: Graph) -> bytes:
    return b"".join(
        [
            *(_field(1, _node(node)) for node in graph.nodes),
            _text(2, graph.name),
            *(_field(5, _tensor(name, array)) for name, array in graph.constants.items()),
            *(_field(11, _port(port)) for port in graph.inputs),
            *(_field(12, _port(port)) for port in graph.outputs),
        ]
    )


def _node(node: Node) -> bytes:
    attributes = (_field(5, _attribute(name, value)) for name, value in node.attributes.items())
    return b"".join(
        [
            *(_text(1, name) for name in node.inputs),
            *(_text(2, name) for name in node.outputs),
            _text(4, node.kind),
            *attributes,
            _text(7, node.domain),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, str):
        body, kind = _text(4, value), _STRING
    elif isinstance(value, int):
        body, kind = _number(3, value), _INT
    elif isinstance(value, float):
        body, kind = _key(2, _FIXED32) + struct.pack("<f", value), _FLOAT
    else:
        body, kind = b"".join(_number(8, item) for item in value), _INTS
    return _text(1, name) + body + _number(20, kind)


def _tensor(name: str, array: Array) -> bytes:
    sizes = b"".join(_number(1, size) for size in array.shape)
    data = np.ascontiguousarray(array).tobytes()
    return sizes + _number(2, DATA_TYPES[array.dtype.name]) + _text(8, name) + _field(9, data)


def _port(port: Port) -> bytes:
    sizes = (_text(2, size) if isinstance(size, str) else _number(1, size) for size in port.shape)
    shape = _join(_field(1, size) for size in sizes)
    tensor = _number(1, DATA_TYPES[port.dtype]) + _field(2, shape)
    return _text(1, port.name) + _field(2, _field(1, tensor))


def _join(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, body: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers take ten bytes, as in every protocol buffer
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
