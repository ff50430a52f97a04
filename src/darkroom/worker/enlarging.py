"""Pictures become larger by the upscaler, and reach the size that they are to have. Knows no job; pictures are Pillow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

    from darkroom.model.upscaler import Upscaler

LEVELS = 255
STRETCH_MAX = 1.25
"""Up to so much larger per side a picture is only interpolated: the network would make it four times as large first."""
SURROUNDINGS_STRETCH_MAX = 2.0
"""The same for what surrounds an old picture: the network would take longer for it than drawing does."""
PASSES_MAX = 3


def enlarged(upscaler: Upscaler, picture: Tensor, *, seamless: bool = False) -> Tensor:
    """(3, H, W) -> (3, 4H, 4W), on the upscaler's device; round the edges where they must meet."""
    from darkroom.model.seamless import cropped, wrapped
    from darkroom.model.upscaler import SCALE

    margin = upscaler.overlap if seamless else 0
    device = next(upscaler.parameters()).device
    return cropped(upscaler.upscale(wrapped(picture[None].to(device), margin))[0], SCALE * margin)


def brought_to(
    upscaler: Upscaler,
    picture: Tensor,
    width: int,
    height: int,
    *,
    seamless: bool = False,
    stretch_max: float = STRETCH_MAX,
) -> Image.Image:
    """(3, H, W) -> an RGB image of just that size: enlarged as often as is needed to lack at most `stretch_max`, then resized."""
    for _ in range(PASSES_MAX):
        if max(width / picture.shape[2], height / picture.shape[1]) <= stretch_max:
            break
        picture = enlarged(upscaler, picture, seamless=seamless)
    image = image_of(picture)
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.LANCZOS)


def enlarger_facts(upscaler: Upscaler) -> dict[str, str | int]:
    """What the bits of an enlarged picture depend on besides its pixels."""
    from darkroom.engine.fingerprint import device_facts

    return {
        "model": "upscaler",
        "weights_hash": upscaler.weights_hash,
        "dtype": "float32",
        **device_facts(next(upscaler.parameters()).device),
    }


def image_of(picture: Tensor) -> Image.Image:
    """(3, H, W) fp32 in [0, 1] -> an RGB image, rounded to the nearest of 256 levels."""
    import torch

    levels = (picture.clamp(0, 1) * LEVELS).round().to(torch.uint8).permute(1, 2, 0).contiguous()  # (H, W, 3)
    return Image.frombytes("RGB", (levels.shape[1], levels.shape[0]), levels.cpu().numpy().tobytes())


def tensor_of(image: Image.Image) -> Tensor:
    """An RGB image -> (3, H, W) fp32 in [0, 1]."""
    import torch

    data = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
    return data.reshape(image.height, image.width, 3).permute(2, 0, 1).float() / LEVELS
