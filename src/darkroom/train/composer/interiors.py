"""Painters of rooms: a wall, a floor, a window onto the time of day, and a little furniture."""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, Patch, box, jitter, mix, oval, polygon, rgb
from darkroom.train.composer.palette import Colour
from darkroom.train.composer.sky import Light

_WHITE = rgb(255, 255, 255)
_WOOD = rgb(186, 134, 90)
_INDOOR_TINT = {
    "day": rgb(1, 1, 1),
    "sunset": rgb(1.0, 0.86, 0.74),
    "night": rgb(0.56, 0.56, 0.74),
}


def indoor_tint(light: Light) -> Colour:
    """How the time outside colours the inside, (3,) factors."""
    return _INDOOR_TINT.get(light.time, _INDOOR_TINT["day"])


def _wall_and_floor(canvas: Canvas, light: Light, wall: Colour, floor: Colour) -> None:
    tint = indoor_tint(light)
    canvas.gradient([(0.0, wall * tint * np.float32(0.94)), (1.0, wall * tint)], bottom=canvas.horizon)
    flat = np.full(canvas.width, canvas.horizon, np.float32)
    canvas.ridge(flat, floor * tint * np.float32(0.86), floor * tint)
    canvas.blend(np.clip(1 - np.abs(canvas.columns - canvas.width / 2) / canvas.width, 0, 1) * np.float32(0.06)
                 * np.ones_like(canvas.rows), _WHITE)  # fmt: skip


def _boards(canvas: Canvas, shade: Colour) -> None:
    seams = [polygon((canvas.column(i * 0.11 - 0.003), canvas.horizon), (canvas.column(i * 0.11 + 0.003), canvas.horizon),
                     (canvas.column(i * 0.18 + 0.006), canvas.height + 1), (canvas.column(i * 0.18 - 0.006), canvas.height + 1))
             for i in range(-24, 25)]  # fmt: skip
    canvas.blend(canvas.mask(seams) * np.float32(0.5), shade)


def _skirting(canvas: Canvas, paint: Colour) -> list[Patch]:
    return [(box(-2, canvas.horizon - 0.035 * canvas.unit, canvas.width + 2, canvas.horizon), paint)]


def _window(canvas: Canvas, light: Light, x: float, y: float, wide: float, tall: float) -> None:
    """A framed window centred at (x, y), sizes in pixels, with the sky of the time of day in it."""
    u, frame = canvas.unit, mix(_WHITE, light.low, 0.1) * indoor_tint(light)
    outer, inner = box(x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), 0.016 * u
    canvas.draw(
        [(outer + np.array((0.008 * u, 0.012 * u), np.float32), frame * np.float32(0.62)), (outer, frame)]
    )
    pane = canvas.mask(
        [box(x - wide / 2 + inner, y - tall / 2 + inner, x + wide / 2 - inner, y + tall / 2 - inner)]
    )
    share = np.clip((canvas.rows - (y - tall / 2)) / tall, 0, 1)[None]
    top, low = mix(light.zenith, light.middle, 0.4), light.low
    canvas.blend(pane, top[:, None, None] + (low - top)[:, None, None] * share)
    bars: list[Patch] = [
        (box(x - 0.007 * u, y - tall / 2, x + 0.007 * u, y + tall / 2), frame),
        (box(x - wide / 2, y - 0.007 * u, x + wide / 2, y + 0.007 * u), frame),
        (
            box(x - wide / 2 - 0.02 * u, y + tall / 2, x + wide / 2 + 0.02 * u, y + tall / 2 + 0.025 * u),
            frame * np.float32(0.92),
        ),
    ]
    sight: list[Patch] = []
    if light.time == "night":
        sight.append((oval(x + wide * 0.24, y - tall * 0.26, 0.028 * u, 0.028 * u), rgb(246, 243, 222)))
    elif light.time == "sunset":
        sight.append((oval(x - wide * 0.22, y + tall * 0.3, 0.04 * u, 0.04 * u), rgb(255, 226, 140)))
    canvas.draw([*sight, *bars])


def _picture(canvas: Canvas, light: Light, rng: np.random.Generator, x: float, y: float) -> list[Patch]:
    u, tint = canvas.unit, indoor_tint(light)
    paint = jitter(rgb(200, 150, 120), rng, 40)
    return [
        (box(x - 0.075 * u, y - 0.095 * u, x + 0.075 * u, y + 0.095 * u), rgb(120, 84, 58) * tint),
        (box(x - 0.06 * u, y - 0.08 * u, x + 0.06 * u, y + 0.08 * u), rgb(244, 238, 224) * tint),
        (oval(x, y, 0.036 * u, 0.046 * u), paint * tint),
    ]


