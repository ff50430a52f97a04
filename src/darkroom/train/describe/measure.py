"""How well the shipped picture embedder reads scenes that it never saw, and mini-1's own drawings.

    python -m darkroom.train.describe.measure --data .cache/mini

Measures what ships, through the describer's own reader and sentences. Chooses nothing by what it finds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.classifiers.phrasing import prompts_of
from darkroom.classifiers.picture_reading import PictureReader, Reading
from darkroom.model.mini import Mini
from darkroom.train import autoencoder
from darkroom.train.autoencoder import to_tensor
from darkroom.train.composer import PLACES, SceneSpec, Split, render, sample_spec
from darkroom.train.describe.scenes import HELD_OUT_SEED, SIDE, decoded
from darkroom.train.evaluation.drawing import engine_artist
from darkroom.train.evaluation.facts import facts_of
from darkroom.train.evaluation.prompts import held_out
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

SCENES = 1000
DRAWINGS = 96
PROMPTS = 4
TOP = 5

Pictures = NDArray[np.uint8]


def figures(
    reader: PictureReader, pictures: Pictures, specs: Sequence[SceneSpec]
) -> dict[str, tuple[float, int]]:
    """Of each fact, how often it is read right, and of how many pictures that have it.

    "thing" and "thing, top 5": any of the scene's. "a prompt names": whether any of four does.
    """
    readings = [reader.read(Image.fromarray(picture)) for picture in pictures]
    found: dict[str, list[bool]] = {}
    for reading, spec in zip(readings, specs, strict=True):
        for name, right in _marks(reader, reading, spec):
            found.setdefault(name, []).append(right)
    return {name: (sum(marks) / len(marks), len(marks)) for name, marks in found.items()}


def _marks(reader: PictureReader, reading: Reading, spec: SceneSpec) -> Iterator[tuple[str, bool]]:
    facts = facts_of(spec)
    names = [thing["name"] for thing in reader.vocabulary["things"]]
    prompts = prompts_of(reading, reader.vocabulary, count=PROMPTS)
    if facts.concepts:
        order = [names[index] for index, _ in reading.best_things(TOP)]
        yield "thing", order[0] in facts.concepts
        yield "thing, top 5", any(name in facts.concepts for name in order)
        thing = next(each for each in reader.vocabulary["things"] if each["name"] == facts.concepts[0])
        yield "a prompt names the first thing", any(_says(prompts, (thing["name"], thing["many"])))
    for name in ("place", "time", "style", "backdrop", "colour", "count"):
        said = getattr(facts, name)
        if said:
            yield name, reading.best(name)[0][0] == said
    place = reader.vocabulary["places"][spec.place]
    phrases = [
        phrase for key in ("phrases", "views", "plain_phrases", "plain_views") for phrase in place[key]
    ]
    yield (
        "a prompt names the place",
        any(_says(prompts, [phrase.split("{")[0].strip() for phrase in phrases])),
    )
    for colour in {facts.colour, facts.backdrop} - {""}:
        yield "a prompt names the colour", any(_says(prompts, (colour,)))


def _says(prompts: Sequence[str], phrases: Sequence[str]) -> Iterator[bool]:
    yield from (phrase in prompt for prompt in prompts for phrase in phrases)


def scenes(atlas: Atlas, count: int, split: Split) -> tuple[Pictures, list[SceneSpec]]:
    """Scenes of a split that training does not show."""
    rng = np.random.default_rng([HELD_OUT_SEED, list(Split).index(split)])
    specs = [sample_spec(rng, atlas, split=split) for _ in range(count)]
    return np.stack([render(spec, atlas, width=SIDE, height=SIDE) for spec in specs]), specs


def show(title: str, found: dict[str, tuple[float, int]]) -> None:
    report(
        f"{title}: " + "; ".join(f"{name} {100 * share:.1f} % of {n}" for name, (share, n) in found.items())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--drawings", type=int, default=DRAWINGS)
    options = parser.parse_args()
    atlas, reader = Atlas.load(options.data), PictureReader.load(options.weights)
    network = autoencoder.load(options.data)
    report(f"{len(atlas.concepts)} things, {len(PLACES)} places")
    for split in (Split.HELD_OUT, Split.ZERO_SHOT):
        pictures, specs = scenes(atlas, options.scenes, split)
        show(split.value, figures(reader, pictures, specs))
        soft = decoded(network, network.encode(to_tensor(pictures)).detach())
        show(f"{split.value}, through mini-1's autoencoder", figures(reader, soft, specs))
    questions = held_out(atlas, options.drawings, "held-out")
    drawn = engine_artist(Mini.load())(questions, 1)[:, 0]
    show("mini-1's drawings", figures(reader, drawn, [q.spec for q in questions if q.spec is not None]))


if __name__ == "__main__":
    main()
