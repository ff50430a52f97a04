"""PixArt-Sigma, and PixArt-alpha before it: a transformer that predicts noise and reads a T5 (arXiv 2403.04692, 2310.00426)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from darkroom.model.denoiser import Conditioning, Encoded
from darkroom.model.families.family import Family
from darkroom.model.families.noise import DiffusionNoise, Noise
from darkroom.model.families.t5 import t5_length, t5_tokens, t5_unread

SIGMA_TOKENS = 300
ALPHA_TOKENS = 120


class PixArt(Family):
    """The Denoiser of PixArtTransformer2DModel. Pad tokens are masked, row by row."""

    STEPS: ClassVar[int] = 20
    GUIDANCE: ClassVar[float] = 4.5
    GRID: ClassVar[int] = 4  # an odd number of patches, where they are few, costs exact mode at 2 threads

    def make_noise(self) -> Noise:
        return DiffusionNoise(self.parts.scheduler)

    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """The T5's words (L, D) and which of them are there (L,). It was trained on captions in small letters."""
        tokenizer = self.parts.tokenizers["tokenizer"]
        tokens = t5_tokens(tokenizer, [_small(text) for text in texts], self._tokens)
        mask = tokens["attention_mask"].to(self.device)
        words = self.parts.encoders["text_encoder"](tokens["input_ids"].to(self.device), attention_mask=mask)[
            0
        ]
        return {"text": words, "mask": mask}

    def unread(self, text: str) -> int:
        return t5_unread(self.parts.tokenizers["tokenizer"], _small(text), self._tokens)

    def condition(self, text: Encoded, *, height: int, width: int, guidance: float) -> Conditioning:
        """Adds the picture's size in pixels and its height over its width, where the network was trained with them."""
        if not self.parts.network.use_additional_conditions:
            return text
        size = torch.tensor([float(height * self.factor), float(width * self.factor)])
        return {**text, "resolution": size, "aspect_ratio": torch.tensor([height / width])}

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        """Half of the channels that the network gives may be a variance, which no sampler here asks for."""
        dtype = inputs.dtype
        sizes = {
            name: rows[name].to(dtype) if name in rows else None for name in ("resolution", "aspect_ratio")
        }
        output: Tensor = self.parts.network(
            inputs,
            encoder_hidden_states=rows["text"].to(dtype),
            encoder_attention_mask=rows["mask"],
            timestep=times,
            added_cond_kwargs=sizes,
            return_dict=False,
        )[0]
        return output[:, : inputs.shape[1]]

    @property
    def _tokens(self) -> int:
        alpha = self.parts.options.get("_class_name") == "PixArtAlphaPipeline"
        return t5_length(self.parts.tokenizers["tokenizer"], ALPHA_TOKENS if alpha else SIGMA_TOKENS)

    def _text_length(self, text: Encoded) -> int:
        return text["text"].shape[0]


def _small(text: str) -> str:
    return text.lower().strip()


ADAPTER = PixArt
