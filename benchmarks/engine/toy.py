"""A small Stable Diffusion 3 with random weights: the one network and decoder that every contender drives.

Texts are out of the contest: an order's words, noise and noise levels are drawn from its key and ready beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from benchmarks.engine.meter import Meter
from benchmarks.engine.orders import Order
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from torch import Tensor

CHANNELS = 16
WORDS = 16  # text tokens
WORD_WIDTH = 128
POOLED_WIDTH = 64
HEADS, HEAD_WIDTH, LAYERS = 4, 64, 4
SIDE_MAX = 64  # latent positions
PX = 8  # a latent position
SHIFT = 3.0
DECODER_WIDTHS = (8, 16, 16, 16)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a row is guided by."""

    tokens: Tensor  # (T, D)
    pooled: Tensor  # (P,)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """An order, ready to be drawn. `sigmas` has one entry more than there are steps."""

    order: Order
    noise: Tensor  # (C, h, w)
    sigmas: tuple[float, ...]
    words: Words
    nothing: Words


class Toy:
    """The parts, watched by a meter, and the pipeline that diffusers makes of them."""

    def __init__(self, meter: Meter, device: torch.device) -> None:
        torch.manual_seed(0)
        self.device = device
        self.network = _network().to(device)
        self.autoencoder = _autoencoder().to(device)
        self.levels = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
        meter.watch_network(self.network)
        meter.watch_decoder(self.autoencoder)
        self._inputs: dict[Order, Inputs] = {}

    def pipeline(self) -> StableDiffusion3Pipeline:
        pipeline = StableDiffusion3Pipeline(
            transformer=self.network,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
            vae=self.autoencoder,
            **dict.fromkeys(
                (
                    "text_encoder",
                    "tokenizer",
                    "text_encoder_2",
                    "tokenizer_2",
                    "text_encoder_3",
                    "tokenizer_3",
                )
            ),
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def inputs(self, order: Order) -> Inputs:
        """The same for every contender, and made once."""
        if order not in self._inputs:
            self._inputs[order] = self._drawn(order)
        return self._inputs[order]

    def forget(self) -> None:
        self._inputs.clear()

    @torch.no_grad()
    def decoded(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 3, H, W) in [0, 1]."""
        config = self.autoencoder.config
        pictures = self.autoencoder.decode(
            latents / config.scaling_factor + config.shift_factor, return_dict=False
        )[0]
        return (pictures / 2 + 0.5).clamp(0, 1)

    def _drawn(self, order: Order) -> Inputs:
        generator = torch.Generator().manual_seed(order.key)
        self.levels.set_timesteps(order.steps)
        return Inputs(
            order=order,
            noise=torch.randn(CHANNELS, order.side, order.side, generator=generator).to(self.device),
            sigmas=tuple(float(sigma) for sigma in self.levels.sigmas),
            words=self._words(generator),
            nothing=self._words(torch.Generator().manual_seed(0)),
        )

    def _words(self, generator: torch.Generator) -> Words:
        return Words(
            tokens=torch.randn(WORDS, WORD_WIDTH, generator=generator).to(self.device),
            pooled=torch.randn(POOLED_WIDTH, generator=generator).to(self.device),
        )


def _network() -> SD3Transformer2DModel:
    return (
        SD3Transformer2DModel(
            sample_size=SIDE_MAX,
            patch_size=2,
            in_channels=CHANNELS,
            out_channels=CHANNELS,
            num_layers=LAYERS,
            num_attention_heads=HEADS,
            attention_head_dim=HEAD_WIDTH,
            caption_projection_dim=HEADS * HEAD_WIDTH,
            joint_attention_dim=WORD_WIDTH,
            pooled_projection_dim=POOLED_WIDTH,
            pos_embed_max_size=SIDE_MAX // 2,
        )
        .eval()
        .requires_grad_(False)
    )


def _autoencoder() -> AutoencoderKL:
    return (
        AutoencoderKL(
            latent_channels=CHANNELS,
            block_out_channels=DECODER_WIDTHS,
            down_block_types=("DownEncoderBlock2D",) * len(DECODER_WIDTHS),
            up_block_types=("UpDecoderBlock2D",) * len(DECODER_WIDTHS),
            norm_num_groups=4,
            scaling_factor=1.5305,
            shift_factor=0.0609,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )
        .eval()
        .requires_grad_(False)
    )
