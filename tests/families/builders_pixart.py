"""A tiny PixArt-Sigma-like model with random weights, saved as a folder in diffusers layout; and one like PixArt-alpha."""

from __future__ import annotations

from pathlib import Path

from diffusers import (
    DPMSolverMultistepScheduler,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
)
from tests.families import tiny_parts
from tests.families.tiny_parts import T5_WIDTH, random_weights

CHANNELS = 4
NATIVE_PX = 64
LARGE_PX = 96


def network(
    *, alpha: bool = False, seed: int = 7, layers: int = 2, heads: int = 2
) -> PixArtTransformer2DModel:
    """The denoising network; it also returns a variance for each channel. Alpha's large form is told the picture's size."""
    transformer = PixArtTransformer2DModel(
        sample_size=128 if alpha else NATIVE_PX // 8,
        patch_size=2,
        in_channels=CHANNELS,
        out_channels=2 * CHANNELS,
        num_layers=layers,
        num_attention_heads=heads,
        attention_head_dim=12,
        cross_attention_dim=12 * heads,
        caption_channels=T5_WIDTH,
        use_additional_conditions=alpha,
    )
    return random_weights(transformer, seed)


def pipeline(*, alpha: bool = False, seed: int = 7) -> PixArtSigmaPipeline | PixArtAlphaPipeline:
    """All parts together, as diffusers drives them."""
    t5 = tiny_parts.t5_tokenizer()
    return (PixArtAlphaPipeline if alpha else PixArtSigmaPipeline)(
        transformer=network(alpha=alpha, seed=seed),
        scheduler=DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
        vae=tiny_parts.autoencoder(channels=CHANNELS, seed=seed + 1, scale=0.13025, quant=True),
        text_encoder=tiny_parts.t5_encoder(t5, seed=seed + 2),
        tokenizer=t5,
    )


def build(folder: Path, *, alpha: bool = False, seed: int = 7) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(alpha=alpha, seed=seed).save_pretrained(folder, safe_serialization=True)
