"""Muon: momentum whose update is made orthogonal (Jordan et al. 2024, "Muon: an optimizer for hidden layers").

The iteration runs in bf16 only where the hardware has units for it (torch.optim.Muon always does, which is slow on other
CPUs). Matrices of one shape are iterated as a batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from darkroom.train.precision import matmul_dtype

NEWTON_SCHULZ_STEPS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Coefficients of the quintic iteration, as published with Muon."""


def orthogonalise(matrices: Tensor) -> Tensor:
    """Move the singular values of (K, n, m) matrices towards 1 (into about 0.7 to 1.2)."""
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if tall else matrices
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(matmul_dtype(matrices.device))
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * (gram @ gram)) @ x
    directions: Tensor = (x.mT if tall else x).float()
    return directions


class Muon(torch.optim.Optimizer):
    """For weight matrices of hidden layers (convolutions are flattened to matrices). Everything else wants AdamW."""

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            for matrices in _by_shape(group["params"]).values():
                self._step_together(matrices, group)

    def _step_together(self, params: list[Tensor], group: dict[str, Any]) -> None:
        updates = [self._momentum(p, group["momentum"]) for p in params]
        rows = params[0].shape[0]
        directions = orthogonalise(torch.stack([u.reshape(rows, -1) for u in updates]))
        gain = max(1.0, directions.size(-2) / directions.size(-1)) ** 0.5
        for p, direction in zip(params, directions, strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(direction.reshape(p.shape), alpha=-group["lr"] * gain)

    def _momentum(self, p: Tensor, momentum: float) -> Tensor:
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        assert p.grad is not None
        state["momentum"].lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(state["momentum"], momentum)


def _by_shape(params: list[Tensor]) -> dict[torch.Size, list[Tensor]]:
    shapes: dict[torch.Size, list[Tensor]] = {}
    for p in params:
        if p.grad is not None:
            shapes.setdefault(p.shape, []).append(p)
    return shapes
