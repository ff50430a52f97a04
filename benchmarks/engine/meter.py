"""What the network and the decoder cost, whoever calls them: seconds, passes and rows; and what our scheduler costs.

The clock is the processor time of this process where one thread computes, so that other processes on the machine lend
or take nothing; it is wall-clock with several threads or on a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from darkroom.engine.scheduler import Scheduler


@dataclass(frozen=True, kw_only=True)
class Clock:
    """`now` counts seconds of the process, `own` those of the calling thread."""

    name: str
    now: Callable[[], float]
    own: Callable[[], float]
    settle: Callable[[], None]
    """Waits until what was asked of the device is done."""


def clock_for(device: torch.device, threads: int) -> Clock:
    """Processor time for one thread on a CPU, else wall-clock."""
    if device.type == "cuda":
        wall = time.perf_counter
        return Clock(name="wall-clock", now=wall, own=wall, settle=torch.cuda.synchronize)
    if threads == 1:
        return Clock(name="processor time", now=time.process_time, own=time.thread_time, settle=lambda: None)
    return Clock(name="wall-clock", now=time.perf_counter, own=time.perf_counter, settle=lambda: None)


@dataclass(kw_only=True)
class Used:
    network_s: float = 0.0
    decoder_s: float = 0.0
    scheduler_s: float = 0.0
    passes: int = 0
    rows: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    """Rows in a pass -> such passes."""

    def copy(self) -> Used:
        return replace(self, sizes=dict(self.sizes))


class Meter:
    """Stands between a network or a decoder and whoever calls it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.used = Used()

    def reset(self) -> None:
        self.used = Used()

    def watch_network(self, network: nn.Module) -> None:
        forward = network.forward

        def watched(hidden_states: Tensor, *rest: object, **named: object) -> object:
            began = self.clock.own()
            found = forward(hidden_states, *rest, **named)
            self.clock.settle()
            self.used.network_s += self.clock.own() - began
            self.used.passes += 1
            rows = len(hidden_states)
            self.used.rows += rows
            self.used.sizes[rows] = self.used.sizes.get(rows, 0) + 1
            return found

        network.forward = watched

    def watch_scheduler(self, scheduler: Scheduler) -> None:
        """Who steps, and who is charged for it."""

        def watched(call: Callable[..., Any]) -> Callable[..., Any]:
            def timed(*given: object, **named: object) -> object:
                began = self.clock.own()
                found = call(*given, **named)
                self.used.scheduler_s += self.clock.own() - began
                return found

            return timed

        scheduler.pick = watched(scheduler.pick)  # type: ignore[method-assign]
        scheduler.charge = watched(scheduler.charge)  # type: ignore[method-assign]

    def watch_decoder(self, autoencoder: nn.Module) -> None:
        decode = autoencoder.decode
        assert callable(decode)

        def watched(*given: object, **named: object) -> object:
            began = self.clock.own()
            found = decode(*given, **named)
            self.clock.settle()
            self.used.decoder_s += self.clock.own() - began
            return found

        autoencoder.decode = watched  # type: ignore[assignment]
