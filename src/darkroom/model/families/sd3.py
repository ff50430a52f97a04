"""Stable Diffusion 3 and 3.5: rectified flow by a transformer that reads two CLIPs and a T5 (arXiv 2403.03206)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.model.denoiser import Conditioning, Encoded
from darkroom.model.families.family import Family
from darkroom.model.families.noise import FlowNoise, Noise
from darkroom.model.families.sd import clip_tokens, clip_unread
from darkroom.model.families.t5 import t5_length, t5_tokens, t5_unread

T5_TOKENS = 256


class StableDiffusion3(Family):
    """The Denoiser of SD3Transformer2DModel. Pad tokens are not masked, in training as here.

    A folder may lack the T5 (`text_encoder_3`), its largest part: zeros stand for what it would have said.
    """

    STEPS: ClassVar[int] = 28
    GUIDANCE: ClassVar[float] = 7.0
    GRID: ClassVar[int] = 4  # an odd number of patches, where they are few, costs exact mode at 2 threads

    def make_noise(self) -> Noise:
        return FlowNoise(self.parts.scheduler)

    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """The CLIPs' words side by side and widened by zeros, then the T5's (L1 + L2, D); both pooled texts (P,)."""
        both = [self._clip(which, texts) for which in ("", "_2")]
        words = torch.cat([states for states, _ in both], dim=-1)
        width = int(self.parts.network.config.joint_attention_dim)
        words = F.pad(words, (0, width - words.shape[-1]))
        return {
            "text": torch.cat([words, self._t5(texts, width).to(words.dtype)], dim=1),
            "pooled": torch.cat([pooled for _, pooled in both], dim=-1),
        }

    def unread(self, text: str) -> int:
        """Of the longest of its readers: the T5, where it is there."""
        if (tokenizer := self.parts.tokenizers.get("tokenizer_3")) is None:
            return clip_unread(self.parts.tokenizers["tokenizer"], text)
        return t5_unread(tokenizer, text, t5_length(tokenizer, T5_TOKENS))

    def positions(self, height: int, width: int) -> int:
        patch = int(self.parts.network.config.patch_size)
        return (height // patch) * (width // patch)

    def condition(self, text: Encoded, *, height: int, width: int, guidance: float) -> Conditioning:
        """Refuses what is larger than the network's table of positions."""
        config = self.parts.network.config
        most = (
            config.pos_embed_max_size * config.patch_size * self.factor if config.pos_embed_max_size else None
        )
        if most is not None and max(height, width) * self.factor > most:
            wide, high = width * self.factor, height * self.factor
            raise ModelError(
                f"{self.name} draws at most {most} pixels a side, and this picture would have {wide} x {high}; "
                "ask for a less elongated one"
            )
        return text

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        output: Tensor = self.parts.network(
            hidden_states=inputs,
            timestep=times,
            encoder_hidden_states=rows["text"].to(inputs.dtype),
            pooled_projections=rows["pooled"].to(inputs.dtype),
            return_dict=False,
        )[0]
        return output

    def _clip(self, which: str, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The states of the last layer but one (B, L, D), and the projected text (B, P)."""
        tokens = clip_tokens(self.parts.tokenizers[f"tokenizer{which}"], texts)["input_ids"].to(self.device)
        output = self.parts.encoders[f"text_encoder{which}"](tokens, output_hidden_states=True)
        return output.hidden_states[-2], output.text_embeds

    def _t5(self, texts: Sequence[str], width: int) -> Tensor:
        """(B, L, D)."""
        encoder = self.parts.encoders.get("text_encoder_3")
        if encoder is None:
            return torch.zeros(len(texts), T5_TOKENS, width, device=self.device)
        tokenizer = self.parts.tokenizers["tokenizer_3"]
        tokens = t5_tokens(tokenizer, texts, t5_length(tokenizer, T5_TOKENS))["input_ids"]
        states: Tensor = encoder(tokens.to(self.device))[0]
        return states

    def _text_length(self, text: Encoded) -> int:
        return text["text"].shape[0]


ADAPTER = StableDiffusion3
