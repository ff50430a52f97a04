"""A float32 picture to paint on, measured so that one scene looks alike at every size and aspect.

Sizes are fractions of the short side (`unit`), x is counted in units from the middle, heights hang on the
horizon. Knows no places and no times of day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.train.composer.palette import Colour

Plane = NDArray[np.float32]  # (H, W)
Points = NDArray[np.float32]  # (N, 2) x, y in pixels
Patch = tuple[Points, Colour]

MAX_ASPECT = 4.0
HALF_SPAN = MAX_ASPECT / 2 + 0.3  # units drawn to each side of the middle, whatever the frame shows
_SUBPIXEL_BITS = 4
_CIRCLE = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_CIRCLE_POINTS = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], 1).astype(np.float32)


def rgb(red: float, green: float, blue: float) -> Colour:
    """A colour from its three parts, 0 to 255."""
    return np.array((red, green, blue), np.float32)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` of `second` in it."""
    return np.asarray(first + (second - first) * share, np.float32)


def jitter(base: Colour, rng: np.random.Generator, spread: float = 8.0) -> Colour:
    """A shade near `base`."""
    return np.clip(base + rng.normal(0, spread, 3), 0, 255).astype(np.float32)


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """An upright rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def oval(x: float, y: float, rx: float, ry: float) -> Points:
    """An ellipse as a polygon."""
    return _CIRCLE_POINTS * np.array((rx, ry), np.float32) + np.array((x, y), np.float32)


def polygon(*points: tuple[float, float]) -> Points:
    """Corner points as an array."""
    return np.array(points, np.float32)


class Canvas:
    """Planar pixels (3, H, W), 0 to 255, with antialiased marks."""

    def __init__(self, width: int, height: int, *, horizon: float) -> None:
        self.width, self.height = width, height
        self.unit = float(min(width, height))
        self.horizon = horizon * height
        self.pixels = np.zeros((3, height, width), np.float32)
        self.rows = (np.arange(height, dtype=np.float32) + 0.5)[:, None]
        self.columns = (np.arange(width, dtype=np.float32) + 0.5)[None, :]
        self.x = ((self.columns[0] - width / 2) / self.unit).astype(np.float32)  # (W,) units from the middle

    def column(self, x: float) -> float:
        """Pixels of a place `x` units right of the middle."""
        return self.width / 2 + x * self.unit

    def row(self, depth: float) -> float:
        """Pixels of a place between the horizon (0) and the lower edge (1)."""
        return self.horizon + depth * (self.height - self.horizon)

    def sky_row(self, height: float) -> float:
        """Pixels of a place between the horizon (0) and the upper edge (1)."""
        return self.horizon * (1 - height)

    def blend(self, alpha: Plane, paint: Colour | NDArray[np.float32], *, top: int = 0) -> None:
        """Lay `paint`, (3,) or (3, rows, W), over the rows from `top` with weight `alpha`, (rows, W)."""
        paint = paint[:, None, None] if paint.ndim == 1 else paint
        area = self.pixels[:, top : top + alpha.shape[0]]
        area += (paint - area) * alpha[None]

    def gradient(self, stops: Sequence[tuple[float, Colour]], *, bottom: float | None = None) -> None:
        """Fill from the top with colours at fractions of the height (or of `bottom` pixels)."""
        where = self.rows[:, 0] / (self.height if bottom is None else max(bottom, 1.0))
        at = [stop for stop, _ in stops]
        for channel in range(3):
            shade = np.interp(where, at, [float(paint[channel]) for _, paint in stops])
            self.pixels[channel] = shade[:, None]

    def ridge(
        self, top: NDArray[np.float32], upper: Colour, lower: Colour, *, fade: float | None = None
    ) -> None:
        """Fill below the line `top` (W,), in pixels, from `upper` to `lower` over `fade` pixels."""
        first = int(np.clip(np.floor(top.min()) - 1, 0, self.height))
        if first >= self.height:
            return
        rows = self.rows[first:]
        alpha = np.clip(rows - top[None] + 0.5, 0, 1)
        span = fade if fade is not None else max(self.height - float(top.min()), 1.0)
        share = np.clip((rows - top[None]) / span, 0, 1)
        paint = upper[:, None, None] + (lower - upper)[:, None, None] * share[None]
        self.blend(alpha, paint, top=first)

    def mask(self, shapes: Iterable[Points]) -> Plane:
        """Coverage, 0 to 1, of the union of polygons."""
        drawn = np.zeros((self.height, self.width), np.uint8)
        for points in shapes:
            cv2.fillPoly(drawn, [_fixed(points)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return drawn.astype(np.float32) / np.float32(255)

    def draw(self, patches: Sequence[Patch]) -> None:
        """Paint polygons one over the other. Those wholly outside the frame cost nothing."""
        visible = [patch for patch in patches if self._shows(patch[0])]
        if not visible:
            return
        surface = cv2.merge([cv2.convertScaleAbs(plane) for plane in self.pixels])
        for points, paint in visible:
            shade = (float(paint[0]), float(paint[1]), float(paint[2]))
            cv2.fillPoly(surface, [_fixed(points)], shade, cv2.LINE_AA, _SUBPIXEL_BITS)
        self.pixels = np.ascontiguousarray(surface.transpose(2, 0, 1)).astype(np.float32)

    def _shows(self, points: Points) -> bool:
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        return bool(x1 > 0 and x0 < self.width and y1 > 0 and y0 < self.height)

    def soft(self, shapes: Iterable[Points], blur: float) -> Plane:
        """Like `mask`, with edges softened by `blur` units."""
        return np.asarray(cv2.GaussianBlur(self.mask(shapes), (0, 0), max(blur * self.unit, 0.3)), np.float32)

    def glow(self, x: float, y: float, radius: float, paint: Colour, strength: float) -> None:
        """Light that fades to nothing at `radius` pixels."""
        distance = np.hypot(self.columns - x, self.rows - y)
        self.blend((np.clip(1 - distance / radius, 0, 1) ** 2 * strength).astype(np.float32), paint)

    def line_noise(
        self, rng: np.random.Generator, *, frequency: float, octaves: int = 3, roughness: float = 0.5
    ) -> NDArray[np.float32]:
        """Smooth noise in about -1 to 1 along x, (W,); `frequency` is bumps a unit."""
        total = np.zeros(self.width, np.float32)
        for octave in range(octaves):
            pace = frequency * 2**octave
            values = rng.uniform(-1, 1, int(2 * HALF_SPAN * pace) + 4).astype(np.float32)
            where = (self.x + np.float32(HALF_SPAN)) * np.float32(pace)
            cell = np.clip(where.astype(np.int32), 0, len(values) - 2)
            share = where - cell
            share = share * share * (3 - 2 * share)
            total += (values[cell] + (values[cell + 1] - values[cell]) * share) * np.float32(
                roughness**octave
            )
        return total

    def cloud_noise(self, rng: np.random.Generator, *, frequency: float, octaves: int = 4) -> Plane:
        """Smooth noise in about -1 to 1 over the frame, (H, W); `frequency` is bumps a unit."""
        total = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            pace = frequency * 2**octave
            side = int(MAX_ASPECT * pace) + 4
            values = rng.random((side, side), dtype=np.float32) * 2 - 1
            step = pace / self.unit
            shift_x = side / 2 - self.width / 2 * step
            shift_y = side / 2 - self.height / 2 * step
            grid = np.array([[step, 0, shift_x], [0, step, shift_y]], np.float32)
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            layer = cv2.warpAffine(
                values, grid, (self.width, self.height), flags=flags, borderMode=cv2.BORDER_REFLECT
            )
            total += layer * np.float32(0.55**octave)
        return total

    def finished(self) -> NDArray[np.float32]:
        """The picture as (H, W, 3), clipped to 0 to 255."""
        return np.ascontiguousarray(np.clip(self.pixels, 0, 255).transpose(1, 2, 0))


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.rint((points - 0.5) * (1 << _SUBPIXEL_BITS)), np.int32)
