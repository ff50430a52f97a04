"""Rain, falling snow and fog, laid over a finished scene."""

from __future__ import annotations

import numpy as np

from darkroom.train.composer.canvas import HALF_SPAN, Canvas, oval, polygon, rgb
from darkroom.train.composer.sky import Light

WEATHERS = ("rain", "snowfall", "fog")


def veil(canvas: Canvas, weather: str, light: Light, rng: np.random.Generator) -> None:
    """What lies between the scene and its things: the haze of wet air."""
    if weather == "":
        return
    strength = {"rain": 0.22, "snowfall": 0.22, "fog": 0.62}[weather]
    grey = light.on(rgb(206, 212, 220)) + 18
    thick = np.ones((canvas.height, canvas.width), np.float32) * np.float32(strength)
    if weather == "fog":
        thick = thick * (1 + 0.3 * canvas.cloud_noise(rng, frequency=1.2, octaves=3))
    canvas.blend(np.clip(thick, 0, 0.9).astype(np.float32), grey)


def fall(canvas: Canvas, weather: str, light: Light, rng: np.random.Generator) -> None:
    """What falls in front of everything."""
    draws = rng.random((260, 4))
    x = canvas.width / 2 + (draws[:, 0] * 2 - 1) * HALF_SPAN * canvas.unit
    y = draws[:, 1] * canvas.height
    shapes, u = [], canvas.unit
    for i in np.flatnonzero((x > 0) & (x < canvas.width)):
        if weather == "rain":
            long, wide = u * (0.05 + 0.05 * draws[i, 2]), u * 0.0035
            shapes.append(polygon((x[i] - wide, y[i]), (x[i] + wide, y[i]), (x[i] - long * 0.25 + wide, y[i] + long),
                                  (x[i] - long * 0.25 - wide, y[i] + long)))  # fmt: skip
        else:
            r = u * (0.006 + 0.008 * draws[i, 2] ** 2)
            shapes.append(oval(float(x[i]), float(y[i]), r, r))
    if weather == "rain":
        canvas.blend(canvas.mask(shapes) * np.float32(0.55), rgb(206, 220, 238))
    elif weather == "snowfall":
        canvas.blend(canvas.mask(shapes) * np.float32(0.95), rgb(252, 253, 255))
    elif weather == "fog":
        canvas.blend(
            np.full((canvas.height, canvas.width), 0.14, np.float32), light.on(rgb(206, 212, 220)) + 18
        )
