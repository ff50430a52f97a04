"""Trains the transformer of mini-1: one command, resumable, on a CPU or a GPU (`make train-mini`).

    python -m darkroom.train.mini --data .cache/mini --samples 500000

Rectified flow with x0 prediction and v-weighted loss (SD3, arXiv 2403.03206, section 2; JiT, arXiv 2511.13720), Muon on the blocks'
matrices, AdamW on the rest, an exponential average of the weights, rates that fall over the last part of the run.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from darkroom.model.transformer import MASKED, NATIVE_SIDE, MiniTransformer, TransformerConfig
from darkroom.train import autoencoder
from darkroom.train.corpus import COMMON_SLOTS, Batch, Corpus, load_corpus
from darkroom.train.dataset import shards
from darkroom.train.muon import Muon
from darkroom.train.precision import fast_matmul
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

SAVE_EVERY_S = 110.0
REPORT_EVERY_STEPS = 40


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All numbers of a run. `samples` is the whole plan; a resumed run may be given a longer one."""

    samples: int = 500_000
    batch: int = 64
    muon_rate: float = 0.02
    adam_rate: float = 2e-3
    warm_up_samples: int = 8_000
    decay_from: float = 0.6
    final_rate: float = 0.02
    drop_all: float = 0.1
    drop_exemplars: float = 0.1
    noise_mean: float = 0.3
    """Mean of the logit of sigma."""
    least_sigma: float = 0.1
    """The loss weighs errors by 1 / max(sigma, least_sigma)^2, which is the error of the velocity."""
    average: float = 0.999
    clip: float = 2.0

    def rate(self, samples: int) -> float:
        """The share of the full rates after so many samples: a warm-up, a plateau, a linear fall."""
        fraction = min(1.0, samples / self.samples)
        fall = (1 - fraction) / (1 - self.decay_from)
        return min(1.0, (samples + 1) / self.warm_up_samples) * max(self.final_rate, min(1.0, fall))


class Trainer:
    """The network, its average, the optimisers and how far they are. `step` is one optimisation step."""

    def __init__(self, recipe: Recipe, *, device: str = "cpu", compiled: bool = True) -> None:
        torch.manual_seed(0)
        self.recipe = recipe
        self.device = torch.device(device)
        self.network = MiniTransformer(TransformerConfig()).to(self.device)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizers = _optimizers(self.network, recipe)
        self.samples = 0
        self.rng = np.random.default_rng(0)
        self._compiled: Callable[..., Tensor] = torch.compile(self.network) if compiled else self.network

    def step(self, batch: Batch) -> float:
        """One step on a batch; returns the loss."""
        return self.advance(batch).item()

    def advance(self, batch: Batch) -> Tensor:
        """`step` without waiting for the device: the loss () stays there."""
        self._set_rates()
        loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.samples += len(batch.latents)
        steps = self.samples / self.recipe.batch
        weight = min(self.recipe.average, (1 + steps) / (20 + steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - weight)
        return loss.detach()

    def loss(self, batch: Batch) -> Tensor:
        """The v-weighted squared error of the x0 estimate at random noise levels, conditions dropped at random."""
        recipe, size = self.recipe, len(batch.latents)
        latents = batch.latents.to(self.device, non_blocking=True)
        sigmas = torch.sigmoid(torch.randn(size, device=self.device) + recipe.noise_mean)
        wide = sigmas[:, None, None, None]
        noisy = (1 - wide) * latents + wide * torch.randn_like(latents)
        where = batch.words_bias.device
        drop = torch.rand(size, device=where) < recipe.drop_all
        bare = drop | (torch.rand(size, device=where) < recipe.drop_exemplars)
        words_bias = batch.words_bias.masked_fill(drop[:, None], MASKED)
        exemplars_bias = batch.exemplars_bias.masked_fill(bare[:, None], MASKED)
        inputs = [batch.words, words_bias, batch.exemplars, exemplars_bias]
        with fast_matmul(self.device):
            estimate = self._forward(
                noisy, sigmas, *(tensor.to(self.device, non_blocking=True) for tensor in inputs)
            )
        weight = 1 / wide.clamp(min=recipe.least_sigma).square()
        return ((estimate.float() - latents).square() * weight).mean()

    def _forward(self, noisy: Tensor, *inputs: Tensor) -> Tensor:
        """Compiled for the commonest shape on a CPU, where each shape costs a minute to compile; for all on a GPU."""
        common = noisy.shape[-2:] == (NATIVE_SIDE, NATIVE_SIDE) and inputs[3].shape[1] == COMMON_SLOTS
        full = len(noisy) == self.recipe.batch
        network = self._compiled if (common and full) or self.device.type != "cpu" else self.network
        return network(noisy, *inputs)

    def rate_share(self) -> float:
        """The share of the full rates of the next step."""
        return self.recipe.rate(self.samples)

    def _set_rates(self) -> None:
        share = self.rate_share()
        rates = (self.recipe.muon_rate, self.recipe.adam_rate)
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * share

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "samples": self.samples,
            "numpy": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.samples = state["samples"]
        self.rng.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])

    def save(self, path: Path) -> None:
        """Atomic: a run killed at any moment leaves the last whole state."""
        partial = path.with_suffix(".part")
        torch.save(self.state(), partial)
        partial.rename(path)