def room(canvas: Canvas, light: Light, wall: Colour, rng: np.random.Generator) -> None:
    """A plain room: window, picture, boards and a rug."""
    tint, u = indoor_tint(light), canvas.unit
    _wall_and_floor(canvas, light, wall, jitter(_WOOD, rng, 6))
    _boards(canvas, rgb(120, 80, 52) * tint)
    side = float(rng.choice((-1.0, 1.0)))
    x = canvas.width / 2 + side * canvas.width * 0.26
    _window(canvas, light, x, canvas.horizon - 0.44 * u, 0.36 * u, 0.36 * u)
    rug = jitter(rgb(196, 110, 100), rng, 30)
    patches = _skirting(canvas, mix(wall, _WHITE, 0.6) * tint)
    patches += _picture(
        canvas, light, rng, canvas.width / 2 - side * canvas.width * 0.3, canvas.horizon - 0.46 * u
    )
    patches += [(oval(canvas.width / 2, canvas.row(0.6), 0.42 * u, 0.085 * u), rug * tint),
                (oval(canvas.width / 2, canvas.row(0.6), 0.34 * u, 0.065 * u), mix(rug, _WHITE, 0.25) * tint)]  # fmt: skip
    canvas.draw(patches)


def kitchen(canvas: Canvas, light: Light, wall: Colour, rng: np.random.Generator) -> None:
    """A tiled wall with cupboards and a window, above a wooden counter in front."""
    tint, u = indoor_tint(light), canvas.unit
    _wall_and_floor(canvas, light, mix(wall, _WHITE, 0.35), jitter(rgb(200, 150, 104), rng, 6))
    grout = [
        box(-2, canvas.horizon - i * 0.09 * u, canvas.width + 2, canvas.horizon - i * 0.09 * u + 0.006 * u)
        for i in range(1, 5)
    ]
    grout += [box(canvas.column(i * 0.09), canvas.horizon - 0.36 * u, canvas.column(i * 0.09) + 0.006 * u, canvas.horizon)
              for i in range(-26, 26)]  # fmt: skip
    canvas.blend(canvas.mask(grout) * np.float32(0.55), _WHITE * tint)
    side = float(rng.choice((-1.0, 1.0)))
    _window(canvas, light, canvas.width / 2 + side * 0.2 * u, canvas.horizon - 0.5 * u, 0.3 * u, 0.34 * u)
    cupboard = mix(wall, rgb(250, 246, 238), 0.75)
    patches: list[Patch] = []
    for index in range(-9, 9):
        left = canvas.width / 2 + index * 0.26 * u
        if abs(left + 0.12 * u - canvas.width / 2 - side * 0.2 * u) > 0.3 * u:
            top = canvas.horizon - 0.74 * u
            patches.append(
                (box(left, top, left + 0.245 * u, top + 0.3 * u), cupboard * tint * np.float32(0.9))
            )
            patches.append(
                (box(left + 0.02 * u, top + 0.02 * u, left + 0.225 * u, top + 0.28 * u), cupboard * tint)
            )
            patches.append(
                (
                    box(left + 0.19 * u, top + 0.2 * u, left + 0.203 * u, top + 0.25 * u),
                    rgb(120, 120, 124) * tint,
                )
            )
    edge = canvas.row(0.62)
    patches.append((box(-2, edge, canvas.width + 2, canvas.height + 2), rgb(150, 104, 68) * tint))
    patches.append((box(-2, edge, canvas.width + 2, edge + 0.02 * u), rgb(226, 184, 138) * tint))
    canvas.draw(patches)


def bedroom(canvas: Canvas, light: Light, wall: Colour, rng: np.random.Generator) -> None:
    """A bed with pillows under a window, and a bedside lamp."""
    tint, u = indoor_tint(light), canvas.unit
    _wall_and_floor(canvas, light, wall, jitter(_WOOD, rng, 6))
    _boards(canvas, rgb(120, 80, 52) * tint)
    side = float(rng.choice((-1.0, 1.0)))
    middle = canvas.width / 2
    _window(canvas, light, middle - side * 0.3 * u, canvas.horizon - 0.44 * u, 0.28 * u, 0.32 * u)
    x, base = middle + side * 0.12 * u, canvas.row(0.34)
    blanket = jitter(rgb(104, 140, 200), rng, 30) * tint
    wood = rgb(140, 92, 60) * tint
    patches = _skirting(canvas, mix(wall, _WHITE, 0.6) * tint)
    patches += _bed(canvas, x, base, -side, wood, rgb(248, 246, 242) * tint, blanket)
    lamp = x - side * 0.56 * u
    patches += [
        (box(lamp - 0.08 * u, base - 0.14 * u, lamp + 0.08 * u, base), wood * np.float32(1.1)),
        (box(lamp - 0.01 * u, base - 0.22 * u, lamp + 0.01 * u, base - 0.14 * u), rgb(90, 80, 80) * tint),
        (polygon((lamp - 0.06 * u, base - 0.2 * u), (lamp - 0.035 * u, base - 0.3 * u), (lamp + 0.035 * u, base - 0.3 * u),
                 (lamp + 0.06 * u, base - 0.2 * u)), rgb(255, 224, 150)),
    ]  # fmt: skip
    canvas.draw(patches)
    if light.lamps:
        canvas.glow(lamp, base - 0.25 * u, 0.4 * u, rgb(255, 214, 140), 0.6)


