"""Going round the edges: what a network that looks at neighbourhoods needs for a picture that tiles. Knows no model."""

from __future__ import annotations

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
