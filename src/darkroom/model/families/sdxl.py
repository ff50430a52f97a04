"""Stable Diffusion XL: a UNet that reads two CLIPs, their pooled text, and the size of its picture (arXiv 2307.01952)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from darkroom.model.denoiser import Conditioning, Encoded
from darkroom.model.families.family import Family
from darkroom.model.families.noise import DiffusionNoise, Noise
from darkroom.model.families.sd import check_unet, clip_tokens, clip_unread, unet_grid


class StableDiffusionXL(Family):
    """The Denoiser of the base model. The refiner is another network, and no model of its own."""

    STEPS: ClassVar[int] = 30
    GUIDANCE: ClassVar[float] = 5.0

    def make_noise(self) -> Noise:
        check_unet(self.parts.network, self.parts.vae)
        return DiffusionNoise(self.parts.scheduler)

    @property
    def grid(self) -> int:
        return unet_grid(self.parts.network)

    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """Both encoders' last layer but one, side by side (77, D1 + D2), and the second one's projection (P,)."""
        both = [
            self.parts.encoders[f"text_encoder{which}"](
                clip_tokens(self.parts.tokenizers[f"tokenizer{which}"], texts)["input_ids"].to(self.device),
                output_hidden_states=True,
            )
            for which in ("", "_2")
        ]
        words = torch.cat([each.hidden_states[-2] for each in both], dim=-1)
        return {"text": words, "pooled": both[1][0]}

    def unread(self, text: str) -> int:
        return clip_unread(self.parts.tokenizers["tokenizer"], text)

    def condition(self, text: Encoded, *, height: int, width: int, guidance: float) -> Conditioning:
        """Adds the size before cropping, the crop's corner and the size of the picture, all in pixels (section 2.2)."""
        size = [float(height * self.factor), float(width * self.factor)]
        return {**text, "size": torch.tensor([*size, 0.0, 0.0, *size])}

    def unconditional(self, encoded: Mapping[str, Encoded], negative: str, positive: Encoded) -> Encoded:
        """Most checkpoints were trained with zeros for a missing text, and say so in their model_index.json."""
        if negative or not self.parts.options.get("force_zeros_for_empty_prompt", True):
            return encoded[negative]
        return {name: torch.zeros_like(tensor) for name, tensor in positive.items()}

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        dtype = inputs.dtype
        added = {"text_embeds": rows["pooled"].to(dtype), "time_ids": rows["size"]}
        output: Tensor = self.parts.network(
            inputs,
            times,
            encoder_hidden_states=rows["text"].to(dtype),
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return output


ADAPTER = StableDiffusionXL
