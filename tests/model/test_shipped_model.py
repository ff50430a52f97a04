"""The weights in the package: their sizes, the promise of exact mode on them, and what the parameters do to real pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from darkroom.core.params import Aspect, GenerationParams, PromptPart
from darkroom.engine.engine import Engine
from darkroom.engine.exactness import verify_exactness
from darkroom.engine.requests import Request
from darkroom.model.mini import BANK_NAME, TOO_LONG, WEIGHTS_NAME, Mini
from darkroom.model.text_encoder import TEXT_TOKENS, WEIGHTS_FILE, WEIGHTS_FOLDER

LARGEST_BYTES = {
    WEIGHTS_NAME: 16_000_000,
    BANK_NAME: 3_000_000,
    WEIGHTS_FILE: 24_000_000,
    "upscaler.safetensors": 1_400_000,
}
PROMPT = "a red apple on a blue background"


def asked(text: str = PROMPT, **changes: object) -> GenerationParams:
    params = GenerationParams(
        parts=(PromptPart(text=text, weight=1.0),), model="mini-1", seed=7, quality=0.25
    )
    return replace(params, **changes)  # type: ignore[arg-type]


def latents(model: Mini, *wanted: tuple[str, int, GenerationParams]) -> dict[tuple[str, int], Tensor]:
    """Final latents by (job, index) of images that share one engine."""
    engine = Engine(preview_every=0)
    for job, index, params in wanted:
        engine.add(model, Request(job_id=job, index=index, params=params))
    while engine.busy:
        engine.step()
    return {(done.job_id, done.index): done.latent for done in engine.take_finished()}


@pytest.mark.parametrize(("name", "most"), LARGEST_BYTES.items())
def test_the_weights_keep_to_their_sizes(name: str, most: int) -> None:
    assert 0 < (WEIGHTS_FOLDER / name).stat().st_size <= most


def test_exact_mode_keeps_its_promise_on_the_shipped_weights(shipped: Mini) -> None:
    assert verify_exactness(shipped, asked(), rows_per_pass=8).holds


def test_an_image_is_the_same_alone_and_in_company_and_another_seed_is_another(shipped: Mini) -> None:
    alone = latents(shipped, ("a", 2, asked()))[("a", 2)]
    crowd = latents(
        shipped,
        ("a", 2, asked()),
        ("b", 0, asked("a fox in the snow", seed=1)),
        ("c", 1, asked("mountains at sunset", quality=0.5)),
        ("d", 0, asked("two balloons", seed=8, chaos=50)),
    )
    assert torch.equal(alone, crowd["a", 2])
    other = latents(shipped, ("a", 2, asked(seed=8)))[("a", 2)]
    assert (other - alone).abs().mean() > 0.1


def test_draft_is_smaller_and_hd_larger_and_wide_is_wide(shipped: Mini) -> None:
    def shape(**changes: object) -> tuple[int, ...]:
        return tuple(shipped.prepare(asked(**changes), index=0).latent.shape[1:])

    assert shape(draft=True) == (6, 6) and shape() == (8, 8) and shape(hd=True) == (12, 12)
    height, width = shape(aspect=Aspect(width=16, height=9))
    assert width / height == pytest.approx(16 / 9, rel=0.1)


def test_a_prompt_longer_than_the_model_reads_is_noted_and_still_drawn(shipped: Mini) -> None:
    long = "a fox and " + "very " * 100 + "much snow"
    prepared = shipped.prepare(asked(long), index=0)
    assert prepared.notes == (TOO_LONG.format(limit=TEXT_TOKENS, length=TEXT_TOKENS),)
    assert shipped.prepare(asked(), index=0).notes == ()


def test_the_pictures_of_different_prompts_differ_in_the_colour_asked_for(shipped: Mini) -> None:
    """The least that must hold of any weights that ship: a background has the colour that was asked for."""
    blue = latents(shipped, ("a", 0, asked("a yellow lemon on a blue background", quality=1.0)))[("a", 0)]
    red = latents(shipped, ("a", 0, asked("a yellow lemon on a red background", quality=1.0)))[("a", 0)]
    border = [shipped.decode(latent[None])[0, :, :, :6].mean((1, 2)) for latent in (blue, red)]
    assert border[0][2] > border[0][0] and border[1][0] > border[1][2]
