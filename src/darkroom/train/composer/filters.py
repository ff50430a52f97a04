"""Filter styles: the same scene as another medium would show it.

Each takes (H, W, 3) float32, 0 to 255, the short side `unit` in pixels that its strokes are measured by, and
a generator; grain and dots stay mild, for they are seen at 64 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.train.composer.canvas import Canvas

Image = NDArray[np.float32]  # (H, W, 3)
Filter = Callable[[Image, np.random.Generator], Image]

_PIXEL_CELLS = 32  # along the short side
_PIXEL_COLOURS = 20
_POSTER_COLOURS = 8
_DOTS = 16  # along the short side: 4 px each at 64 px
_FACETS = 12  # along the short side
_CELL_SAMPLES = 6  # places in a facet's cell that its corner may move to
_FACET_TILT = 0.045  # spread of the facets' brightness


def _unit(image: Image) -> float:
    return float(min(image.shape[:2]))


def _noise(image: Image, rng: np.random.Generator, frequency: float, octaves: int) -> Image:
    canvas = Canvas(image.shape[1], image.shape[0], horizon=0.5)
    return canvas.cloud_noise(rng, frequency=frequency, octaves=octaves)


def _blur(image: Image, units: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(units * _unit(image), 0.3)), np.float32)


def _grey(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def _three(grey: Image, *paper: float) -> Image:
    return np.asarray(grey[..., None] * (np.array(paper, np.float32) / 255), np.float32)


def _few_colours(image: Image, count: int) -> Image:
    """The image in its `count` main colours. Starts from equal shares of brightness, so it is repeatable."""
    flat = image.reshape(-1, 3)
    rank = np.argsort(np.argsort(flat.mean(1), kind="stable"), kind="stable")
    labels = (rank * count // len(flat)).astype(np.int32)[:, None]
    stop = (cv2.TERM_CRITERIA_COUNT, 6, 0.0)
    _, nearest, centres = cv2.kmeans(flat, count, labels, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    return np.asarray(centres[nearest[:, 0]].reshape(image.shape), np.float32)


def _painted(image: Image, radius: float) -> Image:
    """Kuwahara's filter, softened: of the four squares that meet in a pixel, the calmest gives it its colour."""
    side = max(2, round(radius * _unit(image)))
    grey = _grey(image)
    squares = np.dstack([image, grey * grey, grey])
    total = np.zeros_like(image)
    weights = np.zeros_like(grey)
    for anchor in ((0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1)):
        mean = cv2.blur(squares, (side, side), anchor=anchor, borderType=cv2.BORDER_REFLECT)
        spread = np.clip(mean[..., 3] - mean[..., 4] ** 2, 0, None)
        weight = 1 / (20 + spread) ** 3
        total += mean[..., :3] * weight[..., None]
        weights += weight
    return total / weights[..., None]


def pixel_art(image: Image, rng: np.random.Generator) -> Image:
    """Large square pixels of few colours."""
    height, width = image.shape[:2]
    scale = _PIXEL_CELLS / _unit(image)
    cells = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, cells, interpolation=cv2.INTER_AREA)
    small = np.clip((small - 128) * 1.1 + 128, 0, 255).astype(np.float32)
    return np.asarray(
        cv2.resize(_few_colours(small, _PIXEL_COLOURS), (width, height), interpolation=cv2.INTER_NEAREST),
        np.float32,
    )


def watercolour(image: Image, rng: np.random.Generator) -> Image:
    """Pale washes with darker rims on white paper that shows along the edges."""
    wash = _blur(_painted(image, 0.036), 0.003)
    light = _grey(wash)
    rim = np.clip(_blur(light[..., None].repeat(3, 2), 0.02)[..., 0] - light, -10, 24)[..., None]
    blotch = _noise(image, rng, 3.0, 4)[..., None]
    paint = 255 - (255 - wash) * (0.8 + 0.13 * blotch) - rim * 0.7
    height, width = image.shape[:2]
    near_x = np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5)[None, :]
    near_y = np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5)[:, None]
    edge = np.minimum(near_x, near_y) / _unit(image) + 0.022 * _noise(image, rng, 6.0, 3)
    cover = np.clip((edge - 0.022) / 0.016, 0, 1)[..., None]
    paper = 252.0 - 3 * np.abs(blotch)
    return np.asarray(paper + (paint - paper) * cover, np.float32)


