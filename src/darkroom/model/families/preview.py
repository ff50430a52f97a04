"""A linear map from latents to colours, fitted on a decoder once, so that it can never fall out of step with weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FIT_LATENTS = 48  # pictures decoded for the fit
FIT_SIDE = 4  # latent positions of each
PREVIEW_SIDE = 256  # pixels of a preview's longer side, about


def fitted_preview(decode: Callable[[Tensor], Tensor], channels: int, factor: int) -> Tensor:
    """(C + 1, 3) from (B, C, h, w) -> (B, 3, H, W) in [0, 1]: least squares over even latents with a little noise.

    Even ones, because a decoder's mean colour follows the slow part of a latent. Costs one decoding of some 220 x 220
    pixels of an 8-fold VAE.
    """
    generator = torch.Generator().manual_seed(0)
    even = torch.randn(FIT_LATENTS, channels, 1, 1, generator=generator)
    rough = torch.randn(FIT_LATENTS, channels, FIT_SIDE, FIT_SIDE, generator=generator)
    latents = even + 0.25 * rough
    colours = decode(latents).cpu().mean((2, 3))  # (B, 3)
    inputs = F.pad(latents.mean((2, 3)), (0, 1), value=1.0)  # (B, C + 1)
    solution: Tensor = torch.linalg.lstsq(inputs, colours).solution
    return solution


def shown(denoised: Tensor, to_rgb: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, 3, h', w') fp32 in [0, 1]."""
    rgb = torch.einsum("bchw,cr->brhw", F.pad(denoised.float(), (0, 0, 0, 0, 0, 1), value=1.0), to_rgb)
    scale = max(1, PREVIEW_SIDE // max(rgb.shape[-2:]))
    return F.interpolate(rgb, scale_factor=scale, mode="bilinear", align_corners=False).clamp(0, 1)
