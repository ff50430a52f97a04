"""Where an old picture lies on a larger canvas, and how large pictures may grow. Pure arithmetic in pixels of the finished picture.

Canvases and places are even numbers. Knows no model and no picture.
"""

from __future__ import annotations

from math import ceil, floor

from darkroom.core.errors import Refused
from darkroom.core.recipes import Frame
from darkroom.lifecycle.wishes import ZOOM_MAX, Way

CANVAS_MAX = 2_048  # pixels of the long side; beyond it the old picture is scaled down on its canvas
UPSCALED_MAX = 4_096  # pixels of the long side of what an upscale makes: some 17 megapixels
PAN_SHARE = 0.5  # of the side, that a pan adds
MIDDLE = 0.5
ADDED_LEAST_PX = 2  # on each side of a zoom


def zoomed(width: int, height: int, zoom: float) -> Frame:
    """The picture in the middle of a canvas that is `zoom` times as wide and as high.

    Refused (`invalid_request`) where that adds less than ADDED_LEAST_PX on a side; says the least factor that does.
    """
    frame = _zoomed(width, height, zoom)
    if _adds_enough(frame):
        return frame
    factors = (1 + percent / 100 for percent in range(1, 101))
    least = next((each for each in factors if _adds_enough(_zoomed(width, height, each))), ZOOM_MAX)
    raise Refused(
        f"A zoom of {zoom:g} adds less than {ADDED_LEAST_PX} pixels on a side of a picture of {width} x {height}.",
        code="invalid_request",
        hint=f"The least that does is {least:g}.",
        field="zoom",
    )


def _zoomed(width: int, height: int, zoom: float) -> Frame:
    return _framed(width * zoom, height * zoom, width, height, across=MIDDLE, down=MIDDLE)


def _adds_enough(frame: Frame) -> bool:
    right, below = frame.width - frame.left - frame.inner_width, frame.height - frame.top - frame.inner_height
    return min(frame.left, frame.top, right, below) >= ADDED_LEAST_PX


def squared(width: int, height: int) -> Frame:
    """The picture in the middle of a square of its longer side. Refused (`already_square`)."""
    if width == height:
        raise Refused(
            f"The picture is a square already: {width} x {height} pixels.",
            code="already_square",
            hint="Use zoom_out to draw around it.",
        )
    side = max(width, height)
    return _framed(side, side, width, height, across=MIDDLE, down=MIDDLE)


def panned(width: int, height: int, way: Way) -> Frame:
    """The picture at one side of a canvas that has grown by half of the side on the other."""
    flat = way in (Way.LEFT, Way.RIGHT)
    wide = width * (1 + PAN_SHARE) if flat else width
    high = height if flat else height * (1 + PAN_SHARE)
    return _framed(wide, high, width, height, across=float(way is Way.LEFT), down=float(way is Way.UP))


def upscaled(width: int, height: int, scale: int) -> tuple[int, int]:
    """The size that an upscale makes. Refused (`too_large`) with the numbers, and with what would do."""
    across, down = width * scale, height * scale
    if max(across, down) > UPSCALED_MAX:
        smaller = max(width, height) * 2 <= UPSCALED_MAX < max(across, down)
        raise Refused(
            f"{scale} times {width} x {height} is {across} x {down} pixels, and a picture may have {UPSCALED_MAX:,} on its long side.",
            code="too_large",
            hint="Use scale 2." if smaller else "It is as large as it gets; vary, zoom or download it.",
            field="scale",
        )
    return across, down


def note_of(frame: Frame, width: int, height: int) -> str:
    """What to say where the old picture had to shrink; "" where it keeps every pixel."""
    if (frame.inner_width, frame.inner_height) == (width, height):
        return ""
    return (
        f"A canvas has at most {CANVAS_MAX:,} pixels on its long side, so the picture of {width} x {height} pixels "
        f"is scaled down to {frame.inner_width} x {frame.inner_height} on it."
    )


def _framed(wide: float, high: float, width: int, height: int, *, across: float, down: float) -> Frame:
    """A canvas, scaled down as a whole where it is too long. The picture lies at these shares of the room that is left."""
    share = min(1.0, CANVAS_MAX / max(_even_up(wide), _even_up(high)))
    if share < 1:
        wide, high = wide * share, high * share
        width, height = _even_down(width * share), _even_down(height * share)
    canvas_width, canvas_height = _even_up(wide), _even_up(high)
    return Frame(
        width=canvas_width,
        height=canvas_height,
        left=_place(canvas_width - width, across),
        top=_place(canvas_height - height, down),
        inner_width=width,
        inner_height=height,
    )


def _place(room: int, share: float) -> int:
    """An even number of pixels, but at the far side just what is left."""
    return room if share == 1 else 2 * floor(room * share / 2)


def _even_up(pixels: float) -> int:
    return 2 * ceil(round(pixels / 2, 6))  # 320 x 1.15 is 368, whatever floating point makes of it


def _even_down(pixels: float) -> int:
    return max(2, 2 * floor(round(pixels / 2, 6)))
