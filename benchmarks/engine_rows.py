"""Rows against requests: the same network, images and threads, driven one request after the other and in shared passes.

The network is mini-1's with random weights: its speed does not depend on what it has learned. Prints medians and ratios.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.core.params import GenerationParams, PromptPart, image_seed
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles
from darkroom.engine.requests import Request
from darkroom.model.denoiser import Conditioning, Encoded, Prepared
from darkroom.model.schedules import flow_sigmas
from darkroom.model.text_encoder import TEXT_TOKENS
from darkroom.model.transformer import MASKED, MiniTransformer

BUDGET_S = 40.0  # of wall-clock; no further round is begun after it
STEPS = (4, 6, 8)
GUIDANCES = (1.0, 3.0, 3.0, 5.0)
SIDE = 8  # latent positions


class RandomMini:
    """A Denoiser with mini-1's network. `busy_s` counts the seconds inside it. A seed decides steps and guidance."""

    name = "mini-1"
    weights_hash = "0" * 64
    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = MiniTransformer().eval().requires_grad_(False)
        self.busy_s = 0.0

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        return ()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return []

    def prepare(
        self, params: GenerationParams, *, index: int, encoded: Mapping[str, Encoded] | None = None
    ) -> Prepared:
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
        return estimate

    def decode(self, latents: Tensor, *, seamless: bool) -> Tensor:
        return latents[:, :3]

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised[:, :3]


def one_at_a_time(denoiser: RandomMini, images: int) -> None:
    engine = Engine(exact=False, preview_every=0)
    for seed in range(images):
        engine.add(denoiser, _request(seed))
        while engine.busy:
            engine.step()


def together(denoiser: RandomMini, images: int, *, rows: int, exact: bool) -> None:
    profiles = Profiles(rows=rows, measure=False)
    engine = Engine(exact=exact, profiles=profiles, preview_every=0)
    for seed in range(images):
        engine.add(denoiser, _request(seed))
    while engine.busy:
        engine.step()


def _request(seed: int) -> Request:
    parts = (PromptPart(text="a bench", weight=1.0),)
    return Request(job_id="job", index=seed, params=GenerationParams(parts=parts, model="mini-1", seed=seed))


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One way, once: wall-clock, the processor time of all threads, and the wall-clock spent inside the network."""

    wall_s: float
    processor_s: float
    network_s: float


def timed(way: Callable[[RandomMini], None], denoiser: RandomMini) -> Timing:
    denoiser.busy_s, wall_s, processor_s = 0.0, time.perf_counter(), time.process_time()
    way(denoiser)
    return Timing(
        wall_s=time.perf_counter() - wall_s,
        processor_s=time.process_time() - processor_s,
        network_s=denoiser.busy_s,
    )


def measure(ways: Mapping[str, Callable[[RandomMini], None]], *, repeats: int) -> dict[str, list[Timing]]:
    """Rounds in shuffled order, after one that warms up; fewer rounds where `BUDGET_S` is spent."""
    denoiser, rng = RandomMini(), random.Random(0)
    found: dict[str, list[Timing]] = {name: [] for name in ways}
    started = time.perf_counter()
    for repeat in range(repeats + 1):
        for name in rng.sample(list(ways), len(ways)):
            found[name].append(timed(ways[name], denoiser))
        if repeat and time.perf_counter() - started > BUDGET_S:
            break
    return {name: timings[1:] for name, timings in found.items()}


def report(found: Mapping[str, Sequence[Timing]], *, images: int) -> None:
    base = found["one request at a time"]
    for name, timings in found.items():
        wall_s = statistics.median(timing.wall_s for timing in timings)
        by_wall = statistics.median(timing.wall_s for timing in base) / wall_s
        processor_s = statistics.median(timing.processor_s for timing in timings)
        by_processor = statistics.median(timing.processor_s for timing in base) / processor_s
        outside = statistics.median(1 - timing.network_s / timing.wall_s for timing in timings)
        print(
            f"{name:24}{images / wall_s:7.2f} images/s {by_wall:6.2f}x  {by_processor:6.2f}x by processor time"
            f"  outside the network {outside:6.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
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
    rounds = len(found["rows, exact"])
    print(
        f"{images} images, {rows} rows a pass, {wanted.threads} thread(s), medians of {rounds} shuffled rounds"
    )
    report(found, images=images)


if __name__ == "__main__":
    main()
