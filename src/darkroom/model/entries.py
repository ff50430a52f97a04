"""From a folder that is a model to the registry entry it starts with: its size, its parameters, its name for people.

What is written here can be edited in the file afterwards. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from darkroom.core.capabilities import ModelCapabilities, ModelSource
from darkroom.core.errors import ModelError, WeightsError
from darkroom.model.folders import FolderReport, read_header, read_json, weight_files
from darkroom.model.layouts import GUIDANCE_RULES, LAYOUTS

USUAL_PX = 1024  # of a square picture, where the network's config names no size
LARGE = 1.25  # `--hd` against the native size, per side
WIDEST_ASPECT = 3
WIDEST_ASPECT_HD = 2
LICENCE_UNKNOWN = "not stated: see where the weights come from"

HONOURED = frozenset({"aspect", "quality", "seed", "stop", "draft", "hd", "repeat", "weights"})
"""What every family does with a prompt."""
SEEING = frozenset({"image_prompts", "style_reference"})
"""What a model does besides whose folder has the part that reads pictures."""
IMAGE_PROMPTS_MAX = 4
ENCODER = "encoder."  # how the weights begin of the part of a VAE that reads pictures
WITHOUT_NEGATIVES = frozenset({"flux"})
"""Families whose guidance is an input of the network: there is no row that could hold what is not wanted."""


def entry_of(
    name: str, folder: Path, report: FolderReport, source: ModelSource | None = None
) -> ModelCapabilities:
    """The entry for a folder that `inspect` found nothing wrong with. `source` holds what is asked for besides.

    Raises ModelError with all problems where there are any.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}")
    if report.problems:
        raise ModelError(f"{folder} is not a model that can be drawn with: {'; '.join(report.problems)}")
    source = source or ModelSource()
    layout = LAYOUTS[report.family]
    if fault := driving_fault(report.family, source):
        raise ModelError(fault)
    native_px = _native_px(folder, report.family)
    heard = report.family not in WITHOUT_NEGATIVES and source.guidance != layout.unguided
    seeing = reads_pictures(folder)
    return ModelCapabilities(
        name=name.lower(),
        title=f"{name}: {report.class_name.removesuffix('Pipeline')}",
        family=report.family,
        honours=HONOURED | ({"no"} if heard else frozenset()) | (SEEING if seeing else frozenset()),
        native_px=native_px,
        large_px=round(native_px * LARGE),
        widest_aspect=WIDEST_ASPECT,
        widest_aspect_hd=WIDEST_ASPECT_HD,
        max_image_prompts=IMAGE_PROMPTS_MAX if seeing else 0,
        licence=LICENCE_UNKNOWN,
        source=replace(source, folder=str(folder)),
    )


def reads_pictures(folder: Path) -> bool:
    """Whether a model can be shown pictures: its VAE has an encoder, and not the decoder alone."""
    try:
        return any(
            name.startswith(ENCODER) for path in weight_files(folder / "vae") for name in read_header(path)
        )
    except (WeightsError, OSError):
        return False


def driving_fault(family: str, source: ModelSource) -> str:
    """What the family does not have of what an entry asks for; "" where it has all of it."""
    for key, asked, known in (
        ("sampler", source.sampler, LAYOUTS[family].samplers),
        ("guidance_rule", source.guidance_rule, GUIDANCE_RULES),
    ):
        if asked is not None and asked not in known:
            return (
                f"models of the family {family} have no {key} {asked!r}; known are {', '.join(sorted(known))}"
            )
    return ""


def _native_px(folder: Path, family: str) -> int:
    """Pixels of the square that the network was trained on, as its config says."""
    try:
        network = read_json(folder / LAYOUTS[family].network / "config.json")
        decoder = read_json(folder / "vae" / "config.json")
    except WeightsError:
        return USUAL_PX
    side = _sample_size(network)
    blocks = decoder.get("block_out_channels")
    return side * 2 ** (len(blocks) - 1) if side and isinstance(blocks, list) and blocks else USUAL_PX


def _sample_size(config: Mapping[str, object]) -> int:
    """In latent positions; 0 where the config has none (the rotary families)."""
    size = config.get("sample_size")
    return size if isinstance(size, int) and not isinstance(size, bool) and 0 < size <= 4096 else 0
