"""The autoencoder of mini-1: pictures to latents an eighth of their side, and back. Knows no text and no noise.

Convolutions only and a norm per pixel, so that every output depends on a fixed neighbourhood: any size and aspect works,
and a large picture can be decoded in tiles. Latents are bounded by a scaled tanh instead of a KL term.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FACTOR = 8
"""Pixels of a picture to one latent position, along each side."""


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    channels: int = 16
    widths: tuple[int, int, int] = (48, 96, 160)
    bound: float = 3.0


class PixelNorm(nn.Module):
    """Root-mean-square norm over the channels of each pixel (Progressive GAN, arXiv 1710.10196, section 4.2), with a gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        scale = torch.rsqrt(x.float().square().mean(1, keepdim=True) + 1e-6).to(x.dtype)
        return x * scale * self.gain.to(x.dtype)[:, None, None]


class Residual(nn.Module):
    """Two 3x3 convolutions on a residual path; the second starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = PixelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        out: Tensor = x + self.second(F.silu(self.first(F.silu(self.norm(x)))))
        return out


class Autoencoder(nn.Module):
    """`encode`: (B, 3, 8h, 8w) in [-1, 1] -> (B, C, h, w); `decode` is its inverse. Latents have about unit variance."""

    scale: Tensor  # (C, 1, 1), the standard deviation of raw latents, measured after training

    def __init__(self, config: AutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AutoencoderConfig()
        a, b, c = config.widths
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, a, 3, padding=1),
            Residual(a),
            nn.Conv2d(a, b, 3, stride=2, padding=1),
            Residual(b),
            nn.Conv2d(b, c, 3, stride=2, padding=1),
            Residual(c),
            nn.Conv2d(c, config.channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(config.channels, c, 3, padding=1),
            Residual(c),
            Residual(c),
            nn.Conv2d(c, 4 * b, 1),
            nn.PixelShuffle(2),
            Residual(b),
            Residual(b),
            nn.Conv2d(b, 4 * a, 1),
            nn.PixelShuffle(2),
            Residual(a),
            nn.Conv2d(a, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.register_buffer("scale", torch.ones(config.channels, 1, 1))

    def encode(self, pictures: Tensor) -> Tensor:
        bound = self.config.bound
        raw = bound * torch.tanh(self.encoder(pictures) / bound)  # (B, C, h, w)
        return raw / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        pictures: Tensor = self.decoder(latents * self.scale)  # (B, 3, 8h, 8w)
        return pictures
