"""Stable Diffusion: our latents and pictures are those of diffusers' pipeline, for every sampler and spacing we drive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline
from tests.families import builders_sd, drive
from tests.families.drive import adapted, asked, drawn
from tests.families.tiny_parts import CLIP_TOKENS
from tests.families.unet_parity import GUIDED, MILD, STEPS, TEXT, UNWANTED, Case, assert_parity

from darkroom.model.families.sd import StableDiffusion
from darkroom.model.loading import load_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
"""diffusers' schedulers hand tensors to numpy in a way that numpy 2 warns of."""


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return builders_sd.pipeline(schedule=EulerDiscreteScheduler(**MILD))


@pytest.fixture
def family(pipeline: StableDiffusionPipeline) -> StableDiffusion:
    return adapted(StableDiffusion, pipeline, steps=4, guidance=3.0)


@pytest.mark.parametrize(("case", "guidance"), GUIDED, ids=str)
def test_latents_and_pictures_are_those_of_the_pipeline(
    pipeline: StableDiffusionPipeline, monkeypatch: pytest.MonkeyPatch, case: Case, guidance: float
) -> None:
    monkeypatch.setattr(pipeline, "scheduler", case.scheduler)
    family = adapted(StableDiffusion, pipeline, steps=STEPS, guidance=guidance)
    text, unwanted = family.encode([TEXT, UNWANTED])
    embeds = {"prompt_embeds": text["text"][None], "negative_prompt_embeds": unwanted["text"][None]}
    assert_parity(family, pipeline, case, guidance=guidance, **embeds)


def test_a_text_is_encoded_as_by_the_pipeline(
    pipeline: StableDiffusionPipeline, family: StableDiffusion
) -> None:
    texts = [TEXT, "", "a fox", "red", "cat hill on the"]  # more than one pass
    for text, ours in zip(texts, family.encode(texts), strict=True):
        theirs, _ = pipeline.encode_prompt(text, torch.device("cpu"), 1, False)
        torch.testing.assert_close(ours["text"], theirs[0], rtol=0, atol=1e-5)


def test_texts_are_encoded_alike_in_any_company(family: StableDiffusion) -> None:
    drive.assert_texts_alone(family, [TEXT, "", UNWANTED, "a fox", "red"])


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: StableDiffusion) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, "a fox", UNWANTED])


def test_rows_at_other_times_and_of_other_texts_leave_a_row_alone(family: StableDiffusion) -> None:
    cat, fox = (family.prepare(asked(text, seed=i), index=i) for i, text in enumerate([TEXT, "a fox"]))
    assert cat.row_class == fox.row_class
    assert cat.unconditional is not None
    rows = [
        (cat.latent, 3.0, cat.conditional),
        (cat.latent, 0.5, cat.unconditional),
        (fox.latent, 0.1, fox.conditional),
    ]
    drive.assert_rows_alone(family, rows, pad=4)


def test_what_is_too_long_to_be_read_is_said(family: StableDiffusion) -> None:
    assert family.prepare(asked("cat " * (CLIP_TOKENS - 2)), index=0).notes == ()
    (note,) = family.prepare(asked("cat " * (CLIP_TOKENS + 1)), index=0).notes
    assert "last 3 word pieces were not read" in note


def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, family: StableDiffusion) -> None:
    builders_sd.build(tmp_path, schedule=EulerDiscreteScheduler(**MILD))
    loaded = load_model(
        replace(drive.entry("sd", tmp_path, steps=4, guidance=3.0), name=family.name), drive.CPU
    )
    assert torch.equal(*drawn(loaded, asked(TEXT), index=1), *drawn(family, asked(TEXT), index=1))


def test_tiles_differ_from_one_piece_by_little(
    family: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = torch.randn(1, 4, 16, 24, generator=torch.Generator().manual_seed(1))
    whole = family.decode(latents)
    family.parts.vae.tile_latent_min_size, family.parts.vae.tile_sample_min_size = 8, 64
    monkeypatch.setattr("darkroom.model.families.family.TILED_FROM", 64)
    tiled = family.decode(latents)
    assert tiled.shape == whole.shape == (1, 3, 128, 192)
    assert not torch.equal(tiled, whole)
    assert (tiled - whole).abs().mean() < 0.2
