"""What draws in this process: the models, the engine that drives them and the upscaler, and the picture they make.

Knows no job, no file and no service. Importing it loads no torch.
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from darkroom.engine.decoder import Decoded
    from darkroom.engine.engine import Engine
    from darkroom.engine.profiles import Profiles
    from darkroom.model.upscaler import Upscaler
    from darkroom.worker.loader import Models

LEVELS = 255
SMALL = frozenset({"mini-1"})
"""Models that draw a quarter of what their entry promises per side; all others draw the size itself."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One finished image (RGB), and the fingerprint of what its bits depend on."""

    image: Image
    weights_hash: str
    fingerprint: dict[str, str | int | bool]


@dataclass(frozen=True, kw_only=True)
class Studio:
    """What draws in this process. Whoever holds it steps the engine, and has what that finished decoded and enlarged.

    `decode_on` is where pictures are made, None for the thread that asks; `woken` is set whenever work beside the
    stepping thread has ended. `device` says in words what is drawn on; `exact` is the engine's mode.
    """

    engine: Engine
    models: Models
    upscaler: Upscaler
    profiles: Profiles
    device: str = ""
    exact: bool = True
    decode_on: Executor | None = None
    woken: threading.Event = field(default_factory=threading.Event)

    def picture(self, decoded: Decoded) -> Picture:
        """What the decoder made (3, H, W) as an image of its presentable size."""
        small = decoded.fingerprint.model in SMALL
        return Picture(
            image=_image_of(self._enlarged(decoded) if small else decoded.picture),
            weights_hash=decoded.fingerprint.weights_hash,
            fingerprint={**asdict(decoded.fingerprint), "exact": decoded.exact},
        )

    def _enlarged(self, decoded: Decoded) -> Tensor:
        """(3, H, W) -> (3, 4H, 4W), on the upscaler's device; round the edges where they must meet."""
        from darkroom.model.seamless import cropped, wrapped
        from darkroom.model.upscaler import SCALE

        margin = self.upscaler.overlap if decoded.seamless else 0
        device = next(self.upscaler.parameters()).device
        picture = wrapped(decoded.picture[None].to(device), margin)
        return cropped(self.upscaler.upscale(picture)[0], SCALE * margin)


def _image_of(picture: Tensor) -> Image:
    """(3, H, W) fp32 in [0, 1] -> an RGB image, rounded to the nearest of 256 levels."""
    import torch
    from PIL import Image

    levels = (picture.clamp(0, 1) * LEVELS).round().to(torch.uint8).permute(1, 2, 0).contiguous()  # (H, W, 3)
    return Image.frombytes("RGB", (levels.shape[1], levels.shape[0]), levels.cpu().numpy().tobytes())
