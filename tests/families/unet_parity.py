"""What the parity tests of SD and SDXL share: scheduler configurations, and the same image drawn by diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
)
from tests.families import drive
from tests.families.drive import WIDE, asked, drawn
from torch import Tensor

from darkroom.model.denoiser import Prepared
from darkroom.model.families.family import Family

TEXT = "the red cat on a hill"
UNWANTED = "fox"
STEPS = 5  # divides the number of training steps: where it does not, diffusers' DDIM steps to levels that it never visits

REAL = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
MILD = {**REAL, "beta_end": 0.004}
"""Noise that a network which knows nothing can still draw with: with the real one its latents grow to 60."""
V = {"prediction_type": "v_prediction"}
TO_ZERO = {"clip_sample": False, "set_alpha_to_one": True}


@dataclass(frozen=True)
class Case:
    """A scheduler of diffusers and our sampler for it."""

    name: str
    kind: Any
    sampler: str
    config: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def scheduler(self) -> Any:
        return self.kind(**{**MILD, **self.config})


CASES = [
    Case("euler", EulerDiscreteScheduler, "euler"),
    Case("euler_leading", EulerDiscreteScheduler, "euler", {"timestep_spacing": "leading"}),
    Case("euler_trailing", EulerDiscreteScheduler, "euler", {"timestep_spacing": "trailing"}),
    Case("euler_karras", EulerDiscreteScheduler, "euler", {"use_karras_sigmas": True}),
    Case("euler_v", EulerDiscreteScheduler, "euler", {**REAL, **V}),
    Case("euler_v_zero_snr", EulerDiscreteScheduler, "euler", {**REAL, **V, "rescale_betas_zero_snr": True}),
    Case("ddim", DDIMScheduler, "ddim", TO_ZERO),
    Case("ddim_trailing_v", DDIMScheduler, "ddim", {**REAL, **TO_ZERO, **V, "timestep_spacing": "trailing"}),
    Case("dpmpp", DPMSolverMultistepScheduler, "dpmpp_2m"),
    Case("dpmpp_leading", DPMSolverMultistepScheduler, "dpmpp_2m", {"timestep_spacing": "leading"}),
    Case("dpmpp_karras", DPMSolverMultistepScheduler, "dpmpp_2m", {"use_karras_sigmas": True}),
    Case("dpmpp_v", DPMSolverMultistepScheduler, "dpmpp_2m", {**REAL, **V}),
    Case("heun", HeunDiscreteScheduler, "heun"),
]

GUIDED = [(case, 7.5) for case in CASES] + [
    (case, 1.0) for case in CASES if case.name in ("euler", "ddim", "dpmpp")
]


def assert_parity(family: Family, pipe: Any, case: Case, *, guidance: float, **call: object) -> None:
    """Our latents and picture of one request are the pipeline's, given its texts and the same noise."""
    request = asked(TEXT, aspect=WIDE, negative=UNWANTED)
    prepared = family.prepare(request, index=0)
    assert (prepared.sampler, prepared.guidance, len(prepared.sigmas)) == (case.sampler, guidance, STEPS + 1)
    (ours,) = drawn(family, request)
    theirs = reference(pipe, prepared, guidance_scale=guidance, **call)
    assert theirs.std() > 0.5
    assert (ours - theirs).abs().max() < drive.LATENTS
    decoded = pipe.vae.decode(theirs / pipe.vae.config.scaling_factor, return_dict=False)[0]
    pictures = pipe.image_processor.postprocess(decoded.detach(), output_type="pt")
    assert (family.decode(ours[None]) - pictures).abs().max() < drive.PIXELS


def reference(pipe: Any, prepared: Prepared, **call: object) -> Tensor:
    """The latents that the pipeline draws from the same noise, which each of its schedulers wants in another unit."""
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler.set_timesteps(STEPS)
    scaled = isinstance(pipe.scheduler, EulerDiscreteScheduler | HeunDiscreteScheduler)
    units = float(pipe.scheduler.init_noise_sigma) if scaled else (1 + prepared.sigmas[0] ** 2) ** 0.5
    height, width = (side * 8 for side in prepared.latent.shape[-2:])
    images: Tensor = pipe(
        latents=prepared.latent[None] / units,
        height=height,
        width=width,
        num_inference_steps=STEPS,
        output_type="latent",
        **call,
    ).images
    return images
