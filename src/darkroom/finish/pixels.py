"""What two pictures are compared by where their pixels are not at hand: one digest. Knows no format and no file."""

from __future__ import annotations

import hashlib
import struct

from PIL import Image


def pixel_digest(image: Image.Image) -> str:
    """sha256, hexadecimal, over width and height (32 bits each, big-endian) and the RGB bytes row by row."""
    size = struct.pack(">II", image.width, image.height)
    return hashlib.sha256(size + image.convert("RGB").tobytes()).hexdigest()
