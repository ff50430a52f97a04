"""What the pictures and style codes of a request pull a drawing of mini-1 towards, and how strongly. Trains nothing."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from darkroom.core.params import GenerationParams, image_seed
from darkroom.model.denoiser import Given, Pull
from darkroom.model.guides import Lean, woven
from darkroom.model.style import Statistics, StylePull, mixed, palette, share_of, statistics_of

LED_DOWN_TO = 0.4
"""Noise level from which on image prompts say nothing more: the words finish the picture."""
HALF_IMAGE_WEIGHT = 1.0  # the `--iw` that leads half the way
BLEND_SHARE, BLENDED_DOWN_TO = 0.75, 0.4
"""A blend has no words to listen to."""
WOVEN = 1_000_000
"""Added to an image's index to seed which picture leads where, so that it shares no chance with the noise."""


def pulls(
    params: GenerationParams,
    given: Given,
    *,
    index: int,
    like: Tensor,
    code_style: Callable[[int], Statistics],
) -> tuple[Pull, ...]:
    """What moves the estimates of image `index`, whose latent has the shape of `like`; empty where words alone count.

    Raises ModelError where a picture has another shape.
    """
    assert params.seed is not None
    seed = image_seed(params.seed, index + WOVEN)
    found: list[Pull] = []
    if given.blends:
        found.append(
            Lean(target=woven(given.blends, like, seed=seed), share=BLEND_SHARE, down_to=BLENDED_DOWN_TO)
        )
    if given.prompts and params.image_weight > 0:
        share = params.image_weight / (params.image_weight + HALF_IMAGE_WEIGHT)
        found.append(Lean(target=woven(given.prompts, like, seed=seed), share=share, down_to=LED_DOWN_TO))
    styles = _styles(params, given, code_style)
    if styles and params.style_weight > 0:
        found.append(StylePull(style=mixed(styles), share=share_of(params.style_weight)))
    return tuple(found)


def code_statistics(code: int, encode_picture: Callable[[Tensor], Tensor]) -> Statistics:
    """The style that a code stands for."""
    return statistics_of(encode_picture(palette(code)))


def _styles(
    params: GenerationParams, given: Given, code_style: Callable[[int], Statistics]
) -> list[tuple[Statistics, float]]:
    """Those of the pictures, and those of the numeric codes, with their weights."""
    pictures = [(statistics_of(guide.latent), guide.weight) for guide in given.styles]
    codes = [
        (code_style(int(each.source)), each.weight)
        for each in params.style_references
        if each.source.isdecimal()
    ]
    return [(style, weight) for style, weight in (*pictures, *codes) if weight > 0]
