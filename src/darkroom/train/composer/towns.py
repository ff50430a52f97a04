"""Painters of built places out of doors: city, street, village, farm and bridge."""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, Patch, box, jitter, mix, oval, polygon, rgb
from darkroom.train.composer.landscapes import lone_tree
from darkroom.train.composer.palette import Colour
from darkroom.train.composer.shores import water
from darkroom.train.composer.sky import Light

_LAMP = rgb(255, 222, 128)
_CONCRETE = (rgb(104, 118, 146), rgb(128, 120, 138), rgb(92, 110, 136), rgb(142, 132, 132))
_FACADES = (rgb(232, 118, 96), rgb(244, 196, 104), rgb(120, 176, 196), rgb(238, 226, 204), rgb(150, 190, 130),
            rgb(214, 150, 170))  # fmt: skip
_ROOFS = (rgb(186, 78, 62), rgb(150, 84, 66), rgb(110, 96, 110))


def city(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Two ranks of towers; their windows are lit after dark."""
    for pace, height, distance in ((0.13, (0.3, 0.62), 0.5), (0.19, (0.2, 0.46), 0.12)):
        patches: list[Patch] = []
        x = -HALF_SPAN
        while x < HALF_SPAN:
            wide = float(rng.uniform(0.75, 1.35)) * pace
            tower = _tower(canvas, light, rng, x, wide, float(rng.uniform(*height)), distance)
            patches += tower
            x += wide + float(rng.uniform(0.0, 0.02))
        canvas.draw(patches)
    _pavement(canvas, light)


def _tower(canvas: Canvas, light: Light, rng: np.random.Generator, x: float, wide: float, tall: float,
           distance: float) -> list[Patch]:  # fmt: skip
    wall = light.far(jitter(_CONCRETE[int(rng.integers(4))], rng, 6), distance)
    lit = rng.random((16, 6)) < (0.55 if light.lamps else 0.8)
    left, right = canvas.column(x), canvas.column(x + wide)
    if right < 0 or left > canvas.width:
        return []
    top, u = canvas.horizon - tall * canvas.unit, canvas.unit
    patches: list[Patch] = [
        (box(left, top, right, canvas.horizon + 2), wall),
        (box(right - 0.22 * (right - left), top, right, canvas.horizon + 2), wall * np.float32(0.88)),
    ]
    glass = mix(_LAMP, light.low, distance * 0.4) if light.lamps else mix(wall, light.zenith, 0.42)
    columns = max(2, round(wide / 0.045))
    step_x, step_y = (right - left) / columns, 0.055 * u
    for floor in range(min(int((canvas.horizon - top) / step_y), 16)):
        for column in range(columns):
            if lit[floor, column % 6]:
                wx, wy = left + (column + 0.26) * step_x, top + (floor + 0.4) * step_y
                patches.append((box(wx, wy, wx + step_x * 0.5, wy + step_y * 0.5), glass))
    return patches


def _pavement(canvas: Canvas, light: Light) -> None:
    flat = np.full(canvas.width, canvas.horizon, np.float32)
    kerb = light.on(rgb(168, 168, 170))
    road = light.on(rgb(96, 98, 108))
    canvas.ridge(flat, kerb, kerb * np.float32(0.9))
    canvas.ridge(flat + np.float32(0.05 * canvas.unit), road, road * np.float32(0.82))
    y, u = canvas.row(0.72), canvas.unit
    dashes = [(box(canvas.column(i * 0.26), y, canvas.column(i * 0.26 + 0.13), y + 0.016 * u), light.on(rgb(240, 236, 214)))
              for i in range(-9, 9)]  # fmt: skip
    canvas.draw(dashes)


def street(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A terrace of coloured houses along a road."""
    x = -HALF_SPAN
    patches: list[Patch] = []
    while x < HALF_SPAN:
        wide = float(rng.uniform(0.24, 0.32))
        patches += _terrace_house(canvas, light, rng, x, wide)
        x += wide
    canvas.draw(patches)
    _pavement(canvas, light)


def _terrace_house(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, wide: float
) -> list[Patch]:
    wall = light.on(jitter(_FACADES[int(rng.integers(len(_FACADES)))], rng, 6))
    roof = light.on(_ROOFS[int(rng.integers(len(_ROOFS)))])
    tall, lit = float(rng.uniform(0.36, 0.5)) * canvas.unit, rng.random(6) < 0.7
    left, right, u = canvas.column(x), canvas.column(x + wide), canvas.unit
    top, foot = canvas.horizon - tall, canvas.horizon + 2
    middle = (left + right) / 2
    patches: list[Patch] = [
        (polygon((left - 0.01 * u, top), (middle, top - 0.12 * u), (right + 0.01 * u, top)), roof),
        (box(left, top, right, foot), wall),
        (box(middle - 0.035 * u, foot - 0.12 * u, middle + 0.035 * u, foot), light.on(rgb(110, 74, 56))),
    ]
    for index, (dx, dy) in enumerate(
        ((0.24, 0.06), (0.76, 0.06), (0.24, 0.19), (0.76, 0.19), (0.14, 0.3), (0.86, 0.3))
    ):
        wx, wy = left + dx * (right - left), top + dy * u
        if wy + 0.06 * u < foot:
            glass = _LAMP if light.lamps and lit[index] else light.on(rgb(120, 150, 180))
            patches.append(
                (box(wx - 0.03 * u, wy, wx + 0.03 * u, wy + 0.075 * u), light.on(rgb(250, 248, 240)))
            )
            patches.append((box(wx - 0.022 * u, wy + 0.01 * u, wx + 0.022 * u, wy + 0.066 * u), glass))
    return patches


def cottage(
    canvas: Canvas, light: Light, x: float, base: float, size: float, wall: Colour, roof: Colour
) -> list[Patch]:
    """A little house `size` pixels wide with a pitched roof, a door and a window."""
    w, h = size / 2, size * 0.55
    glass = _LAMP if light.lamps else light.on(rgb(140, 176, 204))
    return [
        (box(x + w * 0.45, base - h - size * 0.42, x + w * 0.68, base - h), roof * np.float32(0.8)),
        (box(x - w, base - h, x + w, base), wall),
        (polygon((x - w * 1.2, base - h), (x - w * 0.5, base - h - size * 0.4), (x + w * 0.5, base - h - size * 0.4),
                 (x + w * 1.2, base - h)), roof),
        (box(x - w * 0.15, base - h * 0.62, x + w * 0.2, base), roof * np.float32(0.7)),
        (box(x - w * 0.75, base - h * 0.72, x - w * 0.4, base - h * 0.32), glass),
        (box(x + w * 0.42, base - h * 0.72, x + w * 0.77, base - h * 0.32), glass),
    ]  # fmt: skip


def village(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Cottages and round trees on a green slope."""
    _slopes(canvas, light, rng)
    patches: list[Patch] = []
    for index in range(17):
        x = canvas.column((index + 0.5 + rng.uniform(-0.25, 0.25)) / 17 * 2 * HALF_SPAN - HALF_SPAN)
        base = canvas.row(0.12 + 0.2 * float(rng.random()))
        wall = light.far(jitter(_FACADES[int(rng.integers(len(_FACADES)))], rng, 6), 0.05)
        roof = light.far(_ROOFS[int(rng.integers(2))], 0.05)
        size = canvas.unit * float(rng.uniform(0.15, 0.2))
        patches += lone_tree(canvas, light, x + size * 0.9, base, size * 1.1)
        patches += cottage(canvas, light, x, base, size, wall, roof)
    canvas.draw(patches)
    green = light.on(rgb(112, 172, 80))
    line = canvas.row(0.42) - canvas.line_noise(rng, frequency=1.0) * 0.02 * canvas.unit
    canvas.ridge(line.astype(np.float32), green, green * np.float32(0.84))


def _slopes(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    for at, distance in ((-0.14, 0.5), (0.02, 0.2)):
        paint = light.far(jitter(rgb(116, 172, 92), rng, 5), distance)
        line = canvas.row(at) - canvas.line_noise(rng, frequency=1.2) * 0.05 * canvas.unit
        canvas.ridge(line.astype(np.float32), paint, paint * np.float32(0.92))


def farm(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A red barn with a silo beside ploughed fields."""
    _slopes(canvas, light, rng)
    u, side = canvas.unit, float(rng.choice((-1.0, 1.0)))
    x, base = canvas.width / 2 + side * min(canvas.width * 0.24, 0.5 * u), canvas.row(0.16)
    canvas.draw([*lone_tree(canvas, light, canvas.width / 2 - side * canvas.width * 0.36, base, 0.3 * u),
                 *_barn(light, x, base, 0.36 * u, side)])  # fmt: skip
    near = light.on(jitter(rgb(150, 182, 88), rng, 5))
    canvas.ridge(np.full(canvas.width, base, np.float32), near, near * np.float32(0.82))
    rows = [polygon((canvas.column(i * 0.1 - 0.012), base), (canvas.column(i * 0.1 + 0.012), base),
                    (canvas.column(i * 0.2 + 0.03), canvas.height + 1), (canvas.column(i * 0.2 - 0.03), canvas.height + 1))
            for i in range(-24, 25)]  # fmt: skip
    canvas.blend(canvas.mask(rows) * np.float32(0.35), light.on(rgb(104, 140, 62)))


def _barn(light: Light, x: float, base: float, size: float, side: float) -> list[Patch]:
    red, white, grey = (
        light.far(paint, 0.05) for paint in (rgb(190, 58, 50), rgb(246, 244, 240), rgb(170, 174, 182))
    )
    w, h, sx = size / 2, size * 0.5, x + side * size * 0.72
    roof = polygon((x - w * 1.08, base - h), (x - w * 0.62, base - h * 1.5), (x, base - h * 1.8),
                   (x + w * 0.62, base - h * 1.5), (x + w * 1.08, base - h))  # fmt: skip
    door = light.far(rgb(120, 36, 34), 0.05)
    return [
        (box(sx - size * 0.13, base - h * 1.9, sx + size * 0.13, base), grey),
        (oval(sx, base - h * 1.9, size * 0.13, size * 0.13), grey * np.float32(0.85)),
        (roof, light.far(rgb(112, 74, 70), 0.05)),
        (polygon((x - w, base), (x - w, base - h), (x - w * 0.58, base - h * 1.42), (x, base - h * 1.68),
                 (x + w * 0.58, base - h * 1.42), (x + w, base - h), (x + w, base)), red),
        (box(x - w * 0.42, base - h * 0.8, x + w * 0.42, base), white),
        (box(x - w * 0.36, base - h * 0.74, x + w * 0.36, base), door),
        (box(x - w * 0.18, base - h * 1.32, x + w * 0.18, base - h * 1.06), white),
    ]  # fmt: skip


def bridge(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A stone bridge with arches across a river; things stand on its deck."""
    u = canvas.unit
    for at, distance in ((-0.22, 0.45), (-0.05, 0.2)):
        paint = light.far(jitter(rgb(104, 164, 92), rng, 6), distance)
        line = canvas.row(at) - canvas.line_noise(rng, frequency=1.2) * 0.05 * u
        canvas.ridge(line.astype(np.float32), paint, paint * np.float32(0.9))
    deck, stone = 0.775 * canvas.height, light.on(jitter(rgb(170, 156, 140), rng, 5))
    water(canvas, light, rng, top=canvas.row(0.3), bottom=canvas.height, blue=rgb(52, 128, 176))
    arches = [
        oval(canvas.column((i + 0.5) * 0.46), deck + 0.225 * u, 0.17 * u, 0.15 * u) for i in range(-6, 6)
    ]
    arches += [box(canvas.column((i + 0.5) * 0.46 - 0.17), deck + 0.225 * u, canvas.column((i + 0.5) * 0.46 + 0.17),
                   canvas.height + 2) for i in range(-6, 6)]  # fmt: skip
    wall = np.clip(canvas.rows - deck + 0.5, 0, 1) * (1 - canvas.mask(arches))
    canvas.blend(wall.astype(np.float32), stone * np.float32(0.86))
    seams = [
        (box(-2, deck + dy * u, canvas.width + 2, deck + (dy + 0.008) * u), stone * np.float32(0.72))
        for dy in (0.06,)
    ]
    canvas.draw([(box(-2, deck - 0.02 * u, canvas.width + 2, deck + 0.03 * u), stone), *seams])
