"""One step of the smallest picture, before a model counts as loaded: what its folder got wrong shows here and in no job.

A network whose config contradicts its weights, kernels that do not take its shapes, a template that fails, weights that
are not numbers: without this they would break the loop that other models share.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from darkroom.core.errors import WeightsError
from darkroom.core.params import GenerationParams, PromptPart
from darkroom.model.families.family import SEAMLESS, Family

WORDS, UNWANTED = "a lighthouse at night", "fog"
GRIDS = 2  # of the network's grid, the side of the picture's latent

_OWN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_LIBRARIES = (
    ("huggingface_hub.errors", "StrictDataclassError"),
    ("jinja2", "TemplateError"),
    ("safetensors", "SafetensorError"),
)


def folder_faults() -> tuple[type[Exception], ...]:
    """What the libraries raise for a folder that is wrong: nearly anything, because they check little beforehand."""
    found = [getattr(importlib.import_module(module), name) for module, name in _LIBRARIES]
    return (*_OWN, *found)


@contextmanager
def loadable(name: str) -> Iterator[None]:
    """What breaks inside the block is the fault of the model `name`: WeightsError. torch.OutOfMemoryError stays what it is."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except folder_faults() as fault:
        reason = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
        raise WeightsError(
            f"{name} was loaded and cannot draw: {reason}. Its configs and its weights do not go together"
        ) from fault


@torch.inference_mode()
def rehearse(family: Family) -> None:
    """Raises WeightsError where the model cannot draw, or ModelError of its own."""
    with loadable(family.name), _eager(family):
        estimate = _first_estimate(family)
    if not estimate.isfinite().all():
        raise WeightsError(
            f"{family.name} makes numbers that are not finite in {str(family.dtype).removeprefix('torch.')}: its weights "
            "are broken, or need another precision (bf16 or fp32)"
        )


def _first_estimate(family: Family) -> torch.Tensor:
    """x0 of the rows of a picture as small as the network takes it, (R, C, h, w)."""
    params = GenerationParams(
        parts=(PromptPart(text=WORDS, weight=1.0),), negative=(UNWANTED,), model=family.name, seed=0
    )
    prepared = family.prepare(params, index=0)
    side = GRIDS * family.grid
    rows = [row for row in (prepared.conditional, prepared.unconditional) if row is not None]
    latents = prepared.latent[None, :, :side, :side].to(family.device).expand(len(rows), -1, -1, -1)
    sigmas = torch.full((len(rows),), prepared.sigmas[0], device=family.device)
    stacked = {
        name: torch.stack([row[name] for row in rows]).to(family.device)
        for name in rows[0]
        if name != SEAMLESS
    }
    inputs = family.noise.entering(latents, sigmas).to(family.dtype)
    # Neither compiled nor recorded: this shape never comes again.
    output = family.forward(inputs, family.noise.times(sigmas), stacked)
    return family.noise.estimate(latents, sigmas, output.float())


def _eager(family: Family) -> AbstractContextManager[object]:
    return torch.compiler.set_stance("force_eager") if family.placement.compile else nullcontext()
