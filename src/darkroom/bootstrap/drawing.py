"""What draws in this process: registry, models, engine and upscaler joined. Importing it loads no torch; `open_studio` does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from darkroom.bootstrap.library import open_library
from darkroom.core.capabilities import ModelCatalogue
from darkroom.settings import Settings, read_settings
from darkroom.worker.loader import Models
from darkroom.worker.shelf import GIB, Shelf
from darkroom.worker.studio import Studio

if TYPE_CHECKING:
    import torch

    from darkroom.model.placement import Placement


def settings_of_process() -> Settings:
    """The settings in this process's environment. DarkroomError where one is wrong."""
    return read_settings(os.environ)


def open_studio(
    settings: Settings,
    catalogue: ModelCatalogue,
    *,
    first: str | None = None,
    beside: bool = False,
    between: Callable[[], None] = lambda: None,
) -> Studio:
    """Load torch, the model `first` (the built-in one, where there is one) and the upscaler.

    `beside`: models are loaded, texts encoded and pictures made in threads of their own, and the shapes of exact mode are
    proven when they are first drawn; without, all is done in the thread that asks, and shapes run at the reference count.
    `between` is called between the parts and may raise. WeightsError or ModelError where a model cannot be loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read by OpenMP when torch is imported
    import torch

    torch.set_num_threads(settings.threads)
    between()
    from darkroom.engine.engine import Engine
    from darkroom.engine.profiles import Profiles
    from darkroom.model.upscaler import Upscaler
    from darkroom.worker.beside import Beside, give_way

    placement = placement_of(settings)
    device, exact = placement.torch_device, settings.engine_mode == "exact"
    woken = threading.Event()
    thread = partial(Beside, begin=partial(torch.set_num_threads, settings.threads), done=woken.set)
    loading, encoding, making = (
        (thread(name) if beside else None) for name in ("loading", "encoding", "making")
    )
    budget_bytes = memory_of(settings, device)
    library = open_library(settings, catalogue, placement, budget_bytes=budget_bytes)
    models = Models(library, Shelf(budget_bytes), on=loading)
    if warm := first or next(iter(library.pinned), None):
        models.now(warm)
        between()
    profiles = Profiles(
        settings.profiles or settings.data / "profiles.json",
        measure=beside,
        rows=settings.rows,
    )
    upscaler = Upscaler.load().to(device)
    upscaler.between = (
        give_way  # a large picture takes many seconds, and those of others are not to wait for it
    )
    return Studio(
        engine=Engine(exact=exact, profiles=profiles, encode_on=encoding, preview_on=making),
        models=models,
        upscaler=upscaler,
        profiles=profiles,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        exact=exact,
        decode_on=making,
        woken=woken,
    )


def placement_of(settings: Settings) -> Placement:
    """Where and how models run, as the settings say."""
    from darkroom.model.placement import Placement

    return Placement(
        device=settings.device,
        precision=settings.precision,
        offload="none" if settings.offload == "auto" else settings.offload,
        attention=settings.attention,
        compile=settings.compile == "on",
        cuda_graphs=settings.cuda_graphs == "on",
    )


def memory_of(settings: Settings, device: torch.device) -> int:
    """Bytes that all loaded models may take together."""
    from darkroom.bootstrap.memory import bytes_for_models

    return bytes_for_models(device) if settings.memory_gib is None else int(settings.memory_gib * GIB)
