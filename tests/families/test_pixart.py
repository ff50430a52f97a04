"""PixArt: our latents and pictures are those of diffusers' pipelines, Sigma and alpha, for two samplers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
)
from tests.families import builders_pixart, drive
from tests.families.drive import WIDE, adapted, asked, drawn
from tests.families.tiny_parts import T5_TOKENS
from torch import Tensor

from darkroom.model.denoiser import Prepared
from darkroom.model.families.pixart import PixArt
from darkroom.model.loading import load_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
"""diffusers' schedulers hand tensors to numpy in a way that numpy 2 warns of."""

TEXT = "a red cat on the hill"
UNWANTED = "the blue sea"
SCHEDULERS = {"dpmpp_2m": DPMSolverMultistepScheduler, "euler": EulerDiscreteScheduler, "ddim": DDIMScheduler}
MILD = {"beta_start": 0.0001, "beta_end": 0.002}
"""Noise that a network which knows nothing can still draw with: with the real one its latents grow into the hundreds."""
REAL = {"beta_start": 0.0001, "beta_end": 0.02}


@pytest.fixture(scope="module")
def pipeline() -> PixArtSigmaPipeline:
    return builders_pixart.pipeline()


@pytest.fixture
def family(pipeline: PixArtSigmaPipeline) -> PixArt:
    return adapted(PixArt, pipeline, steps=4, guidance=3.0)


def scheduler(sampler: str, **config: float) -> object:
    extra = {"clip_sample": False, "set_alpha_to_one": True} if sampler == "ddim" else {}
    return SCHEDULERS[sampler](beta_schedule="linear", **config, **extra)


def reference(
    pipe: PixArtSigmaPipeline | PixArtAlphaPipeline, prepared: Prepared, *, output: str, **call: object
) -> Tensor:
    """What the pipeline draws from the same noise, which each of its schedulers wants in another unit."""
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler.set_timesteps(len(prepared.sigmas) - 1)
    scaled = isinstance(pipe.scheduler, EulerDiscreteScheduler)
    units = float(pipe.scheduler.init_noise_sigma) if scaled else (1 + prepared.sigmas[0] ** 2) ** 0.5
    height, width = prepared.latent.shape[-2] * 8, prepared.latent.shape[-1] * 8
    images: Tensor = pipe(
        latents=prepared.latent[None] / units,
        height=height,
        width=width,
        output_type=output,
        max_sequence_length=T5_TOKENS,
        use_resolution_binning=False,
        clean_caption=False,
        **call,
    ).images
    return images


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("guidance", [1.0, 4.5])
@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler", "ddim"])
@pytest.mark.parametrize("betas", [MILD, REAL])
def test_latents_and_pictures_are_those_of_the_pipeline(
    sampler: str, guidance: float, alpha: bool, betas: dict[str, float]
) -> None:
    pipe = builders_pixart.pipeline(alpha=alpha)
    pipe.scheduler = scheduler(sampler, **betas)
    family = adapted(PixArt, pipe, steps=6, guidance=guidance)
    request = asked(TEXT, aspect=WIDE, negative=UNWANTED)
    prepared = family.prepare(request, index=0)
    assert (prepared.sampler, prepared.latent.shape) == (sampler, (4, 4, 8))
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "guidance_scale": guidance, "num_inference_steps": 6}
    (ours,) = drawn(family, request)
    theirs = reference(pipe, prepared, output="latent", **call)
    size = 1.0 if betas is MILD else float(theirs.abs().max())
    assert theirs.std() > 0.5
    assert (ours - theirs).abs().max() < drive.LATENTS * size
    pictures = reference(pipe, prepared, output="pt", **call)
    assert (family.decode(ours[None]) - pictures).abs().max() < drive.PIXELS


def test_a_text_is_encoded_as_by_the_pipeline(pipeline: PixArtSigmaPipeline, family: PixArt) -> None:
    texts = ["  A Red CAT on the hill ", "", UNWANTED * 9]
    for text, ours in zip(texts, family.encode(texts), strict=True):
        words, mask, _, _ = pipeline.encode_prompt(
            text, do_classifier_free_guidance=False, max_sequence_length=T5_TOKENS
        )
        torch.testing.assert_close(ours["text"], words[0], rtol=0, atol=1e-5)
        assert torch.equal(ours["mask"], mask[0])
    assert ours["mask"].sum() == T5_TOKENS


@pytest.mark.parametrize("alpha", [False, True])
def test_a_tokenizer_that_reads_more_is_read_as_far_as_the_pipeline_does(alpha: bool) -> None:
    pipe = builders_pixart.pipeline(alpha=alpha)
    pipe.tokenizer.model_max_length = 512
    (ours,) = adapted(PixArt, pipe).encode([TEXT])
    words, mask, *_ = pipe.encode_prompt(TEXT, do_classifier_free_guidance=False)
    torch.testing.assert_close(ours["text"], words[0], rtol=0, atol=1e-5)
    assert torch.equal(ours["mask"], mask[0])


def test_texts_are_encoded_alike_in_any_company(family: PixArt) -> None:
    drive.assert_texts_alone(family, [TEXT, "", UNWANTED, "a fox", "ed ing" * 20])


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: PixArt) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, "a fox", UNWANTED])


def test_rows_at_other_times_and_of_other_texts_leave_a_row_alone(family: PixArt) -> None:
    cat, fox = (family.prepare(asked(text, seed=i), index=i) for i, text in enumerate([TEXT, "a fox"]))
    assert cat.row_class == fox.row_class
    assert cat.unconditional is not None
    rows = [
        (cat.latent / 157, 157.0, cat.conditional),
        (cat.latent / 157, 2.0, cat.unconditional),
        (fox.latent / 157, 0.3, fox.conditional),
    ]
    drive.assert_rows_alone(family, rows, pad=4)


def test_pads_are_not_read(family: PixArt) -> None:
    prepared = family.prepare(asked("a fox"), index=0)
    text, mask = prepared.conditional["text"], prepared.conditional["mask"]
    assert 0 < mask.sum() < T5_TOKENS
    other = {**prepared.conditional, "text": torch.where(mask[:, None] > 0, text, text + 1)}
    sigma = torch.tensor([1.0])
    one, two = (family.denoise(prepared.latent[None], sigma, [row]) for row in (prepared.conditional, other))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("alpha", [False, True])
def test_only_alpha_is_told_the_size_of_the_picture(alpha: bool) -> None:
    family = adapted(PixArt, builders_pixart.pipeline(alpha=alpha))
    row = family.prepare(asked(TEXT, aspect=WIDE), index=0).conditional
    assert ("resolution" in row) == alpha
    if alpha:
        assert row["resolution"].tolist() == [32.0, 64.0]
        assert row["aspect_ratio"].tolist() == [0.5]


def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, family: PixArt) -> None:
    builders_pixart.build(tmp_path)
    loaded = load_model(
        replace(drive.entry("pixart", tmp_path, steps=4, guidance=3.0), name=family.name), drive.CPU
    )
    one, other = (each.prepare(asked(TEXT), index=1) for each in (loaded, family))
    assert one.row_class == other.row_class
    assert torch.equal(*drawn(loaded, asked(TEXT), index=1), *drawn(family, asked(TEXT), index=1))
