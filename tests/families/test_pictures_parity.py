"""Drawings that begin at a picture: our latents are those of diffusers' img2img pipelines, from the same noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FluxImg2ImgPipeline,
    HeunDiscreteScheduler,
    QwenImageImg2ImgPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
    ZImageImg2ImgPipeline,
)
from tests.families import (
    builders_flux,
    builders_qwen_image,
    builders_sd,
    builders_sd3,
    builders_sdxl,
    builders_z_image,
    drive,
)
from tests.families.drive import WIDE, adapted, asked
from tests.families.tiny_parts import T5_TOKENS
from tests.families.unet_parity import MILD, TEXT, TO_ZERO, UNWANTED
from torch import Tensor

from darkroom.model.denoiser import Given
from darkroom.model.families.family import Family
from darkroom.model.families.flux import Flux
from darkroom.model.families.qwen_image import QwenImage
from darkroom.model.families.sd import StableDiffusion
from darkroom.model.families.sd3 import StableDiffusion3
from darkroom.model.families.sdxl import StableDiffusionXL
from darkroom.model.families.z_image import ZImage

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
"""diffusers' schedulers hand tensors to numpy in a way that numpy 2 warns of."""

STEPS = 5
STRENGTHS = [0.4, 0.8]  # whole numbers of steps: between them diffusers rounds, and Darkroom does not
SCHEDULERS: dict[str, Callable[[], Any]] = {
    "euler": lambda: EulerDiscreteScheduler(**MILD),
    "ddim": lambda: DDIMScheduler(**{**MILD, **TO_ZERO}),
    "dpmpp": lambda: DPMSolverMultistepScheduler(**MILD),
    "heun": lambda: HeunDiscreteScheduler(**MILD),
}


def both(family: Family, pipe: Any, strength: float, **call: Any) -> tuple[Tensor, Tensor]:
    """The latents that we draw from a picture, and what the pipeline draws from it with the same noise."""
    pipe.set_progress_bar_config(disable=True)
    request = asked(TEXT, aspect=WIDE, negative=UNWANTED)
    width, height = family.size(request)
    init = family.encode_picture(drive.picture(height=height, width=width))
    given = Given(init=init, strength=strength)
    prepared = family.prepare(request, index=0, given=given)
    assert len(prepared.sigmas) == round(strength * STEPS) + 1
    (ours,) = drive.drawn(family, request, given=given)
    images: Tensor = pipe(
        image=init[None],
        strength=strength,
        num_inference_steps=STEPS,
        generator=torch.Generator().manual_seed(prepared.noise_seed),
        output_type="latent",
        **call,
    ).images
    return ours, images


def assert_alike(ours: Tensor, theirs: Tensor) -> None:
    assert theirs.std() > 0.3
    assert (ours - theirs).abs().max() < drive.LATENTS


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_sd_begins_where_the_pipeline_begins(scheduler: str, strength: float) -> None:
    plain = builders_sd.pipeline(schedule=SCHEDULERS[scheduler]())
    family = adapted(StableDiffusion, plain, steps=STEPS, guidance=3.0)
    pipe = StableDiffusionImg2ImgPipeline(**plain.components, requires_safety_checker=False)
    text, unwanted = family.encode([TEXT, UNWANTED])
    embeds = {"prompt_embeds": text["text"][None], "negative_prompt_embeds": unwanted["text"][None]}
    assert_alike(*both(family, pipe, strength, guidance_scale=3.0, **embeds))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_sdxl_begins_where_the_pipeline_begins(strength: float) -> None:
    plain = builders_sdxl.pipeline(schedule=EulerDiscreteScheduler(**MILD))
    family = adapted(StableDiffusionXL, plain, steps=STEPS, guidance=3.0)
    pipe = StableDiffusionXLImg2ImgPipeline(**plain.components, add_watermarker=False)
    size = family.size(asked(TEXT, aspect=WIDE))[::-1]
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "original_size": size, "target_size": size}
    assert_alike(*both(family, pipe, strength, guidance_scale=3.0, **call))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_sd3_begins_where_the_pipeline_begins(strength: float) -> None:
    plain = builders_sd3.pipeline()
    family = adapted(StableDiffusion3, plain, steps=STEPS, guidance=3.0)
    pipe = StableDiffusion3Img2ImgPipeline(**plain.components)
    width, height = family.size(asked(TEXT, aspect=WIDE))
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "height": height, "width": width}
    assert_alike(*both(family, pipe, strength, guidance_scale=3.0, max_sequence_length=T5_TOKENS, **call))


@pytest.mark.parametrize("dev", [True, False])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_flux_begins_where_the_pipeline_begins(strength: float, dev: bool) -> None:
    """dev has its guidance distilled into it, schnell has none: one row either way."""
    plain = builders_flux.pipeline(dev=dev)
    family = adapted(Flux, plain, steps=STEPS)
    pipe = FluxImg2ImgPipeline(**plain.components)
    width, height = family.size(asked(TEXT, aspect=WIDE))
    call = {"prompt": TEXT, "guidance_scale": 3.5, "max_sequence_length": T5_TOKENS}
    ours, tokens = both(family, pipe, strength, height=height, width=width, **call)
    assert_alike(ours, pipe._unpack_latents(tokens, height, width, 8)[0])


@pytest.mark.parametrize("strength", STRENGTHS)
def test_qwen_image_begins_where_the_pipeline_begins(strength: float) -> None:
    plain = builders_qwen_image.pipeline()
    family = adapted(QwenImage, plain, steps=STEPS, guidance=3.0)
    pipe = QwenImageImg2ImgPipeline(**plain.components)
    width, height = family.size(asked(TEXT, aspect=WIDE))
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "true_cfg_scale": 3.0}
    ours, tokens = both(family, pipe, strength, height=height, width=width, **call)
    assert_alike(ours, pipe._unpack_latents(tokens, height, width, 8)[0, :, 0])


@pytest.mark.parametrize("strength", STRENGTHS)
def test_z_image_begins_where_the_pipeline_begins(strength: float) -> None:
    plain = builders_z_image.pipeline()
    family = adapted(ZImage, plain, steps=STEPS, guidance=3.0)
    pipe = ZImageImg2ImgPipeline(**plain.components)
    width, height = family.size(asked(TEXT, aspect=WIDE))
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "guidance_scale": 3.0}
    assert_alike(*both(family, pipe, strength, height=height, width=width, **call))
