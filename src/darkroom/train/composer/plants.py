"""Trees, bushes, flowers and grass as lists of coloured polygons, measured in pixels."""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, Patch, box, jitter, mix, oval, polygon, rgb
from darkroom.train.composer.palette import Colour
from darkroom.train.composer.sky import Light

_WHITE = rgb(255, 255, 255)
FLOWERS = (rgb(232, 72, 88), rgb(250, 206, 70), rgb(244, 140, 190), rgb(250, 250, 250), rgb(150, 100, 215))


def pine(x: float, base: float, height: float, needles: Colour, trunk: Colour) -> list[Patch]:
    """A fir of three tiers, lit from the left."""
    width = height * 0.5
    patches: list[Patch] = [(box(x - width * 0.07, base - height * 0.16, x + width * 0.07, base), trunk)]
    for tier, (low, high, wide) in enumerate(((0.12, 0.56, 1.0), (0.34, 0.78, 0.8), (0.58, 1.0, 0.58))):
        half = width * wide / 2
        foot, tip = base - height * low, base - height * high
        shade = mix(needles, _WHITE, 0.05 * tier)
        patches.append((polygon((x - half, foot), (x + half, foot), (x, tip)), shade))
        patches.append(
            (polygon((x + half * 0.15, foot), (x + half, foot), (x, tip)), shade * np.float32(0.84))
        )
    return patches


def broadleaf(x: float, base: float, height: float, leaves: Colour, trunk: Colour) -> list[Patch]:
    """A round-headed tree, lit from the upper left."""
    r = height * 0.3
    y = base - height * 0.66
    return [
        (box(x - height * 0.045, base - height * 0.45, x + height * 0.045, base), trunk),
        (oval(x - r * 0.5, y + r * 0.3, r * 0.75, r * 0.7), leaves * np.float32(0.86)),
        (oval(x + r * 0.55, y + r * 0.3, r * 0.72, r * 0.68), leaves * np.float32(0.8)),
        (oval(x, y - r * 0.15, r * 0.95, r * 0.95), leaves),
        (oval(x - r * 0.25, y - r * 0.4, r * 0.5, r * 0.45), mix(leaves, _WHITE, 0.16)),
    ]


def palm(x: float, base: float, height: float, leaves: Colour, trunk: Colour, lean: float) -> list[Patch]:
    """A leaning palm; `lean` is -1 or 1."""
    top = (x + lean * height * 0.28, base - height)
    bend = (x + lean * height * 0.06, base - height * 0.5)
    w = height * 0.035
    stem = polygon((x - w * 1.5, base), (bend[0] - w * 1.1, bend[1]), (top[0] - w * 0.7, top[1]),
                   (top[0] + w * 0.7, top[1]), (bend[0] + w * 1.1, bend[1]), (x + w * 1.5, base))  # fmt: skip
    patches: list[Patch] = [(stem, trunk)]
    for index, angle in enumerate((-2.95, -2.4, -1.75, -1.2, -0.6, -0.1)):
        reach = height * 0.42
        tip = (top[0] + np.cos(angle) * reach, top[1] + (np.sin(angle) * 0.62 + 0.32) * reach)
        hump = (top[0] + np.cos(angle) * reach * 0.55, top[1] + np.sin(angle) * reach * 0.5 - reach * 0.08)
        under = (hump[0], hump[1] + reach * 0.2)
        patches.append((polygon(top, hump, tip, under), leaves * np.float32(0.82 if index % 2 else 1.0)))
    return patches


def grove(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    *,
    base: float,
    count: int,
    height: tuple[float, float],
    shades: tuple[Colour, ...],
    distance: float,
    conifers: bool,
) -> list[Patch]:
    """A row of trees along `base` (pixels), `count` over the widest frame, heights in units."""
    patches: list[Patch] = []
    trunk = light.far(rgb(96, 66, 46), distance)
    kind = pine if conifers else broadleaf
    for index in range(count):
        x = canvas.column((index + 0.5 + rng.uniform(-0.4, 0.4)) / count * 2 * HALF_SPAN - HALF_SPAN)
        leaves = light.far(jitter(shades[int(rng.integers(len(shades)))], rng, 7), distance)
        tall = float(rng.uniform(*height)) * canvas.unit
        patches += kind(x, base + float(rng.uniform(0, 0.025)) * canvas.unit, tall, leaves, trunk)
    return patches


def flower_bed(
    canvas: Canvas, light: Light, rng: np.random.Generator, *, top: float, bottom: float, count: int
) -> list[Patch]:
    """Blossoms that grow towards the viewer between two rows of pixels."""
    draws = rng.random((count, 4))
    patches: list[Patch] = []
    for depth, across, kind, size in draws[np.argsort(draws[:, 0])]:
        x = canvas.column((across * 2 - 1) * HALF_SPAN)
        y = top + (bottom - top) * depth
        r = canvas.unit * (0.01 + 0.014 * depth + 0.006 * size)
        if -r > x or x > canvas.width + r:
            continue
        paint = light.on(FLOWERS[int(kind * len(FLOWERS))])
        patches.append((box(x - r * 0.15, y, x + r * 0.15, y + r * 2.4), light.on(rgb(52, 128, 58))))
        patches.append((oval(x, y, r, r), paint))
        patches.append((oval(x, y, r * 0.4, r * 0.4), light.on(rgb(250, 190, 60))))
    return patches


def tufts(
    canvas: Canvas, rng: np.random.Generator, paint: Colour, *, top: float, count: int = 46
) -> list[Patch]:
    """Blades of grass scattered below the row `top`."""
    patches: list[Patch] = []
    for across, depth, size in rng.random((count, 3)):
        x = canvas.column((across * 2 - 1) * HALF_SPAN)
        y = top + (canvas.height - top) * depth
        h = canvas.unit * (0.02 + 0.02 * size) * (0.6 + depth)
        for lean in (-0.5, 0.0, 0.5):
            patches.append((polygon((x - h * 0.14, y), (x + h * 0.14, y), (x + lean * h, y - h)), paint))
    return patches
