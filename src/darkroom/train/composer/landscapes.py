"""Painters of open country: everything below the sky, from the far hills to the ground at one's feet.

Each takes the canvas with its sky already painted, the light, and a generator that decides the details.
"""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, Patch, box, jitter, mix, oval, polygon, rgb
from darkroom.train.composer.palette import Colour
from darkroom.train.composer.plants import broadleaf, flower_bed, grove, tufts
from darkroom.train.composer.sky import Light, scatter_stars

_GREENS = (rgb(118, 190, 78), rgb(92, 172, 88), rgb(146, 194, 84))
_SNOW = rgb(240, 246, 253)


def hill(
    canvas: Canvas,
    rng: np.random.Generator,
    *,
    at: float,
    swell: float,
    upper: Colour,
    lower: Colour,
    frequency: float = 1.0,
    octaves: int = 2,
) -> np.ndarray:
    """One rolling line of ground `at` a depth below the horizon, `swell` units high. Returns the line."""
    noise = canvas.line_noise(rng, frequency=frequency, octaves=octaves)
    top = np.asarray(canvas.row(at) - noise * swell * canvas.unit, np.float32)
    canvas.ridge(top, upper, lower, fade=canvas.unit * 0.35)
    return top


def _peaks(canvas: Canvas, light: Light, rng: np.random.Generator, rock: Colour, *, snow: bool) -> None:
    """Three ranges of mountains, the farther the paler; the first may carry snow."""
    for layer, (rise, height, distance) in enumerate(
        ((0.27, 0.17, 0.52), (0.15, 0.12, 0.34), (0.06, 0.08, 0.18))
    ):
        noise = canvas.line_noise(rng, frequency=2.2 + layer, octaves=5, roughness=0.48)
        top = np.asarray(canvas.horizon - (rise + noise * height) * canvas.unit, np.float32)
        paint = light.far(jitter(rock, rng, 5), distance)
        canvas.ridge(top, paint, mix(paint, light.low, 0.4), fade=canvas.unit * 0.4)
        if snow and layer == 0:
            _snow_caps(canvas, rng, top, light.far(_SNOW, 0.12), rise)


def _snow_caps(canvas: Canvas, rng: np.random.Generator, top: np.ndarray, paint: Colour, rise: float) -> None:
    line = canvas.horizon - (rise - 0.02) * canvas.unit
    ragged = line + canvas.line_noise(rng, frequency=9, octaves=2) * 0.03 * canvas.unit
    alpha = np.clip(canvas.rows - top[None] + 0.5, 0, 1) * np.clip(ragged[None] - canvas.rows + 0.5, 0, 1)
    canvas.blend(alpha.astype(np.float32), paint)


def _far_hills(canvas: Canvas, light: Light, rng: np.random.Generator, paint: Colour) -> None:
    far = light.far(paint, 0.55)
    hill(canvas, rng, at=-0.08, swell=0.05, upper=far, lower=mix(far, light.low, 0.3), frequency=1.3)


