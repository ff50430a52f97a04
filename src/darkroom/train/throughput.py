"""How fast a device multiplies matrices, and how much of that a training sample needs: the yardstick of a run's speed."""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from darkroom.model.transformer import NATIVE_SIDE, MiniTransformer, TransformerConfig

SIDE = {"cuda": 8192, "cpu": 768}
"""Of the square matrices that are timed, by kind of device: large enough that starting costs nothing."""
TURNS = 30


def matmul_flops(device: torch.device) -> float:
    """Floating-point operations a second of a large bf16 product on the device."""
    side = SIDE.get(device.type, 4096)
    left, right = torch.randn(2, side, side, device=device, dtype=torch.bfloat16)
    _wait(left @ right)
    start = time.perf_counter()
    for _ in range(TURNS):
        product = left @ right
    _wait(product)
    return TURNS * 2 * side**3 / (time.perf_counter() - start)


def training_flops(config: TransformerConfig, *, words: int, slots: int, text_dim: int) -> float:
    """Floating-point operations of matrix products in one training step, for one sample of the native size."""
    network = MiniTransformer(config)
    side = config.exemplar_side
    inputs = [
        torch.zeros(1, config.channels, NATIVE_SIDE, NATIVE_SIDE),
        torch.full((1,), 0.5),
        torch.zeros(1, words, text_dim),
        torch.zeros(1, words),
        torch.zeros(1, slots, config.channels, side, side),
        torch.zeros(1, slots),
    ]
    with FlopCounterMode(display=False) as counter:
        network(*inputs).sum().backward()
    return float(counter.get_total_flops())


def _wait(product: torch.Tensor) -> None:
    """Until the device has it: a value can only be read when it is there."""
    product[0, 0].item()
