"""The ncnn reader and interpreter, against values computed by hand."""

import struct

import numpy as np
import pytest
import torch

from darkroom.core.errors import WeightsError
from darkroom.train import ncnn


def graph_of(*lines: str, weights: bytes = b"") -> ncnn.Graph:
    text = "\n".join([ncnn.MAGIC, f"{len(lines) + 1} 9", "Input in 0 1 data", *lines])
    return ncnn.read_graph(text, weights)


def fp32(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def fp16_tagged(*values: float) -> bytes:
    data = struct.pack("<I", ncnn.FP16_TAG) + np.array(values, np.float16).tobytes()
    return data + b"\0" * (-len(data) % 4)


def fp32_tagged(*values: float) -> bytes:
    return struct.pack("<I", ncnn.FP32_TAG) + fp32(*values)


ONE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])  # (1, 1, 2, 2)


def test_a_3x3_convolution_by_hand():
    kernel = [0, 1, 0, 0, 2, 3, 0, 0, -1]  # above, itself, right, and below right
    graph = graph_of(
        "Convolution c 1 1 data output 0=1 1=3 4=1 5=1 6=9", weights=fp32_tagged(*kernel) + fp32(0.5)
    )
    # at the top left: 2 * 1 + 3 * 2 - 4 + 0.5; top right: 2 * 2 + 0.5; bottom left: 1 + 2 * 3 + 3 * 4 + 0.5; ...
    assert ncnn.run(graph, ONE).tolist() == [[[[4.5, 4.5], [19.5, 10.5]]]]


def test_fp16_weights_are_padded_to_four_bytes():
    weights = fp16_tagged(2.0, -1.0, 0.5) + fp32(1.0, 0.0, 0.0)
    graph = graph_of("Convolution c 1 1 data output 0=3 1=1 5=1 6=3", weights=weights)
    assert ncnn.run(graph, ONE)[0, :, 1, 1].tolist() == [9.0, -4.0, 2.0]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("", [-1.0, -4.0]), ("9=1", [0.0, 0.0]), ("9=2 -23310=1,2.5e-01", [-0.25, -1.0])],
)
def test_activations(activation, expected):
    graph = graph_of(f"Convolution c 1 1 data output 0=1 1=1 6=1 {activation}", weights=fp32_tagged(-1.0))
    assert ncnn.run(graph, ONE).diagonal(dim1=2, dim2=3)[0, 0].tolist() == expected


def test_prelu_has_a_slope_for_each_channel():
    graph = graph_of("PReLU p 1 1 data output 0=2", weights=fp32(0.5, 0.1))
    result = ncnn.run(graph, torch.tensor([-2.0, -2.0]).view(1, 2, 1, 1))
    torch.testing.assert_close(result.flatten(), torch.tensor([-1.0, -0.2]))


def test_sums_splits_and_concatenation():
    graph = graph_of(
        "Split s 1 3 data a b c",
        "BinaryOp add 2 1 a b twice 0=0",
        "Eltwise mix 2 1 twice c mixed 0=1 -23301=2,5.0e-01,3.0",
        "Concat cat 2 1 mixed c output",
    )
    with pytest.raises(
        WeightsError, match="'c'"
    ):  # what every use has been served of is gone, and must be known
        graph_of("Concat cat 2 1 data c output")
    assert ncnn.run(graph, ONE)[0, :, 0, 1].tolist() == [0.5 * 4 + 3 * 2, 2.0]


def test_enlargements():
    shuffled = ncnn.run(graph_of("PixelShuffle p 1 1 data output 0=2"), torch.arange(4.0).view(1, 4, 1, 1))
    assert shuffled.tolist() == [[[[0.0, 1.0], [2.0, 3.0]]]]
    nearest = ncnn.run(graph_of("Interp i 1 1 data output 0=1 1=2.0 2=1.0"), ONE)
    assert nearest.tolist() == [[[[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [3.0, 4.0]]]]


@pytest.mark.parametrize(
    ("lines", "weights", "complaint"),
    [
        (["Softmax s 1 1 data output"], b"", "is a Softmax"),
        (["PReLU p 1 1 data output 0=2"], fp32(0.5), "weights end at byte 4"),
        (["PReLU p 1 1 data output 0=1"], fp32(0.5, 0.5), "need 4 bytes"),
        (["Convolution c 1 1 data output 0=1 1=1 6=1"], struct.pack("<If", 77, 1.0), "stored as 0x4d"),
        (["Convolution c 1 1 data output 0=2 1=3 6=10"], b"", "10 weights do not make 2 kernels of 3x3"),
        (["Split s one"], b"", "cannot be read: Split s one"),
        (["Eltwise e 1 1 data output 0=1 -23301=3,1.0"], b"", "cannot be read"),
        (["PReLU p 1 1 data output 0=1.5"], b"", "an integer was expected"),
    ],
)
def test_what_cannot_be_read_is_named(lines, weights, complaint):
    with pytest.raises(WeightsError, match=complaint):
        graph_of(*lines, weights=weights)


@pytest.mark.parametrize(
    "line",
    ["Interp i 1 1 data output 0=2", "Eltwise e 1 1 data output 0=0", "BinaryOp b 1 1 data output 0=2"],
)
def test_what_cannot_be_run_is_named(line):
    with pytest.raises(WeightsError, match="understood"):
        ncnn.run(graph_of(line), ONE)


def test_other_files_are_refused():
    with pytest.raises(WeightsError, match="first line"):
        ncnn.read_graph("PNG", b"")
    with pytest.raises(WeightsError, match="3 layers were announced"):
        ncnn.read_graph(f"{ncnn.MAGIC}\n3 1\nInput in 0 1 data", b"")
    with pytest.raises(WeightsError, match="no blob named 'output'"):
        ncnn.run(graph_of("Split s 1 1 data other"), ONE)
