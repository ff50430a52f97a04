"""How a conditional and an unconditional estimate become one: a named rule, in x0 space, for each sample by itself.

Knows no network and no request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

PATCH = 2
"""Latent positions to the side of a token, for the rules that work on each token."""
LEAST_NORM = 1e-12


class GuidanceRule(Protocol):
    """`x` (1, C, h, w) is the noisy latent at `sigma` (1,), from which a rule can tell the velocity (x - x0) / sigma.

    An elementwise rule also takes R rows at once, with a scale for each (R, 1, 1, 1).
    """

    def __call__(
        self, x: Tensor, sigma: Tensor, conditional: Tensor, unconditional: Tensor, scale: float | Tensor
    ) -> Tensor: ...


def linear(
    x: Tensor, sigma: Tensor, conditional: Tensor, unconditional: Tensor, scale: float | Tensor
) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598, eq. 6): u + g (c - u). The same in x0, noise and velocity."""
    return unconditional + scale * (conditional - unconditional)


def token_norm(
    x: Tensor, sigma: Tensor, conditional: Tensor, unconditional: Tensor, scale: float | Tensor
) -> Tensor:
    """Guidance that changes a velocity's direction alone: each token keeps the conditional's norm (Qwen-Image).

    A token is a patch of 2 x 2 latent positions with all channels; h and w are even. Velocities differ from x - x0 by the
    factor 1 / sigma, which falls out of the ratio of two norms.
    """
    guided = x - linear(x, sigma, conditional, unconditional, scale)
    ratio = _token_norms(x - conditional) / _token_norms(guided).clamp_min(LEAST_NORM)  # (1, 1, h/2, w/2)
    return x - guided * ratio.repeat_interleave(PATCH, dim=-2).repeat_interleave(PATCH, dim=-1)


def norm_limit(
    x: Tensor, sigma: Tensor, conditional: Tensor, unconditional: Tensor, scale: float | Tensor
) -> Tensor:
    """Guidance whose velocity is at most as long as the conditional's, over the whole latent (Z-Image, on demand)."""
    guided = x - linear(x, sigma, conditional, unconditional, scale)
    axes = tuple(range(1, x.dim()))
    ratio = _norm(x - conditional, axes) / _norm(guided, axes).clamp_min(LEAST_NORM)
    return x - guided * ratio.clamp_max(1.0)


GUIDANCE_RULES: Mapping[str, GuidanceRule] = {
    "linear": linear,
    "token_norm": token_norm,
    "norm_limit": norm_limit,
}

ELEMENTWISE_RULES = frozenset({"linear"})
"""Rules without sums over a latent: rows can be combined together, and each keeps the bits that it has alone."""


def _token_norms(velocity: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, 1, h/2, w/2)."""
    count, channels, height, width = velocity.shape
    patches = velocity.reshape(count, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return _norm(patches, (1, 3, 5)).squeeze((3, 5))


def _norm(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(values, dim=axes, keepdim=True)
    return length
