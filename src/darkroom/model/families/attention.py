"""Which kernels a network attends with, through diffusers' switch. Knows kernels by their names in settings alone."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import nn

from darkroom.core.errors import ModelError
from darkroom.model.placement import Placement

BACKENDS = {"sdpa": "native", "flash": "flash", "sage": "sage"}
"""diffusers' names for ours."""
PACKAGES = {"flash": ("flash_attn", "flash-attn"), "sage": ("sageattention", "sageattention")}
"""What has to be installed: the module and the name to install it by."""


def choose_attention(network: Any, placement: Placement, *, masked: bool = False) -> str:
    """Sets and names the kernels: what the placement asks for, or for "auto" the best that is exact and present.

    SageAttention computes in 8 bits, so it is taken only where it is asked for. `masked` networks attend with a mask,
    which torch's kernels alone take. Raises ModelError for what cannot be had.
    """
    able = placement.torch_device.type == "cuda" and placement.dtype != torch.float32 and switchable(network)
    chosen = placement.attention
    if chosen == "auto":
        chosen = "flash" if able and not masked and _present("flash") else "sdpa"
    if chosen in PACKAGES:
        _check(chosen, placement, network)
        if masked:
            raise ModelError(
                f"a {type(network).__name__} attends with a mask, which {chosen!r} does not take; use sdpa"
            )
    if chosen != "sdpa" or able:  # elsewhere sdpa is what a network does of itself
        network.set_attention_backend(BACKENDS[chosen])
    return chosen


def switchable(network: Any) -> bool:
    """Whether diffusers' switch reaches this network; the attention of most UNets always goes by torch."""
    if not isinstance(network, nn.Module) or not hasattr(network, "set_attention_backend"):
        return False
    processors = (getattr(module, "processor", None) for module in network.modules())
    return any(hasattr(processor, "_attention_backend") for processor in processors)


def _present(kernels: str) -> bool:
    return importlib.util.find_spec(PACKAGES[kernels][0]) is not None


def _check(kernels: str, placement: Placement, network: Any) -> None:
    if placement.torch_device.type != "cuda":
        raise ModelError(
            f"attention {kernels!r} needs a CUDA device, and this is {placement.torch_device}; use sdpa"
        )
    if placement.dtype == torch.float32:
        raise ModelError(f"attention {kernels!r} needs precision bf16 or fp16, not fp32; or use sdpa")
    if not _present(kernels):
        raise ModelError(
            f"attention {kernels!r} is not installed: pip install {PACKAGES[kernels][1]}; or use sdpa"
        )
    if not switchable(network):
        raise ModelError(
            f"a {type(network).__name__} attends with torch's kernels alone; use attention sdpa or auto"
        )
