"""What the tests of several families share: entries of the registry, images drawn by the engine, and what must not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from darkroom.core.capabilities import HONOURABLE, ModelCapabilities, ModelSource
from darkroom.core.events import ImageFailed
from darkroom.core.params import Aspect, GenerationParams, PromptPart
from darkroom.engine.engine import Engine
from darkroom.engine.requests import Request
from darkroom.model.denoiser import Conditioning, Denoiser, Given
from darkroom.model.families.family import Family
from darkroom.model.families.parts import Parts
from darkroom.model.placement import Placement

CPU = Placement(device="cpu", precision="fp32")
SQUARE = Aspect(width=1, height=1)
WIDE = Aspect(width=2, height=1)

LATENTS = 1e-4  # how far our latents may be from diffusers'
PIXELS = 1 / 255
NOISE = 2e-5  # what fp32 loses when a row is computed in a pass of another size


def entry(family: str, folder: Path | None = None, **source: Any) -> ModelCapabilities:
    """A tiny model as the registry would describe it: 64 pixels a side, 96 if large."""
    return ModelCapabilities(
        name=f"tiny-{family}",
        title="Tiny",
        family=family,
        honours=HONOURABLE,
        native_px=64,
        large_px=96,
        source=ModelSource(folder=str(folder or ""), precision="fp32", **source),
    )


def adapted(adapter: type[Family], pipeline: Any, **source: Any) -> Family:
    """The adapter over the components of a pipeline: both then drive the same networks."""
    options = {"_class_name": type(pipeline).__name__}
    parts = Parts.of(pipeline.components, options=options, weights_hash="0" * 64)
    return adapter(parts, entry(adapter.__name__.lower(), **source), CPU)


def asked(text: str, *, seed: int = 1, aspect: Aspect = SQUARE, negative: str = "") -> GenerationParams:
    return GenerationParams(
        parts=(PromptPart(text=text, weight=1.0),),
        negative=(negative,) if negative else (),
        model="tiny",
        seed=seed,
        aspect=aspect,
    )


def picture(seed: int = 4, *, height: int = 48, width: int = 96) -> Tensor:
    """(3, H, W) in [0, 1]: soft hills of colour, and grain."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 6, generator=generator)
    soft = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")[0]
    return (soft + 0.05 * torch.randn(3, height, width, generator=generator)).clamp(0, 1)


def without(folder: Path, *beginnings: str) -> None:
    """Takes the weights that begin so out of a folder's VAE."""
    (file,) = (folder / "vae").glob("*.safetensors")
    tensors = {name: t for name, t in load_file(file).items() if not name.startswith(beginnings)}
    save_file(tensors, file, metadata={"format": "pt"})


def drawn(
    denoiser: Denoiser,
    *requests: GenerationParams,
    index: int = 0,
    given: Given | Sequence[Given | None] | None = None,
) -> list[Tensor]:
    """The finished latents (C, h, w), in the order of the requests: all of them in one engine, in exact mode.

    `given` is for all of them, or a sequence with one for each.
    """
    engine = Engine(preview_every=0)
    each = given if isinstance(given, Sequence) else [given] * len(requests)
    for number, (params, pictures) in enumerate(zip(requests, each, strict=True)):
        engine.add(denoiser, Request(job_id=str(number), index=index, params=params, given=pictures))
    failed = []
    while engine.busy:
        failed += [event for event in engine.step() if isinstance(event, ImageFailed)]
    assert not failed
    finished = {each.job_id: each for each in engine.take_finished()}
    assert all(each.exact for each in finished.values())
    return [finished[str(number)].latent for number in range(len(requests))]


def assert_company_changes_nothing(family: Family, texts: Sequence[str]) -> None:
    """Images of other texts, sizes and numbers of steps in one engine have the bits that each has alone."""
    requests = [
        replace(asked(text, seed=i, aspect=(SQUARE, WIDE)[i % 2]), quality=(1.0, 2.0, 0.5)[i % 3])
        for i, text in enumerate(texts)
    ]
    together = drawn(family, *requests)
    for request, latent in zip(requests, together, strict=True):
        assert torch.equal(latent, drawn(family, request)[0]), request


def assert_rows_alone(
    denoiser: Denoiser, rows: Sequence[tuple[Tensor, float, Conditioning]], pad: int
) -> None:
    """Rows (latent, sigma, conditioning) of one pass, padded with the last, are what each would be alone."""
    filled = [*rows, *[rows[-1]] * (pad - len(rows))]
    together = denoiser.denoise(
        torch.stack([latent for latent, _, _ in filled]),
        torch.tensor([sigma for _, sigma, _ in filled]),
        [conditioning for _, _, conditioning in filled],
    )
    for estimate, (latent, sigma, conditioning) in zip(together, filled, strict=True):
        alone = denoiser.denoise(latent[None], torch.tensor([sigma]), [conditioning])[0]
        torch.testing.assert_close(estimate, alone, rtol=NOISE, atol=NOISE * max(1.0, sigma))


def assert_texts_alone(family: Family, texts: Sequence[str]) -> None:
    """Encoded together or one by one: the same bits, whatever the number of texts."""
    together = family.encode(texts)
    assert len(together) == len(texts)
    for text, encoded in zip(texts, together, strict=True):
        (alone,) = family.encode([text])
        assert encoded.keys() == alone.keys()
        assert all(torch.equal(encoded[name], alone[name]) for name in alone), text
