"""SD3: our latents and pictures are those of diffusers' pipeline, and rows, texts and sizes do not disturb each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    StableDiffusion3Pipeline,
)
from tests.families import builders_sd3, drive
from tests.families.drive import WIDE, adapted, asked, drawn
from tests.families.tiny_parts import CLIP_TOKENS, T5_TOKENS
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import Aspect
from darkroom.model.families.sd3 import T5_TOKENS as REAL_T5_TOKENS
from darkroom.model.families.sd3 import StableDiffusion3
from darkroom.model.loading import load_model

TEXT = "a red cat on the hill"
UNWANTED = "the blue sea"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusion3Pipeline:
    return builders_sd3.pipeline()


@pytest.fixture
def family(pipeline: StableDiffusion3Pipeline) -> StableDiffusion3:
    return adapted(StableDiffusion3, pipeline, steps=4, guidance=3.0)


def reference(pipe: StableDiffusion3Pipeline, latent: Tensor, *, output: str, **call: object) -> Tensor:
    pipe.set_progress_bar_config(disable=True)
    height, width = latent.shape[-2] * 8, latent.shape[-1] * 8
    tokens = {"max_sequence_length": T5_TOKENS} if pipe.text_encoder_3 else {}
    images: Tensor = pipe(
        latents=latent[None], height=height, width=width, output_type=output, **tokens, **call
    ).images
    return images


@pytest.mark.parametrize(("sampler", "shift"), [("euler", 1.0), ("euler", 3.0), ("heun", 3.0)])
@pytest.mark.parametrize("guidance", [1.0, 4.5])
def test_latents_and_pictures_are_those_of_the_pipeline(sampler: str, guidance: float, shift: float) -> None:
    pipe = builders_sd3.pipeline()
    kind = {"euler": FlowMatchEulerDiscreteScheduler, "heun": FlowMatchHeunDiscreteScheduler}[sampler]
    pipe.scheduler = kind(shift=shift)
    family = adapted(StableDiffusion3, pipe, steps=5, guidance=guidance)
    request = asked(TEXT, aspect=WIDE, negative=UNWANTED)
    prepared = family.prepare(request, index=0)
    assert prepared.sampler == sampler
    assert prepared.latent.shape == (16, 4, 8)
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "guidance_scale": guidance, "num_inference_steps": 5}
    (ours,) = drawn(family, request)
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert theirs.std() > 0.5
    assert (ours - theirs).abs().max() < drive.LATENTS
    pictures = reference(pipe, prepared.latent, output="pt", **call)
    assert (family.decode(ours[None]) - pictures).abs().max() < drive.PIXELS


def test_a_shift_by_size_is_that_of_the_pipeline() -> None:
    pipe = builders_sd3.pipeline()
    pipe.scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_image_seq_len=4)
    family = adapted(StableDiffusion3, pipe, steps=5, guidance=1.0)
    prepared = family.prepare(asked(TEXT), index=0)
    call = {"prompt": TEXT, "guidance_scale": 1.0, "num_inference_steps": 5}
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert (drawn(family, asked(TEXT))[0] - theirs).abs().max() < drive.LATENTS


@pytest.mark.parametrize("t5", [True, False])
def test_a_text_is_encoded_as_by_the_pipeline(t5: bool) -> None:
    pipe = builders_sd3.pipeline(t5=t5)
    family = adapted(StableDiffusion3, pipe)
    length = T5_TOKENS if t5 else REAL_T5_TOKENS
    encoded = family.encode([TEXT, "", UNWANTED * 9])
    for text, ours in zip([TEXT, "", UNWANTED * 9], encoded, strict=True):
        words, _, pooled, _ = pipe.encode_prompt(
            text, None, None, do_classifier_free_guidance=False, max_sequence_length=length
        )
        assert ours["text"].shape == (CLIP_TOKENS + length, 32)
        torch.testing.assert_close(ours["text"], words[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(ours["pooled"], pooled[0], rtol=0, atol=1e-5)


def test_without_a_t5_zeros_stand_for_its_words() -> None:
    pipe = builders_sd3.pipeline(t5=False)
    family = adapted(StableDiffusion3, pipe, steps=3, guidance=3.0)
    prepared = family.prepare(asked(TEXT), index=0)
    assert prepared.row_class == f"{family.name}/8x8/{CLIP_TOKENS + REAL_T5_TOKENS}/"
    call = {"prompt": TEXT, "guidance_scale": 3.0, "num_inference_steps": 3}
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert (drawn(family, asked(TEXT))[0] - theirs).abs().max() < drive.LATENTS


def test_a_tokenizer_that_reads_more_is_read_as_far_as_the_pipeline_does() -> None:
    pipe = builders_sd3.pipeline()
    pipe.tokenizer_3.model_max_length = 512
    (ours,) = adapted(StableDiffusion3, pipe).encode([TEXT])
    words, *_ = pipe.encode_prompt(TEXT, None, None, do_classifier_free_guidance=False)
    torch.testing.assert_close(ours["text"], words[0], rtol=0, atol=1e-5)


def test_texts_are_encoded_alike_in_any_company(family: StableDiffusion3) -> None:
    drive.assert_texts_alone(family, [TEXT, "", UNWANTED, "a fox", "ed ing" * 20])


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: StableDiffusion3) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, "a fox", UNWANTED])


def test_rows_at_other_times_and_of_other_texts_leave_a_row_alone(family: StableDiffusion3) -> None:
    cat, fox = (family.prepare(asked(text, seed=i), index=i) for i, text in enumerate([TEXT, "a fox"]))
    assert cat.row_class == fox.row_class
    assert cat.unconditional is not None
    rows = [
        (cat.latent, 1.0, cat.conditional),
        (cat.latent, 1.0, cat.unconditional),
        (fox.latent, 0.3, fox.conditional),
    ]
    drive.assert_rows_alone(family, rows, pad=4)


def test_a_picture_larger_than_the_table_of_positions_is_refused(family: StableDiffusion3) -> None:
    with pytest.raises(ModelError, match="384 pixels a side"):
        family.prepare(asked(TEXT, aspect=Aspect(width=60, height=1)), index=0)


@pytest.mark.parametrize("t5", [True, False])
def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, t5: bool) -> None:
    builders_sd3.build(tmp_path, t5=t5)
    family = adapted(StableDiffusion3, builders_sd3.pipeline(t5=t5), steps=4, guidance=3.0)
    source = replace(drive.entry("sd3", tmp_path, steps=4, guidance=3.0), name=family.name)
    loaded = load_model(source, drive.CPU)
    one, other = (each.prepare(asked(TEXT), index=1) for each in (loaded, family))
    assert one.row_class == other.row_class
    assert torch.equal(*drawn(loaded, asked(TEXT), index=1), *drawn(family, asked(TEXT), index=1))
    assert len(loaded.weights_hash) == 64
