"""The test before the long run: the exact code that will train must be able to learn 500 scenes of 8 concepts by heart.

    python -m darkroom.train.overfit --data .cache/mini

Writes `overfit.png` (scenes above, samples from their captions below) and prints how well a nearest-scene search finds
each sample's own scene among all of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from darkroom.model.autoencoder import Autoencoder
from darkroom.model.text_encoder import TextEncoder
from darkroom.train import autoencoder
from darkroom.train.autoencoder import to_tensor
from darkroom.train.composer import SceneSpec, Split, full_caption, render, sample_spec
from darkroom.train.corpus import COMMON_SLOTS, Corpus, ExemplarTable, Group, embed
from darkroom.train.mini import Recipe, Trainer, train
from darkroom.train.progress import report
from darkroom.train.sampling import draw
from darkroom.train.sprites import Atlas

SCENES = 500
CONCEPTS = ("apple", "car", "cat", "dog", "fish", "house", "rocket", "tree")
SHOWN = 12


def scenes(atlas: Atlas, count: int) -> list[SceneSpec]:
    """Scenes of the eight concepts alone, by rejection from the training distribution."""
    few = Atlas({name: atlas.concepts[name] for name in CONCEPTS}, {})
    rng = np.random.default_rng(7)
    found: list[SceneSpec] = []
    while len(found) < count:
        spec = sample_spec(rng, few, split=Split.TRAIN)
        if 1 <= len(spec.objects) <= COMMON_SLOTS:
            found.append(spec)
    return found


def corpus_of(specs: list[SceneSpec], atlas: Atlas, network: Autoencoder) -> Corpus:
    pixels = np.stack([render(spec, atlas, width=64, height=64) for spec in specs])
    with torch.inference_mode():
        latents = network.encode(to_tensor(pixels)).half().clone()
    group = Group(
        latents=latents,
        words=embed([full_caption(spec, atlas) for spec in specs], TextEncoder.load()),
        things=tuple(tuple(thing.concept for thing in spec.objects) for spec in specs),
        art_sets=tuple(spec.art_set for spec in specs),
        slots=COMMON_SLOTS,
    )
    return Corpus([group], ExemplarTable(atlas, network))


def recalled(samples: Tensor, latents: Tensor) -> float:
    """The share of samples (n, C, h, w) whose nearest scene among all latents (N, C, h, w) is the one they were asked for."""
    distances = torch.cdist(samples.flatten(1), latents.float().flatten(1))
    return float((distances.argmin(1) == torch.arange(len(samples))).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--samples", type=int, default=40_000)
    parser.add_argument("--eager", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    atlas, network = Atlas.load(options.data), autoencoder.load(options.data)
    corpus = corpus_of(scenes(atlas, SCENES), atlas, network)
    trainer = Trainer(Recipe(samples=options.samples, warm_up_samples=2_000), compiled=not options.eager)
    train(trainer, corpus, options.data / "overfit", until_s=options.minutes * 60)
    group = corpus.groups[0]
    rng = np.random.default_rng(1)
    first = group.first(96, corpus.table, rng)
    drawn = draw(trainer.average, first, seed=0)
    report(f"recalled {recalled(drawn, group.latents):.0%} of {len(drawn)} scenes out of {len(group)}")
    with torch.inference_mode():
        rows = [network.decode(first.latents[:SHOWN]), network.decode(drawn[:SHOWN])]
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1).clamp(-1, 1)
    pixels = ((picture.permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
    cv2.imwrite(str(options.data / "overfit.png"), cv2.resize(pixels[..., ::-1], None, fx=2, fy=2))


if __name__ == "__main__":
    main()
