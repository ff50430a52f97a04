"""From rows to passes of the network and back. Knows no step, no sampler and no schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.engine.rows import Row
from darkroom.model.denoiser import Denoiser

OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")

REQUEST_FAULTS = (DarkroomError, ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError)
"""What a model may break on with one request; it fails alone. A TypeError or a failed assert is our mistake."""


def denoise_rows(
    denoiser: Denoiser, rows: Sequence[Row], *, cap: int, padded: Callable[[int], int]
) -> tuple[Tensor, list[int]]:
    """The estimates (R, C, h, w) of R rows of one class, in passes of `cap` at most, and the sizes of these passes."""
    parts = [rows[start : start + cap] for start in range(0, len(rows), cap)]
    sizes = [padded(len(part)) for part in parts]
    passes = [denoise_pass(denoiser, part, size=size) for part, size in zip(parts, sizes, strict=True)]
    return (passes[0] if len(passes) == 1 else torch.cat(passes)), sizes


def denoise_pass(denoiser: Denoiser, rows: Sequence[Row], *, size: int) -> Tensor:
    """One pass of `size` rows: the estimates of x0 (R, C, h, w) fp32 for R rows of one class, R at most `size`.

    Kernels are chosen by the number of rows; at a number that is proven no row's bits depend on the others, nor on its
    place among them. So the pass is filled up to it by repeating its last row.
    """
    filled = [*rows, *[rows[-1]] * (size - len(rows))]
    latents = torch.cat([row.latent for row in filled])  # (size, C, h, w)
    sigmas = torch.tensor(
        [row.sigma for row in filled], dtype=torch.float32, device=latents.device
    )  # (size,)
    estimates = denoiser.denoise(latents, sigmas, [row.conditioning for row in filled])
    assert estimates.shape == latents.shape, (
        f"{denoiser.name} made {tuple(estimates.shape)} of {tuple(latents.shape)}"
    )
    return estimates[: len(rows)]


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether a device ran out of memory: torch tells it by a class on some devices, by its words on others."""
    if isinstance(fault, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(fault, RuntimeError) and any(text in str(fault).lower() for text in OUT_OF_MEMORY_TEXTS)


def is_lost(device: torch.device) -> bool:
    """Whether a device runs nothing any more, for this process: then it is nobody's request that broke."""
    if device.type == "cpu":
        return False
    try:
        torch.ones(1, device=device).item()
    except RuntimeError as fault:
        return not is_out_of_memory(fault)
    return False


def release(device: torch.device) -> None:
    """Gives cached memory back, so that something smaller finds it in one piece."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