def _optimizers(network: MiniTransformer, recipe: Recipe) -> tuple[torch.optim.Optimizer, ...]:
    matrices = [
        p for name, p in network.blocks.named_parameters() if p.ndim == 2 and not name.endswith("table")
    ]
    chosen = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen]
    return (
        Muon(matrices, lr=recipe.muon_rate),
        torch.optim.AdamW(others, lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.01),
    )


def train(trainer: Trainer, corpus: Corpus, folder: Path, *, until_s: float = float("inf")) -> None:
    """Run the plan, or for `until_s` seconds; saves `state.pt` and appends `loss.tsv` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    start = saved = time.monotonic()
    begun, step, losses = trainer.samples, 0, []
    while trainer.samples < trainer.recipe.samples and time.monotonic() - start < until_s:
        losses.append(trainer.step(corpus.batch(trainer.recipe.batch, trainer.rng)))
        step += 1
        if step % REPORT_EVERY_STEPS == 0:
            rate = (trainer.samples - begun) / (time.monotonic() - start)
            left_min = (trainer.recipe.samples - trainer.samples) / rate / 60
            loss = float(np.mean(losses))
            report(
                f"mini-1 {trainer.samples}/{trainer.recipe.samples}  loss {loss:.4f}  {rate:.0f}/s  {left_min:.0f} min left"
            )
            with (folder / "loss.tsv").open("a") as file:
                file.write(f"{trainer.samples}\t{loss:.5f}\n")
            losses = []
        if time.monotonic() - saved > SAVE_EVERY_S:
            trainer.save(folder / "state.pt")
            saved = time.monotonic()
    trainer.save(folder / "state.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--scenes", type=int, default=70_000)
    parser.add_argument("--samples", type=int, default=Recipe.samples)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after so long; run again to go on"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--eager", action="store_true", help="do not compile the network")
    options = parser.parse_args()
    recipe = Recipe(samples=options.samples, batch=options.batch)
    trainer = Trainer(recipe, device=options.device, compiled=not options.eager)
    folder = options.data / "mini-1"
    if (folder / "state.pt").exists():
        trainer.restore(torch.load(folder / "state.pt", map_location="cpu", weights_only=True))
        report(f"resumed after {trainer.samples} samples")
    network = autoencoder.load(options.data)
    atlas = Atlas.load(options.data)
    corpus = load_corpus(shards(options.data, options.scenes), atlas, network, options.data)
    size = sum(p.numel() for p in trainer.network.parameters())
    report(f"{len(corpus)} scenes in {len(corpus.groups)} groups; {size / 1e6:.2f} M parameters")
    train(trainer, corpus, folder, until_s=options.minutes * 60)


if __name__ == "__main__":
    main()
