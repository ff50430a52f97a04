"""Times of day: their light, and the sky they paint (sun, moon, stars, clouds).

Which of these a scene shows follows from its seed, so that captions can name them without drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, Patch, Points, jitter, mix, oval, polygon, rgb
from darkroom.train.composer.palette import Colour
from darkroom.train.composer.spec import SceneSpec

TIMES = ("day", "sunset", "dawn", "dusk", "night", "storm")
_FEATURES_STREAM = 11
_STARS = 220


@dataclass(frozen=True, kw_only=True)
class SkyFeatures:
    """What hangs in the sky."""

    sun: bool = False
    moon: bool = False
    stars: bool = False
    clouds: bool = False


@dataclass(frozen=True, kw_only=True)
class Light:
    """How a time of day colours things."""

    time: str
    zenith: Colour
    middle: Colour
    low: Colour  # sky at the horizon, and the haze over far things
    tint: Colour  # multiplies the ground's colours, 0 to 1
    object_tint: Colour  # multiplies the sprites' colours; milder, they must stay recognisable
    lamps: bool  # windows and lanterns are lit

    def on(self, paint: Colour) -> Colour:
        """`paint` as it looks in this light."""
        return np.asarray(np.clip(paint * self.tint, 0, 255), np.float32)

    def far(self, paint: Colour, distance: float) -> Colour:
        """`paint` in this light behind haze: 0 is near, 1 is lost in the sky."""
        return mix(self.on(paint), self.low, distance)


_SKIES: dict[str, tuple[tuple[Colour, Colour, Colour], ...]] = {
    "day": (
        (rgb(62, 142, 232), rgb(128, 192, 246), rgb(206, 234, 250)),
        (rgb(92, 176, 244), rgb(150, 208, 248), rgb(222, 240, 250)),
    ),
    "sunset": (
        (rgb(74, 56, 128), rgb(226, 98, 102), rgb(255, 192, 98)),
        (rgb(128, 62, 112), rgb(242, 118, 74), rgb(255, 206, 104)),
    ),
    "dawn": (
        (rgb(124, 164, 222), rgb(206, 190, 226), rgb(255, 214, 194)),
        (rgb(150, 186, 228), rgb(240, 200, 212), rgb(255, 228, 196)),
    ),
    "dusk": (
        (rgb(30, 32, 86), rgb(88, 64, 134), rgb(206, 122, 148)),
        (rgb(36, 40, 96), rgb(74, 72, 146), rgb(176, 118, 170)),
    ),
    "night": (
        (rgb(8, 12, 42), rgb(20, 30, 78), rgb(52, 70, 130)),
        (rgb(12, 14, 48), rgb(26, 32, 84), rgb(50, 60, 116)),
    ),
    "storm": (
        (rgb(44, 50, 64), rgb(78, 86, 100), rgb(130, 138, 148)),
        (rgb(52, 54, 66), rgb(92, 94, 104), rgb(146, 146, 148)),
    ),
}
_TINTS: dict[str, tuple[Colour, Colour]] = {  # ground, objects
    "day": (rgb(1, 1, 1), rgb(1, 1, 1)),
    "sunset": (rgb(0.9, 0.66, 0.56), rgb(1.0, 0.88, 0.8)),
    "dawn": (rgb(0.98, 0.88, 0.88), rgb(1.0, 0.97, 0.95)),
    "dusk": (rgb(0.52, 0.46, 0.64), rgb(0.84, 0.78, 0.9)),
    "night": (rgb(0.36, 0.43, 0.64), rgb(0.7, 0.75, 0.95)),
    "storm": (rgb(0.6, 0.63, 0.68), rgb(0.84, 0.87, 0.9)),
}
_CLOUDS = {
    "day": rgb(255, 255, 255),
    "sunset": rgb(255, 168, 140),
    "dawn": rgb(255, 236, 232),
    "dusk": rgb(128, 92, 150),
    "night": rgb(44, 54, 96),
    "storm": rgb(84, 88, 98),
}


def light_for(time: str, rng: np.random.Generator) -> Light:
    """The light of a time of day; places without one ("") are lit as by day."""
    time = time or "day"
    skies = _SKIES[time]
    zenith, middle, low = (jitter(stop, rng, 5) for stop in skies[int(rng.integers(len(skies)))])
    ground, things = _TINTS[time]
    lamps = time in ("dusk", "night", "storm")
    return Light(
        time=time, zenith=zenith, middle=middle, low=low, tint=ground, object_tint=things, lamps=lamps
    )


def sky_features(spec: SceneSpec) -> SkyFeatures:
    """What the sky of this scene shows; nothing where it has no time of day."""
    chance = np.random.default_rng([spec.seed, _FEATURES_STREAM]).random(3)
    if spec.time == "" or spec.weather == "fog":
        return SkyFeatures()
    wet = spec.weather != ""
    clouds = bool(chance[1] < 0.5)
    if spec.time == "night":
        moon = bool(chance[0] < 0.6) and not wet
        return SkyFeatures(moon=moon, stars=not wet, clouds=bool(chance[1] < 0.15))
    if spec.time == "storm":
        return SkyFeatures(clouds=True)
    if spec.time == "dusk":
        return SkyFeatures(stars=bool(chance[0] < 0.4) and not wet, clouds=clouds)
    share = {"day": 0.45, "sunset": 0.8, "dawn": 0.7}[spec.time]
    return SkyFeatures(sun=bool(chance[0] < share) and not wet, clouds=clouds or wet)


def paint_sky(
    canvas: Canvas,
    light: Light,
    features: SkyFeatures,
    rng: np.random.Generator,
    *,
    side: float,
    skyline: float,
) -> None:
    """Fill the sky down to the horizon. `side` is -1 or 1: where the sun or moon keeps clear of the objects.

    `skyline` is how many units above the horizon the place's hills or roofs reach.
    """
    stops = [(0.0, light.zenith), (0.55, light.middle), (1.0, light.low)]
    canvas.gradient(stops, bottom=canvas.horizon)
    place = rng.random(4)
    if features.stars:
        _stars(canvas, rng, brightness=0.6 if light.time == "dusk" else 1.0)
    x = canvas.width / 2 + side * canvas.width * (0.24 + 0.14 * place[0])
    if features.moon:
        y = _clear(canvas, canvas.sky_row(0.6 + 0.22 * place[1]), skyline)
        _moon(canvas, x, y, canvas.unit * (0.06 + 0.03 * place[2]))
    if features.sun:
        _sun(canvas, light, x, skyline, place)
    if features.clouds:
        paint_clouds(canvas, light, rng)


def _clear(canvas: Canvas, y: float, skyline: float) -> float:
    """`y`, or higher if the skyline would hide what hangs there; never out of the frame."""
    return max(min(y, canvas.horizon - (skyline + 0.07) * canvas.unit), 0.1 * canvas.unit)


def _sun(canvas: Canvas, light: Light, x: float, skyline: float, place: np.ndarray) -> None:
    if light.time == "day":
        y, radius, disc, halo = canvas.sky_row(0.68 + 0.16 * place[1]), 0.075, rgb(255, 232, 112), 0.5
    else:
        disc = rgb(255, 232, 150) if light.time == "sunset" else rgb(255, 244, 214)
        y, radius, halo = canvas.horizon - canvas.unit * (0.1 + 0.1 * place[1]), 0.095, 0.8
    y = _clear(canvas, y, skyline)
    size = canvas.unit * (radius + 0.02 * float(place[2]))
    canvas.glow(x, y, size * 4.5, mix(disc, rgb(255, 255, 255), 0.2), halo)
    canvas.blend(canvas.mask([oval(x, y, size, size)]), disc)


def _moon(canvas: Canvas, x: float, y: float, radius: float) -> None:
    pale = rgb(246, 243, 222)
    canvas.glow(x, y, radius * 4.5, rgb(150, 160, 210), 0.5)
    craters = ((-0.3, -0.2, 0.24), (0.35, 0.25, 0.19), (-0.1, 0.45, 0.14))
    dents: list[Patch] = [
        (oval(x + dx * radius, y + dy * radius, r * radius, r * radius), rgb(222, 218, 196))
        for dx, dy, r in craters
    ]
    canvas.draw([(oval(x, y, radius, radius), pale), *dents])


def _stars(canvas: Canvas, rng: np.random.Generator, *, brightness: float) -> None:
    draws = rng.random((_STARS, 4)).astype(np.float32)
    scatter_stars(canvas, draws, bottom=canvas.horizon * 0.9, brightness=brightness)


def scatter_stars(canvas: Canvas, draws: np.ndarray, *, bottom: float, brightness: float = 1.0) -> None:
    """Small lights from rows of four draws in 0 to 1: x, y, size, brightness."""
    x = canvas.width / 2 + (draws[:, 0] - 0.5) * 2 * HALF_SPAN * canvas.unit
    y = draws[:, 1] ** 1.2 * bottom
    radius = canvas.unit * (0.0042 + 0.0058 * draws[:, 2] ** 4)
    level = (0.35 + 0.65 * draws[:, 3]) * brightness
    for i in np.flatnonzero((x > 0) & (x < canvas.width)):
        _star(canvas, float(x[i]), float(y[i]), float(radius[i]), float(level[i]))


def _star(canvas: Canvas, x: float, y: float, radius: float, level: float) -> None:
    """A disc of light; one smaller than a pixel is spread over its four neighbours, so that it does not flicker."""
    reach = radius + 0.7
    x0, x1 = max(int(x - reach), 0), min(int(x + reach) + 1, canvas.width)
    y0, y1 = max(int(y - reach), 0), min(int(y + reach) + 1, canvas.height)
    distance = np.hypot(canvas.columns[:, x0:x1] - x, canvas.rows[y0:y1] - y)
    alpha = np.clip(reach - distance, 0, 1) * min(level, radius * radius * 6 * level + 0.25)
    area = canvas.pixels[:, y0:y1, x0:x1]
    area += (245 - area) * alpha[None]


def paint_clouds(canvas: Canvas, light: Light, rng: np.random.Generator, *, count: int = 12) -> None:
    """Flat-bottomed heaps of cloud across the upper sky."""
    dark = light.time == "storm"
    shade = jitter(_CLOUDS[light.time], rng, 4)
    for index in range(count + (7 if dark else 0)):
        x = canvas.column((index + 0.5 + rng.uniform(-0.4, 0.4)) / count * 2 * HALF_SPAN - HALF_SPAN)
        y = canvas.sky_row(float(rng.uniform(0.42, 0.95)))
        puffs = _cloud(x, y, canvas.unit * float(rng.uniform(0.13, 0.24)) * (1.5 if dark else 1.0), rng)
        if -canvas.unit < x < canvas.width + canvas.unit:
            _paint_cloud(canvas, puffs, shade, mix(shade, light.middle, 0.45), 0.8 if dark else 0.92)


def _cloud(x: float, y: float, width: float, rng: np.random.Generator) -> list[Points]:
    lift = rng.uniform(0.75, 1.25, 4)
    middle = [oval(x + dx * width, y - dy * width * s, r * width * s, r * width * s)
              for (dx, dy, r), s in zip(((-0.5, 0.12, 0.24), (-0.12, 0.28, 0.34), (0.3, 0.2, 0.28), (0.6, 0.08, 0.18)),
                                        lift, strict=True)]  # fmt: skip
    return [*middle, polygon((x - 0.6 * width, y - 0.1 * width), (x + 0.7 * width, y - 0.1 * width),
                             (x + 0.7 * width, y + 0.05 * width), (x - 0.6 * width, y + 0.05 * width))]  # fmt: skip


def _paint_cloud(canvas: Canvas, puffs: list[Points], shade: Colour, under: Colour, strength: float) -> None:
    bottom = float(puffs[-1].max(0)[1])
    alpha = canvas.mask(puffs)
    top = float(min(points.min(0)[1] for points in puffs))
    alpha *= np.clip(bottom - canvas.rows + 0.5, 0, 1) * np.float32(strength)
    share = np.clip((canvas.rows - top) / max(bottom - top, 1.0), 0, 1)[None]
    canvas.blend(alpha.astype(np.float32), shade[:, None, None] + (under - shade)[:, None, None] * share)