def pencil(image: Image, rng: np.random.Generator) -> Image:
    """Graphite: contours and soft hatching on off-white paper."""
    grey = _grey(image)
    grey = np.clip((grey - grey.mean()) * 1.05 + 0.5 * grey.mean() + 84, 0, 255).astype(np.float32)
    lines = _ink(image, 0.8)
    unit = _unit(image)
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    hatch = 0.5 + 0.5 * np.sin((rows + columns) / unit * 2 * np.pi * 15 + 0.8 * _noise(image, rng, 5.0, 2))
    tone = np.clip((225 - grey) / 225, 0, 1)
    shade = 250 - tone * (84 + 56 * hatch * tone)
    grain = 1 + 0.02 * _noise(image, rng, 20.0, 2)
    return _three(np.clip(shade * grain - 150 * lines, 20, 255).astype(np.float32), 252, 250, 244)


def _edges(image: Image, gain: float = 1.0) -> Image:
    """Strength of contours, 0 to 1, (H, W)."""
    calm = _blur(image, 0.012)  # wide enough to weigh more than the pixel grid, whatever the size
    across, down = cv2.Sobel(calm, cv2.CV_32F, 1, 0), cv2.Sobel(calm, cv2.CV_32F, 0, 1)
    strength = np.sqrt(across * across + down * down).max(2) / 255 * _unit(image) / 64
    return np.asarray(np.clip((strength * gain - 0.12) * 1.5, 0, 1), np.float32)


def black_and_white(image: Image, rng: np.random.Generator) -> Image:
    """Grey tones with a little more contrast."""
    return _three(np.clip((_grey(image) - 124) * 1.18 + 124, 0, 255).astype(np.float32), 255, 255, 255)


def neon(image: Image, rng: np.random.Generator) -> Image:
    """Glowing coloured contours on a dark ground."""
    hsv = cv2.cvtColor(np.clip(_blur(image, 0.01) / 255, 0, 1), cv2.COLOR_RGB2HSV)
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.6 + 0.25, 0, 1)
    hsv[..., 2] = 1.0
    tubes = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32) * 255
    lit = tubes * _edges(image, 1.15)[..., None] ** 1.8  # the power thins the tubes
    dark = image * 0.1 + np.array((8, 6, 24), np.float32)
    return np.asarray(dark + 0.95 * lit + 0.6 * _blur(lit, 0.022) + 0.2 * _blur(lit, 0.06), np.float32)


def oil(image: Image, rng: np.random.Generator) -> Image:
    """Thick strokes: flattened patches of rich colour with a relief along them."""
    patches = _painted(_painted(image, 0.038), 0.038)
    relief = _blur((_grey(patches) + 14 * _noise(image, rng, 13.0, 2))[..., None].repeat(3, 2), 0.006)[..., 0]
    slope = cv2.Sobel(relief, cv2.CV_32F, 1, 0) + cv2.Sobel(relief, cv2.CV_32F, 0, 1)
    grey = _grey(patches)[..., None]
    rich = grey + (patches - grey) * 1.22
    return np.asarray(rich + np.clip(slope * _unit(image) / 64 * 0.32, -26, 26)[..., None], np.float32)


def poster(image: Image, rng: np.random.Generator) -> Image:
    """A few flat inks on cream paper."""
    scale = 64 / _unit(image)
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    inks = np.unique(_few_colours(_blur(small, 0.01), _POSTER_COLOURS).reshape(-1, 3), axis=0)
    calm = _blur(image, 0.008).reshape(-1, 3)
    away = (inks * inks).sum(1)[None] - 2 * (calm @ inks.T)
    flat = inks[np.argmin(away, 1)].reshape(image.shape)
    grey = flat.mean(2, keepdims=True)
    toned = np.clip((grey + (flat - grey) * 1.3 - 128) * 1.15 + 132, 0, 255) * np.array(
        (1.0, 0.95, 0.82)
    ) + np.array((6, 8, 20))
    return _blur(np.asarray(toned, np.float32), 0.004)


def sepia(image: Image, rng: np.random.Generator) -> Image:
    """An old brown photograph with darker corners."""
    grey = np.clip((_grey(image) - 128) * 0.92 + 134, 0, 255).astype(np.float32)
    height, width = grey.shape
    away = np.hypot((np.arange(width) / width - 0.5)[None], (np.arange(height) / height - 0.5)[:, None])
    return _three(grey * (1.04 - 0.5 * away * away).astype(np.float32), 255, 222, 170)


