"""Where scenes happen: what each place is called, who lives there, and where things stand in it.

Data only; how a place looks is in the painters.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from darkroom.train.composer.sky import TIMES


class Setting(Enum):
    """What kind of surroundings a place has."""

    STUDIO = "studio"
    OUTDOOR = "outdoor"
    INDOOR = "indoor"
    VOID = "void"  # space: nothing to stand on
    UNDERWATER = "underwater"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place. Phrases follow an object ("a fox in the snow"), views stand alone ("a snowy landscape")."""

    phrases: tuple[str, ...]
    views: tuple[str, ...]
    setting: Setting = Setting.OUTDOOR
    habitats: tuple[str, ...] = ("ground",)
    times: tuple[str, ...] = TIMES
    weathers: tuple[str, ...] = ("rain", "fog")
    weight: float = 1.0
    horizon: float = 0.62  # of the height
    standing: float = 0.87  # of the height: where the feet are
    solid: bool = True  # things stand on it and cast a shadow; else they float
    skyline: float = 0.06  # units above the horizon that hills, trees or roofs usually reach
    water: bool = False  # things float on it and are mirrored


_INDOOR_TIMES = ("day", "day", "sunset", "night")

PLACES: dict[str, Place] = {
    "meadow": Place(
        skyline=0.1,
        phrases=("in a green meadow", "on a grassy hill", "in a field of grass", "on green grass"),
        views=("a green meadow", "rolling green hills", "a grassy meadow"),
        weight=1.4,
    ),
    "mountains": Place(
        skyline=0.32,
        phrases=("in the mountains", "in front of mountains", "with mountains in the background"),
        views=("a mountain landscape", "mountains", "a range of mountains"),
        weathers=("rain", "fog", "snowfall"),
        habitats=("ground", "air"),
        weight=1.4,
        horizon=0.66,
    ),
    "sea": Place(
        phrases=("on the sea", "on the ocean", "floating on the sea", "on the open water"),
        views=("the open sea", "the ocean", "a calm sea"),
        habitats=("water", "air"),
        horizon=0.56,
        standing=0.82,
        solid=False,
        water=True,
    ),
    "beach": Place(
        phrases=("on a beach", "on a sandy beach", "on the beach by the sea"),
        views=("a sandy beach", "a beach by the sea", "a tropical beach"),
        habitats=("ground", "water"),
        weathers=("rain",),
        horizon=0.52,
        weight=1.2,
    ),
    "desert": Place(
        phrases=("in the desert", "among sand dunes", "in a sandy desert"),
        views=("a desert", "sand dunes", "a desert landscape with sand dunes"),
        weathers=(),
    ),
    "snow": Place(
        skyline=0.22,
        phrases=("in the snow", "in a snowy landscape", "on snowy ground"),
        views=("a snowy landscape", "a winter landscape", "snowy hills"),
        weathers=("snowfall", "snowfall", "fog"),
        weight=1.2,
    ),
    "city": Place(
        skyline=0.5,
        phrases=("in a city", "in front of a city skyline", "with a city in the background"),
        views=("a city skyline", "a city", "a cityscape"),
        weight=1.2,
        horizon=0.74,
        standing=0.89,
    ),
    "street": Place(
        skyline=0.52,
        phrases=("on a street", "on a city street", "on a street with colourful houses"),
        views=("a street", "a street with colourful houses", "a town street"),
        horizon=0.74,
        standing=0.9,
    ),
    "forest": Place(
        skyline=0.4,
        phrases=("in a forest", "in front of pine trees", "in the woods"),
        views=("a pine forest", "a forest", "a forest of pine trees"),
        weight=1.2,
        habitats=("ground", "air"),
        weathers=("rain", "fog", "snowfall"),
    ),
    "autumn": Place(
        skyline=0.4,
        phrases=("in an autumn forest", "among autumn trees", "in the woods in autumn"),
        views=("an autumn forest", "autumn trees", "a forest in autumn"),
        habitats=("ground", "air"),
    ),
    "garden": Place(
        skyline=0.14,
        phrases=("in a garden", "in a flower garden", "among flowers"),
        views=("a flower garden", "a garden full of flowers", "a blooming garden"),
        habitats=("ground", "air"),
        horizon=0.56,
    ),
    "lake": Place(
        skyline=0.14,
        phrases=("by a lake", "at a calm lake", "on the shore of a lake"),
        views=("a lake", "a calm lake with hills", "a lake landscape"),
        habitats=("ground", "water"),
        horizon=0.5,
        standing=0.9,
    ),
    "volcano": Place(
        skyline=0.12,
        phrases=("in front of a volcano", "near an erupting volcano", "with a volcano in the background"),
        views=("an erupting volcano", "a volcano", "a volcanic landscape"),
        weathers=(),
        weight=0.7,
        horizon=0.68,
    ),
    "village": Place(
        skyline=0.2,
        phrases=("in a village", "in front of a village", "in a small village"),
        views=("a village", "a small village", "a village with little houses"),
        weathers=("rain", "fog", "snowfall"),
    ),
    "farm": Place(
        skyline=0.2,
        phrases=("on a farm", "on a farm with a red barn", "in front of a red barn"),
        views=("a farm", "a farm with a red barn", "a red barn in the fields"),
    ),
    "field": Place(
        skyline=0.1,
        phrases=("in a wheat field", "in a golden field", "in a field of wheat"),
        views=("a wheat field", "a golden field of wheat", "golden fields"),
        weight=0.8,
        horizon=0.55,
    ),
    "bridge": Place(
        phrases=("on a bridge", "on a stone bridge", "on a bridge over a river"),
        views=("a bridge", "a stone bridge over a river", "an old stone bridge"),
        weight=0.8,
        horizon=0.58,
        standing=0.785,
    ),
    "cave": Place(
        phrases=("in a cave", "inside a cave", "in a dark cave"),
        views=("a cave", "the inside of a cave", "a dark cave"),
        times=("day", "day", "sunset", "night"),
        weathers=(),
        weight=0.7,
        horizon=0.6,
    ),
    "clouds": Place(
        phrases=("above the clouds", "among the clouds", "in the sky"),
        views=("a sea of clouds", "the sky above the clouds", "clouds from above"),
        habitats=("air",),
        times=("day", "day", "sunset", "dawn", "dusk", "night"),
        weathers=(),
        weight=0.9,
        horizon=0.72,
        standing=0.72,
        solid=False,
    ),
    "night sky": Place(
        phrases=(
            "under a starry night sky",
            "in front of the night sky",
            "against a night sky full of stars",
        ),
        views=("a starry night sky", "the night sky", "a night sky full of stars"),
        habitats=("ground", "air"),
        times=("night",),
        weathers=(),
        weight=0.8,
        horizon=0.84,
        standing=0.93,
    ),
    "room": Place(
        phrases=(
            "in a {wall} room",
            "in a room with a window and {wall} walls",
            "in a room with {wall} walls",
        ),
        views=("a {wall} room with a window", "an empty room with {wall} walls", "a room with {wall} walls"),
        setting=Setting.INDOOR,
        habitats=("indoor", "ground"),
        times=_INDOOR_TIMES,
        weathers=(),
        weight=1.3,
        horizon=0.7,
        standing=0.88,
    ),
    "kitchen": Place(
        phrases=("in a kitchen with {wall} walls", "in a kitchen", "on a kitchen counter"),
        views=("a kitchen with {wall} walls", "a kitchen", "a tidy kitchen"),
        setting=Setting.INDOOR,
        habitats=("indoor",),
        times=_INDOOR_TIMES,
        weathers=(),
        horizon=0.72,
        standing=0.82,
    ),
    "bedroom": Place(
        phrases=("in a bedroom with {wall} walls", "in a bedroom", "in front of a bed"),
        views=("a bedroom with {wall} walls", "a bedroom", "a cosy bedroom"),
        setting=Setting.INDOOR,
        habitats=("indoor",),
        times=_INDOOR_TIMES,
        weathers=(),
        weight=0.8,
        horizon=0.68,
        standing=0.92,
    ),
    "library": Place(
        phrases=("in a library", "in front of bookshelves", "among books in a library"),
        views=("a library", "a library full of books", "bookshelves"),
        setting=Setting.INDOOR,
        habitats=("indoor",),
        times=("",),
        weathers=(),
        weight=0.8,
        horizon=0.78,
        standing=0.9,
    ),
    "stage": Place(
        phrases=("on a stage", "on a theatre stage", "on a stage with red curtains"),
        views=("a theatre stage", "an empty stage", "a stage with red curtains"),
        setting=Setting.INDOOR,
        habitats=("indoor", "ground"),
        times=("",),
        weathers=(),
        weight=0.7,
        horizon=0.76,
        standing=0.88,
    ),
    "space": Place(
        phrases=("in space", "in outer space", "among the stars in space"),
        views=("outer space", "deep space with stars", "space"),
        setting=Setting.VOID,
        habitats=("air",),
        times=("",),
        weathers=(),
        weight=1.6,
        horizon=1.0,
        solid=False,
    ),
    "moon": Place(
        phrases=("on the moon", "on the surface of the moon", "on the grey moon"),
        views=("the surface of the moon", "a moon landscape", "craters on the moon"),
        setting=Setting.VOID,
        habitats=("ground",),
        times=("",),
        weathers=(),
        weight=0.7,
        horizon=0.66,
    ),
    "underwater": Place(
        phrases=("underwater", "under the sea", "deep in the ocean"),
        views=("an underwater scene", "the bottom of the sea", "an underwater seascape"),
        setting=Setting.UNDERWATER,
        habitats=("water",),
        times=("",),
        weathers=(),
        weight=1.4,
        horizon=0.86,
        solid=False,
    ),
    "studio": Place(
        phrases=("on a {0} background", "on a plain {0} background", "against a {0} background"),
        views=("a plain {0} background", "an empty {0} background"),
        setting=Setting.STUDIO,
        times=("",),
        weathers=(),
        weight=3.0,
    ),
    "pastel": Place(
        phrases=("on a pastel {0} background", "on a light {0} background", "against a pale {0} background"),
        views=("a pastel {0} background", "a light {0} background"),
        setting=Setting.STUDIO,
        times=("",),
        weathers=(),
        weight=1.0,
    ),
    "gradient": Place(
        phrases=(
            "on a background fading from {0} to {1}",
            "on a {0} and {1} gradient background",
            "against a {0} to {1} gradient",
        ),
        views=("a background fading from {0} to {1}", "a {0} and {1} gradient"),
        setting=Setting.STUDIO,
        times=("",),
        weathers=(),
        weight=1.2,
    ),
    "soft": Place(
        phrases=(
            "in a studio with a {0} backdrop",
            "on a {0} backdrop in a studio",
            "on a soft {0} backdrop",
        ),
        views=("an empty studio with a {0} backdrop", "a soft {0} backdrop"),
        setting=Setting.STUDIO,
        times=("",),
        weathers=(),
        weight=1.0,
        horizon=0.7,
    ),
    "spotlight": Place(
        phrases=(
            "in a spotlight on a {0} background",
            "under a spotlight in a {0} room",
            "lit by a spotlight on a {0} background",
        ),
        views=("a spotlight on a {0} background", "a spotlight in a {0} room"),
        setting=Setting.STUDIO,
        times=("",),
        weathers=(),
        weight=0.7,
        horizon=0.74,
    ),
}

WALL_COLOURS = ("blue", "green", "yellow", "pink", "orange", "purple", "beige", "teal", "white", "gray")
PLANET_COLOURS = ("red", "blue", "orange", "green", "purple", "teal", "pink")


def place_names(*settings: Setting) -> tuple[str, ...]:
    """The places with one of these settings, in the table's order."""
    return tuple(name for name, place in PLACES.items() if place.setting in settings)
