"""Trains the picture embedder on one core: `python -m darkroom.train.describe.learn --data .cache/mini --minutes 30`.

Keeps its state every minute and goes on from it; rates fall with the share of the time that has gone.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.model.text_encoder import TextEncoder
from darkroom.train import autoencoder
from darkroom.train.composer import HELD_OUT_CONCEPTS
from darkroom.train.composer.words import indefinite
from darkroom.train.dataset import shards
from darkroom.train.describe.network import PictureEmbedder, loss_of
from darkroom.train.describe.scenes import Lessons, lessons
from darkroom.train.precision import fast_matmul
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

BATCH = 128
RATE, WEIGHT_DECAY = 2.5e-3, 0.05
WARM_UP = 0.03  # of the time
SAVE_S = 60
SOFT_SHARE = 0.5  # of pictures: as mini-1's decoder gives them
ZOOM, SHIFT = 0.15, 0.1  # how far a picture is scaled and moved, as a share of its side
COARSE_SHARE, NOISE, TINT = 0.25, 0.03, 0.08
STATE_NAME = "describe.pt"


def train(data: Path, *, scenes: int, minutes: float, seed: int = 0) -> PictureEmbedder:
    """Trains until `minutes` of training have gone, those of an earlier call among them."""
    atlas = Atlas.load(data)
    lesson = lessons(shards(data, scenes), atlas, autoencoder.load(data), data)
    vectors = concept_vectors(atlas)
    known = torch.tensor([name not in HELD_OUT_CONCEPTS for name in atlas.concepts])
    torch.manual_seed(seed)
    network = PictureEmbedder()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98))
    gone_s, samples = _resume(data / STATE_NAME, network, optimiser)
    rng = np.random.default_rng([seed, samples])
    started = saved = time.monotonic()
    mean_loss = 0.0
    while (share := (gone_s + time.monotonic() - started) / (60 * minutes)) < 1:
        _set_rate(optimiser, share)
        loss = step(network, optimiser, lesson, rng, vectors=vectors, known=known)
        samples += BATCH
        mean_loss = loss if not mean_loss else 0.98 * mean_loss + 0.02 * loss
        if time.monotonic() - saved > SAVE_S:
            saved = time.monotonic()
            _save(data / STATE_NAME, network, optimiser, gone_s + saved - started, samples)
            report(f"{samples} samples  {100 * share:.0f} %  loss {mean_loss:.3f}")
    _save(data / STATE_NAME, network, optimiser, gone_s + time.monotonic() - started, samples)
    network.eval()
    return network


def step(
    network: PictureEmbedder,
    optimiser: torch.optim.Optimizer,
    lesson: Lessons,
    rng: np.random.Generator,
    *,
    vectors: Tensor,
    known: Tensor,
    size: int = BATCH,
) -> float:
    """One step on `size` random scenes; its loss. Words (M, 384) that are not `known` (M,) take no part."""
    rows = rng.integers(0, len(lesson), size)
    soft = rng.random(size) < SOFT_SHARE
    pixels = np.where(soft[:, None, None, None], lesson.soft[rows], lesson.sharp[rows])
    pictures = varied(as_input(pixels)).contiguous(memory_format=torch.channels_last)
    with fast_matmul(torch.device("cpu")):
        found = network(pictures)
    loss = loss_of(
        network,
        {name: value.float() for name, value in found.items()},
        things=lesson.things[rows][:, known],
        vectors=vectors[known],
        captions=lesson.captions[rows],
        attributes={name: target[rows] for name, target in lesson.attributes.items()},
    )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    optimiser.step()
    return float(loss.detach())


def as_input(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """(B, 64, 64, 3) uint8 -> (B, 3, 64, 64) fp32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


def varied(pictures: Tensor) -> Tensor:
    """Mirrored, moved, scaled, tinted, made coarse and noisy at random: what it says must not hang on a pixel. (B, 3, 64, 64)"""
    count = len(pictures)
    scale = 1 + (torch.rand(count, 2) * 2 - 1) * ZOOM
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    shift = (torch.rand(count, 2) * 2 - 1) * SHIFT
    frame = torch.zeros(count, 2, 3)
    frame[:, 0, 0], frame[:, 1, 1], frame[:, :, 2] = scale[:, 0] * mirror, scale[:, 1], shift
    grid = F.affine_grid(frame, list(pictures.shape), align_corners=False)
    x = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    coarse = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear", align_corners=False)
    x = torch.where((torch.rand(count) < COARSE_SHARE)[:, None, None, None], coarse, x)
    x = x * (1 + (torch.rand(count, 1, 1, 1) * 2 - 1) * TINT) + (torch.rand(count, 3, 1, 1) * 2 - 1) * TINT
    return (x + torch.randn_like(x) * NOISE * torch.rand(count, 1, 1, 1)).clamp(-1, 1)


def concept_vectors(atlas: Atlas) -> Tensor:
    """(M, 384): the sentence vectors of "a fox" and so on less their mean, at unit length: what they have in common tells nothing."""
    sentences = TextEncoder.load().sentence([indefinite(name) for name in atlas.concepts])
    return F.normalize(sentences - sentences.mean(0), dim=1)


def _set_rate(optimiser: torch.optim.Optimizer, share: float) -> None:
    falling = 0.5 * (1 + math.cos(math.pi * min(share, 1)))
    for group in optimiser.param_groups:
        group["lr"] = RATE * min(share / WARM_UP, 1, 0.02 + 0.98 * falling)


def _resume(path: Path, network: PictureEmbedder, optimiser: torch.optim.Optimizer) -> tuple[float, int]:
    if not path.exists():
        return 0.0, 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return float(state["seconds"]), int(state["samples"])


def _save(
    path: Path,
    network: PictureEmbedder,
    optimiser: torch.optim.Optimizer,
    seconds: float,
    samples: int,
) -> None:
    """Whole or not at all."""
    partial = path.with_suffix(".part")
    state = {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "seconds": seconds,
        "samples": samples,
    }
    torch.save(state, partial)
    partial.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--scenes", type=int, default=70_000)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train(options.data, scenes=options.scenes, minutes=options.minutes)


if __name__ == "__main__":
    main()
