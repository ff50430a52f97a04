"""Trains the autoencoder of mini-1 on composed scenes and sprites.

    python -m darkroom.train.autoencoder --data .cache/mini --minutes 10
    python -m darkroom.train.autoencoder --data .cache/mini --minutes 10 --decoder

The second form goes on with the decoder alone, against the latents that a transformer has already learnt.
The loss is the absolute difference of pixels, of their gradients, and of the picture at a quarter of the size; the decoder
sees slightly noisy latents, so that small errors of the transformer do not show.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from darkroom.model.autoencoder import Autoencoder
from darkroom.train.dataset import Shard, shards
from darkroom.train.exemplars import exemplar_pictures
from darkroom.train.muon import Muon
from darkroom.train.precision import fast_matmul
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

BATCH = 24
LATENT_NOISE = 0.1
LATENT_NOISE_DECODER = 0.3
"""Standard deviation of the noise on latents: in the first form, and the most in the second, which draws it for each picture."""
MUON_RATE = 0.01
ADAM_RATE = 2e-3
WARM_UP_STEPS = 30
DECAY_FROM = 0.5
"""Share of the run after which the rates fall linearly."""
SPRITE_BATCHES = 8
"""One batch in so many shows sprites on a plain ground, as exemplars are encoded."""
HELD_OUT = 64


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Arrays of pictures (N, H, W, 3) uint8; batches come from one array each, by its size."""

    arrays: tuple[NDArray[np.uint8], ...]
    sprites: NDArray[np.uint8]

    def batch(self, rng: np.random.Generator, step: int) -> Tensor:  # (B, 3, H, W) in [-1, 1]
        array = self.sprites if step % SPRITE_BATCHES == 0 else self.arrays[rng.integers(len(self.arrays))]
        rows = np.sort(rng.integers(0, len(array) - HELD_OUT, BATCH))
        pictures = to_tensor(array[rows])
        return pictures.flip(-1) if rng.random() < 0.5 else pictures


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) fp32 in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def reconstruction_loss(difference: Tensor) -> Tensor:
    """Of pixels, their Sobel gradients, and quarter-size averages: (B, 3, H, W) -> ()."""
    sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 4
    kernel = torch.stack([sobel, sobel.T])[:, None].repeat(3, 1, 1, 1).to(difference)
    gradients = F.conv2d(difference, kernel, groups=3)
    return (
        difference.abs().mean() + 2 * gradients.abs().mean() + 0.5 * F.avg_pool2d(difference, 4).abs().mean()
    )


def psnr(difference: Tensor) -> float:
    """Peak signal to noise ratio in dB of differences of pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / difference.square().mean()))


def train(data: Path, *, minutes: float, scenes: int, decoder_only: bool = False) -> Autoencoder:
    """Train for so many minutes and save `autoencoder.pt`. Prints held-out PSNR.

    `decoder_only` goes on from the saved one and leaves its encoder, and so every latent, as it is.
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = Pictures(
        arrays=tuple(shard.load()[0] for shard in shards(data, scenes) if shard.complete),
        sprites=exemplar_pictures(Atlas.load(data)),
    )
    network: Autoencoder = load(data) if decoder_only else Autoencoder()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = list((network.decoder if decoder_only else network).parameters())
    optimizers = [
        Muon([p for p in trained if p.ndim == 4]),
        torch.optim.Adam([p for p in trained if p.ndim < 4]),
    ]
    start, step, recent = time.monotonic(), 0, []
    while (fraction := (time.monotonic() - start) / (minutes * 60)) < 1:
        _set_rates(optimizers, step, fraction)
        batch = pictures.batch(rng, step)
        with fast_matmul(torch.device("cpu")):
            with torch.set_grad_enabled(not decoder_only):
                latents = network.encode(batch)
            decoded = network.decode(latents + _noise_like(latents, varied=decoder_only))
        difference = decoded.float() - batch
        reconstruction_loss(difference).backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        recent.append(psnr(difference.detach()))
        if step % 50 == 0:
            rate = step * BATCH / (time.monotonic() - start)
            report(
                f"autoencoder {fraction:4.0%}  step {step}  {rate:.0f}/s  PSNR {np.mean(recent[-50:]):.2f} dB"
            )
    if not decoder_only:
        _measure_scale(network, pictures)
    report(f"held out: {held_out_psnr(network, pictures):.2f} dB")
    torch.save(network.state_dict(), data / "autoencoder.pt")
    return network


def _noise_like(latents: Tensor, *, varied: bool) -> Tensor:
    """Small noise of one level, or of a level for each picture up to a larger one."""
    level = LATENT_NOISE_DECODER * torch.rand(len(latents), 1, 1, 1) if varied else LATENT_NOISE
    return level * torch.randn_like(latents)


def _set_rates(optimizers: list[torch.optim.Optimizer], step: int, fraction: float) -> None:
    decay = 1.0 if fraction < DECAY_FROM else max(0.02, (1 - fraction) / (1 - DECAY_FROM))
    for optimizer, rate in zip(optimizers, (MUON_RATE, ADAM_RATE), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * decay * min(1.0, (step + 1) / WARM_UP_STEPS)


@torch.inference_mode()
def _measure_scale(network: Autoencoder, pictures: Pictures) -> None:
    """Store the standard deviation of raw latents, so that latents come out with unit variance."""
    sample = torch.cat([network.encode(to_tensor(a[:HELD_OUT])).flatten(2) for a in pictures.arrays[:40]], 2)
    network.scale.copy_(sample.transpose(0, 1).flatten(1).std(1)[:, None, None])


@torch.inference_mode()
def held_out_psnr(network: Autoencoder, pictures: Pictures) -> float:
    """Over the last pictures of each array, which batches never draw."""
    return float(
        np.mean(
            [psnr(_redrawn(network, array) - to_tensor(array[-HELD_OUT:])) for array in pictures.arrays[:40]]
        )
    )


def _redrawn(network: Autoencoder, array: NDArray[np.uint8]) -> Tensor:
    return network.decode(network.encode(to_tensor(array[-HELD_OUT:]))).clamp(-1, 1)


def load(data: Path) -> Autoencoder:
    """The autoencoder that `train` saved."""
    network = Autoencoder()
    network.load_state_dict(torch.load(data / "autoencoder.pt", weights_only=True))
    network.eval()
    return network


def shard_latents(network: Autoencoder, shard: Shard) -> Tensor:
    """Latents of a shard: (N, C, h, w) fp16."""
    pixels, _ = shard.load()
    with torch.inference_mode():
        return torch.cat(
            [network.encode(to_tensor(pixels[i : i + 100])).half() for i in range(0, len(pixels), 100)]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--scenes", type=int, default=20_000)
    parser.add_argument("--decoder", action="store_true", help="go on with the decoder alone")
    options = parser.parse_args()
    train(options.data, minutes=options.minutes, scenes=options.scenes, decoder_only=options.decoder)


if __name__ == "__main__":
    main()
