"""FLUX.1: our latents and pictures are those of diffusers' pipeline, dev and schnell; one row for each image of dev."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, FluxPipeline
from tests.families import builders_flux, drive
from tests.families.drive import SQUARE, WIDE, adapted, asked, drawn
from tests.families.tiny_parts import T5_TOKENS
from torch import Tensor

from darkroom.model.families.flux import Flux, image_ids, packed, unpacked
from darkroom.model.loading import load_model

TEXT = "a red cat on the hill"
UNWANTED = "the blue sea"


class HeunOfGivenLevels(FlowMatchHeunDiscreteScheduler):
    """diffusers' Heun step at the levels that its Euler scheduler visits for a size: its own cannot be told a size."""

    def set_timesteps(
        self, device: object = None, sigmas: object = None, mu: float = 0.0, **_: object
    ) -> None:
        euler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        euler.set_timesteps(sigmas=sigmas, mu=mu)
        first, *others, last = euler.sigmas
        self.sigmas = torch.stack([first, *(level for sigma in others for level in (sigma, sigma)), last])
        self.timesteps = self.sigmas[:-1] * self.config.num_train_timesteps
        self.prev_derivative = self.dt = self._step_index = self._begin_index = None


@pytest.fixture(scope="module")
def pipeline() -> FluxPipeline:
    return builders_flux.pipeline()


@pytest.fixture
def family(pipeline: FluxPipeline) -> Flux:
    return adapted(Flux, pipeline, steps=4, guidance=3.0)


def reference(pipe: FluxPipeline, latent: Tensor, *, output: str, **call: object) -> Tensor:
    """The pipeline's own latents are tokens; a latent as this test takes and gives them is (C, h, w)."""
    pipe.set_progress_bar_config(disable=True)
    height, width = latent.shape[-2:]
    tokens = pipe._pack_latents(latent[None], 1, 16, height, width)
    images: Tensor = pipe(
        latents=tokens,
        height=height * 8,
        width=width * 8,
        output_type=output,
        max_sequence_length=T5_TOKENS,
        **call,
    ).images
    return pipe._unpack_latents(images, height * 8, width * 8, 8) if output == "latent" else images


@pytest.mark.parametrize("aspect", [SQUARE, WIDE])
@pytest.mark.parametrize("sampler", ["euler", "heun"])
@pytest.mark.parametrize("guidance", [1.0, 3.5])
def test_dev_draws_what_the_pipeline_draws(sampler: str, guidance: float, aspect: drive.Aspect) -> None:
    pipe = builders_flux.pipeline()
    if sampler == "heun":
        pipe.scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    family = adapted(Flux, pipe, steps=5, guidance=guidance, sampler=sampler)
    if sampler == "heun":
        pipe.scheduler = HeunOfGivenLevels()
    request = asked(TEXT, aspect=aspect)
    prepared = family.prepare(request, index=0)
    assert (prepared.guidance, prepared.unconditional) == (1.0, None)
    call = {"prompt": TEXT, "guidance_scale": guidance, "num_inference_steps": 5}
    (ours,) = drawn(family, request)
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert theirs.std() > 0.5
    assert (ours - theirs).abs().max() < drive.LATENTS
    pictures = reference(pipe, prepared.latent, output="pt", **call)
    assert (family.decode(ours[None]) - pictures).abs().max() < drive.PIXELS


@pytest.mark.parametrize("guidance", [None, 2.5])
def test_schnell_has_a_second_row_only_where_the_registry_wants_guidance(guidance: float | None) -> None:
    pipe = builders_flux.pipeline(dev=False)
    family = adapted(Flux, pipe, guidance=guidance)
    request = asked(TEXT, negative=UNWANTED)
    prepared = family.prepare(request, index=0)
    assert len(prepared.sigmas) == 5
    assert prepared.sigmas[1] == pytest.approx(0.75)
    assert (prepared.unconditional is None) == (guidance is None)
    assert bool(prepared.notes) == (guidance is None)
    call = {"prompt": TEXT, "num_inference_steps": 4, "guidance_scale": 9.0}
    if guidance is not None:
        call |= {"negative_prompt": UNWANTED, "true_cfg_scale": guidance}
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert (drawn(family, request)[0] - theirs).abs().max() < drive.LATENTS


