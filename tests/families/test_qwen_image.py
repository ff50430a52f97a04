"""Qwen-Image: our latents and pictures are those of diffusers' pipeline, and rows, texts and sizes do not disturb each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import QwenImagePipeline
from tests.families import builders_qwen_image, drive
from tests.families.drive import WIDE, adapted, asked, drawn
from tests.families.flow_dpm import FlowDpm
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, PromptPart
from darkroom.model.families import attention
from darkroom.model.families.language import TEXT_LENGTHS
from darkroom.model.families.qwen_image import QwenImage, packed, unpacked
from darkroom.model.loading import load_model

TEXT = "a red fox on the hill"
UNWANTED = "the blue sky"
LONG = "a fox of another colour, " * 12


@pytest.fixture(scope="module")
def pipeline() -> QwenImagePipeline:
    return builders_qwen_image.pipeline()


@pytest.fixture
def family(pipeline: QwenImagePipeline) -> QwenImage:
    return adapted(QwenImage, pipeline, steps=4)


def reference(pipe: QwenImagePipeline, latent: Tensor, *, output: str, **call: object) -> Tensor:
    """What the pipeline makes of a latent (C, h, w); latents come back as (1, C, h, w)."""
    pipe.set_progress_bar_config(disable=True)
    height, width = latent.shape[-2:]
    images: Tensor = pipe(
        latents=packed(latent[None]), height=height * 8, width=width * 8, output_type=output, **call
    ).images
    return unpacked(images, height, width) if output == "latent" else images


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m_flow"])
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_latents_and_pictures_are_those_of_the_pipeline(sampler: str, guidance: float) -> None:
    pipe = builders_qwen_image.pipeline()
    family = adapted(QwenImage, pipe, steps=5, guidance=guidance, sampler=sampler)
    if sampler == "dpmpp_2m_flow":
        pipe.scheduler = FlowDpm.over(pipe.scheduler)
    request = asked(TEXT, aspect=WIDE, negative=UNWANTED)
    prepared = family.prepare(request, index=0)
    assert prepared.latent.shape == (4, 6, 12)
    assert prepared.sigmas[-2] == pytest.approx(0.02)
    call = {"prompt": TEXT, "true_cfg_scale": guidance, "num_inference_steps": 5}
    call |= {"negative_prompt": UNWANTED} if guidance > 1 else {}
    (ours,) = drawn(family, request)
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert theirs.std() > 0.5
    assert (ours - theirs).abs().max() < drive.LATENTS
    pictures = reference(pipe, prepared.latent, output="pt", **call)
    assert pictures.std() > 0.05
    assert (family.decode(ours[None]) - pictures).abs().max() < drive.PIXELS


def test_without_anything_unwanted_the_second_row_reads_a_blank(
    pipeline: QwenImagePipeline, family: QwenImage
) -> None:
    prepared = family.prepare(asked(TEXT), index=0)
    call = {"prompt": TEXT, "negative_prompt": " ", "true_cfg_scale": 4.0, "num_inference_steps": 4}
    theirs = reference(pipeline, prepared.latent, output="latent", **call)
    assert (drawn(family, asked(TEXT))[0] - theirs).abs().max() < drive.LATENTS


def test_the_schedule_moves_with_the_size(family: QwenImage) -> None:
    small, large = (family.noise.levels(4, sampler="euler", positions=count).sigmas for count in (16, 4096))
    assert small[0] == large[0] == 1.0
    assert small[1] < large[1]


def test_a_text_is_encoded_as_by_the_pipeline(pipeline: QwenImagePipeline, family: QwenImage) -> None:
    for text, ours in zip([TEXT, " ", LONG], family.encode([TEXT, "", LONG]), strict=True):
        theirs, _ = pipeline.encode_prompt(text)
        count = int(ours["mask"].sum())
        assert ours["text"].shape[0] == len(ours["mask"]) in TEXT_LENGTHS
        assert theirs.shape[1] == count
        assert theirs.std() > 0.5
        torch.testing.assert_close(ours["text"][:count], theirs[0], rtol=0, atol=1e-5)
        assert not ours["text"][count:].any()


def test_texts_are_encoded_alike_in_any_company(family: QwenImage) -> None:
    drive.assert_texts_alone(family, [TEXT, "", LONG, UNWANTED, "a fox", TEXT])


def test_rows_at_other_times_and_of_other_texts_leave_a_row_alone(family: QwenImage) -> None:
    """Texts of 9 tokens and of 100 in one pass: pads change nothing, and no row hears another's words."""
    fox = family.prepare(asked(TEXT, seed=1), index=0)
    other = family.prepare(asked("the blue sky, " * 11, seed=2), index=0)
    assert fox.row_class == other.row_class == f"{family.name}/8x8/128/"
    assert fox.unconditional is not None
    rows = [
        (fox.latent, 1.0, fox.conditional),
        (fox.latent, 1.0, fox.unconditional),
        (other.latent, 0.3, other.conditional),
    ]
    drive.assert_rows_alone(family, rows, pad=4)


