"""Z-Image: our latents and pictures are those of diffusers' pipeline, and rows, texts and sizes do not disturb each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import ZImagePipeline
from tests.families import builders_z_image, drive
from tests.families.drive import WIDE, adapted, asked, drawn
from tests.families.flow_dpm import FlowDpm
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import Aspect
from darkroom.model.families.language import TEXT_LENGTHS
from darkroom.model.families.parts import Parts
from darkroom.model.families.z_image import ZImage
from darkroom.model.loading import load_model

TEXT = "a red fox on the hill"
UNWANTED = "the blue sky"
LONG = "a fox of another colour, " * 12
SIZES = [3, 11, 24, 40, 100]  # words that fill 1, 1, 1, 2 and 4 blocks of 32


@pytest.fixture(scope="module")
def pipeline() -> ZImagePipeline:
    return builders_z_image.pipeline()


@pytest.fixture
def family(pipeline: ZImagePipeline) -> ZImage:
    return adapted(ZImage, pipeline, steps=4, guidance=3.0)


def reference(pipe: ZImagePipeline, latent: Tensor, *, output: str, **call: object) -> Tensor:
    """What the pipeline makes of a latent (C, h, w)."""
    pipe.set_progress_bar_config(disable=True)
    height, width = latent.shape[-2] * 8, latent.shape[-1] * 8
    images: Tensor = pipe(latents=latent[None], height=height, width=width, output_type=output, **call).images
    return images


def own_forward(pipe: ZImagePipeline, latent: Tensor, sigma: float, words: Tensor) -> Tensor:
    """The estimate of x0 (C, h, w) by the network's own forward, for one row with a text (T, D)."""
    with torch.inference_mode():
        output = pipe.transformer([latent.unsqueeze(1)], torch.tensor([1 - sigma]), [words]).sample[0]
    return latent + sigma * output.squeeze(1)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m_flow"])
@pytest.mark.parametrize("guidance", [0.0, 3.0])
def test_latents_and_pictures_are_those_of_the_pipeline(sampler: str, guidance: float) -> None:
    pipe = builders_z_image.pipeline()
    family = adapted(ZImage, pipe, steps=5, guidance=guidance, sampler=sampler)
    if sampler == "dpmpp_2m_flow":
        pipe.scheduler = FlowDpm.over(pipe.scheduler)
    request = asked(TEXT, aspect=WIDE, negative=UNWANTED)
    prepared = family.prepare(request, index=0)
    assert prepared.latent.shape == (4, 6, 12)
    assert (prepared.unconditional is None) == (guidance == 0)
    call = {"prompt": TEXT, "negative_prompt": UNWANTED, "guidance_scale": guidance, "num_inference_steps": 5}
    (ours,) = drawn(family, request)
    theirs = reference(pipe, prepared.latent, output="latent", **call)
    assert theirs.std() > 0.5
    assert (ours - theirs).abs().max() < drive.LATENTS
    pictures = reference(pipe, prepared.latent, output="pt", **call)
    assert pictures.std() > 0.05
    assert (family.decode(ours[None]) - pictures).abs().max() < drive.PIXELS


def test_a_long_prompt_draws_what_the_pipeline_draws(pipeline: ZImagePipeline, family: ZImage) -> None:
    """Its rows fill different numbers of blocks, so that the patches of the two begin at different places."""
    prepared = family.prepare(asked(LONG), index=0)
    assert prepared.row_class == f"{family.name}/8x8/256/"
    assert prepared.unconditional is not None
    call = {"prompt": LONG, "guidance_scale": 3.0, "num_inference_steps": 4}
    theirs = reference(pipeline, prepared.latent, output="latent", **call)
    assert (drawn(family, asked(LONG))[0] - theirs).abs().max() < drive.LATENTS


def test_the_limit_on_the_norm_is_that_of_the_pipeline(
    pipeline: ZImagePipeline, family: ZImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family, "guidance_rule", "norm_limit")
    prepared = family.prepare(asked(TEXT), index=0)
    call = {"prompt": TEXT, "guidance_scale": 3.0, "num_inference_steps": 4}
    free, limited = (
        reference(pipeline, prepared.latent, output="latent", cfg_normalization=on, **call)
        for on in (False, True)
    )
    assert (free - limited).abs().max() > 0.1
    assert (drawn(family, asked(TEXT))[0] - limited).abs().max() < drive.LATENTS


def test_turbo_is_known_by_its_shift_and_draws_one_row_in_8_steps() -> None:
    pipe = builders_z_image.pipeline(shift=builders_z_image.TURBO_SHIFT)
    family = adapted(ZImage, pipe)
    prepared = family.prepare(asked(TEXT, negative=UNWANTED), index=0)
    assert (prepared.guidance, prepared.unconditional, len(prepared.sigmas)) == (1.0, None, 9)
    assert family.texts(asked(TEXT)) == (TEXT,)
    theirs = reference(
        pipe, prepared.latent, output="latent", prompt=TEXT, guidance_scale=0.0, num_inference_steps=8
    )
    assert (drawn(family, asked(TEXT))[0] - theirs).abs().max() < drive.LATENTS


