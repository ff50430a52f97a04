"""Files of strangers to pixels, and pixels to a PNG of our own: nothing of the original's bytes survives.

Synchronous work for a thread; knows no network. Pillow decodes, with the one format that the content showed, and only after
the size was found to be within the limits. No setting of Pillow is touched.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from darkroom.core.errors import Refused
from darkroom.core.uploads import CleanPicture
from darkroom.intake.containers import Container, broken, open_container

FILE_MAX_BYTES = 20 * 1024 * 1024
PIXELS_MAX = 40_000_000  # of a file, before it is made smaller
SIDE_MAX_PX = 16_384
SIDE_MIN_PX = 8
ASPECT_MAX = 20  # the long side over the short one
KEPT_SIDE_MAX_PX = 2048  # a larger picture is made smaller
MASK_SIDE_MAX_PX = 8192  # a mask is never made smaller: it must fit its picture
MASK_LEVEL_MIN = 128  # the lightest spot of a mask; darker than middle grey says nothing
COMPRESSION = 4  # of zlib, 0 to 9: pictures are written once, while somebody waits

DECODE_ERRORS: tuple[type[Exception], ...] = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError,
    RuntimeError, MemoryError, EOFError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""What a decoder may raise on bytes that somebody made up."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""By EXIF orientation, how the stored picture becomes upright."""


def read_picture(data: bytes) -> CleanPicture:
    """What a file shows: upright, RGB on white, at most KEPT_SIDE_MAX_PX long. Refused (`picture_invalid`, `too_large`)."""
    container = _checked(data)
    decoded = _decoded(container, _kept_size(container.width, container.height))
    turn = TURNS.get(container.orientation)
    flat = _on_white(decoded)
    clean = _fresh(flat if turn is None else flat.transpose(turn))
    return CleanPicture(png=_png_of(clean), width=clean.width, height=clean.height, rgb=clean.tobytes())


def read_mask(data: bytes) -> CleanPicture:
    """A PNG as grey levels of its own size; what is transparent stays. Refused (`mask_invalid`, `too_large`)."""
    try:
        container = _checked(data)
        if container.format != "PNG":
            raise _no_mask(f"A mask must be a PNG file, and this is {container.format}.", "Save it as a PNG.")
        if max(container.width, container.height) > MASK_SIDE_MAX_PX:
            raise _too_large(f"A mask may be {MASK_SIDE_MAX_PX:,} pixels long, and this one is larger.")
        grey = _fresh(_on_black(_decoded(container, (container.width, container.height))))
    except Refused as fault:
        if fault.code != "picture_invalid":
            raise
        raise _no_mask(fault.message, "Send a PNG: white is drawn anew, black stays.") from fault
    if int(np.asarray(grey).max()) < MASK_LEVEL_MIN:
        raise _no_mask(
            f"This mask has no spot of at least {MASK_LEVEL_MIN} of 255, so nothing would be drawn anew.",
            "Paint white what shall be drawn anew.",
        )
    return CleanPicture(png=_png_of(grey), width=grey.width, height=grey.height)


def _checked(data: bytes) -> Container:
    """A container whose size is within the limits."""
    if len(data) > FILE_MAX_BYTES:
        raise _too_large(f"A file may have {FILE_MAX_BYTES // 2**20} MiB, and this one is larger.")
    container = open_container(data)
    check_size(container.width, container.height)
    return container


def check_size(width: int, height: int) -> None:
    """Refused (`too_large` or `picture_invalid`) for a picture that nobody should decode, or could draw from."""
    if max(width, height) > SIDE_MAX_PX or width * height > PIXELS_MAX:
        raise _too_large(
            f"A picture may be {SIDE_MAX_PX:,} pixels long and have {PIXELS_MAX // 10**6} million, "
            f"and this one says {width:,} x {height:,}."
        )
    if min(width, height) < SIDE_MIN_PX or max(width, height) > ASPECT_MAX * min(width, height):
        raise Refused(
            f"A picture of {width:,} x {height:,} pixels shows too little.",
            code="picture_invalid",
            hint=f"Send one that is {SIDE_MIN_PX} pixels at least each way, and at most {ASPECT_MAX}:1.",
            field="file",
        )


def _kept_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, KEPT_SIDE_MAX_PX / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _decoded(container: Container, size: tuple[int, int]) -> Image.Image:
    """The first picture of a file at `size`, in RGB, RGBA or L."""
    try:
        with Image.open(io.BytesIO(container.data), formats=[container.format]) as image:
            if image.size != (container.width, container.height):
                raise broken("it is larger than it says")  # as the first frame of a GIF can be
            if size != image.size:
                image.draft(None, size)  # a JPEG is decoded smaller at once
            image.load()
            plain = _plain(image)
        return plain if plain.size == size else plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    except DECODE_ERRORS as fault:
        raise broken("it cannot be decoded") from fault


def _plain(image: Image.Image) -> Image.Image:
    """An image of any mode in 8 bits: L, RGB, or RGBA where something of it is transparent."""
    if image.mode.startswith("I"):  # 16 bits of grey
        levels = np.asarray(image)
        return Image.fromarray((levels >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        mode = "RGBA"
    else:
        mode = "L" if image.mode in ("L", "1") else "RGB"
    return image if image.mode == mode else image.convert(mode)  # to the same mode would be one more copy


def _on_white(image: Image.Image) -> Image.Image:
    """RGB; what is transparent is white."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _on_black(image: Image.Image) -> Image.Image:
    """L; what is transparent is black."""
    if image.mode != "RGBA":
        return image.convert("L")
    return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("L")


def _fresh(image: Image.Image) -> Image.Image:
    """The same pixels without anything that came along with them."""
    return Image.frombytes(image.mode, image.size, image.tobytes())


def _png_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=COMPRESSION)
    return out.getvalue()


def _too_large(message: str) -> Refused:
    return Refused(message, code="too_large", hint="Make it smaller first.", field="file")


def _no_mask(message: str, hint: str) -> Refused:
    return Refused(message, code="mask_invalid", hint=hint, field="file")
