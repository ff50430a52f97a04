"""Pictures of our own as pixels, made small: what describes need not see more. Strangers' files come in by the intake alone."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from darkroom.core.errors import Unavailable

FORMATS = ("PNG",)
PIXELS_MAX = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Rows of 3 bytes a pixel."""

    width: int
    height: int
    rgb: bytes


def small_pixels(data: bytes, *, side: int) -> Pixels:
    """A kept PNG whose longer side is at most `side` pixels. Raises Unavailable for a file that is damaged."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > PIXELS_MAX:
                raise Unavailable(
                    f"The picture has more than {PIXELS_MAX} pixels, the most that is described."
                )
            found = picture.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        raise Unavailable("The kept file is damaged, so it cannot be described.") from fault
    found.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return Pixels(width=found.width, height=found.height, rgb=found.tobytes())
