"""Painters of places without a sky: studio backdrops, space, the moon, and the deep sea."""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, Patch, box, jitter, mix, oval, polygon, rgb
from darkroom.train.composer.palette import Colour, colour
from darkroom.train.composer.sky import scatter_stars

_WHITE = rgb(255, 255, 255)
_NEBULAE = ("purple", "blue", "pink", "teal")


def studio(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """One even colour."""
    paint = jitter(colour(names[0]), rng, 4)
    canvas.gradient([(0.0, paint), (1.0, paint)])


def pastel(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """One light colour."""
    paint = mix(jitter(colour(names[0]), rng, 4), _WHITE, 0.62)
    canvas.gradient([(0.0, paint), (1.0, paint * np.float32(0.97))])


def gradient(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """From the first colour at the top to the second at the bottom."""
    canvas.gradient([(0.0, jitter(colour(names[0]), rng, 4)), (1.0, jitter(colour(names[1]), rng, 4))])


def soft(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """A seamless backdrop: light behind the subject, a bend where wall becomes floor, darker corners."""
    paint = jitter(colour(names[0]), rng, 4)
    canvas.gradient(
        [
            (0.0, paint * np.float32(0.9)),
            (0.62, paint),
            (0.74, paint * np.float32(0.86)),
            (1.0, paint * np.float32(0.96)),
        ]
    )
    canvas.glow(
        canvas.width / 2,
        canvas.height * 0.42,
        max(canvas.width, canvas.height) * 0.62,
        mix(paint, _WHITE, 0.55),
        0.6,
    )
    _vignette(canvas, 0.22)


def spotlight(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """A dim coloured room with a cone of light from above."""
    paint, u, half = jitter(colour(names[0]), rng, 4), canvas.unit, canvas.width / 2
    canvas.gradient([(0.0, paint * np.float32(0.42)), (0.74, paint * np.float32(0.62)), (0.76, paint * np.float32(0.52)),
                     (1.0, paint * np.float32(0.6))])  # fmt: skip
    light = mix(paint, _WHITE, 0.75)
    floor = canvas.height * 0.86
    cone = polygon(
        (half - 0.06 * u, -0.1 * u),
        (half + 0.06 * u, -0.1 * u),
        (half + 0.44 * u, floor),
        (half - 0.44 * u, floor),
    )
    canvas.blend(canvas.soft([cone], 0.025) * np.float32(0.4), light)
    canvas.blend(canvas.soft([oval(half, floor, 0.45 * u, 0.085 * u)], 0.012) * np.float32(0.6), light)


def _vignette(canvas: Canvas, strength: float) -> None:
    away = np.hypot(canvas.columns / canvas.width - 0.5, canvas.rows / canvas.height - 0.5)
    canvas.pixels *= (1 - strength * np.clip(away / 0.7, 0, 1) ** 2)[None]


def space(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """Stars, a nebula, and a planet if a colour is named."""
    canvas.gradient([(0.0, jitter(rgb(8, 7, 24), rng, 3)), (1.0, jitter(rgb(22, 13, 46), rng, 4))])
    mist = colour(_NEBULAE[int(rng.integers(4))])
    cloud = np.clip(canvas.cloud_noise(rng, frequency=1.6, octaves=5) * 0.8, 0, 1)
    canvas.blend((cloud * 0.42).astype(np.float32), mist)
    scatter_stars(canvas, rng.random((260, 4)).astype(np.float32), bottom=canvas.height)
    where = rng.random(4)
    if names:
        side = 1.0 if where[0] < 0.5 else -1.0
        x = canvas.width / 2 + side * canvas.width * (0.3 + 0.08 * where[1])
        y = canvas.height * (0.18 + 0.12 * where[2])
        _planet(canvas, rng, x, y, canvas.unit * (0.13 + 0.07 * where[3]), jitter(colour(names[0]), rng, 5))


def _planet(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, radius: float, paint: Colour
) -> None:
    canvas.glow(x, y, radius * 1.7, paint, 0.35)
    bands = (
        np.sin((canvas.rows - y) / radius * 5 + canvas.cloud_noise(rng, frequency=4, octaves=2)) * 0.13 + 0.95
    )
    shade = np.clip(
        1.15 - np.hypot(canvas.columns - x + radius * 0.45, canvas.rows - y + radius * 0.45) / (radius * 1.9),
        0.12,
        1,
    )
    canvas.blend(
        canvas.mask([oval(x, y, radius, radius)]),
        (paint[:, None, None] * (bands * shade)[None]).astype(np.float32),
    )
    if rng.random() < 0.35:
        ring = canvas.mask([oval(x, y, radius * 1.75, radius * 0.42)]) - canvas.mask(
            [oval(x, y, radius * 1.42, radius * 0.3)]
        )
        behind = canvas.mask([oval(x, y, radius, radius)]) * (canvas.rows < y)
        canvas.blend(
            (np.clip(ring - behind, 0, 1) * 0.8).astype(np.float32), mix(paint, rgb(250, 236, 210), 0.6)
        )


def moon(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """Grey cratered ground under a black sky; the Earth may hang there."""
    canvas.gradient([(0.0, rgb(5, 6, 16)), (1.0, rgb(16, 18, 36))])
    scatter_stars(canvas, rng.random((220, 4)).astype(np.float32), bottom=canvas.horizon)
    where = rng.random(3)
    if where[0] < 0.6:
        _earth(
            canvas,
            canvas.width * (0.16 if where[1] < 0.5 else 0.84),
            canvas.horizon * (0.22 + 0.1 * where[2]),
        )
    grey = jitter(rgb(164, 164, 170), rng, 5)
    for at, dim in ((-0.06, 0.7), (0.1, 1.0)):
        line = canvas.row(at) - canvas.line_noise(rng, frequency=1.2, octaves=3) * 0.03 * canvas.unit
        canvas.ridge(line.astype(np.float32), grey * np.float32(dim), grey * np.float32(dim * 0.72))
    craters: list[Patch] = []
    for across, depth, size in rng.random((44, 3)):
        r = canvas.unit * (0.012 + 0.04 * size) * (0.5 + depth)
        x, y = canvas.column((across * 2 - 1) * HALF_SPAN), canvas.row(0.22 + 0.75 * depth)
        craters.append((oval(x, y, r, r * 0.36), grey * np.float32(0.66)))
        craters.append((oval(x, y + r * 0.09, r * 0.86, r * 0.27), grey * np.float32(0.8)))
    canvas.draw(craters)


def _earth(canvas: Canvas, x: float, y: float) -> None:
    r = canvas.unit * 0.085
    canvas.glow(x, y, r * 2, rgb(120, 170, 255), 0.35)
    land = [
        oval(x + dx * r, y + dy * r, rx * r, ry * r)
        for dx, dy, rx, ry in ((-0.3, -0.3, 0.4, 0.3), (0.25, 0.3, 0.34, 0.4), (-0.4, 0.5, 0.2, 0.16))
    ]
    canvas.draw([(oval(x, y, r, r), rgb(52, 116, 206)), *[(shape, rgb(90, 170, 96)) for shape in land]])


def underwater(canvas: Canvas, names: tuple[str, ...], rng: np.random.Generator) -> None:
    """Shafts of light through blue water, weed, coral and bubbles above a sandy bottom."""
    u = canvas.unit
    canvas.gradient(
        [
            (0.0, jitter(rgb(74, 190, 220), rng, 6)),
            (0.5, rgb(28, 116, 176)),
            (1.0, jitter(rgb(10, 52, 112), rng, 5)),
        ]
    )
    shafts = []
    for index in range(12):
        x = canvas.column((index + rng.uniform(0, 1)) / 12 * 2 * HALF_SPAN - HALF_SPAN)
        wide, lean = float(rng.uniform(0.03, 0.09)) * u, float(rng.uniform(0.1, 0.3)) * u
        shafts.append(
            polygon(
                (x, -2),
                (x + wide, -2),
                (x + wide * 2.2 + lean, canvas.height),
                (x + lean - wide, canvas.height),
            )
        )
    fade = np.clip(1 - canvas.rows / canvas.height, 0, 1) * 0.3
    canvas.blend((canvas.soft(shafts, 0.012) * fade).astype(np.float32), rgb(214, 244, 250))
    _weeds(canvas, rng)
    sand = rgb(176, 172, 140)
    line = canvas.row(0.3) - canvas.line_noise(rng, frequency=1.4, octaves=2) * 0.03 * u
    canvas.ridge(line.astype(np.float32), sand, sand * np.float32(0.66))
    bubbles = []
    for across, height, size in rng.random((46, 3)):
        r = u * (0.006 + 0.014 * size * size)
        bubbles.append(
            oval(canvas.column((across * 2 - 1) * HALF_SPAN), canvas.horizon * (0.05 + 0.9 * height), r, r)
        )
    canvas.blend(canvas.mask(bubbles) * np.float32(0.5), rgb(206, 240, 250))


def _weeds(canvas: Canvas, rng: np.random.Generator) -> None:
    u, foot = canvas.unit, canvas.row(0.5)
    patches: list[Patch] = []
    corals = (rgb(226, 96, 110), rgb(240, 150, 80), rgb(190, 100, 190))
    for index in range(26):
        x = canvas.column((index + rng.uniform(0, 1)) / 26 * 2 * HALF_SPAN - HALF_SPAN)
        tall, kind, sway = float(rng.uniform(0.1, 0.26)) * u, float(rng.random()), float(rng.uniform(-1, 1))
        if kind < 0.65:
            steps = np.linspace(0, 1, 7)
            spine = x + np.sin(steps * 5 + sway * 3) * 0.018 * u
            half = 0.016 * u * (1 - steps)
            ys = foot - steps * tall
            blade = np.concatenate([np.stack([spine - half, ys], 1), np.stack([spine + half, ys], 1)[::-1]])
            patches.append((blade.astype(np.float32), jitter(rgb(34, 120, 96), rng, 10)))
        else:
            paint = corals[int(rng.integers(3))] * np.float32(0.82)
            for dx, h in ((-0.04, 0.5), (0.0, 0.75), (0.04, 0.55)):
                patches.append(
                    (box(x + dx * u - 0.012 * u, foot - h * tall, x + dx * u + 0.012 * u, foot), paint)
                )
                patches.append((oval(x + dx * u, foot - h * tall, 0.018 * u, 0.018 * u), paint))
    canvas.draw(patches)
