"""Pictures before every family: read, begun at, kept outside a region, leading, and lending their style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from tests.families import (
    builders_flux,
    builders_pixart,
    builders_qwen_image,
    builders_sd,
    builders_sd3,
    builders_sdxl,
    builders_z_image,
    drive,
)
from tests.families.drive import WIDE, adapted, asked, drawn, picture, without
from tests.families.unet_parity import MILD
from torch import Tensor

from darkroom.core.errors import ModelError, WeightsError
from darkroom.core.params import GenerationParams, Reference
from darkroom.model.denoiser import Given, Guide
from darkroom.model.entries import entry_of
from darkroom.model.families.family import Family
from darkroom.model.families.flux import Flux
from darkroom.model.families.pictures import AtFlowLevel, prompt_strength
from darkroom.model.families.pixart import PixArt
from darkroom.model.families.qwen_image import QwenImage
from darkroom.model.families.sd import StableDiffusion
from darkroom.model.families.sd3 import StableDiffusion3
from darkroom.model.families.sdxl import StableDiffusionXL
from darkroom.model.families.z_image import ZImage
from darkroom.model.folders import inspect
from darkroom.model.loading import load_model
from darkroom.model.style import StylePull, statistics_of

TEXT = "the red cat on a hill"
STEPS = 6


@dataclass(frozen=True)
class Kind:
    """A family, how its tiny model is made, and the guidance that it is driven with."""

    adapter: type[Family]
    pipeline: Callable[[], Any]
    guidance: float = 3.0


KINDS = {
    "sd": Kind(StableDiffusion, lambda: builders_sd.pipeline(schedule=EulerDiscreteScheduler(**MILD))),
    "sdxl": Kind(StableDiffusionXL, lambda: builders_sdxl.pipeline(schedule=EulerDiscreteScheduler(**MILD))),
    "sd3": Kind(StableDiffusion3, builders_sd3.pipeline),
    "flux": Kind(Flux, builders_flux.pipeline),  # distilled: one row whatever its guidance
    "pixart": Kind(PixArt, builders_pixart.pipeline, guidance=1.0),  # one row
    "qwen-image": Kind(QwenImage, builders_qwen_image.pipeline),
    "z-image": Kind(ZImage, lambda: builders_z_image.pipeline(shift=3.0), guidance=0.0),  # Turbo: one row
}


@lru_cache
def made(name: str) -> Family:
    kind = KINDS[name]
    return adapted(kind.adapter, kind.pipeline(), steps=STEPS, guidance=kind.guidance)


@pytest.fixture(params=KINDS)
def family(request: pytest.FixtureRequest) -> Family:
    return made(request.param)


@pytest.fixture(params=["sd", "flux"])
def either(request: pytest.FixtureRequest) -> Family:
    """One model of each kind of noise."""
    return made(request.param)


@pytest.fixture(scope="module", autouse=True)
def _gone() -> Any:
    yield
    made.cache_clear()


def request_of(**changes: Any) -> GenerationParams:
    return replace(asked(TEXT, aspect=WIDE), **changes)


def guide(family: Family, seed: int = 4, weight: float = 1.0) -> Guide:
    width, height = family.size(request_of())
    seen = picture(seed, height=height, width=width)
    return Guide(latent=family.encode_picture(seen), picture=seen, weight=weight)


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean())


def test_a_picture_is_read_as_its_vae_reads_it(family: Family) -> None:
    """The likeliest latents, on the scale of the network."""
    seen, vae = guide(family).picture, family.parts.vae
    film = isinstance(family, QwenImage)
    with torch.no_grad():
        values = seen[None, :, None] if film else seen[None]
        mean = vae.encode(values * 2 - 1).latent_dist.mean
    config = vae.config
    if film:
        per_channel = [
            torch.tensor(each).view(-1, 1, 1) for each in (config.latents_mean, config.latents_std)
        ]
        expected = (mean[0, :, 0] - per_channel[0]) / per_channel[1]
    else:
        expected = (mean[0] - (getattr(config, "shift_factor", None) or 0)) * config.scaling_factor
    found = family.encode_picture(seen)
    assert (found.dtype, found.device.type) == (torch.float32, "cpu")
    assert found.shape == family.prepare(request_of(), index=0).latent.shape
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert torch.equal(found, family.encode_picture(seen))
    torch.testing.assert_close(family.from_vae(family.to_vae(found[None]))[0], found, rtol=0, atol=1e-5)


def test_at_strength_1_words_alone_draw(family: Family) -> None:
    given = Given(init=guide(family).latent, strength=1.0)
    assert torch.equal(*drawn(family, request_of()), *drawn(family, request_of(), given=given))


def test_at_strength_0_the_picture_comes_back_but_for_one_step(family: Family) -> None:
    init = guide(family).latent
    request = request_of()
    prepared = family.prepare(request, index=0, given=Given(init=init, strength=0.0))
    (last, end) = prepared.sigmas
    assert end == 0
    noise = torch.randn(init.shape, generator=torch.Generator().manual_seed(prepared.noise_seed))
    keeps = 1.0 if family.noise.scaled else 1 - last
    torch.testing.assert_close(prepared.latent, keeps * init + last * noise)
    near, half, far = (
        distance(*drawn(family, request, given=Given(init=init, strength=strength)), init)
        for strength in (0.0, 0.5, 1.0)
    )
    assert near < half < far or near < 0.2 * far


def test_outside_of_a_region_all_stays_bit_for_bit(family: Family) -> None:
    init = guide(family).latent
    region = torch.zeros(1, *init.shape[1:])
    region[:, 1:3, 2:6] = 1.0
    region[:, 1:3, 1] = 0.5
    for strength in (0.5, 1.0):
        (latent,) = drawn(family, request_of(), given=Given(init=init, strength=strength, region=region))
        outside = (region == 0).expand_as(init)
        assert torch.equal(latent[outside], init[outside])
        assert distance(latent[~outside], init[~outside]) > 0.01


def test_pictures_and_their_company_leave_each_other_alone(family: Family) -> None:
    one, other = guide(family), guide(family, 5)
    region = torch.ones(1, *one.latent.shape[1:])
    region[:, :2] = 0.0
    each = [
        Given(init=one.latent, strength=0.5),
        Given(init=one.latent, strength=1.0, region=region),
        None,
        Given(prompts=(one, other), styles=(other,)),
    ]
    requests = [request_of(seed=number) for number in range(len(each))]
    together = drawn(family, *requests, given=each)
    for request, given, latent in zip(requests, each, together, strict=True):
        assert torch.equal(latent, *drawn(family, request, given=given))


def test_an_image_prompt_leads_the_more_the_greater_its_weight(family: Family) -> None:
    prompt = guide(family)
    weights = (0.0, 0.5, 1.0, 3.0)
    strengths = [prompt_strength(weight) for weight in weights]
    assert strengths == sorted(strengths, reverse=True) and strengths[0] == 1.0 and strengths[-1] > 0.5
    given = Given(prompts=(prompt,))
    levels = [family.prepare(request_of(image_weight=w), index=0, given=given).sigmas[0] for w in weights]
    assert levels == sorted(set(levels), reverse=True)
    without = drawn(family, request_of())
    assert torch.equal(*without, *drawn(family, request_of(image_weight=0.0), given=given))
    (led,) = drawn(family, request_of(image_weight=3.0), given=given)
    assert distance(led, prompt.latent) < distance(*without, prompt.latent)


def test_a_blend_needs_no_words_and_takes_from_each_by_its_weight(family: Family) -> None:
    wordless = request_of(parts=())
    one, other = guide(family, 4), guide(family, 5)
    more, less = (replace(one, weight=weight) for weight in (50.0, 0.02))
    towards, away = (
        family.prepare(wordless, index=0, given=Given(blends=(each, other))) for each in (more, less)
    )
    assert len(towards.sigmas) < STEPS + 1
    noise = towards.sigmas[0]
    keeps = 1.0 if family.noise.scaled else 1 - noise
    assert distance(towards.latent - keeps * one.latent, away.latent - keeps * other.latent) < distance(
        towards.latent, away.latent
    )
    again = family.prepare(wordless, index=1, given=Given(blends=(one, other)))
    assert not torch.equal(
        again.latent, family.prepare(wordless, index=0, given=Given(blends=(one, other))).latent
    )
    (latent,) = drawn(family, wordless, given=Given(blends=(one, other)))
    assert latent.isfinite().all()


def test_a_picture_to_begin_at_goes_before_image_prompts_and_that_is_said(either: Family) -> None:
    one, other = guide(either, 4), guide(either, 5)
    alone = either.prepare(request_of(), index=0, given=Given(init=one.latent, strength=0.5))
    both = either.prepare(request_of(), index=0, given=Given(init=one.latent, strength=0.5, prompts=(other,)))
    assert torch.equal(alone.latent, both.latent) and alone.sigmas == both.sigmas
    assert not any("image prompts were not looked at" in note for note in alone.notes)
    assert any("image prompts were not looked at" in note for note in both.notes)


def apart(latent: Tensor, style: Tensor) -> float:
    """How far the statistics of channels are from each other."""
    ours, theirs = statistics_of(latent), statistics_of(style)
    return float((ours.mean - theirs.mean).square().mean())


def test_a_style_pulls_statistics_the_further_the_greater_its_weight(family: Family) -> None:
    style = guide(family, 6)
    style = replace(style, latent=style.latent + torch.linspace(-1, 1, family.channels).view(-1, 1, 1))
    given = Given(styles=(style,))
    found = [
        apart(*drawn(family, request_of(style_weight=weight), given=given), style.latent)
        for weight in (0, 100, 1000)
    ]
    assert found[0] > found[1] > found[2]
    assert found[2] < 0.5 * found[0]


def test_a_style_code_is_the_same_style_every_time(either: Family) -> None:
    def asked_for(code: str) -> GenerationParams:
        return request_of(style_references=(Reference(source=code),), style_weight=1000)

    one, again, other, none = drawn(either, asked_for("7"), asked_for("7"), asked_for("8"), request_of())
    assert torch.equal(one, again)
    assert not torch.equal(one, other) and not torch.equal(one, none)


def test_codes_and_pictures_are_weighed_together(either: Family) -> None:
    params = request_of(style_references=(Reference(source="7"),))
    given = Given(styles=(guide(either),))
    (both,), (code,) = (either.prepare(params, index=0, given=g).pulls for g in (given, None))
    inner, scaled = (both.pull, True) if isinstance(both, AtFlowLevel) else (both, False)
    assert scaled == either.noise.scaled and isinstance(inner, StylePull)
    assert both.nbytes == 2 * 4 * either.channels == code.nbytes
    assert not torch.equal(inner.style.mean, statistics_of(given.styles[0].latent).mean)


def test_a_pull_on_scaled_latents_is_told_the_level_with_as_much_noise() -> None:
    told = []

    class Heard:
        nbytes = 3

        def to(self, device: torch.device) -> Heard:
            return self

        def __call__(self, estimate: Tensor, sigma: float) -> Tensor:
            told.append(sigma)
            return estimate + 1

    pull = AtFlowLevel(pull=Heard()).to(torch.device("cpu"))
    assert torch.equal(pull(torch.zeros(1), 3.0), torch.ones(1))
    assert (told, pull.nbytes) == ([0.75], 3)


@pytest.mark.parametrize("shape", [(3, 44, 96), (1, 48, 96), (48, 96), (3, 0, 96)])
def test_what_is_no_picture_of_its_sizes_is_refused(either: Family, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"reads pictures \(3, H, W\) with sides that are multiples of 8"):
        either.encode_picture(torch.zeros(shape))


def test_a_picture_of_another_shape_begins_nothing(either: Family) -> None:
    small = torch.zeros(either.channels, 4, 4)
    with pytest.raises(ModelError, match="cannot begin a drawing"):
        either.prepare(request_of(), index=0, given=Given(init=small))
    with pytest.raises(ModelError, match="cannot lead a drawing"):
        either.prepare(
            request_of(), index=0, given=Given(prompts=(Guide(latent=small, picture=torch.zeros(3, 32, 32)),))
        )


def test_an_encoder_that_fails_is_told(either: Family) -> None:
    with pytest.raises(ModelError, match=r"the encoder of .* made numbers that are not finite"):
        either.encode_picture(torch.full((3, 48, 96), float("nan")))


def test_a_large_picture_is_read_in_tiles_that_differ_by_little(monkeypatch: pytest.MonkeyPatch) -> None:
    family, seen = made("sd"), picture(height=128, width=192)
    whole = family.encode_picture(seen)
    family.parts.vae.tile_latent_min_size, family.parts.vae.tile_sample_min_size = 8, 64
    monkeypatch.setattr("darkroom.model.families.family.TILED_FROM", 64)
    tiled = family.encode_picture(seen)
    assert tiled.shape == whole.shape == (4, 16, 24)
    assert not torch.equal(tiled, whole)
    assert (tiled - whole).abs().mean() < 0.2


@pytest.mark.parametrize(
    ("name", "build"), [("sd", builders_sd.build), ("qwen-image", builders_qwen_image.build)]
)
def test_a_folder_without_an_encoder_draws_and_says_what_it_lacks(
    tmp_path: Path, name: str, build: Callable[[Path], None]
) -> None:
    build(tmp_path)
    whole = entry_of("ink", tmp_path, inspect(tmp_path))
    assert {"image_prompts", "style_reference"} <= whole.honours and whole.max_image_prompts == 4
    without(tmp_path, "encoder.", "quant_conv.")
    entry = entry_of("ink", tmp_path, inspect(tmp_path))
    assert not {"image_prompts", "style_reference"} & entry.honours and entry.max_image_prompts == 0
    model = load_model(replace(drive.entry(name, tmp_path, steps=2), name="ink"), drive.CPU)
    (latent,) = drawn(model, asked(TEXT))
    assert model.decode(latent[None], seamless=False).isfinite().all()
    with pytest.raises(ModelError, match=r"ink cannot read pictures: the vae in its folder has no encoder"):
        model.encode_picture(torch.zeros(3, 64, 64))


def test_a_folder_with_a_part_of_an_encoder_is_not_whole(tmp_path: Path) -> None:
    builders_sd.build(tmp_path)
    without(tmp_path, "encoder.conv_in")
    with pytest.raises(WeightsError, match=r"lacks the weights encoder\.conv_in"):
        load_model(drive.entry("sd", tmp_path), drive.CPU)
