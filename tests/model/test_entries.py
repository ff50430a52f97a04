"""The entry that a folder starts with: what it may ask for, and what it honours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from darkroom.core.capabilities import ModelSource
from darkroom.core.errors import ModelError
from darkroom.model.entries import driving_fault, entry_of
from darkroom.model.folders import FolderReport
from darkroom.model.layouts import LAYOUTS


def report(family: str) -> FolderReport:
    return FolderReport(family=family, class_name=min(LAYOUTS[family].pipelines))


@pytest.mark.parametrize(
    ("family", "guidance", "heard"),
    [
        ("sd", None, True),
        ("sd", 2.0, True),
        ("sd", 1.0, False),
        ("z-image", 1.0, True),
        ("z-image", 0.0, False),
        ("flux", 3.5, False),
    ],
)
def test_what_is_not_wanted_is_honoured_where_there_is_a_second_row(
    tmp_path: Path, family: str, guidance: float | None, heard: bool
) -> None:
    model = entry_of("ink", tmp_path, report(family), ModelSource(guidance=guidance))
    assert ("no" in model.honours) == heard and "seed" in model.honours


@pytest.mark.parametrize(
    ("family", "source", "words"),
    [
        (
            "sd",
            ModelSource(sampler="dpmpp_2m_flow"),
            "the family sd have no sampler 'dpmpp_2m_flow'; known are ddim, dpm",
        ),
        ("flux", ModelSource(sampler="dpmpp_2m"), "no sampler 'dpmpp_2m'"),
        (
            "sd3",
            ModelSource(guidance_rule="strong"),
            "no guidance_rule 'strong'; known are linear, norm_limit",
        ),
    ],
)
def test_what_a_family_does_not_have_is_refused(
    tmp_path: Path, family: str, source: ModelSource, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        entry_of("ink", tmp_path, report(family), source)


def test_what_it_has_is_not() -> None:
    for family, layout in LAYOUTS.items():
        for sampler in layout.samplers:
            assert driving_fault(family, ModelSource(sampler=sampler, guidance_rule="token_norm")) == ""


@pytest.mark.parametrize(
    ("weight", "reads"), [("encoder.conv_in.weight", True), ("decoder.encoder.w", False)]
)
def test_pictures_are_honoured_where_the_folder_can_read_them(
    tmp_path: Path, weight: str, reads: bool
) -> None:
    (tmp_path / "vae").mkdir()
    save_file({weight: np.zeros(1)}, tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    model = entry_of("ink", tmp_path, report("flux"))
    assert ({"image_prompts", "style_reference"} <= model.honours) == reads
    assert model.max_image_prompts == (4 if reads else 0)


def test_a_folder_without_a_vae_promises_no_pictures(tmp_path: Path) -> None:
    assert entry_of("ink", tmp_path, report("sd")).max_image_prompts == 0


def test_a_folder_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        entry_of("ink", tmp_path / "gone", FolderReport(family="", class_name="", problems=("gone",)))
    assert refused.value.message == f"there is no folder {tmp_path / 'gone'}"