def _bed(
    canvas: Canvas, x: float, base: float, side: float, wood: Colour, linen: Colour, blanket: Colour
) -> list[Patch]:
    """A bed seen from its side, its head to the left (`side` 1) or to the right (-1)."""
    parts = (  # from, to, lowest and highest, in units
        (-0.42, -0.36, 0.02, 0.3, wood),
        (0.36, 0.42, 0.02, 0.2, wood),
        (-0.36, 0.36, 0.03, 0.14, linen),
        (-0.08, 0.36, 0.035, 0.17, blanket),
        (-0.34, -0.14, 0.12, 0.21, linen * np.float32(0.96)),
    )
    scale = np.array((side * canvas.unit, -canvas.unit), np.float32)
    return [(box(x0, y0, x1, y1) * scale + np.array((x, base), np.float32), paint)
            for x0, x1, y0, y1, paint in parts]  # fmt: skip


def library(canvas: Canvas, light: Light, wall: Colour, rng: np.random.Generator) -> None:
    """Shelves full of books from the floor to the top of the picture."""
    u, wood = canvas.unit, jitter(rgb(118, 76, 48), rng, 5)
    _wall_and_floor(canvas, light, wood * np.float32(0.55), jitter(rgb(160, 108, 70), rng, 5))
    patches: list[Patch] = []
    shelf, foot = 0.19 * u, canvas.horizon - 0.03 * u
    spines = (
        rgb(178, 60, 54),
        rgb(60, 92, 150),
        rgb(70, 128, 84),
        rgb(214, 170, 88),
        rgb(120, 76, 130),
        rgb(226, 214, 190),
    )
    for level in range(int(foot / shelf) + 1):
        x = -HALF_SPAN
        while x < HALF_SPAN:
            wide, tall, kind = (
                float(rng.uniform(0.024, 0.05)),
                float(rng.uniform(0.62, 0.88)),
                int(rng.integers(6)),
            )
            y = foot - level * shelf
            if y > 0 and -0.1 * u < canvas.column(x) < canvas.width:
                paint = spines[kind]
                patches.append(
                    (box(canvas.column(x), y - tall * shelf, canvas.column(x + wide) - 0.004 * u, y), paint)
                )
            x += wide
        patches.append(
            (box(-2, foot - level * shelf, canvas.width + 2, foot - level * shelf + 0.022 * u), wood)
        )
    for index in range(-3, 4):
        patches.append(
            (
                box(
                    canvas.column(index * 0.72 + 0.36) - 0.015 * u,
                    0,
                    canvas.column(index * 0.72 + 0.36) + 0.015 * u,
                    foot + 0.02 * u,
                ),
                wood,
            )
        )
    canvas.draw(patches)
    _boards(canvas, rgb(104, 66, 42))


def stage(canvas: Canvas, light: Light, wall: Colour, rng: np.random.Generator) -> None:
    """A theatre stage between red curtains, lit from above."""
    u = canvas.unit
    _wall_and_floor(canvas, light, rgb(64, 22, 34), jitter(rgb(176, 122, 76), rng, 5))
    _boards(canvas, rgb(112, 72, 44))
    half = canvas.width / 2
    cone = polygon(
        (half - 0.07 * u, -2),
        (half + 0.07 * u, -2),
        (half + 0.4 * u, canvas.row(0.62)),
        (half - 0.4 * u, canvas.row(0.62)),
    )
    canvas.blend(canvas.soft([cone], 0.02) * np.float32(0.3), rgb(255, 240, 200))
    canvas.blend(
        canvas.soft([oval(half, canvas.row(0.6), 0.42 * u, 0.07 * u)], 0.012) * np.float32(0.45),
        rgb(255, 240, 200),
    )
    reach = np.minimum(canvas.columns, canvas.width - canvas.columns) / (0.15 * canvas.width)
    folds = np.sin(canvas.columns / u * 46) * 0.16 + 0.84
    edge = np.clip(
        (1 - reach + 0.1 * ((canvas.rows / canvas.height) - 0.4)) * 0.15 * canvas.width + 0.5, 0, 1
    )
    curtain = np.broadcast_to(rgb(190, 32, 44)[:, None, None] * folds[None], (3, canvas.height, canvas.width))
    canvas.blend(edge.astype(np.float32), curtain.astype(np.float32))
    swags = [oval(canvas.column((i + 0.5) * 0.24), 0, 0.135 * u, 0.12 * u) for i in range(-10, 10)]
    canvas.blend(canvas.mask(swags), rgb(206, 40, 50))
    canvas.blend(canvas.mask([s * np.array((1, 0.55), np.float32) for s in swags]), rgb(170, 26, 40))
