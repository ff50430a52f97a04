"""A tiny SD3.5-like model with random weights, saved as a folder in diffusers layout, and its network alone."""

from __future__ import annotations

from pathlib import Path

from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from tests.families import tiny_parts
from tests.families.tiny_parts import CLIP_WIDTH, T5_WIDTH, random_weights

CHANNELS = 16
NATIVE_PX = 64
LARGE_PX = 96
SHIFT = 3.0


def network(*, seed: int = 3, layers: int = 2, heads: int = 2, head: int = 8) -> SD3Transformer2DModel:
    """The denoising network: the newer form, with normalised keys and a second attention in its first block."""
    transformer = SD3Transformer2DModel(
        sample_size=NATIVE_PX // 8,
        patch_size=2,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=layers,
        num_attention_heads=heads,
        attention_head_dim=head,
        caption_projection_dim=heads * head,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=2 * CLIP_WIDTH,
        pos_embed_max_size=24,
        dual_attention_layers=(0,),
        qk_norm="rms_norm",
    )
    return random_weights(transformer, seed)


def pipeline(*, t5: bool = True, seed: int = 3) -> StableDiffusion3Pipeline:
    """All parts together, as diffusers drives them; without T5 its place in the text is taken by zeros."""
    clip, clip_2 = tiny_parts.clip_tokenizer(), tiny_parts.clip_tokenizer()
    t5_tokenizer = tiny_parts.t5_tokenizer() if t5 else None
    return StableDiffusion3Pipeline(
        transformer=network(seed=seed),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
        vae=tiny_parts.autoencoder(channels=CHANNELS, seed=seed + 1, scale=1.5305, shift=0.0609),
        text_encoder=tiny_parts.clip_encoder(clip, seed=seed + 2, projection=True),
        tokenizer=clip,
        text_encoder_2=tiny_parts.clip_encoder(clip_2, seed=seed + 3, projection=True, act="gelu"),
        tokenizer_2=clip_2,
        text_encoder_3=tiny_parts.t5_encoder(t5_tokenizer, seed=seed + 4) if t5_tokenizer else None,
        tokenizer_3=t5_tokenizer,
    )


def build(folder: Path, *, t5: bool = True, seed: int = 3) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(t5=t5, seed=seed).save_pretrained(folder, safe_serialization=True)
