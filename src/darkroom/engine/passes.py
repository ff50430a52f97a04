"""From rows to passes of the network and back. Knows no step, no sampler and no schedule."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.engine.rows import Row
from darkroom.model.denoiser import Denoiser

OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")


def denoise_rows(denoiser: Denoiser, rows: Sequence[Row], *, rows_per_pass: int, exact: bool) -> Tensor:
    """The estimates of x0 (R, C, h, w) for R rows of one class, in passes of at most `rows_per_pass` rows.

    Exact: every pass has just so many rows, the last one filled up by repeating a row. Kernels are chosen by the number
    of rows, and at a fixed number no row's bits depend on the others, nor on its place among them.
    """
    estimates = []
    for start in range(0, len(rows), rows_per_pass):
        some = rows[start : start + rows_per_pass]
        padding = rows_per_pass - len(some) if exact else 0
        estimates.append(_denoise(denoiser, [*some, *[some[-1]] * padding])[: len(some)])
    return torch.cat(estimates)


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether a device ran out of memory: torch tells it by a class on some devices, by its words on others."""
    if isinstance(fault, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(fault, RuntimeError) and any(text in str(fault).lower() for text in OUT_OF_MEMORY_TEXTS)


def _denoise(denoiser: Denoiser, rows: Sequence[Row]) -> Tensor:
    latents = torch.cat([row.latent for row in rows])  # (R, C, h, w)
    sigmas = torch.cat([row.sigma for row in rows])  # (R,)
    estimates = denoiser.denoise(latents, sigmas, [row.conditioning for row in rows])
    assert estimates.shape == latents.shape, (
        f"{denoiser.name} made {tuple(estimates.shape)} of {tuple(latents.shape)}"
    )
    return estimates
