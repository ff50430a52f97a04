"""SDXL: our latents and pictures are those of diffusers' pipeline; sizes and pooled texts are each row's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
from tests.families import builders_sdxl, drive
from tests.families.drive import WIDE, adapted, asked, drawn
from tests.families.unet_parity import GUIDED, MILD, STEPS, TEXT, UNWANTED, Case, assert_parity, reference

from darkroom.model.families.sdxl import StableDiffusionXL
from darkroom.model.loading import load_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
"""diffusers' schedulers hand tensors to numpy in a way that numpy 2 warns of."""


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionXLPipeline:
    return builders_sdxl.pipeline(schedule=EulerDiscreteScheduler(**MILD))


@pytest.fixture
def family(pipeline: StableDiffusionXLPipeline) -> StableDiffusionXL:
    return adapted(StableDiffusionXL, pipeline, steps=4, guidance=3.0)


@pytest.mark.parametrize(("case", "guidance"), GUIDED, ids=str)
def test_latents_and_pictures_are_those_of_the_pipeline(
    pipeline: StableDiffusionXLPipeline, monkeypatch: pytest.MonkeyPatch, case: Case, guidance: float
) -> None:
    monkeypatch.setattr(pipeline, "scheduler", case.scheduler)
    family = adapted(StableDiffusionXL, pipeline, steps=STEPS, guidance=guidance)
    text, unwanted = family.encode([TEXT, UNWANTED])
    embeds = {
        "prompt_embeds": text["text"][None],
        "pooled_prompt_embeds": text["pooled"][None],
        "negative_prompt_embeds": unwanted["text"][None],
        "negative_pooled_prompt_embeds": unwanted["pooled"][None],
    }
    assert_parity(family, pipeline, case, guidance=guidance, **embeds)


@pytest.mark.parametrize("zeros", [True, False])
def test_without_unwanted_words_the_second_row_is_what_the_folder_says(zeros: bool) -> None:
    pipe = builders_sdxl.pipeline(schedule=EulerDiscreteScheduler(**MILD), zeros=zeros)
    family = adapted(StableDiffusionXL, pipe, steps=STEPS, guidance=5.0)
    if not zeros:
        options = {"force_zeros_for_empty_prompt": False}
        family = StableDiffusionXL(replace(family.parts, options=options), family.entry, drive.CPU)
    prepared = family.prepare(asked(TEXT), index=0)
    assert prepared.unconditional is not None
    assert bool((prepared.unconditional["text"] == 0).all()) == zeros
    (ours,) = drawn(family, asked(TEXT))
    theirs = reference(pipe, prepared, prompt=TEXT, guidance_scale=5.0)
    assert (ours - theirs).abs().max() < drive.LATENTS


def test_a_text_is_encoded_as_by_the_pipeline(
    pipeline: StableDiffusionXLPipeline, family: StableDiffusionXL
) -> None:
    texts = [TEXT, "", "a fox", "red", "cat hill on the"]
    for text, ours in zip(texts, family.encode(texts), strict=True):
        words, _, pooled, _ = pipeline.encode_prompt(text, device="cpu", do_classifier_free_guidance=False)
        torch.testing.assert_close(ours["text"], words[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(ours["pooled"], pooled[0], rtol=0, atol=1e-5)


def test_texts_are_encoded_alike_in_any_company(family: StableDiffusionXL) -> None:
    drive.assert_texts_alone(family, [TEXT, "", UNWANTED, "a fox", "red"])


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: StableDiffusionXL) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, "a fox", UNWANTED])


def test_rows_of_other_sizes_and_times_leave_a_row_alone(family: StableDiffusionXL) -> None:
    cat, fox = (family.prepare(asked(text, seed=i), index=i) for i, text in enumerate([TEXT, "a fox"]))
    assert cat.unconditional is not None
    cropped = {**fox.conditional, "size": torch.tensor([128.0, 96.0, 8.0, 0.0, 64.0, 64.0])}
    rows = [
        (cat.latent, 3.0, cat.conditional),
        (cat.latent, 0.5, cat.unconditional),
        (fox.latent, 0.1, cropped),
    ]
    drive.assert_rows_alone(family, rows, pad=4)


def test_a_row_is_told_the_size_of_its_picture(family: StableDiffusionXL) -> None:
    row = family.prepare(asked(TEXT, aspect=WIDE), index=0).conditional
    height, width = (
        8.0 * side for side in family.prepare(asked(TEXT, aspect=WIDE), index=0).latent.shape[-2:]
    )
    assert row["size"].tolist() == [height, width, 0.0, 0.0, height, width]


def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, family: StableDiffusionXL) -> None:
    builders_sdxl.build(tmp_path, schedule=EulerDiscreteScheduler(**MILD))
    loaded = load_model(
        replace(drive.entry("sdxl", tmp_path, steps=4, guidance=3.0), name=family.name), drive.CPU
    )
    assert torch.equal(*drawn(loaded, asked(TEXT), index=1), *drawn(family, asked(TEXT), index=1))
