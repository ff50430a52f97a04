"""From a scene's description to its pixels. The order of the strokes; each stroke is someone else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from darkroom.train.composer import backdrops, interiors, landscapes, shores, towns
from darkroom.train.composer.canvas import MAX_ASPECT, Canvas, rgb
from darkroom.train.composer.filters import STYLES
from darkroom.train.composer.layout import Placement, arrange
from darkroom.train.composer.objects import fitted, lay
from darkroom.train.composer.palette import Colour, colour
from darkroom.train.composer.places import PLACES, Setting
from darkroom.train.composer.sky import Light, light_for, paint_sky, sky_features
from darkroom.train.composer.spec import SceneSpec
from darkroom.train.composer.weather import fall, veil

if TYPE_CHECKING:
    from darkroom.train.sprites import Atlas

MIN_SIDE, MAX_SIDE = 32, 512  # pixels

_LIGHT, _SKY, _GROUND, _VEIL, _FALL, _FILTER = 31, 32, 33, 34, 35, 36  # streams of the scene's seed

_OUTDOORS: dict[str, Callable[[Canvas, Light, np.random.Generator], None]] = {
    "meadow": landscapes.meadow,
    "mountains": landscapes.mountains,
    "sea": shores.sea,
    "beach": shores.beach,
    "desert": landscapes.desert,
    "snow": landscapes.snow,
    "forest": landscapes.forest,
    "autumn": landscapes.autumn,
    "garden": landscapes.garden,
    "lake": shores.lake,
    "volcano": landscapes.volcano,
    "field": landscapes.field,
    "clouds": landscapes.clouds,
    "night sky": landscapes.night_sky,
    "cave": landscapes.cave,
    "city": towns.city,
    "street": towns.street,
    "village": towns.village,
    "farm": towns.farm,
    "bridge": towns.bridge,
}
_INDOORS: dict[str, Callable[[Canvas, Light, Colour, np.random.Generator], None]] = {
    "room": interiors.room,
    "kitchen": interiors.kitchen,
    "bedroom": interiors.bedroom,
    "library": interiors.library,
    "stage": interiors.stage,
}
_BACKDROPS: dict[str, Callable[[Canvas, tuple[str, ...], np.random.Generator], None]] = {
    "studio": backdrops.studio,
    "pastel": backdrops.pastel,
    "gradient": backdrops.gradient,
    "soft": backdrops.soft,
    "spotlight": backdrops.spotlight,
    "space": backdrops.space,
    "moon": backdrops.moon,
    "underwater": backdrops.underwater,
}


def render(spec: SceneSpec, atlas: Atlas, *, width: int, height: int) -> NDArray[np.uint8]:
    """Draw a scene: (H, W, 3) uint8 RGB, the same for the same spec and size on every machine.

    Sides are 32 to 512 px, the aspect 1:4 to 4:1.
    """
    assert min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE, (
        f"{width}x{height} is out of range"
    )
    assert max(width, height) <= MAX_ASPECT * min(width, height), f"{width}x{height} is longer than 4:1"
    canvas = Canvas(width, height, horizon=PLACES[spec.place].horizon)
    light = light_for(spec.time, _stream(spec, _LIGHT))
    spots = arrange(spec, tuple(atlas.concepts[o.concept].habitat for o in spec.objects), width, height)
    _paint_place(canvas, spec, light, spots)
    veil(canvas, spec.weather, light, _stream(spec, _VEIL))
    _lay_objects(canvas, spec, atlas, light, spots)
    if spec.weather:
        fall(canvas, spec.weather, light, _stream(spec, _FALL))
    image = canvas.finished()
    if spec.style:
        image = STYLES[spec.style](image, _stream(spec, _FILTER))
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def _stream(spec: SceneSpec, number: int) -> np.random.Generator:
    return np.random.default_rng([spec.seed, number])


def _paint_place(canvas: Canvas, spec: SceneSpec, light: Light, spots: list[Placement]) -> None:
    ground = _stream(spec, _GROUND)
    if spec.place in _BACKDROPS:
        needed = {"gradient": 2}.get(spec.place, 1) if PLACES[spec.place].setting is Setting.STUDIO else 0
        assert len(spec.backdrop) >= needed, f"place {spec.place!r} needs {needed} backdrop colours"
        _BACKDROPS[spec.place](canvas, spec.backdrop, ground)
    elif spec.place in _INDOORS:
        wall = colour(spec.backdrop[0]) if spec.backdrop else rgb(226, 220, 208)
        _INDOORS[spec.place](canvas, light, _as_wall(wall), ground)
    else:
        sky = _stream(spec, _SKY)
        side = _free_side(canvas, spots, sky)
        paint_sky(canvas, light, sky_features(spec), sky, side=side, skyline=PLACES[spec.place].skyline)
        _OUTDOORS[spec.place](canvas, light, ground)


def _as_wall(paint: Colour) -> Colour:
    """Wall paint is paler than a toy of the same colour."""
    return paint + (rgb(250, 246, 240) - paint) * np.float32(0.3)


def _free_side(canvas: Canvas, spots: list[Placement], rng: np.random.Generator) -> float:
    """-1 or 1: the half of the frame with fewer things in it, where the sun or moon is seen."""
    coin = 1.0 if rng.random() < 0.5 else -1.0
    lean = sum(spot.x - canvas.width / 2 for spot in spots)
    if abs(lean) < 0.1 * canvas.unit:
        return coin
    return -1.0 if lean > 0 else 1.0


def _object_tint(spec: SceneSpec, light: Light) -> Colour:
    """Factors for the sprites' colours: those of the light where they are, but milder than the place's own."""
    if spec.place == "underwater":
        return rgb(0.84, 0.96, 1.0)
    if PLACES[spec.place].setting is Setting.OUTDOOR:
        return light.object_tint
    return np.asarray((interiors.indoor_tint(light) + 1) / 2, np.float32)


def _lay_objects(canvas: Canvas, spec: SceneSpec, atlas: Atlas, light: Light, spots: list[Placement]) -> None:
    place = PLACES[spec.place]
    tint = _object_tint(spec, light)
    for spot in spots:
        thing = spec.objects[spot.kind]
        sprite = fitted(
            atlas.sprite(thing.concept, spec.art_set), spot.size, colour=thing.colour, flipped=spot.flipped
        )
        floats = (
            place.water and atlas.concepts[thing.concept].habitat != "air" and spec.arrangement != "above"
        )
        lay(canvas, sprite, spot, tint, mirrored=floats)
