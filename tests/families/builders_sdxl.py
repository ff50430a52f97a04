"""A tiny SDXL-like model with random weights, saved as a folder in diffusers layout, and its network alone."""

from __future__ import annotations

from pathlib import Path

from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from tests.families import builders_sd, tiny_parts
from tests.families.tiny_parts import CLIP_WIDTH, random_weights

CHANNELS = 4
NATIVE_PX = 64
LARGE_PX = 128
SIZE_WIDTH = 8  # of the embedding of each of the six numbers of a picture's size


def network(
    *,
    seed: int = 21,
    channels: tuple[int, ...] = (16, 32),
    text_width: int = 2 * CLIP_WIDTH,
    pooled_width: int = CLIP_WIDTH,
    size_width: int = SIZE_WIDTH,
    depth: tuple[int, ...] = (1, 2),
    head_width: int = 8,
) -> UNet2DConditionModel:
    """The denoising network: attention but on the first level, more layers of it below, sizes and pooled text added."""
    levels = len(channels)
    unet = UNet2DConditionModel(
        sample_size=NATIVE_PX // 8,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * (levels - 1)),
        up_block_types=(*("CrossAttnUpBlock2D",) * (levels - 1), "UpBlock2D"),
        transformer_layers_per_block=depth,
        cross_attention_dim=text_width,
        attention_head_dim=tuple(width // head_width for width in channels),
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=size_width,
        projection_class_embeddings_input_dim=6 * size_width + pooled_width,
    )
    return random_weights(unet, seed)


def pipeline(
    *, seed: int = 21, schedule: SchedulerMixin | None = None, zeros: bool = True
) -> StableDiffusionXLPipeline:
    """All parts together, as diffusers drives them; `zeros` stand for a missing negative text."""
    clip, clip_2 = tiny_parts.clip_tokenizer(), tiny_parts.clip_tokenizer()
    return StableDiffusionXLPipeline(
        unet=network(seed=seed),
        scheduler=schedule or builders_sd.scheduler(),
        vae=tiny_parts.autoencoder(channels=CHANNELS, seed=seed + 1, scale=0.13025, quant=True),
        text_encoder=tiny_parts.clip_encoder(clip, seed=seed + 2, projection=False),
        tokenizer=clip,
        text_encoder_2=tiny_parts.clip_encoder(clip_2, seed=seed + 3, projection=True, act="gelu"),
        tokenizer_2=clip_2,
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    )


def build(
    folder: Path, *, seed: int = 21, schedule: SchedulerMixin | None = None, zeros: bool = True
) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(seed=seed, schedule=schedule, zeros=zeros).save_pretrained(folder, safe_serialization=True)
