"""Painters of places by or on the water, and the water itself."""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, jitter, mix, oval, rgb
from darkroom.train.composer.landscapes import hill
from darkroom.train.composer.palette import Colour
from darkroom.train.composer.plants import grove, palm, tufts
from darkroom.train.composer.sky import Light

_SAND = rgb(238, 208, 150)
_GRASS = rgb(92, 172, 88)


def water(
    canvas: Canvas, light: Light, rng: np.random.Generator, *, top: float, bottom: float, blue: Colour
) -> None:
    """Level water between two rows of pixels: the sky's glint far off, its own colour near."""
    first, last = int(np.clip(top, 0, canvas.height)), int(np.clip(np.ceil(bottom), 0, canvas.height))
    rows = canvas.rows[first:last]
    if len(rows) == 0:
        return
    share = np.clip((rows - top) / max(bottom - top, 1), 0, 1) ** 0.7
    far, near = mix(light.low, light.on(blue), 0.35), light.on(blue)
    paint = far[:, None, None] + (near - far)[:, None, None] * share[None]
    canvas.blend(
        np.broadcast_to(np.clip(rows - top + 0.5, 0, 1), (len(rows), canvas.width)), paint, top=first
    )
    _ripples(canvas, rng, mix(light.low, rgb(255, 255, 255), 0.25), top=top, bottom=bottom)


def _ripples(canvas: Canvas, rng: np.random.Generator, paint: Colour, *, top: float, bottom: float) -> None:
    shapes = []
    for across, depth, size in rng.random((90, 3)):
        y = top + (bottom - top) * (0.04 + 0.96 * depth)
        wide = canvas.unit * (0.02 + 0.06 * size) * (0.4 + depth)
        x = canvas.column((across * 2 - 1) * HALF_SPAN)
        if -wide < x < canvas.width + wide:
            shapes.append(oval(x, y, wide, canvas.unit * 0.0035 * (0.5 + depth)))
    canvas.blend(canvas.mask(shapes) * np.float32(0.4), paint)


def mirror(canvas: Canvas, light: Light, blue: Colour, rng: np.random.Generator, *, bottom: float) -> None:
    """Still water below the horizon that shows what stands above it upside down."""
    first, last = int(canvas.horizon), min(int(np.ceil(bottom)), canvas.height)
    source = np.clip(2 * first - np.arange(first, last) - 1, 0, canvas.height - 1)
    depth = np.linspace(0.35, 0.75, max(last - first, 1), dtype=np.float32)[None, :, None]
    image = canvas.pixels[:, source]
    paint = image + (light.on(blue)[:, None, None] - image) * depth[:, : last - first]
    canvas.pixels[:, first:last] = paint
    _ripples(canvas, rng, light.low, top=canvas.horizon, bottom=bottom)


def sea(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Open water up to the horizon."""
    blue = jitter((rgb(30, 116, 188), rgb(28, 142, 186))[int(rng.integers(2))], rng, 6)
    water(canvas, light, rng, top=canvas.horizon, bottom=canvas.height, blue=blue)


def beach(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Sand in front, surf, the sea behind, and sometimes a palm."""
    water(
        canvas, light, rng, top=canvas.horizon, bottom=canvas.row(0.6), blue=jitter(rgb(30, 150, 196), rng, 6)
    )
    line = np.asarray(
        canvas.row(0.44) - canvas.line_noise(rng, frequency=0.8, octaves=2) * 0.03 * canvas.unit
    )
    sand = light.on(jitter(_SAND, rng, 5))
    for offset, paint in ((0.0, mix(light.on(rgb(240, 250, 255)), light.low, 0.2)), (0.018, sand * np.float32(0.84)),
                          (0.05, sand)):  # fmt: skip
        canvas.ridge((line + offset * canvas.unit).astype(np.float32), paint, paint * np.float32(0.96))
    if rng.random() < 0.55:
        side = 1.0 if rng.random() < 0.5 else -1.0
        x = canvas.width / 2 + side * canvas.width * 0.42
        leaf, bark = light.on(rgb(58, 142, 74)), light.on(rgb(146, 104, 70))
        canvas.draw(
            palm(x, canvas.row(0.66), canvas.unit * float(rng.uniform(0.42, 0.55)), leaf, bark, -side)
        )


def lake(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Hills mirrored in still water, seen from a grassy shore."""
    green = jitter(_GRASS, rng, 8)
    for rise, distance in ((0.1, 0.5), (0.03, 0.25)):
        noise = canvas.line_noise(rng, frequency=1.4, octaves=3)
        top = np.asarray(canvas.horizon - (rise + 0.05 * noise) * canvas.unit, np.float32)
        paint = light.far(green * np.float32(0.8), distance)
        canvas.ridge(top, paint, paint)
    firs = (rgb(48, 110, 78), rgb(60, 124, 80))
    canvas.draw(grove(canvas, light, rng, base=canvas.row(0.0), count=60, height=(0.05, 0.11), shades=firs,
                      distance=0.2, conifers=True))  # fmt: skip
    mirror(canvas, light, rgb(70, 140, 190), rng, bottom=canvas.row(0.75))
    shore = light.on(green)
    hill(
        canvas,
        rng,
        at=0.6,
        swell=0.03,
        upper=mix(shore, light.on(_SAND), 0.35),
        lower=shore * np.float32(0.85),
    )
    canvas.draw(tufts(canvas, rng, light.on(green * np.float32(0.72)), top=canvas.row(0.68), count=60))
