"""FLUX.1: rectified flow by a transformer over 2x2 patches of the latent and the words of a T5, beside a pooled CLIP.

Two kinds of weights: dev has its guidance distilled into an input of the network, schnell has none and needs few steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from darkroom.core.capabilities import ModelCapabilities
from darkroom.model.denoiser import Conditioning, Encoded
from darkroom.model.families.family import Family
from darkroom.model.families.noise import FlowNoise, Noise
from darkroom.model.families.parts import Parts
from darkroom.model.families.sd import clip_tokens
from darkroom.model.families.t5 import t5_length, t5_tokens, t5_unread
from darkroom.model.placement import Placement

DEV_TOKENS = 512
SCHNELL_TOKENS = 256
SCHNELL_STEPS = 4
PATCH = 2  # latent positions a side of what the network sees as one


class Flux(Family):
    """The Denoiser of FluxTransformer2DModel.

    dev draws with one row for each image, whatever its guidance. schnell does so too, unless the registry names a
    guidance other than 1 for it (weights made from it without distillation): then it has a second row.
    """

    STEPS: ClassVar[int] = 28
    GUIDANCE: ClassVar[float] = 3.5
    GRID: ClassVar[int] = 4  # an odd number of patches, where they are few, costs exact mode at 2 threads

    def __init__(self, parts: Parts, entry: ModelCapabilities, placement: Placement) -> None:
        self.distilled = bool(parts.network.config.guidance_embeds)
        super().__init__(parts, entry, placement)
        if not self.distilled:
            source = entry.source
            self.steps = source.steps if source and source.steps else SCHNELL_STEPS
            self.guidance = source.guidance if source and source.guidance is not None else 1.0

    def make_noise(self) -> Noise:
        """Its steps are even from 1 to 1 / n before they are shifted: by the picture's size (dev), or not (schnell)."""
        return FlowNoise(self.parts.scheduler, last=lambda steps: 1 / steps)

    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """The T5's words (L, D), pads included, and the CLIP's pooled text (P,)."""
        tokens = clip_tokens(self.parts.tokenizers["tokenizer"], texts)["input_ids"]
        pooled = self.parts.encoders["text_encoder"](tokens.to(self.device)).pooler_output
        tokenizer = self.parts.tokenizers["tokenizer_2"]
        words = t5_tokens(tokenizer, texts, self._tokens)["input_ids"]
        return {"text": self.parts.encoders["text_encoder_2"](words.to(self.device))[0], "pooled": pooled}

    def unread(self, text: str) -> int:
        return t5_unread(self.parts.tokenizers["tokenizer_2"], text, self._tokens)

    def positions(self, height: int, width: int) -> int:
        return (height // PATCH) * (width // PATCH)

    def condition(self, text: Encoded, *, height: int, width: int, guidance: float) -> Conditioning:
        return {**text, "guidance": torch.tensor(guidance)} if self.distilled else text

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        height, width = inputs.shape[-2:]
        text = rows["text"].to(inputs.dtype)  # (R, L, D)
        output: Tensor = self.parts.network(
            hidden_states=packed(inputs),
            timestep=times / self.noise_steps,
            guidance=rows.get("guidance"),
            pooled_projections=rows["pooled"].to(inputs.dtype),
            encoder_hidden_states=text,
            txt_ids=torch.zeros(text.shape[1], 3, device=text.device),
            img_ids=image_ids(height, width, device=text.device),
            return_dict=False,
        )[0]
        return unpacked(output, height, width)

    @property
    def noise_steps(self) -> int:
        """The network counts time from 0 to 1, and noise in training steps."""
        assert isinstance(self.noise, FlowNoise)
        return self.noise.train_steps

    @property
    def channels(self) -> int:
        return int(self.parts.network.config.in_channels) // PATCH**2

    @property
    def _tokens(self) -> int:
        return t5_length(
            self.parts.tokenizers["tokenizer_2"], DEV_TOKENS if self.distilled else SCHNELL_TOKENS
        )

    @property
    def _guided(self) -> bool:
        return self.guidance != 1 and not self.distilled

    def _text_length(self, text: Encoded) -> int:
        return text["text"].shape[0]


def packed(latents: Tensor) -> Tensor:
    """(R, C, h, w) -> (R, h/2 * w/2, 4 C): each 2x2 patch one token, its four positions side by side in each channel."""
    rows, channels, height, width = latents.shape
    patches = latents.reshape(rows, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(rows, -1, channels * PATCH**2)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `packed`; the sides are those of the latent."""
    rows, _, size = tokens.shape
    patches = tokens.reshape(rows, height // PATCH, width // PATCH, size // PATCH**2, PATCH, PATCH)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(rows, -1, height, width)


def image_ids(height: int, width: int, *, device: torch.device) -> Tensor:
    """Where each token stands, (h/2 * w/2, 3): 0, its row, its column. The same for all rows of a pass."""
    down = torch.arange(height // PATCH, device=device, dtype=torch.float32)
    right = torch.arange(width // PATCH, device=device, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(down, right, indexing="ij"), dim=-1).reshape(-1, 2)
    return torch.cat([torch.zeros_like(grid[:, :1]), grid], dim=-1)


ADAPTER = Flux
