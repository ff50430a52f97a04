"""What draws in this process: an engine, the decoder behind it and the upscaler behind that, and the picture they make.

Knows no job, no file and no service. Importing it loads no torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from darkroom.engine.decoder import Decoded, Decoder
    from darkroom.engine.engine import Engine
    from darkroom.model.upscaler import Upscaler

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


def _image_of(picture: Tensor) -> Image:
    """(3, H, W) fp32 in [0, 1] -> an RGB image, rounded to the nearest of 256 levels."""
    import torch
    from PIL import Image

    levels = (picture.clamp(0, 1) * LEVELS).round().to(torch.uint8).permute(1, 2, 0).contiguous()  # (H, W, 3)
    return Image.frombytes("RGB", (levels.shape[1], levels.shape[0]), levels.numpy().tobytes())
