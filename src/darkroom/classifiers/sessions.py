"""ONNX Runtime as this floor uses it: one thread, the CPU, arrays in and out, and its many exceptions as one tuple.

The only module that speaks to the runtime, which carries no types. Knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnxruntime import InferenceSession, SessionOptions  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as runtime  # type: ignore[import-untyped]

from darkroom.classifiers.onnx_graph import Array

RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    runtime.EPFail,
    runtime.EngineError,
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NoModel,
    runtime.NoSuchFile,
    runtime.NotImplemented,
    runtime.RuntimeException,
    RuntimeError,
    MemoryError,
)
PROVIDERS = ["CPUExecutionProvider"]
ONLY_FATAL = 4  # log severity: the rest arrives as an exception


class Session:
    """A model with one output on one core. Threads may share it. Every call may raise RUNTIME_ERRORS."""

    def __init__(self, model: bytes) -> None:
        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = ONLY_FATAL
        self._session = InferenceSession(model, options, providers=PROVIDERS)

    def run(self, inputs: Mapping[str, Array]) -> Array:
        found: list[Array] = self._session.run(None, dict(inputs))
        return found[0]
