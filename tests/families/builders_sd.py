"""A tiny Stable Diffusion model with random weights, saved as a folder in diffusers layout, and its network alone."""

from __future__ import annotations

from pathlib import Path

from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from tests.families import tiny_parts
from tests.families.tiny_parts import CLIP_WIDTH, random_weights

CHANNELS = 4
NATIVE_PX = 64
LARGE_PX = 128
TRAINED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def network(
    *, seed: int = 11, channels: tuple[int, ...] = (16, 32), text_width: int = CLIP_WIDTH
) -> UNet2DConditionModel:
    """The denoising network: attention to the text on every level, as 1.5 has it."""
    unet = UNet2DConditionModel(
        sample_size=NATIVE_PX // 8,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * len(channels),
        up_block_types=("CrossAttnUpBlock2D",) * len(channels),
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    return random_weights(unet, seed)


def scheduler(name: str = "euler", **changes: object) -> SchedulerMixin:
    """What the folder asks for; `changes` go over the settings that 1.5 was trained with."""
    kind = {"euler": EulerDiscreteScheduler, "ddim": DDIMScheduler}[name]
    return kind(**{**TRAINED, **changes})


def pipeline(*, seed: int = 11, schedule: SchedulerMixin | None = None) -> StableDiffusionPipeline:
    """All parts together, as diffusers drives them."""
    clip = tiny_parts.clip_tokenizer()
    return StableDiffusionPipeline(
        unet=network(seed=seed),
        scheduler=schedule or scheduler(),
        vae=tiny_parts.autoencoder(channels=CHANNELS, seed=seed + 1, scale=0.18215, quant=True),
        text_encoder=tiny_parts.clip_encoder(clip, seed=seed + 2, projection=False),
        tokenizer=clip,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def build(folder: Path, *, seed: int = 11, schedule: SchedulerMixin | None = None) -> None:
    """Saves the tiny model: model_index.json, a folder for each part, weights as safetensors."""
    pipeline(seed=seed, schedule=schedule).save_pretrained(folder, safe_serialization=True)