def test_levels_depend_on_the_size_of_the_picture(family: Flux) -> None:
    small, large = (family.prepare(replace(asked(TEXT), hd=hd), index=0) for hd in (False, True))
    assert large.latent.shape == (16, 12, 12)
    assert all(high > low for high, low in zip(large.sigmas[1:-1], small.sigmas[1:-1], strict=True))
    assert large.row_class != small.row_class


def test_a_text_is_encoded_as_by_the_pipeline(pipeline: FluxPipeline, family: Flux) -> None:
    texts = [TEXT, "", UNWANTED * 9]
    for text, ours in zip(texts, family.encode(texts), strict=True):
        words, pooled, _ = pipeline.encode_prompt(text, max_sequence_length=T5_TOKENS)
        assert ours["text"].shape == (T5_TOKENS, 32)
        torch.testing.assert_close(ours["text"], words[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(ours["pooled"], pooled[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("dev", "length"), [(True, 512), (False, 256)])
def test_texts_have_the_length_that_the_weights_were_made_for(dev: bool, length: int) -> None:
    pipe = builders_flux.pipeline(dev=dev)
    pipe.tokenizer_2.model_max_length = 1024
    family = adapted(Flux, pipe)
    prepared = family.prepare(asked(TEXT), index=0)
    assert prepared.conditional["text"].shape == (length, 32)
    assert prepared.row_class == f"{family.name}/8x8/{length}/"


def test_texts_are_encoded_alike_in_any_company(family: Flux) -> None:
    drive.assert_texts_alone(family, [TEXT, "", UNWANTED, "a fox", "ed ing" * 20])


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: Flux) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, "a fox", UNWANTED])


def test_rows_at_other_times_texts_and_guidance_leave_a_row_alone(pipeline: FluxPipeline) -> None:
    families = [adapted(Flux, pipeline, guidance=guidance) for guidance in (1.0, 3.5, 7.0)]
    cat, fox, sea = (
        family.prepare(asked(text, seed=i), index=i)
        for i, (family, text) in enumerate(zip(families, [TEXT, "a fox", UNWANTED], strict=True))
    )
    assert cat.row_class == fox.row_class == sea.row_class
    rows = [
        (cat.latent, 1.0, cat.conditional),
        (fox.latent, 0.6, fox.conditional),
        (sea.latent, 0.1, sea.conditional),
    ]
    drive.assert_rows_alone(families[0], rows, pad=4)
    unguided = {**cat.conditional, "guidance": fox.conditional["guidance"]}
    one, other = (
        families[0].denoise(cat.latent[None], torch.ones(1), [row]) for row in (cat.conditional, unguided)
    )
    assert (one - other).abs().max() > 1e-3


def test_packing_is_the_pipelines_and_has_an_inverse() -> None:
    latents = torch.randn(2, 16, 6, 10, generator=torch.Generator().manual_seed(0))
    tokens = packed(latents)
    assert torch.equal(tokens, FluxPipeline._pack_latents(latents, 2, 16, 6, 10))
    assert torch.equal(unpacked(tokens, 6, 10), latents)
    ids = FluxPipeline._prepare_latent_image_ids(2, 3, 5, torch.device("cpu"), torch.float32)
    assert torch.equal(image_ids(6, 10, device=torch.device("cpu")), ids)


def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, family: Flux) -> None:
    builders_flux.build(tmp_path)
    loaded = load_model(
        replace(drive.entry("flux", tmp_path, steps=4, guidance=3.0), name=family.name), drive.CPU
    )
    one, other = (each.prepare(asked(TEXT), index=1) for each in (loaded, family))
    assert one.row_class == other.row_class
    assert torch.equal(*drawn(loaded, asked(TEXT), index=1), *drawn(family, asked(TEXT), index=1))
