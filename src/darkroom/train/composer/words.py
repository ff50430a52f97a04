"""The vocabulary of captions: how styles, times, weathers and sizes are spoken of. Data and two rules of grammar."""

from __future__ import annotations

from dataclasses import dataclass

NUMBERS = {2: "two", 3: "three", 4: "four"}
SIZES = {"small": ("small", "little"), "large": ("large", "big")}
SPELLINGS = {"gray": ("gray", "grey")}
_SPOKEN_AS_CONSONANT = ("uni", "use", "ute", "eu", "ewe", "ufo", "one", "ukulele")
_SPOKEN_AS_VOWEL = ("hour", "heir", "honest", "x-ray", "suv", "8")


@dataclass(frozen=True, kw_only=True)
class Medium:
    """How a look is named: tags stand after a comma, nouns before "of". The first of each is canonical."""

    tags: tuple[str, ...]
    nouns: tuple[str, ...]


ART_SETS: dict[str, Medium] = {
    "fluent-3d": Medium(
        tags=("3d render", "3d illustration", "soft 3d render", "3d clay style"),
        nouns=("3d render", "3d illustration", "soft 3d render"),
    ),
    "noto": Medium(
        tags=("cartoon illustration", "cartoon style", "cartoon drawing", "cartoon"),
        nouns=("cartoon illustration", "cartoon", "cartoon drawing"),
    ),
    "fluent-flat": Medium(
        tags=("flat vector illustration", "flat design", "flat illustration", "vector art"),
        nouns=("flat vector illustration", "flat illustration", "flat design"),
    ),
    "twemoji": Medium(
        tags=("simple flat vector art", "minimal flat style", "flat sticker style", "minimalist flat icon"),
        nouns=("simple flat vector drawing", "minimalist flat picture", "flat sticker"),
    ),
    "emojione": Medium(
        tags=("glossy clip art", "clip art style", "bright clip art"),
        nouns=("glossy clip art picture", "bright clip art picture", "clip art picture"),
    ),
    "fxemoji": Medium(
        tags=("simple clip art", "plain clip art", "simple clip art style"),
        nouns=("simple clip art picture", "plain clip art picture", "simple clip art drawing"),
    ),
}
STYLES: dict[str, Medium] = {
    "pixel art": Medium(
        tags=("pixel art", "pixel art style", "8-bit pixel art"),
        nouns=("pixel art picture", "piece of pixel art"),
    ),
    "watercolour": Medium(
        tags=("watercolour", "watercolor painting", "watercolour style", "painted in watercolor"),
        nouns=("watercolour painting", "watercolor", "watercolour", "watercolor painting"),
    ),
    "pencil": Medium(
        tags=("pencil drawing", "pencil sketch", "drawn in pencil", "graphite drawing"),
        nouns=("pencil drawing", "pencil sketch", "graphite drawing"),
    ),
    "black and white": Medium(
        tags=("black and white", "in black and white", "monochrome"),
        nouns=("black and white picture", "monochrome picture", "black and white image"),
    ),
    "neon": Medium(
        tags=("neon style", "glowing neon lines", "neon art", "neon glow"),
        nouns=("neon picture", "glowing neon drawing", "neon sign"),
    ),
    "oil": Medium(
        tags=("oil painting", "oil on canvas", "painted in oil", "oil painting style"),
        nouns=("oil painting", "painting in oil", "thick oil painting"),
    ),
    "poster": Medium(
        tags=("retro poster", "vintage poster style", "screen print poster", "poster art"),
        nouns=("retro poster", "vintage poster", "screen print"),
    ),
    "sepia": Medium(
        tags=("sepia photograph", "sepia", "old sepia photo", "sepia toned"),
        nouns=("sepia photograph", "sepia photo", "sepia toned picture"),
    ),
    "halftone": Medium(
        tags=("halftone comic", "comic book style", "halftone print", "comic halftone dots"),
        nouns=("halftone comic", "comic book picture", "halftone print"),
    ),
    "low poly": Medium(
        tags=("low poly", "low poly style", "low polygon art"),
        nouns=("low poly picture", "low poly render", "low polygon picture"),
    ),
    "line art": Medium(
        tags=("line art", "black line drawing", "line drawing", "ink outline drawing"),
        nouns=("line drawing", "line art drawing", "black line drawing"),
    ),
}
COLOURLESS = ("black and white", "sepia", "pencil", "line art")  # no hue survives these
BACKDROP_UNSEEN = (*COLOURLESS, "neon")  # nor the backdrop's under these

