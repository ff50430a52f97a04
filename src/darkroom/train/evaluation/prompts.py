"""The lists of prompts: scenes in combinations that training never shows, things that it never shows, and free prompts.

A list depends on its name alone. No setting is ever chosen by its figures on the held-out list; the tuning list is there for
that, made of combinations that training does show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from darkroom.train.composer import SceneSpec, Split, full_caption, sample_spec
from darkroom.train.sprites import Atlas

LISTS = ("held-out", "tuning")
LIST_SEEDS = {"held-out": 7_001, "tuning": 7_002}
COLOURED_SHARE = 0.25
"""Of a list: scenes drawn until one shows a repainted thing. They are rare otherwise, and colours would go unmeasured."""
IMAGE_SEED = 90_000
"""The seed of the first prompt's picture; the next prompt's is the next."""

FREE_PROMPTS: dict[str, tuple[str, ...]] = {
    "held-out": (
        "a red fox in the snow",
        "a puppy sleeping in a bedroom",
        "two sailboats on a calm sea at sunset, watercolour",
        "a lighthouse in a storm",
        "an astronaut's rocket above the moon",
        "a slice of pizza on a blue background",
        "a purple car on a city street at night",
        "three little fish under the sea",
        "an owl in the woods at night",
        "a hot cup of coffee in a cosy kitchen",
        "a cactus in the desert at noon",
        "a sports car, pixel art",
        "a pencil sketch of a bicycle",
        "a bunch of grapes next to a banana",
        "a dinosaur in front of an erupting volcano",
        "a guitar on a stage",
        "snowy mountains at dawn",
        "a tropical beach with a palm tree",
        "a green frog by a lake in the rain",
        "a black cat on a yellow background",
        "a neon sign of a flamingo",
        "an oil painting of a bouquet of flowers in a room",
        "a train crossing a stone bridge",
        "a bee in a garden full of flowers",
        "a tall tree in autumn",
        "a planet with rings and many stars",
        "a turtle to the left of a crab on the beach",
        "a birthday cake, 3d render",
        "an elephant on a grassy field, low poly",
        "a teddy bear beside a wrapped gift",
        "a black and white photo of a train",
        "a cartoon pig on a farm",
    ),
    "tuning": (
        "an orange cat on a green background",
        "a small boat by a lake in the fog",
        "a rabbit in a garden",
        "a yellow bus on a street by day",
        "two apples on a kitchen counter",
        "a tiger in a forest, oil painting",
        "an umbrella in the rain",
        "a rocket in space, retro poster",
        "a book in a library",
        "an octopus under water",
        "a snowman in falling snow at dusk",
        "a pineapple on a pink background, flat design",
        "a city skyline at night",
        "a helicopter above a house",
        "a cow on a farm, cartoon",
        "a violin on a stage, sepia",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked for and with which seed. `spec` is the scene that the composer would draw; None for free prompts."""

    text: str
    seed: int
    spec: SceneSpec | None = None


def held_out(atlas: Atlas, count: int, name: str) -> tuple[Question, ...]:
    """Scenes of known things in new combinations; of known combinations for the tuning list."""
    split = Split.HELD_OUT if name == "held-out" else Split.TRAIN
    rng = np.random.default_rng([LIST_SEEDS[name], 0])
    return _questions(atlas, [with_thing(rng, atlas, split) for _ in range(count)], IMAGE_SEED)


def zero_shot(atlas: Atlas, count: int, name: str) -> tuple[Question, ...]:
    """Scenes of things or in an art set that training never shows. The tuning list has none: nothing is tuned for them."""
    if name != "held-out":
        return ()
    rng = np.random.default_rng([LIST_SEEDS[name], 1])
    specs = [sample_spec(rng, atlas, split=Split.ZERO_SHOT) for _ in range(count)]
    return _questions(atlas, specs, IMAGE_SEED + 10_000)


def free(name: str) -> tuple[Question, ...]:
    """Prompts in anybody's words."""
    texts = FREE_PROMPTS[name]
    return tuple(Question(text=text, seed=IMAGE_SEED + 20_000 + i) for i, text in enumerate(texts))


def with_thing(rng: np.random.Generator, atlas: Atlas, split: Split) -> SceneSpec:
    """A scene that shows at least one thing, a repainted one in COLOURED_SHARE of the draws and more."""
    coloured = rng.random() < COLOURED_SHARE
    wanted: Callable[[SceneSpec], bool] = _shows_paint if coloured else lambda spec: bool(spec.objects)
    while not wanted(spec := sample_spec(rng, atlas, split=split)):
        pass
    return spec


def _shows_paint(spec: SceneSpec) -> bool:
    return any(thing.colour for thing in spec.objects)


def _questions(atlas: Atlas, specs: list[SceneSpec], first_seed: int) -> tuple[Question, ...]:
    texts = [full_caption(spec, atlas) for spec in specs]
    return tuple(
        Question(text=text, seed=first_seed + i, spec=spec)
        for i, (text, spec) in enumerate(zip(texts, specs, strict=True))
    )
