"""CUDA graphs of a network, one for each shape of its inputs: the launches of a pass are recorded once and replayed.

Knows no family: a forward is tensors in, a tensor out. The bound keeps their static memory from growing with every shape.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

GRAPHS_MAX = 24  # recorded at a time; the one that was not used for longest goes first
WARM_UPS = 2  # calls before recording, in which kernels are chosen and memory is laid out

Rows = Mapping[str, Tensor]
Forward = Callable[[Tensor, Tensor, Rows], Tensor]
Record = Callable[[Forward, Tensor, Tensor, Rows], Forward]
_Key = tuple[object, ...]

_log = logging.getLogger(__name__)


class GraphCache:
    """A forward that replays what it has recorded. `record` makes the replay of one shape; it is replaceable for tests.

    A shape whose recording fails is computed without a graph from then on, and the log says so once.
    """

    def __init__(self, forward: Forward, *, record: Record | None = None, most: int = GRAPHS_MAX) -> None:
        self._forward = forward
        self._record = record or record_cuda
        self._most = most
        self._recorded: OrderedDict[_Key, Forward] = OrderedDict()

    def __len__(self) -> int:
        return len(self._recorded)

    def __call__(self, inputs: Tensor, times: Tensor, rows: Rows) -> Tensor:
        key = _key(inputs, times, rows)
        if key not in self._recorded:
            self._recorded[key] = self._made(inputs, times, rows)
            if len(self._recorded) > self._most:
                self._recorded.popitem(last=False)
        self._recorded.move_to_end(key)
        return self._recorded[key](inputs, times, rows)

    def _made(self, inputs: Tensor, times: Tensor, rows: Rows) -> Forward:
        try:
            return self._record(self._forward, inputs, times, rows)
        except torch.OutOfMemoryError:
            raise  # the engine knows what to do: smaller passes
        except RuntimeError as error:
            _log.warning(
                "no CUDA graph for inputs of %s, which run without one: %s", tuple(inputs.shape), error
            )
            return self._forward


def record_cuda(forward: Forward, inputs: Tensor, times: Tensor, rows: Rows) -> Forward:
    """Records one call (CUDA C++ programming guide, section on graphs); the replay copies inputs in and the result out."""
    held = [tensor.clone() for tensor in (inputs, times, *rows.values())]
    held_rows = dict(zip(rows, held[2:]))
    stream = torch.cuda.Stream(inputs.device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(inputs.device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            forward(held[0], held[1], held_rows)
    torch.cuda.current_stream(inputs.device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads decode and encode meanwhile, and what they allocate must not spoil the recording.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = forward(held[0], held[1], held_rows)

    def replay(inputs: Tensor, times: Tensor, rows: Rows) -> Tensor:
        for static, tensor in zip(held, (inputs, times, *(rows[name] for name in held_rows))):
            static.copy_(tensor)
        graph.replay()
        return result.clone()

    return replay


def _key(inputs: Tensor, times: Tensor, rows: Rows) -> _Key:
    """Shapes and dtypes decide what is recorded; a row class and a number of rows have the same ones always."""
    return tuple((name, t.shape, t.dtype) for name, t in (("", inputs), ("", times), *sorted(rows.items())))
