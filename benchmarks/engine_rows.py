"""Rows against requests: the same network, images and threads, driven one request after the other and in shared passes.

The network is mini-1's with random weights: its speed does not depend on what it has learned. Prints medians and ratios.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from darkroom.core.params import GenerationParams, PromptPart, image_seed
from darkroom.engine.engine import Engine
from darkroom.model.denoiser import Conditioning, Prepared
from darkroom.model.schedules import flow_sigmas
from darkroom.model.text_encoder import TEXT_TOKENS
from darkroom.model.transformer import MASKED, MiniTransformer

STEPS = (8, 12, 16)
GUIDANCES = (1.0, 3.0, 3.0, 5.0)
SIDE = 8  # latent positions


class RandomMini:
    """A Denoiser with mini-1's network. `busy_s` counts the seconds inside it. A seed decides steps and guidance."""

    name = "mini-1 with random weights"
    weights_hash = "0" * 64
    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = MiniTransformer().eval().requires_grad_(False)
        self.busy_s = 0.0
        self.rows = 0

    def prepare(self, params: GenerationParams, *, index: int) -> Prepared:
        assert params.seed is not None
        generator = torch.Generator().manual_seed(image_seed(params.seed, index))
        config = self.network.config
        exemplars = torch.randn(
            config.slots, config.channels, *[config.exemplar_side] * 2, generator=generator
        )
        words: Conditioning = {
            "words": torch.randn(TEXT_TOKENS, config.text_dim, generator=generator),
            "words_bias": torch.zeros(TEXT_TOKENS),
            "exemplars": exemplars,
            "exemplars_bias": torch.zeros(config.slots),
        }
        guidance = GUIDANCES[params.seed % len(GUIDANCES)]
        nothing = {**words, "exemplars_bias": torch.full((config.slots,), MASKED)}
        return Prepared(
            row_class="mini-1/8x8",
            latent=torch.randn(config.channels, SIDE, SIDE, generator=generator),
            sigmas=flow_sigmas(STEPS[params.seed % len(STEPS)]),
            guidance=guidance,
            sampler="euler",
            conditional=words,
            unconditional=None if guidance == 1 else nothing,
        )

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        started = time.perf_counter()
        rows = {name: torch.stack([row[name] for row in conditioning]) for name in conditioning[0]}
        estimate: Tensor = self.network(latents, sigmas, **rows)
        self.busy_s += time.perf_counter() - started
        self.rows += len(latents)
        return estimate

    def decode(self, latents: Tensor) -> Tensor:
        return latents[:, :3]

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised[:, :3]


def one_at_a_time(denoiser: RandomMini, images: int) -> None:
    engine = Engine(denoiser, exact=False, preview_every=0)
    for seed in range(images):
        engine.add("job", seed, _request(seed))
        while engine.busy:
            engine.step()


def together(denoiser: RandomMini, images: int, *, rows: int, exact: bool) -> None:
    engine = Engine(denoiser, rows_per_pass=rows, exact=exact, preview_every=0)
    for seed in range(images):
        engine.add("job", seed, _request(seed))
    while engine.busy:
        engine.step()


def _request(seed: int) -> GenerationParams:
    return GenerationParams(parts=(PromptPart(text="a bench", weight=1.0),), model="mini-1", seed=seed)


def measure(
    ways: Mapping[str, Callable[[RandomMini], None]], *, repeats: int
) -> dict[str, tuple[float, float]]:
    """Median seconds, and the median share of time spent outside the network, of each way; in shuffled order."""
    denoiser, rng = RandomMini(), random.Random(0)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name in rng.sample(list(ways), len(ways)):
            denoiser.busy_s, started = 0.0, time.perf_counter()
            ways[name](denoiser)
            wall_s = time.perf_counter() - started
            if repeat:  # the first round warms up
                found[name].append((wall_s, 1 - denoiser.busy_s / wall_s))
    return {
        name: (statistics.median(s for s, _ in runs), statistics.median(o for _, o in runs))
        for name, runs in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    images, rows = wanted.images, wanted.rows
    ways: dict[str, Callable[[RandomMini], None]] = {
        "one request at a time": lambda denoiser: one_at_a_time(denoiser, images),
        "rows, fast": lambda denoiser: together(denoiser, images, rows=rows, exact=False),
        "rows, exact": lambda denoiser: together(denoiser, images, rows=rows, exact=True),
    }
    found = measure(ways, repeats=wanted.repeats)
    base_s = found["one request at a time"][0]
    print(f"{images} images, {rows} rows a pass, {wanted.threads} thread(s), medians of {wanted.repeats}")
    for name, (wall_s, outside) in found.items():
        print(
            f"{name:24} {images / wall_s:6.2f} images/s  {base_s / wall_s:5.2f}x  outside the network {outside:6.1%}"
        )


if __name__ == "__main__":
    main()
