"""The network of mini-1: a retrieval-augmented rectified-flow transformer over latents.

Picture tokens and exemplar tokens attend to each other; the words come in by cross-attention and, as a weighted mean,
through a shared AdaLN (DiT, arXiv 2212.09748; PixArt-alpha, arXiv 2310.00426, section 2.3; Re-Imagen, arXiv 2209.14491).
It estimates x0. Knows no prompt, no sampler and no pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TIME_FEATURES = 128
"""Sine and cosine features of the noise level, each."""
PLACE_WAVES = 4
"""Sine and cosine features of a token's place in the frame, for each axis."""
NATIVE_SIDE = 8
"""Latent positions along a side of the square that positions are measured in."""
MASKED = -1e4
"""Added to the attention logit of a token that is not there; finite, so that a row without tokens is not NaN."""


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    channels: int = 16
    dim: int = 192
    depth: int = 8
    head_dim: int = 64
    text_dim: int = 384
    slots: int = 3
    exemplar_side: int = 8
    exemplar_patch: int = 2

    @property
    def heads(self) -> int:
        return self.dim // self.head_dim

    @property
    def hidden(self) -> int:
        return self.dim * 8 // 3 // 32 * 32

    @property
    def exemplar_tokens(self) -> int:
        return (self.exemplar_side // self.exemplar_patch) ** 2


class RMSNorm(nn.Module):
    """Root mean square norm with a gain (arXiv 1910.07467)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:  # (..., D) -> (..., D)
        normed: Tensor = F.rms_norm(x, (x.shape[-1],), self.gain.to(x.dtype))
        return normed


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions (RoFormer, arXiv 2104.09864): (B, H, N, Dh) with angles (N, Dh / 2) -> (B, H, N, Dh)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)


def positions(
    height: int, width: int, extent_y: float, extent_x: float, device: torch.device | None = None
) -> Tensor:
    """Centres of the cells of a grid that spans extent_y by extent_x about the origin: (height * width, 2).

    Made where they are used: a copy to a GPU would have every step wait for the one before.
    """
    y = ((torch.arange(height, device=device) + 0.5) / height - 0.5) * extent_y
    x = ((torch.arange(width, device=device) + 0.5) / width - 0.5) * extent_x
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)


def picture_positions(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Positions of a latent's tokens in units of the native square's cells, whatever the size: (h * w, 2).

    A picture of any resolution spans the same area, so that "on the left" is the same place in all of them.
    """
    aspect = math.sqrt(width / height)
    return positions(height, width, NATIVE_SIDE / aspect, NATIVE_SIDE * aspect, device)


def rotary_angles(points: Tensor, head_dim: int) -> Tensor:
    """Angles of 2-D rotary positions, half of them for each axis: (N, 2) -> (N, head_dim / 2)."""
    frequencies = 2.0 * 100.0 ** -(torch.arange(head_dim // 4, device=points.device) / (head_dim // 4))
    angles: Tensor = (points[:, :, None] * frequencies).reshape(len(points), -1)
    return angles


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Scaled dot-product attention, (B, H, N, Dh) -> (B, H, N, Dh).

    Written out on the CPU while training: with this few tokens two batched products train 1.3 times faster than the
    fused kernel's backward pass does there.
    """
    if query.requires_grad and query.device.type == "cpu":
        logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + bias
        mixed: Tensor = logits.softmax(-1).to(value.dtype) @ value
        return mixed
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys (arXiv 2302.05442, section 2)."""

    def __init__(self, dim: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.query_norm = RMSNorm(head_dim)
        self.key_norm = RMSNorm(head_dim)

    def forward(
        self, x: Tensor, context: Tensor, bias: Tensor, rotary: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """x (B, N, D) attends to context (B, M, D) with bias (B, 1, 1, M) on the logits -> (B, N, D)."""
        batch, tokens, dim = x.shape
        query = self.query(x).view(batch, tokens, -1, self.head_dim)
        key, value = self.key_value(context).view(batch, context.shape[1], 2, -1, self.head_dim).unbind(2)
        query = self.query_norm(query).transpose(1, 2)  # (B, H, N, Dh)
        key, value = self.key_norm(key).transpose(1, 2), value.transpose(1, 2)
        if rotary is not None:
            query, key = rotate(query, *rotary), rotate(key, *rotary)
        mixed = attend(query, key, value, bias)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, dim))
        return out


class Block(nn.Module):
    """Self-attention, cross-attention to the words, SwiGLU; modulated by a shared AdaLN plus a table of its own."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.table = nn.Parameter(torch.randn(6, dim) * 0.02)
        self.attention_norm = RMSNorm(dim)
        self.attention = Attention(dim, config.head_dim)
        self.words_norm = RMSNorm(dim)
        self.words = Attention(dim, config.head_dim)
        self.mlp_norm = RMSNorm(dim)
        self.mlp_in = nn.Linear(dim, 2 * config.hidden)
        self.mlp_out = nn.Linear(config.hidden, dim)

    def forward(
        self,
        x: Tensor,  # (B, N, D) picture tokens, then exemplar tokens
        modulation: Tensor,  # (B, 6, D)
        words: Tensor,  # (B, L, D)
        words_bias: Tensor,  # (B, 1, 1, L)
        token_bias: Tensor,  # (B, 1, 1, N)
        rotary: tuple[Tensor, Tensor],
    ) -> Tensor:
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (modulation + self.table).unsqueeze(2).unbind(1)
        h = self.attention_norm(x) * (1 + scale_a) + shift_a
        x = x + gate_a * self.attention(h, h, token_bias, rotary)
        x = x + self.words(self.words_norm(x), words, words_bias)
        gate, value = self.mlp_in(self.mlp_norm(x) * (1 + scale_m) + shift_m).chunk(2, -1)
        mixed: Tensor = x + gate_m * self.mlp_out(F.silu(gate) * value)
        return mixed


class MiniTransformer(nn.Module):
    """The estimate of x0 from a noisy latent, the words and up to `slots` exemplars."""

    def __init__(self, config: TransformerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TransformerConfig()
        dim = config.dim
        self.picture_in = nn.Linear(config.channels, dim)
        self.place_in = nn.Linear(4 * PLACE_WAVES + 2, dim)
        self.exemplar_in = nn.Linear(config.channels * config.exemplar_patch**2, dim)
        self.slot = nn.Parameter(torch.randn(config.slots, 1, dim) * 0.02)
        self.time_in = nn.Sequential(nn.Linear(2 * TIME_FEATURES, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.words_in = nn.Sequential(nn.Linear(config.text_dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.words_pool = nn.Linear(dim, dim)
        self.null_word = nn.Parameter(torch.randn(1, 1, config.text_dim) * 0.02)
        self.modulation = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.out_norm = RMSNorm(dim)
        self.out_modulation = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, config.channels)
        self.exemplar_place = nn.Parameter(torch.zeros(config.exemplar_tokens, dim))
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for layer in (self.modulation, self.out_modulation, self.out):
            nn.init.zeros_(layer.weight)
        for block in self.blocks:
            assert isinstance(block, Block)
            nn.init.zeros_(block.words.out.weight)
        with torch.no_grad():  # gates start a little open, so that blocks learn from the first step
            self.modulation.bias.view(6, -1)[[2, 5]] = 0.3

    def forward(
        self,
        latents: Tensor,  # (B, C, h, w)
        sigmas: Tensor,  # (B,) noise level in [0, 1]
        words: Tensor,  # (B, L, T) token vectors of the text encoder
        words_bias: Tensor,  # (B, L) log weight of each word; MASKED where there is none
        exemplars: Tensor,  # (B, S, C, e, e) latents of the exemplars
        exemplars_bias: Tensor,  # (B, S) log weight of each exemplar; MASKED where there is none
    ) -> Tensor:  # (B, C, h, w)
        batch, channels, height, width = latents.shape
        config = self.config
        words, words_bias, pooled = self._words(words, words_bias)
        time = self._time(sigmas)
        condition = F.silu(time + self.words_pool(pooled))  # (B, D)
        modulation = self.modulation(condition).view(batch, 6, config.dim)

        x = torch.cat([self._picture(latents), self._exemplars(exemplars)], 1)  # (B, N, D)
        token_bias = F.pad(exemplars_bias.repeat_interleave(config.exemplar_tokens, 1), (height * width, 0))[
            :, None, None, :
        ]
        rotary = self._rotary(height, width, exemplars.shape[1], latents)
        for block in self.blocks:
            x = block(x, modulation, words, words_bias[:, None, None, :], token_bias, rotary)

        shift, scale = self.out_modulation(condition).unsqueeze(1).chunk(2, -1)
        x = self.out(self.out_norm(x[:, : height * width]) * (1 + scale) + shift)  # (B, h * w, C)
        estimate: Tensor = x.transpose(1, 2).reshape(batch, channels, height, width)
        return estimate

    def _words(self, words: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Projected words, their bias, and their weighted mean. Without any word, the trained null word stands in."""
        empty = bias.amax(1) <= MASKED / 2  # (B,)
        words = torch.where(empty[:, None, None], self.null_word.to(words.dtype), words)
        bias = torch.where(empty[:, None] & (torch.arange(bias.shape[1], device=bias.device) == 0), 0.0, bias)
        projected = self.words_in(words)  # (B, L, D)
        weight = bias.exp().unsqueeze(-1)
        return projected, bias, (projected * weight).sum(1) / weight.sum(1)

    def _time(self, sigmas: Tensor) -> Tensor:
        frequencies = torch.exp(
            -math.log(1e4) * torch.arange(TIME_FEATURES, device=sigmas.device) / TIME_FEATURES
        )
        angles = sigmas[:, None].float() * 1000 * frequencies
        time: Tensor = self.time_in(torch.cat([angles.cos(), angles.sin()], 1))
        return time

    def _picture(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, h * w, D), with the place of each token in the frame and the frame's size and aspect."""
        height, width = latents.shape[-2:]
        unit = positions(height, width, 2.0, 2.0, latents.device)  # edges at -1 and 1
        numbers = torch.arange(PLACE_WAVES, device=unit.device) + 1
        waves = unit[:, :, None] * numbers * (math.pi / 2)  # (N, 2, waves)
        place = torch.cat([waves.sin(), waves.cos()], 2).flatten(1)
        aspect = unit.new_full((len(unit), 1), math.log(width / height))
        area = unit.new_full((len(unit), 1), math.log(height * width / NATIVE_SIDE**2))
        features = torch.cat([place, aspect, area], 1).to(latents)
        picture: Tensor = self.picture_in(latents.flatten(2).transpose(1, 2)) + self.place_in(features)
        return picture

    def _exemplars(self, exemplars: Tensor) -> Tensor:
        """(B, S, C, e, e) -> (B, S * tokens, D): patches of each exemplar, marked with their place in it and its slot."""
        batch, slots = exemplars.shape[:2]
        patches = F.pixel_unshuffle(
            exemplars.flatten(0, 1), self.config.exemplar_patch
        )  # (B * S, C * p * p, e/p, e/p)
        tokens = self.exemplar_in(patches.flatten(2).transpose(1, 2)).view(batch, slots, -1, self.config.dim)
        marks = self.slot[:slots] + self.exemplar_place  # (S, tokens, D)
        marked: Tensor = (tokens + marks.to(tokens.dtype)).flatten(1, 2)
        return marked

    def _rotary(self, height: int, width: int, slots: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (N, Dh / 2) of the picture's tokens, then of each slot's, every exemplar about its own origin."""
        config = self.config
        side = config.exemplar_side // config.exemplar_patch
        exemplar = positions(side, side, NATIVE_SIDE / 2, NATIVE_SIDE / 2, like.device)
        points = torch.cat([picture_positions(height, width, like.device)] + [exemplar] * slots)
        angles = rotary_angles(points, config.head_dim)
        return angles.cos().to(like.dtype), angles.sin().to(like.dtype)
