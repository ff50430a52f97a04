"""How diffusion is served elsewhere, written down as favourably as what is shipped allows.

The first two call diffusers' own pipeline. What has begun in them runs to its end, cancelled or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

import torch
from benchmarks.engine.contender import Ended
from benchmarks.engine.orders import Order
from benchmarks.engine.toy import PX, Inputs, Toy


class WholeCalls:
    """Calls of the pipeline, first come first served: whoever waits with the oldest one's key shares its call."""

    def __init__(self, toy: Toy, *, images_max: int) -> None:
        self._pipeline = toy.pipeline()
        self._images_max = images_max
        self._waiting: deque[Inputs] = deque()
        self._begun: set[int] = set()

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def add(self, inputs: Inputs) -> None:
        self._waiting.append(inputs)

    def cancel(self, key: int) -> None:
        self._waiting = deque(inputs for inputs in self._waiting if inputs.order.key != key)

    def begun(self, key: int) -> bool:
        return key in self._begun

    def close(self) -> None:
        pass

    def step(self) -> list[Ended]:
        first = self._waiting[0].order
        batch = [inputs for inputs in self._waiting if call_key(inputs.order) == call_key(first)]
        batch = batch[: self._images_max]
        taken = {inputs.order.key for inputs in batch}
        self._begun |= taken
        self._waiting = deque(inputs for inputs in self._waiting if inputs.order.key not in taken)
        return self._call(batch)

    def _call(self, batch: Sequence[Inputs]) -> list[Ended]:
        order = batch[0].order
        pictures = self._pipeline(
            height=order.side * PX,
            width=order.side * PX,
            num_inference_steps=order.steps,
            guidance_scale=order.guidance,
            prompt_embeds=torch.stack([each.words.tokens for each in batch]),
            pooled_prompt_embeds=torch.stack([each.words.pooled for each in batch]),
            negative_prompt_embeds=torch.stack([each.nothing.tokens for each in batch]),
            negative_pooled_prompt_embeds=torch.stack([each.nothing.pooled for each in batch]),
            latents=torch.stack([each.noise for each in batch]),
            output_type="pt",
        ).images
        return [
            Ended(key=each.order.key, picture=picture.cpu())
            for each, picture in zip(batch, pictures, strict=True)
        ]


def call_key(order: Order) -> Hashable:
    """Whose calls of the pipeline can be one: all its arguments but words and noise are for the whole batch."""
    return order.side, order.steps, order.guidance
