"""Step batching by key, first come first served: the shipped state of the art (vLLM-Omni's step scheduler).

Images join and leave at every step, and steps may differ; size and guidance are the key of all that run. The queue
stops at its first image with another key, those that run are never put aside, and pictures are decoded in the loop.
Favourable to it: an image joins at any step of the others, and what its tensors are stacked from is kept between steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from benchmarks.engine.contender import Ended
from benchmarks.engine.orders import Order
from benchmarks.engine.toy import Inputs, Toy
from torch import Tensor

TIMES = 1000  # the network counts noise levels in thousandths


@dataclass(kw_only=True)
class _Batch:
    """What runs, stacked; made anew when somebody joins or leaves."""

    tokens: Tensor  # (R, T, D), the unguided half first
    pooled: Tensor  # (R, P)
    sigmas: Tensor  # (B, longest + 1)


@dataclass(kw_only=True)
class _Running:
    inputs: Inputs
    x: Tensor  # (C, h, w)
    step: int = 0


class StepBatches:
    """At most `images_max` images at once, whatever their rows."""

    def __init__(self, toy: Toy, *, images_max: int) -> None:
        self._toy = toy
        self._images_max = images_max
        self._waiting: deque[Inputs] = deque()
        self._running: list[_Running] = []
        self._batch: _Batch | None = None
        self._cancels: set[int] = set()
        self._begun: set[int] = set()

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._running or self._cancels)

    def add(self, inputs: Inputs) -> None:
        self._waiting.append(inputs)

    def cancel(self, key: int) -> None:
        self._cancels.add(key)

    def begun(self, key: int) -> bool:
        return key in self._begun

    def close(self) -> None:
        pass

    @torch.no_grad()
    def step(self) -> list[Ended]:
        dropped = self._drop_cancelled()
        self._admit()
        if not self._running:
            return dropped
        self._denoise()
        done = [each for each in self._running if each.step == each.inputs.order.steps]
        if done:
            self._running = [each for each in self._running if each.step < each.inputs.order.steps]
            self._batch = None
        return dropped + [
            Ended(key=each.inputs.order.key, picture=self._toy.decoded(each.x[None])[0].cpu())
            for each in done
        ]

    def _drop_cancelled(self) -> list[Ended]:
        if not self._cancels:
            return []
        cancels, self._cancels = self._cancels, set()
        waiting = [each for each in self._waiting if each.order.key not in cancels]
        running = [each for each in self._running if each.inputs.order.key not in cancels]
        before = {each.order.key for each in self._waiting}
        before |= {each.inputs.order.key for each in self._running}
        self._waiting, self._running, self._batch = deque(waiting), running, None
        return [Ended(key=key, picture=None) for key in sorted(before & cancels)]

    def _admit(self) -> None:
        while self._waiting and len(self._running) < self._images_max:
            first = self._waiting[0]
            if self._running and step_key(self._running[0].inputs.order) != step_key(first.order):
                break
            self._running.append(_Running(inputs=self._waiting.popleft(), x=first.noise))
            self._begun.add(first.order.key)
            self._batch = None

    def _denoise(self) -> None:
        self._batch = self._batch or self._stacked()
        running, batch = self._running, self._batch
        steps = torch.tensor([each.step for each in running], device=self._toy.device)
        rows = torch.arange(len(running), device=self._toy.device)
        sigma, sigma_next = batch.sigmas[rows, steps], batch.sigmas[rows, steps + 1]
        x = torch.stack([each.x for each in running])
        guidance = running[0].inputs.order.guidance
        guided = guidance != 1
        velocity = self._toy.network(
            hidden_states=torch.cat([x, x]) if guided else x,
            timestep=(torch.cat([sigma, sigma]) if guided else sigma) * TIMES,
            encoder_hidden_states=batch.tokens,
            pooled_projections=batch.pooled,
            return_dict=False,
        )[0]
        if guided:
            unconditional, conditional = velocity.chunk(2)
            velocity = unconditional + guidance * (conditional - unconditional)
        x = x + (sigma_next - sigma).view(-1, 1, 1, 1) * velocity
        for each, after in zip(running, x, strict=True):
            each.x, each.step = after, each.step + 1

    def _stacked(self) -> _Batch:
        every = [each.inputs for each in self._running]
        words = [each.words for each in every]
        if every[0].order.guidance != 1:
            words = [each.nothing for each in every] + words
        longest = max(len(each.sigmas) for each in every)
        sigmas = [(*each.sigmas, *[0.0] * (longest - len(each.sigmas))) for each in every]
        return _Batch(
            tokens=torch.stack([each.tokens for each in words]),
            pooled=torch.stack([each.pooled for each in words]),
            sigmas=torch.tensor(sigmas, device=self._toy.device),
        )


def step_key(order: Order) -> Hashable:
    """Who may run together."""
    return order.side, order.guidance