TIMES: dict[str, tuple[str, ...]] = {
    "day": ("by day", "in daylight", "during the day", "in the daytime"),
    "sunset": ("at sunset", "at sundown", "in the light of the setting sun"),
    "dawn": ("at dawn", "at sunrise", "in the early morning"),
    "dusk": ("at dusk", "at twilight", "in the evening twilight"),
    "night": ("at night", "in the night", "by night"),
    "storm": ("under a stormy sky", "in a storm", "under dark storm clouds"),
}
WEATHERS: dict[str, tuple[str, ...]] = {
    "rain": ("in the rain", "in rainy weather", "while it is raining"),
    "snowfall": ("in falling snow", "while it is snowing", "with snow falling"),
    "fog": ("in the fog", "in thick fog", "in misty weather"),
}
SKY: dict[str, tuple[str, ...]] = {
    "sun": ("the sun in the sky", "sun", "sunny sky"),
    "low sun": ("a low sun", "low sun", "the sun near the horizon"),
    "moon": ("a full moon", "full moon", "the moon in the sky"),
    "stars": ("stars in the sky", "starry sky", "stars"),
    "clouds": ("clouds in the sky", "clouds", "cloudy sky"),
}
SIDES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side", "at the left"),
    "right": ("on the right", "on the right side", "at the right"),
}
PLAIN_MEDIA = ("digital illustration", "digital painting", "illustration", "picture")

# What a place is called where its colours cannot be seen.
UNCOLOURED_PHRASES: dict[str, tuple[str, ...]] = {
    "studio": ("on a plain background", "on an empty background"),
    "pastel": ("on a plain light background", "on a light background"),
    "gradient": ("on a gradient background", "against a smooth gradient"),
    "soft": ("in a studio", "on a soft backdrop"),
    "spotlight": ("in a spotlight", "under a spotlight"),
    "room": ("in a room", "in a room with a window"),
    "kitchen": ("in a kitchen", "on a kitchen counter"),
    "bedroom": ("in a bedroom", "in front of a bed"),
}
UNCOLOURED_VIEWS: dict[str, tuple[str, ...]] = {
    "studio": ("a plain background", "an empty background"),
    "pastel": ("a plain light background", "a light background"),
    "gradient": ("a gradient background", "a smooth gradient"),
    "soft": ("an empty studio", "a soft backdrop"),
    "spotlight": ("a spotlight", "a spotlight in an empty room"),
    "room": ("an empty room", "a room with a window"),
    "kitchen": ("a kitchen", "a tidy kitchen"),
    "bedroom": ("a bedroom", "a cosy bedroom"),
}


# Synonyms that find a concept but do not name it rightly in a caption: stuff, herds, parts, jokes.
UNSPOKEN = frozenset(
    {"alligator pear", "antarctic bird", "association football", "baby bird", "bar of chocolate",
     "base ball", "bunch of flowers", "bunk", "cattle", "chocolate", "circus", "clock", "closed lock",
     "cop car", "couch and lamp", "cube die", "cup trophy", "dam builder", "drum kit", "drumstick",
     "earth", "eight-armed animal", "emergency vehicle", "football ball", "fried chicken", "frosty",
     "frying pan", "futbol", "gem stone", "hen", "horned horse", "ice cream", "icecream", "jeans",
     "king of the jungle", "kraken", "lead pencil", "lion head", "lolly", "long-necked animal", "loo",
     "luggage", "magical horse", "mail", "medusa", "mike", "moth", "muffler", "parchment", "peahen",
     "planet earth", "plantain", "poultry leg", "root vegetable", "sakura", "saturn", "seat", "shades",
     "slice of watermelon", "soft ice cream", "soft serve", "sow", "spiny animal", "spirit", "stool",
     "striped horse", "sub", "sunflower head", "swine", "target", "tennis ball", "torch", "traffic lights",
     "trash panda", "ute"}
)  # fmt: skip
_TAKEN = frozenset(
    {"gold", "golden", "wooden", "big", "tall", "small", "little"}
)  # would contradict colour or size


def speakable(synonym: str, name: str, colours: frozenset[str]) -> bool:
    """Whether a caption may say "a <synonym>" for `name`: it is countable, singular and colourless."""
    if synonym in UNSPOKEN or set(synonym.split()) & (colours | _TAKEN):
        return False
    if " of " in name and " of " not in synonym:
        return False
    return not synonym.endswith("s") or synonym.endswith(("ss", "us"))


def indefinite(phrase: str) -> str:
    """`phrase` with "a" or "an", chosen by how its first word sounds."""
    first = phrase.lower()
    vowel = first[0] in "aeiou" and not first.startswith(_SPOKEN_AS_CONSONANT)
    return f"{'an' if vowel or first.startswith(_SPOKEN_AS_VOWEL) else 'a'} {phrase}"


def listed(items: list[str]) -> str:
    """ "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