def meadow(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Rolling grass, one layer behind the other."""
    green = jitter(_GREENS[int(rng.integers(3))], rng, 7)
    _far_hills(canvas, light, rng, rgb(96, 150, 150))
    for at, distance, dim in ((0.04, 0.22, 0.95), (0.22, 0.08, 1.0), (0.52, 0.0, 0.94)):
        paint = light.far(green * np.float32(dim), distance)
        hill(
            canvas, rng, at=at, swell=0.045, upper=mix(paint, light.on(rgb(240, 240, 150)), 0.18), lower=paint
        )
    patches = tufts(canvas, rng, light.on(green * np.float32(0.78)), top=canvas.row(0.5))
    if rng.random() < 0.5:
        patches += flower_bed(canvas, light, rng, top=canvas.row(0.4), bottom=canvas.row(1.0), count=60)
    canvas.draw(patches)


def mountains(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Ranges in haze above a green or stony foreground."""
    rocks = (rgb(104, 122, 152), rgb(90, 112, 140), rgb(146, 112, 112))
    kind = int(rng.integers(3))
    _peaks(canvas, light, rng, rocks[kind], snow=kind < 2)
    green = jitter((_GREENS[1], _GREENS[0], rgb(150, 128, 98))[kind], rng, 8)
    for at, dim in ((0.08, 0.9), (0.42, 1.0)):
        paint = light.on(green * np.float32(dim))
        hill(canvas, rng, at=at, swell=0.04, upper=paint, lower=paint * np.float32(0.8))
        if at < 0.1 and rng.random() < 0.6:
            base = canvas.row(0.18)
            firs = (rgb(46, 106, 78), rgb(56, 118, 82))
            canvas.draw(grove(canvas, light, rng, base=base, count=50, height=(0.06, 0.12), shades=firs,
                              distance=0.15, conifers=True))  # fmt: skip


def desert(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Dunes with a lit and a shaded flank."""
    sand = jitter(rgb(236, 184, 110), rng, 7)
    for at, swell, distance in ((-0.12, 0.05, 0.4), (0.06, 0.07, 0.15), (0.36, 0.06, 0.0), (0.7, 0.04, 0.0)):
        paint = light.far(jitter(sand, rng, 4), distance)
        top = hill(
            canvas, rng, at=at, swell=swell, upper=mix(paint, light.low, 0.25), lower=paint * np.float32(0.86)
        )
        _dune_shade(canvas, top, paint * np.float32(0.72))
    if rng.random() < 0.45:
        side = 1.0 if rng.random() < 0.5 else -1.0
        canvas.draw(_cactus(canvas, light, canvas.width / 2 + side * canvas.width * 0.36, canvas.row(0.42)))


def _dune_shade(canvas: Canvas, top: np.ndarray, paint: Colour) -> None:
    """The lee side: below a crest that falls to the right, darker, and fading with depth."""
    slope = np.gradient(top) / 1.0
    lee = np.clip(slope * 4.0, 0, 1)[None]
    alpha = np.clip(canvas.rows - top[None] + 0.5, 0, 1) * np.clip(
        1 - (canvas.rows - top[None]) / (0.16 * canvas.unit), 0, 1
    )
    canvas.blend((alpha * lee * 0.6).astype(np.float32), paint)


def _cactus(canvas: Canvas, light: Light, x: float, base: float) -> list[Patch]:
    h, green = canvas.unit * 0.2, light.on(rgb(70, 140, 84))
    w = h * 0.13
    arms: list[Patch] = [(box(x - w, base - h, x + w, base), green), (oval(x, base - h, w, w), green)]
    for side, low, high in ((-1, 0.4, 0.7), (1, 0.52, 0.86)):
        ax = x + side * h * 0.34
        arms.append(
            (
                box(min(x, ax) - w * 0.7, base - h * low - w, max(x, ax) + w * 0.7, base - h * low + w * 0.5),
                green,
            )
        )
        arms.append((box(ax - w * 0.75, base - h * high, ax + w * 0.75, base - h * low), green))
        arms.append((oval(ax, base - h * high, w * 0.75, w * 0.75), green))
    return arms


def snow(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """White hills under pale mountains, with snowy firs."""
    if rng.random() < 0.6:
        _peaks(canvas, light, rng, rgb(150, 176, 206), snow=True)
    shadow = light.on(rgb(196, 214, 238))
    for at, distance in ((0.02, 0.25), (0.3, 0.1), (0.58, 0.0)):
        paint = light.far(_SNOW, distance)
        hill(canvas, rng, at=at, swell=0.05, upper=paint, lower=mix(paint, shadow, 0.7))
        if at == 0.02:
            firs = (rgb(150, 184, 190), rgb(106, 150, 160))
            canvas.draw(grove(canvas, light, rng, base=canvas.row(0.18), count=34, height=(0.1, 0.2), shades=firs,
                              distance=0.15, conifers=True))  # fmt: skip


def forest(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Two ranks of firs behind a clearing."""
    _wood(
        canvas,
        light,
        rng,
        (rgb(38, 112, 72), rgb(52, 128, 78), rgb(34, 96, 70)),
        rgb(98, 158, 80),
        conifers=True,
    )


def autumn(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Two ranks of round trees in red, orange and yellow behind fallen leaves."""
    leaves = (rgb(226, 110, 40), rgb(238, 166, 48), rgb(196, 70, 44), rgb(214, 138, 50))
    _wood(canvas, light, rng, leaves, rgb(196, 152, 84), conifers=False)
    fallen: list[Patch] = []
    for across, depth, kind in rng.random((70, 3)):
        r = canvas.unit * (0.006 + 0.008 * depth)
        where = oval(
            canvas.column((across * 2 - 1) * HALF_SPAN), canvas.row(0.35 + 0.65 * depth), r * 1.4, r * 0.8
        )
        fallen.append((where, light.on(leaves[int(kind * 4)])))
    canvas.draw(fallen)


def _wood(canvas: Canvas, light: Light, rng: np.random.Generator, leaves: tuple[Colour, ...], ground: Colour, *,
          conifers: bool) -> None:  # fmt: skip
    _far_hills(canvas, light, rng, leaves[0])
    for at, count, height, distance in ((0.05, 44, (0.2, 0.32), 0.38), (0.2, 32, (0.32, 0.5), 0.08)):
        paint = light.far(ground, distance * 0.8)
        hill(canvas, rng, at=at, swell=0.02, upper=paint, lower=paint * np.float32(0.85))
        canvas.draw(grove(canvas, light, rng, base=canvas.row(at + 0.05), count=count, height=height, shades=leaves,
                          distance=distance, conifers=conifers))  # fmt: skip
    near = light.on(ground)
    hill(canvas, rng, at=0.36, swell=0.02, upper=near, lower=near * np.float32(0.78))


def garden(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A hedge, a white fence, and flowers all over the lawn."""
    hedge = light.far(rgb(58, 136, 70), 0.12)
    top = canvas.row(-0.2) - np.abs(canvas.line_noise(rng, frequency=5, octaves=2)) * 0.045 * canvas.unit
    canvas.ridge(
        top.astype(np.float32), mix(hedge, light.low, 0.15), hedge * np.float32(0.8), fade=canvas.unit * 0.2
    )
    canvas.draw(_fence(canvas, light))
    lawn = light.on(jitter(rgb(120, 190, 84), rng, 6))
    hill(canvas, rng, at=0.2, swell=0.012, upper=lawn, lower=lawn * np.float32(0.82))
    canvas.draw(flower_bed(canvas, light, rng, top=canvas.row(0.2), bottom=canvas.row(1.02), count=210))


def _fence(canvas: Canvas, light: Light) -> list[Patch]:
    white, u = light.far(rgb(248, 248, 244), 0.08), canvas.unit
    foot, top = canvas.row(0.26), canvas.row(0.26) - 0.19 * u
    patches: list[Patch] = [(box(-u, y, canvas.width + u, y + 0.018 * u), white * np.float32(0.9))
                            for y in (top + 0.05 * u, top + 0.12 * u)]  # fmt: skip
    for index in range(int(-HALF_SPAN / 0.085), int(HALF_SPAN / 0.085) + 1):
        x, w = canvas.column(index * 0.085), 0.02 * u
        patches.append(
            (
                polygon((x - w, foot), (x - w, top + w), (x, top - w * 0.4), (x + w, top + w), (x + w, foot)),
                white,
            )
        )
    return patches


def volcano(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A cone that glows at the top and smokes, above dark ground."""
    u, foot = canvas.unit, canvas.row(0.1)
    x = canvas.column(float(rng.uniform(-0.1, 0.1)))
    top = canvas.horizon - 0.46 * u
    for index, (dx, dy, r) in enumerate(
        ((0, 0.06, 0.06), (0.03, 0.14, 0.08), (-0.02, 0.24, 0.1), (0.05, 0.34, 0.13))
    ):
        smoke = light.far(rgb(108, 100, 104), 0.1 + 0.1 * index)
        canvas.blend(
            canvas.soft([oval(x + dx * u, top - dy * u, r * u, r * 0.85 * u)], 0.02) * np.float32(0.85), smoke
        )
    canvas.glow(x, top, 0.3 * u, rgb(255, 120, 40), 0.7)
    rock = light.far(rgb(96, 74, 74), 0.12)
    patches: list[Patch] = [
        (polygon((x - 0.56 * u, foot), (x - 0.09 * u, top), (x + 0.09 * u, top), (x + 0.56 * u, foot)), rock),
        (
            polygon((x + 0.1 * u, foot), (x + 0.03 * u, top), (x + 0.09 * u, top), (x + 0.56 * u, foot)),
            rock * np.float32(0.82),
        ),
        (oval(x, top, 0.09 * u, 0.02 * u), rgb(255, 170, 60)),
    ]
    for side, length in ((-0.04, 0.3), (0.0, 0.2), (0.05, 0.36)):
        sx = x + side * u
        lava = polygon((sx - 0.018 * u, top), (sx + 0.018 * u, top), (sx + side * 3 * u + 0.012 * u, top + length * u),
                       (sx + side * 3 * u - 0.008 * u, top + length * u))  # fmt: skip
        patches.append((lava, rgb(255, 112, 36)))
    canvas.draw(patches)
    ground = light.on(jitter(rgb(92, 82, 80), rng, 4))
    for at, dim in ((0.06, 1.0), (0.4, 0.84)):
        hill(
            canvas,
            rng,
            at=at,
            swell=0.03,
            upper=ground * np.float32(dim),
            lower=ground * np.float32(dim * 0.75),
        )


def field(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Wheat in rows that run to the horizon."""
    _far_hills(canvas, light, rng, rgb(110, 150, 110))
    gold = jitter(rgb(232, 188, 84), rng, 6)
    canvas.ridge(np.full(canvas.width, canvas.horizon, np.float32), light.far(gold, 0.25), light.on(gold))
    furrow = light.on(gold * np.float32(0.8))
    rows = [polygon((canvas.column(i * 0.045), canvas.horizon), (canvas.column(i * 0.22 - 0.035), canvas.height + 1),
                    (canvas.column(i * 0.22 + 0.035), canvas.height + 1)) for i in range(-22, 23)]  # fmt: skip
    canvas.blend(canvas.mask(rows) * np.float32(0.55), furrow)
    canvas.draw(
        tufts(canvas, rng, light.on(mix(gold, rgb(255, 240, 170), 0.4)), top=canvas.row(0.2), count=170)
    )


def clouds(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A sea of clouds, rank before rank."""
    tops = {"night": rgb(70, 82, 130), "dusk": rgb(170, 120, 176), "sunset": rgb(255, 188, 150)}
    white = tops.get(light.time, rgb(255, 255, 255))
    for layer, at in enumerate((-0.2, 0.12, 0.5)):
        shapes = []
        for index in range(34):
            x = canvas.column((index + rng.uniform(0, 1)) / 34 * 2 * HALF_SPAN - HALF_SPAN)
            r = canvas.unit * float(rng.uniform(0.07, 0.13)) * (1 + 0.35 * layer)
            shapes.append(oval(x, canvas.row(at) + r * 0.5, r, r * 0.85))
        shapes.append(box(-2, canvas.row(at) + canvas.unit * 0.06, canvas.width + 2, canvas.height + 2))
        shade = mix(white, light.low, 0.42 - 0.2 * layer)
        top = canvas.row(at) - canvas.unit * 0.06
        fall = np.clip((canvas.rows - top) / (canvas.unit * 0.34), 0, 1)[None]
        canvas.blend(
            canvas.mask(shapes),
            shade[:, None, None] + (mix(shade, light.middle, 0.35) - shade)[:, None, None] * fall,
        )


def night_sky(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """The milky way over the dark outline of a hill."""
    band = canvas.cloud_noise(rng, frequency=2.5, octaves=4) * 0.5 + 0.5
    slope = float(rng.choice((-1.0, 1.0))) * 0.6
    away = (canvas.rows - canvas.horizon * 0.45) / canvas.unit - slope * canvas.x[None]
    glow = np.exp(-((away / 0.2) ** 2)) * np.clip(band, 0, 1) * 0.55
    sky = np.clip(canvas.horizon - canvas.rows + 0.5, 0, 1)
    canvas.blend((glow * sky).astype(np.float32), rgb(150, 140, 210))
    scatter_stars(canvas, rng.random((300, 4)).astype(np.float32), bottom=canvas.horizon)
    hill(canvas, rng, at=0.0, swell=0.03, upper=rgb(16, 26, 40), lower=rgb(8, 14, 24))


def cave(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Dark rock around an opening through which the sky shows."""
    ground = light.on(rgb(120, 130, 110))
    canvas.ridge(np.full(canvas.width, canvas.horizon, np.float32), ground, ground * np.float32(0.8))
    rock = light.on(jitter(rgb(86, 74, 78), rng, 5)) + 10
    bend = canvas.line_noise(rng, frequency=3.0, octaves=3)
    for scale, shade in ((1.0, 0.95), (1.18, 0.72), (1.36, 0.5)):
        half_w, half_h = 0.36 * canvas.width * scale, 0.4 * canvas.height * scale
        reach = np.hypot(
            (canvas.columns - canvas.width / 2) / half_w, (canvas.rows - canvas.height * 0.5) / half_h
        )
        edge = 1.0 + 0.12 * bend[None]
        sharp = min(half_w, half_h)
        canvas.blend(np.clip((reach - edge) * sharp + 0.5, 0, 1).astype(np.float32), rock * np.float32(shade))
    floor = canvas.row(0.42) - canvas.line_noise(rng, frequency=2.0, octaves=3) * 0.02 * canvas.unit
    canvas.ridge(floor.astype(np.float32), rock * np.float32(1.12), rock * np.float32(0.6))


def lone_tree(canvas: Canvas, light: Light, x: float, base: float, height: float) -> list[Patch]:
    """A broadleaf in ordinary green."""
    return broadleaf(x, base, height, light.far(rgb(78, 152, 74), 0.06), light.far(rgb(110, 78, 54), 0.06))
