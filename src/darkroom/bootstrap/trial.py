"""A model is loaded in this process and takes a step of a tiny picture: whether it draws here, and what it needs.

Importing this loads no torch; `try_model` does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from darkroom.bootstrap.drawing import memory_of, placement_of
from darkroom.bootstrap.library import check_drawable, open_library
from darkroom.core.capabilities import ModelCapabilities, ModelCatalogue
from darkroom.core.errors import ModelError
from darkroom.settings import Settings

GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A model that draws here. `seconds` are those of loading it and of the step; `needed_bytes` are device memory."""

    seconds: float
    device: str
    precision: str
    needed_bytes: int


def try_model(settings: Settings, entry: ModelCapabilities) -> Tried:
    """Loads it as a worker of this machine would. Raises ModelError or WeightsError, which say why it cannot draw."""
    catalogue = ModelCatalogue(models={entry.name: entry})
    check_drawable([entry.name], catalogue)
    import torch

    torch.set_num_threads(settings.threads)
    placement = placement_of(settings)
    budget_bytes = memory_of(settings, placement.torch_device)
    library = open_library(settings, catalogue, placement, budget_bytes=budget_bytes)
    needed_bytes = library.needed_bytes(entry.name)
    if needed_bytes > budget_bytes:
        needs, has = needed_bytes / GIB, budget_bytes / GIB
        raise ModelError(f"it needs {needs:.2f} GiB of memory, and there are {has:.2f} for models here")
    began = time.perf_counter()
    try:
        model = library.load(entry.name)
    except torch.OutOfMemoryError as error:
        raise ModelError("the device has not enough memory for it at the moment") from error
    return Tried(
        seconds=time.perf_counter() - began,
        device=model.device.type,
        precision=str(model.dtype).removeprefix("torch."),
        needed_bytes=needed_bytes,
    )
