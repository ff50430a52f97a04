"""Going round the edges: what a network that looks at neighbourhoods needs for a picture that tiles. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def wrapped(x: Tensor, margin: int) -> Tensor:
    """(..., H, W) -> (..., H + 2 margin, W + 2 margin), continued periodically on all sides, however narrow it is."""
    height, width = x.shape[-2:]
    rows = torch.arange(-margin, height + margin, device=x.device) % height
    columns = torch.arange(-margin, width + margin, device=x.device) % width
    return x[..., rows, :][..., columns]


def cropped(x: Tensor, margin: int) -> Tensor:
    """The inverse of `wrapped`: (..., H + 2 margin, W + 2 margin) -> (..., H, W)."""
    return x[..., margin : x.shape[-2] - margin, margin : x.shape[-1] - margin]


SHIFT_DOWN, SHIFT_RIGHT = 1009, 757
"""Latent positions, modulo the side, that a seamless row is rolled by for each octave of the noise level."""

Shifts = Sequence[tuple[int, int]]


def row_shifts(x: Tensor, sigmas: Tensor, seamless: Tensor | None) -> Shifts | None:
    """How far each of R rows is rolled before a network sees it; None where none is seamless.

    A seamless row by another amount at each noise level, so that the frame's edge falls on another place in every step
    and no place is an edge in the end. `x` is (R, C, h, w), `sigmas` (R,), `seamless` (R,) booleans.
    """
    if seamless is None or not bool(seamless.any()):
        return None
    height, width = x.shape[-2:]
    octaves = sigmas.double().log2().tolist()
    return [
        (int(octave * SHIFT_DOWN) % height, int(octave * SHIFT_RIGHT) % width) if wraps else (0, 0)
        for octave, wraps in zip(octaves, seamless.tolist())
    ]


def rolled(x: Tensor, shifts: Shifts | None) -> Tensor:
    """(R, C, h, w), each row rolled down and right by its shift."""
    if shifts is None:
        return x
    return torch.stack([row.roll(shift, (-2, -1)) for row, shift in zip(x, shifts)])


def unrolled(x: Tensor, shifts: Shifts | None) -> Tensor:
    """The inverse of `rolled`."""
    return x if shifts is None else rolled(x, [(-down, -right) for down, right in shifts])
