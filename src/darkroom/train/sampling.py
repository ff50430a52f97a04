"""Draws samples from a network in training with plain Euler steps and guidance, for looks and figures along the way."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from darkroom.model.samplers import euler
from darkroom.model.schedules import flow_sigmas
from darkroom.model.transformer import MASKED, MiniTransformer
from darkroom.train.corpus import Batch

STEPS = 16
GUIDANCE = 3.0


@torch.inference_mode()
def draw(
    network: MiniTransformer, batch: Batch, *, seed: int, steps: int = STEPS, guidance: float = GUIDANCE
) -> Tensor:
    """Latents (B, C, h, w) for the words and exemplars of a batch; its own latents only give the shape."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch.latents.shape, generator=generator)
    sigmas = flow_sigmas(steps)
    bare = torch.full_like(batch.words_bias, MASKED), torch.full_like(batch.exemplars_bias, MASKED)
    for now, after in itertools.pairwise(sigmas):
        level, level_next = torch.full((len(x),), now), torch.full((len(x),), after)
        guided = network(x, level, batch.words, batch.words_bias, batch.exemplars, batch.exemplars_bias)
        plain = network(x, level, batch.words, bare[0], batch.exemplars, bare[1])
        x = euler(x, plain + guidance * (guided - plain), level, level_next, None)
    return x
