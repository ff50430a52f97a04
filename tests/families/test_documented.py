"""docs/models.md keeps up with the families: their names, defaults, pipelines and samplers."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from darkroom.model import guidance
from darkroom.model.entries import IMAGE_PROMPTS_MAX
from darkroom.model.families import FAMILIES
from darkroom.model.families.noise import DiffusionNoise, FlowNoise
from darkroom.model.families.pictures import BLEND_STRENGTH, IMAGE_WEIGHT_SPAN, prompt_strength
from darkroom.model.layouts import DIFFUSION_SAMPLERS, FLOW_SAMPLERS, GUIDANCE_RULES, LAYOUTS
from darkroom.model.sources import SOURCE_KEYS

TEXT = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells
    for line in TEXT.splitlines()
    if line.startswith("| `") and (cells := re.findall(r"[^|`]+", line.replace(" ", "")))
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_listed_with_its_pipelines_steps_and_guidance(name: str) -> None:
    family = importlib.import_module(FAMILIES[name]).ADAPTER
    _, _, pipelines, steps, guidance, *_ = ROWS[name]
    assert set(pipelines.split(",")) == LAYOUTS[name].pipelines
    assert re.match(r"\d+", steps)[0] == str(family.STEPS)
    assert float(re.match(r"[\d.]+", guidance)[0]) == family.GUIDANCE


def test_the_samplers_and_the_keys_of_a_source_are_named() -> None:
    config = {**DDIMScheduler().config, "_class_name": "DDIMScheduler"}
    for noise in (DiffusionNoise(config), FlowNoise(FlowMatchEulerDiscreteScheduler().config)):
        assert all(f"`{sampler}`" in TEXT for sampler in noise.samplers)
    assert all(f"`{key}`" in TEXT for key in SOURCE_KEYS)


def test_what_pictures_do_is_told_in_numbers() -> None:
    span = f"{IMAGE_WEIGHT_SPAN:g}"
    assert f"image prompts (up to {IMAGE_PROMPTS_MAX})" in TEXT and f"`{span} / ({span} + iw)`" in TEXT
    assert f"all at 0, {prompt_strength(1):g} at the usual 1, {prompt_strength(3):.2f} at 3" in TEXT
    assert f"with {BLEND_STRENGTH:g} drawn anew" in TEXT


@pytest.mark.parametrize("name", FAMILIES)
def test_the_names_that_are_kept_without_torch_are_those_of_the_networks(name: str) -> None:
    config = {**DDIMScheduler().config, "_class_name": "DDIMScheduler"}
    flow = FlowNoise(FlowMatchEulerDiscreteScheduler().config).samplers
    assert (DiffusionNoise(config).samplers, flow) == (DIFFUSION_SAMPLERS, FLOW_SAMPLERS)
    assert LAYOUTS[name].samplers == (
        DIFFUSION_SAMPLERS if name in ("sd", "sdxl", "pixart") else FLOW_SAMPLERS
    )
    assert set(guidance.GUIDANCE_RULES) == GUIDANCE_RULES