def test_pads_are_masked(family: QwenImage) -> None:
    prepared = family.prepare(asked(TEXT), index=0)
    latent, sigma = prepared.latent[None], torch.tensor([0.7])
    count = int(prepared.conditional["mask"].sum())
    assert count < len(prepared.conditional["mask"])
    cut = {name: t[:count] if t.dim() else t for name, t in prepared.conditional.items()}
    full, short = (family.denoise(latent, sigma, [row]) for row in (prepared.conditional, cut))
    torch.testing.assert_close(full, short, rtol=drive.NOISE, atol=drive.NOISE)


def test_a_long_prompt_lengthens_both_rows_and_the_class(
    pipeline: QwenImagePipeline, family: QwenImage
) -> None:
    prepared = family.prepare(asked(LONG), index=0)
    assert prepared.row_class == f"{family.name}/8x8/256/"
    assert prepared.unconditional is not None
    assert len(prepared.conditional["mask"]) == len(prepared.unconditional["mask"]) == 256
    call = {"prompt": LONG, "negative_prompt": " ", "true_cfg_scale": 4.0, "num_inference_steps": 4}
    theirs = reference(pipeline, prepared.latent, output="latent", **call)
    assert (drawn(family, asked(LONG))[0] - theirs).abs().max() < drive.LATENTS


def test_a_prompt_that_is_too_long_is_cut_as_by_the_pipeline_and_said_so(
    pipeline: QwenImagePipeline, family: QwenImage
) -> None:
    endless = LONG * 5
    prepared = family.prepare(asked(endless), index=0)
    lost = pipeline.encode_prompt(endless, max_sequence_length=1024)[0].shape[1] - 512
    assert 0 < lost == family.unread(endless)
    assert any(f"{lost} " in note for note in prepared.notes)
    assert not family.prepare(asked(TEXT), index=0).notes
    theirs, _ = pipeline.encode_prompt(endless, max_sequence_length=512)
    torch.testing.assert_close(prepared.conditional["text"], theirs[0], rtol=0, atol=1e-5)


def test_prompts_of_different_lengths_are_blended(family: QwenImage) -> None:
    parts = (PromptPart(text=TEXT, weight=3.0), PromptPart(text=LONG, weight=1.0))
    prepared = family.prepare(GenerationParams(parts=parts, model="tiny", seed=1), index=0)
    short, long = family.encode([TEXT, LONG])
    mixed = prepared.conditional
    assert torch.equal(mixed["mask"], long["mask"])
    torch.testing.assert_close(mixed["text"][0], 0.75 * short["text"][0] + 0.25 * long["text"][0])


def test_kernels_that_take_no_mask_are_left_alone(
    pipeline: QwenImagePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where flash attention is installed, too: it would refuse every pass."""
    monkeypatch.setattr(attention, "_present", lambda kernels: True)
    cuda = SimpleNamespace(torch_device=torch.device("cuda"), dtype=torch.bfloat16, attention="auto")
    assert QwenImage.MASKED
    assert attention.choose_attention(pipeline.transformer, cuda, masked=True) == "sdpa"
    cuda.attention = "flash"
    with pytest.raises(ModelError, match="attends with a mask"):
        attention.choose_attention(pipeline.transformer, cuda, masked=True)


def test_kinds_that_have_other_inputs_are_refused() -> None:
    pipe = builders_qwen_image.pipeline()
    pipe.transformer.register_to_config(use_additional_t_cond=True)
    with pytest.raises(ModelError, match="use_additional_t_cond"):
        adapted(QwenImage, pipe)


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: QwenImage) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, LONG, "a fox", "the blue sky, " * 11])


def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, family: QwenImage) -> None:
    builders_qwen_image.build(tmp_path)
    entry = replace(drive.entry("qwen-image", tmp_path, steps=4), name=family.name)
    loaded = load_model(entry, drive.CPU)
    one, other = (drawn(each, asked(TEXT), index=1)[0] for each in (loaded, family))
    assert torch.equal(one, other)
    assert len(loaded.weights_hash) == 64
    preview = loaded.preview(one[None])
    assert preview.shape[1] == 3 and preview.std() > 0
