"""How pictures begin a drawing of a model that somebody owns, and lend it their style. Knows no network and no VAE.

A network that never learnt to look at pictures is shown one as img2img does (SDEdit, arXiv 2108.01073): the drawing begins at
the picture under noise, the nearer the more the picture is to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, image_seed
from darkroom.model.denoiser import Given, Pull
from darkroom.model.families.noise import Noise
from darkroom.model.guides import woven
from darkroom.model.steering import WOVEN, pulls
from darkroom.model.style import Statistics

CODES_KEPT = 256
"""Style codes whose statistics a model keeps: each is a picture to be encoded."""
BLEND_STRENGTH = 0.7
"""How much of a blend is drawn anew: enough for the pictures to grow together."""
IMAGE_WEIGHT_SPAN = 4.0
"""The `--iw` at which half of an image prompt would be drawn anew; at the usual 1 it is four fifths, at 3 it is 0.57."""
STARTED_ALREADY = (
    "{name} begins at one picture, and here that is the old one: the image prompts were not looked at"
)
NO_ENCODER = (
    "{name} cannot read pictures: the vae in its folder has no encoder (no weights named encoder.*). "
    "Take a folder with the whole vae; from words alone it draws all the same"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class AtFlowLevel:
    """A pull for a model of the scaled space x0 + sigma n: it is told the level of rectified flow with as much noise."""

    pull: Pull

    @property
    def nbytes(self) -> int:
        return self.pull.nbytes

    def to(self, device: torch.device) -> AtFlowLevel:
        return replace(self, pull=self.pull.to(device))

    def __call__(self, estimate: Tensor, sigma: float) -> Tensor:
        return self.pull(estimate, sigma / (1 + sigma))


def resolved(params: GenerationParams, given: Given, *, index: int, like: Tensor) -> Given:
    """Pictures that lead become the one that image `index` begins at. An init goes before a blend, a blend before prompts.

    `like` (C, h, w) has the shape of the drawing. Raises ModelError where a picture has another.
    """
    assert params.seed is not None
    seed = image_seed(params.seed, index + WOVEN)
    if given.init is not None:
        _check_shape(given.init, like)
        return given
    if given.blends:
        return replace(given, init=woven(given.blends, like, seed=seed), strength=BLEND_STRENGTH)
    if given.prompts and params.image_weight > 0:
        init = woven(given.prompts, like, seed=seed)
        return replace(given, init=init, strength=prompt_strength(params.image_weight))
    return given


def prompt_strength(image_weight: float) -> float:
    """How much of image prompts is drawn anew at `--iw`: 1, which is all, at 0, and ever less above."""
    return IMAGE_WEIGHT_SPAN / (IMAGE_WEIGHT_SPAN + image_weight)


def begun(given: Given, noise: Tensor, *, pure: Tensor, sigma: float, model: Noise) -> Tensor:
    """The latent (C, h, w) that stands at the first level `sigma`; `pure` is that of a drawing from words alone.

    At strength 1 it is `pure` where all is drawn anew, to the bit; what is known is under as much noise as anything else.
    """
    if given.init is None:
        return pure
    noised = model.mixed(given.init, noise, sigma)
    if given.strength < 1:
        return noised
    return pure if given.region is None else torch.where(given.region == 1, pure, noised)


def style_pulls(
    params: GenerationParams,
    given: Given,
    *,
    like: Tensor,
    code_style: Callable[[int], Statistics],
    model: Noise,
) -> tuple[Pull, ...]:
    """What pulls a drawing towards the styles of `--sref`, pictures and codes alike, at `--sw`."""
    styled = Given(styles=given.styles)
    found = pulls(params, styled, index=0, like=like, code_style=code_style)
    return tuple(AtFlowLevel(pull=pull) for pull in found) if model.scaled else found


def picture_notes(name: str, given: Given) -> tuple[str, ...]:
    """What of the pictures was not looked at."""
    return (STARTED_ALREADY.format(name=name),) if given.init is not None and given.prompts else ()


def check_picture(name: str, picture: Tensor, *, factor: int) -> None:
    """Raises ModelError for what is no picture (3, H, W) with sides that are multiples of `factor`."""
    sides = picture.shape[1:]
    if picture.dim() != 3 or picture.shape[0] != 3 or any(side % factor or not side for side in sides):
        raise ModelError(
            f"{name} reads pictures (3, H, W) with sides that are multiples of {factor}, not {tuple(picture.shape)}"
        )


def _check_shape(init: Tensor, like: Tensor) -> None:
    if init.shape != like.shape:
        raise ModelError(
            f"a picture of latent shape {tuple(init.shape)} cannot begin a drawing of {tuple(like.shape)}"
        )
