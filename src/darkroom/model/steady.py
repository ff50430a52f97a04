"""Layers whose kernels do not go by the number of rows in a pass, so that nearly every number of rows keeps a row's bits.

Kernels are chosen by shapes. Where tokens are many, a matrix product's is the same for any number of rows; what has a single
vector for each row (noise level, pooled text, modulation) is what differs. Such a layer is small, so it is filled up by
itself. That is no proof: which numbers of rows are equal is found out by trial, elsewhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUP_ROWS = (
    8  # vectors that a layer is filled up to a multiple of; fewer are split among threads in uneven parts
)
VECTORS_MAX = 32  # more are tokens of many places, not rows of a pass


class SteadyLinear(nn.Linear):
    """A linear layer that computes vectors (R, D), one for each row, in multiples of GROUP_ROWS."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.shape[0]
        missing = -rows % GROUP_ROWS
        if x.dim() != 2 or not 0 < rows <= VECTORS_MAX or not missing:
            return super().forward(x)
        return super().forward(torch.cat([x, x[-1:].expand(missing, -1)]))[:rows]


class SteadyPatches(nn.Conv2d):
    """A convolution that cuts a picture in patches: (R, C, h, w), a row at a time. It is a small part of a network."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or not x.shape[0]:
            return super().forward(x)
        return torch.cat([super(SteadyPatches, self).forward(row[None]) for row in x])


def make_steady(network: nn.Module) -> None:
    """Turns the layers of a network, in place, into steady ones with the same weights; to be done after adapters.

    Convolutions that overlap stay as they are: they are most of a UNet, and to fill them up is to fill up the pass.
    """
    for module in network.modules():
        if type(module) is nn.Linear:
            module.__class__ = SteadyLinear
        elif type(module) is nn.Conv2d and _cuts_patches(module):
            module.__class__ = SteadyPatches


def _cuts_patches(layer: nn.Conv2d) -> bool:
    return tuple(layer.stride) == tuple(layer.kernel_size) and max(layer.kernel_size) > 1
