"""Graphs that we write, read by the runtime."""

import numpy as np
import pytest

from darkroom.classifiers.onnx_graph import Graph, Node, Port, serialise
from darkroom.classifiers.sessions import RUNTIME_ERRORS, Session


def graph(nodes, constants, shape=("rows", 3)):
    return Graph(
        name="trial",
        nodes=nodes,
        constants=constants,
        inputs=[Port(name="x", dtype="float32", shape=shape)],
        outputs=[Port(name="y", dtype="float32", shape=[])],
        opsets={"": 20},
    )


def run(nodes, constants, x):
    return Session(serialise(graph(nodes, constants))).run({"x": x})


def test_constants_and_nodes_arrive():
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2)
    nodes = [
        Node(kind="MatMul", inputs=["x", "m"], outputs=["p"]),
        Node(kind="Add", inputs=["p", "b"], outputs=["y"]),
    ]
    x = np.array([[1, 2, 3], [-1, 0, 1]], np.float32)
    bias = np.array([0.5, -300], np.float32)
    np.testing.assert_allclose(run(nodes, {"m": matrix, "b": bias}, x), x @ matrix + bias)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_numbers_below_zero_and_floats_arrive(axis):
    nodes = [
        Node(kind="LeakyRelu", inputs=["x"], outputs=["l"], attributes={"alpha": 0.25}),
        Node(kind="Softmax", inputs=["l"], outputs=["y"], attributes={"axis": axis}),
    ]
    x = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
    leaky = np.where(x < 0, x * 0.25, x)
    wanted = np.exp(leaky) / np.exp(leaky).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(run(nodes, {}, x), wanted, rtol=1e-5)


def test_lists_and_words_arrive():
    nodes = [
        Node(kind="Transpose", inputs=["x"], outputs=["t"], attributes={"perm": [1, 0]}),
        Node(kind="Gelu", inputs=["t"], outputs=["y"], attributes={"approximate": "tanh"}),
    ]
    assert run(nodes, {}, np.zeros((2, 3), np.float32)).shape == (3, 2)


def test_a_free_size_may_differ_and_a_fixed_one_may_not():
    session = Session(serialise(graph([Node(kind="Abs", inputs=["x"], outputs=["y"])], {})))
    assert session.run({"x": np.ones((1, 3), np.float32)}).shape == (1, 3)
    assert session.run({"x": np.ones((300, 3), np.float32)}).shape == (300, 3)
    with pytest.raises(RUNTIME_ERRORS):
        session.run({"x": np.ones((1, 4), np.float32)})


def test_what_is_no_graph_is_refused():
    for bad in (b"", b"no model", serialise(graph([Node(kind="NoSuch", inputs=["x"], outputs=["y"])], {}))):
        with pytest.raises(RUNTIME_ERRORS):
            Session(bad)