def halftone(image: Image, rng: np.random.Generator) -> Image:
    """A comic print: flat bright colours with dots in the shade."""
    calm = _painted(image, 0.03)
    grey = _grey(calm)[..., None]
    bright = np.clip((grey + (calm - grey) * 1.35 - 128) * 1.12 + 140, 0, 255)
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32) + 0.5
    pace = 2 * np.pi * _DOTS / _unit(image) * 0.7071
    wave = np.cos((rows + columns) * pace) * np.cos((rows - columns) * pace) * 0.5 + 0.5
    dots = np.clip((wave - _grey(np.asarray(bright, np.float32)) / 255 + 0.02) * 2.2, 0, 1)[..., None]
    ink = bright * np.array((0.5, 0.48, 0.62))
    return np.asarray(bright + (ink - bright) * dots * 0.6, np.float32)


def low_poly(image: Image, rng: np.random.Generator) -> Image:
    """Triangles of one colour each, their corners drawn towards the contours."""
    height, width = image.shape[:2]
    points = _facet_corners(image, rng)
    triangles = _halves(points)
    inside = triangles.mean(1)
    centres = np.clip(inside, 0, (width - 1, height - 1)).astype(int)
    tilt = 1 + _FACET_TILT * rng.normal(size=(len(centres), 1))
    shades = np.clip(_blur(image, 0.012)[centres[:, 1], centres[:, 0]] * tilt, 0, 255)
    out = np.clip(image, 0, 255).astype(np.uint8)
    for corners, shade in zip(np.rint((triangles - 0.5) * 16).astype(np.int32), shades.tolist(), strict=True):
        cv2.fillConvexPoly(out, corners, shade, cv2.LINE_AA, 4)
    return out.astype(np.float32)


def _facet_corners(image: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    """(R, C, 2) pixels: a grid whose every inner point moved to the strongest contour in its cell."""
    height, width = image.shape[:2]
    rows, columns = (max(2, round(side / _unit(image) * _FACETS)) for side in (height, width))
    fine = cv2.resize(image, (columns * _CELL_SAMPLES, rows * _CELL_SAMPLES), interpolation=cv2.INTER_AREA)
    strength = _edges(np.asarray(fine, np.float32))
    whole = rng.random((4 * _FACETS * _CELL_SAMPLES, 4 * _FACETS * _CELL_SAMPLES), dtype=np.float32)
    pull = strength + 0.35 * whole[: strength.shape[0], : strength.shape[1]]
    cells = (
        pull.reshape(rows, _CELL_SAMPLES, columns, _CELL_SAMPLES)
        .transpose(0, 2, 1, 3)
        .reshape(rows, columns, -1)
    )
    inner = np.zeros((_CELL_SAMPLES, _CELL_SAMPLES), np.float32)
    inner[1:-1, 1:-1] = 1  # a corner at the rim of its cell would make slivers
    best = (cells * inner.reshape(-1)).argmax(2)
    x = (np.arange(columns)[None] + (best % _CELL_SAMPLES + 0.5) / _CELL_SAMPLES) * width / columns
    y = (np.arange(rows)[:, None] + (best // _CELL_SAMPLES + 0.5) / _CELL_SAMPLES) * height / rows
    x = np.pad(x, ((1, 1), (1, 1)), "edge")
    y = np.pad(y, ((1, 1), (1, 1)), "edge")
    x[:, 0], x[:, -1], y[0], y[-1] = -1, width + 1, -1, height + 1
    return np.stack([x, y], 2)


def _halves(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two triangles of every cell of a grid (R, C, 2) -> (N, 3, 2), cut along alternating diagonals."""
    a, b, c, d = points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]
    odd = ((np.arange(len(a))[:, None] + np.arange(a.shape[1])[None]) % 2 == 1)[..., None]
    first, second = np.where(odd, b, a), np.where(odd, d, c)  # the ends of the cut
    one, other = np.where(odd, a, b), np.where(odd, c, d)
    halves = [np.stack([first, second, corner], 2).reshape(-1, 3, 2) for corner in (one, other)]
    return np.concatenate(halves)


def line_art(image: Image, rng: np.random.Generator) -> Image:
    """Black contours on white (after XDoG, Winnemoeller 2011: a soft threshold of a difference of Gaussians)."""
    return _three(253 - 235 * _ink(image, 1.0), 255, 255, 255)


def _ink(image: Image, gain: float) -> Image:
    """Thin lines on the dark side of every contour, 0 to 1, (H, W)."""
    difference = (_blur(image, 0.013) - _blur(image, 0.006)).max(2)
    return np.asarray(np.clip((difference - 3.5) / 13 * gain, 0, 1), np.float32)


STYLES: dict[str, Filter] = {
    "pixel art": pixel_art,
    "watercolour": watercolour,
    "pencil": pencil,
    "black and white": black_and_white,
    "neon": neon,
    "oil": oil,
    "poster": poster,
    "sepia": sepia,
    "halftone": halftone,
    "low poly": low_poly,
    "line art": line_art,
}
