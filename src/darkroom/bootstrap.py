"""The only file that knows everybody: joins registry, model, engine and upscaler for whoever draws in this process.

Reads the settings. Importing it loads no torch; `open_studio` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import ModelError
from darkroom.model.registry import BUILTIN_REGISTRY, read_registry
from darkroom.settings import Settings, read_settings

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from darkroom.engine.decoder import Decoded, Decoder
    from darkroom.engine.engine import Engine
    from darkroom.model.upscaler import Upscaler

BUILTIN_FAMILY = "mini"
LEVELS = 255


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One finished image (RGB), and the fingerprint of what its bits depend on."""

    image: Image
    weights_hash: str
    fingerprint: dict[str, str | int | bool]


@dataclass(frozen=True, kw_only=True)
class Studio:
    """What draws in this process. Whoever holds it steps the engine, decodes what it finished and enlarges that."""

    engine: Engine
    decoder: Decoder
    upscaler: Upscaler

    def enlarge(self, decoded: Decoded) -> Picture:
        """A decoded picture (3, H, W) at its presentable size, four times as wide and high."""
        from darkroom.model.seamless import cropped, wrapped
        from darkroom.model.upscaler import SCALE

        margin = self.upscaler.overlap if decoded.seamless else 0
        large = cropped(self.upscaler.upscale(wrapped(decoded.picture[None], margin))[0], SCALE * margin)
        return Picture(
            image=_image_of(large),
            weights_hash=decoded.fingerprint.weights_hash,
            fingerprint={**asdict(decoded.fingerprint), "exact": decoded.exact},
        )


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


def _image_of(picture: Tensor) -> Image:
    """(3, H, W) fp32 in [0, 1] -> an RGB image, rounded to the nearest of 256 levels."""
    import torch
    from PIL import Image

    levels = (picture.clamp(0, 1) * LEVELS).round().to(torch.uint8).permute(1, 2, 0).contiguous()  # (H, W, 3)
    return Image.frombytes("RGB", (levels.shape[1], levels.shape[0]), levels.numpy().tobytes())
