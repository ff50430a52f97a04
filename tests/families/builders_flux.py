"""Tiny FLUX.1-like models with random weights, saved as folders in diffusers layout: dev (distilled guidance) and schnell."""

from __future__ import annotations

from pathlib import Path

from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from tests.families import tiny_parts
from tests.families.tiny_parts import CLIP_WIDTH, T5_WIDTH, random_weights

CHANNELS = 16
NATIVE_PX = 64
LARGE_PX = 96


def network(
    *, dev: bool = True, seed: int = 5, layers: int = 1, heads: int = 2, head: int = 16
) -> FluxTransformer2DModel:
    """The denoising network; dev's takes the guidance scale as an input."""
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * CHANNELS,
        num_layers=layers,
        num_single_layers=layers,
        attention_head_dim=head,
        num_attention_heads=heads,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=CLIP_WIDTH,
        guidance_embeds=dev,
        axes_dims_rope=(head // 4, head // 4, head // 2),
    )
    return random_weights(transformer, seed)


def scheduler(*, dev: bool = True) -> FlowMatchEulerDiscreteScheduler:
    """dev moves its noise levels with the size of the picture, here strongly enough to tell tiny sizes apart."""
    if not dev:
        return FlowMatchEulerDiscreteScheduler(shift=1.0)
    return FlowMatchEulerDiscreteScheduler(
        shift=3.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=1.15,
        base_image_seq_len=4,
        max_image_seq_len=36,
    )


def pipeline(*, dev: bool = True, seed: int = 5) -> FluxPipeline:
    """All parts together, as diffusers drives them."""
    clip, t5 = tiny_parts.clip_tokenizer(), tiny_parts.t5_tokenizer()
    return FluxPipeline(
        transformer=network(dev=dev, seed=seed),
        scheduler=scheduler(dev=dev),
        vae=tiny_parts.autoencoder(channels=CHANNELS, seed=seed + 1, scale=0.3611, shift=0.1159),
        text_encoder=tiny_parts.clip_encoder(clip, seed=seed + 2, projection=False),
        tokenizer=clip,
        text_encoder_2=tiny_parts.t5_encoder(t5, seed=seed + 3),
        tokenizer_2=t5,
    )


def build(folder: Path, *, dev: bool = True, seed: int = 5) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(dev=dev, seed=seed).save_pretrained(folder, safe_serialization=True)
