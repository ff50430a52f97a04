"""What the picture embedder learns from: composed scenes at 64 px, sharp and as mini-1's decoder softens them, with their facts.

Captions come as sentence vectors of the words that mini-1's corpus has already encoded. Knows no network but the frozen ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from darkroom.model.autoencoder import Autoencoder
from darkroom.model.text_encoder import TextEncoder
from darkroom.train.autoencoder import to_tensor
from darkroom.train.composer import SceneSpec, Split, caption, full_caption, render, sample_spec
from darkroom.train.corpus import Words, embed, encoded
from darkroom.train.dataset import SHARD_SCENES, Shard
from darkroom.train.evaluation.facts import ATTRIBUTES, Facts, facts_of, labels, presence
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

SIDE = 64
"""Pixels of what the embedder sees; every picture is squashed to this square."""
DATA_SEED = 20_261_121  # of train/dataset.py: the same scenes, described again without being drawn
HELD_OUT_SEED = 90_533
DECODE_BATCH = 50

Pictures = NDArray[np.uint8]  # (N, 64, 64, 3) RGB


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Scenes in order. `soft` are the same scenes through mini-1's autoencoder."""

    sharp: Pictures
    soft: Pictures
    captions: Tensor  # (N, 384) unit length
    things: Tensor  # (N, concepts) bool
    attributes: dict[str, Tensor]  # (N,) int64 into ATTRIBUTES[name], UNSAID where a scene has none

    def __len__(self) -> int:
        return len(self.sharp)


def lessons(wanted: Sequence[Shard], atlas: Atlas, network: Autoencoder, data: Path) -> Lessons:
    """All complete shards; encodes where mini-1's recipe has not yet."""
    text = TextEncoder.load()
    parts = []
    for shard in wanted:
        if shard.complete:
            latents, words, records = encoded(shard, network, text, data)
            specs = shard_specs(shard, atlas, [record.caption for record in records])
            parts.append(
                _lessons(squared(shard.load()[0]), decoded(network, latents), _sentences(words), specs, atlas)
            )
            report(f"read {shard.pixels.stem}")
    return joined(parts)


def held_out(scenes: int, atlas: Atlas, network: Autoencoder, *, split: Split = Split.HELD_OUT) -> Lessons:
    """Scenes that training never shows: known things in combinations that were kept apart, or the other `split`."""
    rng = np.random.default_rng([HELD_OUT_SEED, list(Split).index(split)])
    specs = [sample_spec(rng, atlas, split=split) for _ in range(scenes)]
    pixels = np.stack([render(spec, atlas, width=SIDE, height=SIDE) for spec in specs])
    with torch.inference_mode():
        latents = torch.cat([network.encode(to_tensor(chunk)) for chunk in _chunks(pixels)])
    words = embed([full_caption(spec, atlas) for spec in specs], TextEncoder.load())
    return _lessons(pixels, decoded(network, latents), _sentences(words), specs, atlas)


def shard_specs(shard: Shard, atlas: Atlas, captions: Sequence[str]) -> list[SceneSpec]:
    """The descriptions of a shard's scenes, drawn again. Asserts that their captions are those on the disk."""
    rng = np.random.default_rng([DATA_SEED, shard.number])
    specs = []
    for known in captions[:SHARD_SCENES]:
        spec = sample_spec(rng, atlas, split=Split.TRAIN)
        assert caption(spec, atlas, rng) == known, f"{shard.pixels.stem} is of another recipe"
        specs.append(spec)
    return specs


def squared(pixels: NDArray[np.uint8]) -> Pictures:
    """(N, H, W, 3) -> (N, 64, 64, 3), by the filter that the describer uses on pictures of any size."""
    if pixels.shape[1:3] == (SIDE, SIDE):
        return np.array(pixels)
    return np.stack([np.asarray(square(Image.fromarray(picture))) for picture in pixels])


def square(picture: Image.Image) -> Image.Image:
    return picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)


@torch.inference_mode()
def decoded(network: Autoencoder, latents: Tensor) -> Pictures:
    """What mini-1's decoder makes of latents (N, C, h, w)."""
    found = []
    for start in range(0, len(latents), DECODE_BATCH):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pictures = network.decode(latents[start : start + DECODE_BATCH].float()).float()
        levels = ((pictures + 1) * 127.5).round().clamp(0, 255).byte()
        found.append(squared(levels.permute(0, 2, 3, 1).contiguous().numpy()))
    return np.concatenate(found)


def joined(parts: Sequence[Lessons]) -> Lessons:
    return Lessons(
        sharp=np.concatenate([part.sharp for part in parts]),
        soft=np.concatenate([part.soft for part in parts]),
        captions=torch.cat([part.captions for part in parts]),
        things=torch.cat([part.things for part in parts]),
        attributes={name: torch.cat([part.attributes[name] for part in parts]) for name in ATTRIBUTES},
    )


def _lessons(
    sharp: Pictures, soft: Pictures, captions: Tensor, specs: Sequence[SceneSpec], atlas: Atlas
) -> Lessons:
    facts: list[Facts] = [facts_of(spec) for spec in specs]
    return Lessons(
        sharp=sharp,
        soft=soft,
        captions=captions,
        things=presence(facts, tuple(atlas.concepts)),
        attributes={name: labels(facts, name) for name in ATTRIBUTES},
    )


def _sentences(words: Words) -> Tensor:
    """Token vectors packed end to end -> (N, 384): their mean at unit length, as TextEncoder.sentence."""
    sums = np.add.reduceat(words.tokens.astype(np.float32), words.offsets[:-1], axis=0)
    return F.normalize(torch.from_numpy(sums), dim=1)


def _chunks(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    yield from (pixels[start : start + DECODE_BATCH] for start in range(0, len(pixels), DECODE_BATCH))
