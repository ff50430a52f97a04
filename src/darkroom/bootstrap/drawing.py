"""What draws in this process: registry, model, engine and upscaler joined. Importing it loads no torch; `open_studio` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import ModelError
from darkroom.model.registry import BUILTIN_REGISTRY, read_registry
from darkroom.settings import Settings, read_settings
from darkroom.worker.studio import Studio

BUILTIN_FAMILY = "mini"


def settings_of_process() -> Settings:
    """The settings in this process's environment. DarkroomError where one is wrong."""
    return read_settings(os.environ)


def open_catalogue(settings: Settings) -> ModelCatalogue:
    """The models that are installed. RegistryError where the registry cannot be read."""
    return read_registry(settings.registry or BUILTIN_REGISTRY)


def check_drawable(models: Iterable[str], catalogue: ModelCatalogue) -> None:
    """ModelError for a model of the registry that this version has no network for."""
    for name in models:
        found = catalogue.resolve(name)
        if found is None or found.family != BUILTIN_FAMILY:
            family = "unknown" if found is None else found.family
            raise ModelError(
                f"{name} is of the family {family!r}; this version draws with {BUILTIN_FAMILY!r} only"
            )


def open_studio(settings: Settings, *, between: Callable[[], None] = lambda: None) -> Studio:
    """Load torch, the built-in model and the upscaler. `between` is called between these parts and may raise.

    Raises WeightsError where weights are missing or damaged.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read by OpenMP when torch is imported
    import torch

    torch.set_num_threads(settings.threads)
    between()
    from darkroom.engine.decoder import Decoder
    from darkroom.engine.engine import Engine
    from darkroom.model.mini import Mini
    from darkroom.model.upscaler import Upscaler

    model = Mini.load(settings.weights)
    between()
    upscaler = Upscaler.load()
    return Studio(engine=Engine(model), decoder=Decoder(model), upscaler=upscaler)
