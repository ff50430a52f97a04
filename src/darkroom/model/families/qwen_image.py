"""Qwen-Image: rectified flow by a transformer over 2x2 patches, its prompts read by Qwen2.5-VL (arXiv 2508.02324)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from darkroom.core.capabilities import ModelCapabilities
from darkroom.core.errors import ModelError
from darkroom.model.families.language import ReadByLanguageModel
from darkroom.model.families.noise import FlowNoise, Noise
from darkroom.model.families.parts import Parts
from darkroom.model.placement import Placement

TEMPLATE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial "
    "relationships of the objects and background:<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
"""The words that the network was trained with around every prompt."""
NOTHING = " "
"""What stands for an empty text: the network was not trained with none at all."""
PATCH = 2  # latent positions a side of what the network sees as one
UNSUPPORTED = ("guidance_embeds", "use_additional_t_cond", "use_layer3d_rope")


class QwenImage(ReadByLanguageModel):
    """The Denoiser of QwenImageTransformer2DModel. Its latents are a film of one picture to the VAE."""

    STEPS: ClassVar[int] = 50
    GUIDANCE: ClassVar[float] = 4.0
    GUIDANCE_RULE: ClassVar[str] = "token_norm"
    PREFIX: ClassVar[int] = 34

    def __init__(self, parts: Parts, entry: ModelCapabilities, placement: Placement) -> None:
        for key in UNSUPPORTED:
            if getattr(parts.network.config, key, False):
                raise ModelError(
                    f"{entry.name} is a kind of Qwen-Image that cannot be drawn with: it has {key}"
                )
        super().__init__(parts, entry, placement)

    def make_noise(self) -> Noise:
        """Its steps are even from 1 to 1 / n, then shifted by the picture's size and stretched to end at a level given."""
        return FlowNoise(self.parts.scheduler, last=lambda steps: 1 / steps)

    def tokens(self, text: str) -> list[int]:
        ids: list[int] = self.parts.tokenizers["tokenizer"](TEMPLATE.format(text or NOTHING))["input_ids"]
        return ids

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The states after the last layer. The head that guesses the next word is passed by."""
        states: Tensor = (
            self.parts.encoders["text_encoder"]
            .base_model(input_ids=ids, attention_mask=mask.long())
            .last_hidden_state
        )
        return states

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        count, _, height, width = inputs.shape
        output: Tensor = self.parts.network(
            hidden_states=packed(inputs),
            timestep=times / 1000,
            encoder_hidden_states=rows["text"].to(inputs.dtype),
            encoder_hidden_states_mask=rows["mask"],
            img_shapes=[[(1, height // PATCH, width // PATCH)]] * count,
            return_dict=False,
        )[0]
        return unpacked(output, height, width)

    def to_vae(self, latents: Tensor) -> Tensor:
        """Each channel has a scale and a mean of its own."""
        scale, mean = self._channels_of(latents)
        return latents * scale + mean

    def from_vae(self, latents: Tensor) -> Tensor:
        scale, mean = self._channels_of(latents)
        return (latents - mean) / scale

    def vae_pictures(self, latents: Tensor) -> Tensor:
        film: Tensor = self.parts.vae.decode(latents.unsqueeze(2), return_dict=False)[0]  # (B, 3, 1, H, W)
        return film[:, :, 0]

    def vae_latents(self, pictures: Tensor) -> Tensor:
        return super().vae_latents(pictures.unsqueeze(2))[:, :, 0]

    @property
    def channels(self) -> int:
        return int(self.parts.network.config.in_channels) // (PATCH * PATCH)

    @property
    def factor(self) -> int:
        return 1 << len(self.parts.vae.config.temperal_downsample)  # so spelt in the folder

    def _channels_of(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and mean (1, C, 1, 1), where the latents are."""
        config = self.parts.vae.config
        scale, mean = (
            torch.tensor(values, device=latents.device).view(1, -1, 1, 1)
            for values in (config.latents_std, config.latents_mean)
        )
        return scale, mean


def packed(latents: Tensor) -> Tensor:
    """(R, C, h, w) -> (R, h/2 * w/2, 4 C): a token holds its patch channel by channel."""
    count, channels, height, width = latents.shape
    patches = latents.reshape(count, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * PATCH * PATCH)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The way back: (R, h/2 * w/2, 4 C) -> (R, C, h, w)."""
    patches = tokens.reshape(len(tokens), height // PATCH, width // PATCH, -1, PATCH, PATCH)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(len(tokens), -1, height, width)


ADAPTER = QwenImage
