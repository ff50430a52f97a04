"""Stable Diffusion 1.5 and 2.x: a UNet that reads the tokens of one CLIP (arXiv 2112.10752). Predicts noise or v."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.model.families.family import Family
from darkroom.model.families.noise import DiffusionNoise, Noise

CLIP_TOKENS_MAX = 1024


class StableDiffusion(Family):
    """The Denoiser of UNet2DConditionModel with one text encoder."""

    STEPS: ClassVar[int] = 30
    GUIDANCE: ClassVar[float] = 7.5

    def make_noise(self) -> Noise:
        check_unet(self.parts.network, self.parts.vae)
        return DiffusionNoise(self.parts.scheduler)

    @property
    def grid(self) -> int:
        return unet_grid(self.parts.network)

    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        tokenizer, encoder = self.parts.tokenizers["tokenizer"], self.parts.encoders["text_encoder"]
        tokens = clip_tokens(tokenizer, texts)
        mask = tokens["attention_mask"] if getattr(encoder.config, "use_attention_mask", False) else None
        mask = None if mask is None else mask.to(self.device)
        return {"text": encoder(tokens["input_ids"].to(self.device), attention_mask=mask)[0]}

    def unread(self, text: str) -> int:
        return clip_unread(self.parts.tokenizers["tokenizer"], text)

    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        text = rows["text"].to(inputs.dtype)
        output: Tensor = self.parts.network(inputs, times, encoder_hidden_states=text, return_dict=False)[0]
        return output


def check_unet(unet: Any, vae: Any) -> None:
    """Raises ModelError for networks that look alike and read something else: masks, pictures, a distilled guidance."""
    channels, latent = int(unet.config.in_channels), int(vae.config.latent_channels)
    if channels != latent:
        raise ModelError(
            f"the network reads {channels} channels and the VAE makes {latent}: it is one for inpainting or "
            "upscaling; take the model that draws from text alone"
        )
    if getattr(unet.config, "time_cond_proj_dim", None):
        raise ModelError(
            "the network has its guidance distilled into it (LCM), which Darkroom does not drive; "
            "take the undistilled model"
        )


def unet_grid(unet: Any) -> int:
    """Latent positions that the deepest level of a UNet sees as one, a side: sides divide by it at every level."""
    return 1 << (len(unet.config.down_block_types) - 1)


def clip_tokens(tokenizer: Any, texts: Sequence[str]) -> Mapping[str, Tensor]:
    """Token ids and mask (B, L) at the tokenizer's whole length; longer texts are cut.

    ModelError where the folder's tokenizer does not say that length, for which a library puts 10^30.
    """
    length = tokenizer.model_max_length
    if not isinstance(length, int) or not 3 <= length <= CLIP_TOKENS_MAX:
        raise ModelError(
            f"the tokenizer's model_max_length is {length!r}; its tokenizer_config.json should say what CLIP reads, 77"
        )
    tokens: Mapping[str, Tensor] = tokenizer(
        list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    return tokens


def clip_unread(tokenizer: Any, text: str) -> int:
    """How many tokens of a text are cut off; its start and its end keep their places."""
    return max(0, len(tokenizer(text, verbose=False)["input_ids"]) - int(tokenizer.model_max_length))


ADAPTER = StableDiffusion