def test_the_undistilled_weights_are_guided_and_take_more_steps() -> None:
    prepared = adapted(ZImage, builders_z_image.pipeline()).prepare(asked(TEXT), index=0)
    assert (prepared.guidance, len(prepared.sigmas)) == (5.0, 29)


def test_a_text_is_encoded_as_by_the_pipeline(pipeline: ZImagePipeline, family: ZImage) -> None:
    for text, ours in zip([TEXT, "", LONG], family.encode([TEXT, "", LONG]), strict=True):
        theirs, _ = pipeline.encode_prompt(text, do_classifier_free_guidance=False)
        count = int(ours["mask"].sum())
        assert ours["text"].shape[0] == len(ours["mask"]) in TEXT_LENGTHS
        assert theirs[0].shape[0] == count
        assert theirs[0].std() > 0.5
        torch.testing.assert_close(ours["text"][:count], theirs[0], rtol=0, atol=1e-5)


def test_a_prompt_that_is_too_long_is_cut_as_by_the_pipeline_and_said_so(
    pipeline: ZImagePipeline, family: ZImage
) -> None:
    endless = LONG * 9
    prepared = family.prepare(asked(endless), index=0)
    assert family.unread(endless) > 0 == family.unread(LONG)
    assert prepared.notes and not family.prepare(asked(TEXT), index=0).notes
    theirs, _ = pipeline.encode_prompt(endless, do_classifier_free_guidance=False)
    torch.testing.assert_close(prepared.conditional["text"], theirs[0], rtol=0, atol=1e-5)


def test_texts_are_encoded_alike_in_any_company(family: ZImage) -> None:
    drive.assert_texts_alone(family, [TEXT, "", LONG, UNWANTED, "a fox", TEXT])


def test_rows_at_other_times_and_of_other_texts_leave_a_row_alone(family: ZImage) -> None:
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


def test_rows_that_fill_different_numbers_of_blocks_are_what_the_network_says_of_each_alone(
    pipeline: ZImagePipeline, family: ZImage
) -> None:
    """Latents of 20 patches, which is not a multiple of 32 either."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(len(SIZES), 4, 8, 10, generator=generator)
    words = [torch.randn(size, builders_z_image.WIDTH, generator=generator) for size in SIZES]
    sigmas = torch.tensor([1.0, 0.8, 0.5, 0.3, 0.05])
    rows = [
        {
            "text": torch.nn.functional.pad(text, (0, 0, 0, 128 - len(text))),
            "mask": torch.arange(128) < len(text),
        }
        for text in words
    ]
    together = family.denoise(latents, sigmas, rows)
    for ours, latent, sigma, text in zip(together, latents, sigmas.tolist(), words, strict=True):
        theirs = own_forward(pipeline, latent, sigma, text)
        torch.testing.assert_close(ours, theirs, rtol=drive.NOISE, atol=drive.NOISE)


def test_the_bits_of_a_row_do_not_depend_on_the_texts_beside_it(family: ZImage) -> None:
    """In the network's own forward they would: it pads to the longest text of a pass."""
    fox = family.prepare(asked(TEXT), index=0)
    words = [family.prepare(asked(text), index=0).conditional for text in ("a", "the blue sky, " * 11)]
    latents, sigmas = fox.latent.expand(4, -1, -1, -1), torch.tensor([0.6, 0.9, 0.2, 0.6])
    beside = [family.denoise(latents, sigmas, [fox.conditional, each, each, each])[0] for each in words]
    assert torch.equal(*beside)


def test_compiling_reaches_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = builders_z_image.pipeline()
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, **_: compiled.append(module))
    parts = Parts.of(pipe.components)
    ZImage(parts, drive.entry("z-image"), replace(drive.CPU, compile=True))
    network = pipe.transformer
    layers = {*network.noise_refiner, *network.context_refiner, *network.layers}
    assert len(layers) == 4 and layers <= set(compiled)


def test_a_picture_larger_than_the_table_of_positions_is_refused(family: ZImage) -> None:
    with pytest.raises(ModelError, match="1024 pixels a side"):
        replace_native(family, 256).prepare(asked(TEXT, aspect=Aspect(width=20, height=1)), index=0)


def replace_native(family: ZImage, pixels: int) -> ZImage:
    family.entry = replace(family.entry, native_px=pixels)
    return family


def test_images_in_one_engine_have_the_bits_that_each_has_alone(family: ZImage) -> None:
    drive.assert_company_changes_nothing(family, [TEXT, LONG, "a fox", "the blue sky, " * 11])


def test_the_folder_draws_what_its_parts_draw(tmp_path: Path, family: ZImage) -> None:
    builders_z_image.build(tmp_path)
    entry = replace(drive.entry("z-image", tmp_path, steps=4, guidance=3.0), name=family.name)
    loaded = load_model(entry, drive.CPU)
    one, other = (drawn(each, asked(TEXT), index=1)[0] for each in (loaded, family))
    assert torch.equal(one, other)
    assert len(loaded.weights_hash) == 64
    preview = loaded.preview(one[None])
    assert preview.shape[1] == 3 and preview.std() > 0
