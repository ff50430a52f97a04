"""Small real networks that the engine drives in its tests, and a driver that runs an engine until it rests.

A request's words steer them: "a fox steps=5 guidance=2 sampler=heun side=6 keep=3 fault=nan".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.core.errors import ModelError
from darkroom.core.events import Event
from darkroom.core.params import GenerationParams, PromptPart, image_seed
from darkroom.engine.engine import Engine
from darkroom.engine.requests import Request
from darkroom.engine.rows import Finished
from darkroom.model.denoiser import Conditioning, Denoiser, Encoded, Given, Prepared
from darkroom.model.guides import Lean, flow_start
from darkroom.model.schedules import flow_sigmas, started
from darkroom.model.style import StylePull, statistics_of

CHANNELS, DIM, TOKENS = 4, 32, 6
MEAN, SPREAD = 0.3, 0.5


def ask(text: str, seed: int = 1) -> GenerationParams:
    return GenerationParams(parts=(PromptPart(text=text, weight=1.0),), model="tiny", seed=seed)


class Network(nn.Module):
    """Convolution in, attention to the words and the time, convolution out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inwards = nn.Conv2d(CHANNELS, DIM, 3, padding=1)
        self.time = nn.Sequential(nn.Linear(16, DIM), nn.SiLU(), nn.Linear(DIM, 2 * DIM))
        self.query, self.words = nn.Linear(DIM, DIM), nn.Linear(DIM, 2 * DIM)
        self.outwards = nn.Conv2d(DIM, CHANNELS, 3, padding=1)

    def forward(self, x: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:  # (R, C, h, w), (R,), (R, T, D)
        angles = sigmas[:, None] * torch.exp(torch.linspace(0, 5, 8))  # (R, 8)
        scale, shift = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))[:, :, None, None].chunk(
            2, dim=1
        )
        hidden = F.silu(self.inwards(x) * (1 + scale) + shift)  # (R, D, h, w)
        tokens = hidden.flatten(2).transpose(1, 2)  # (R, hw, D)
        key, value = self.words(words).chunk(2, dim=2)
        tokens = tokens + F.scaled_dot_product_attention(self.query(tokens), key, value)
        estimate: Tensor = self.outwards(tokens.transpose(1, 2).reshape_as(hidden))
        return estimate


class TinyDenoiser:
    """A denoiser as the engine wants it. `passes` records the rows of every pass, `encodings` the texts of every call."""

    weights_hash = "0" * 64
    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, name: str = "tiny") -> None:
        self.name = name
        self.network = Network().eval()
        self.passes: list[int] = []
        self.encodings: list[tuple[str, ...]] = []
        self.before_pass: Callable[[int], None] = lambda rows: None

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        return (params.text, "")

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        self.encodings.append(tuple(texts))
        if any("fault=text" in text for text in texts):
            raise ModelError("tiny cannot read that")
        return [self._words(text, nan="fault=nan" in text) for text in texts]

    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        wishes = dict(word.split("=") for word in params.text.split() if "=" in word)
        self._refuse(wishes.get("fault"))
        assert params.seed is not None
        side, guidance = int(wishes.get("side", 8)), float(wishes.get("guidance", 1))
        encoded = encoded or {text: self.encode([text])[0] for text in self.texts(params)}
        generator = torch.Generator().manual_seed(image_seed(params.seed, index))
        noise = torch.randn(CHANNELS, side, side, generator=generator)
        given = given or Given()
        sigmas = started(flow_sigmas(int(wishes.get("steps", 4))), given.strength)
        latent = flow_start(given, noise, sigmas[0])
        return Prepared(
            row_class=f"{self.name}/{side}",
            latent=latent * torch.nan if wishes.get("fault") == "noise" else latent,
            sigmas=sigmas[: int(wishes.get("keep", 999))],
            guidance=guidance,
            sampler=wishes.get("sampler", "euler"),
            conditional=encoded[params.text],
            unconditional=None if guidance == 1 or "alone" in params.text else encoded[""],
            guidance_rule=wishes.get("rule", "linear"),
            noise_seed=image_seed(params.seed, index),
            known=None if given.region is None else given.init,
            region=given.region,
            pulls=(
                *(Lean(target=guide.latent, share=0.4, down_to=0.5) for guide in given.prompts),
                *(StylePull(style=statistics_of(guide.latent), share=0.5) for guide in given.styles),
            ),
        )

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        self.passes.append(len(latents))
        self.before_pass(len(latents))
        return self.estimate(latents, sigmas, torch.stack([each["words"] for each in conditioning]))

    def estimate(self, latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        estimate: Tensor = self.network(latents, sigmas, words)
        return estimate

    def decode(self, latents: Tensor, *, seamless: bool) -> Tensor:
        return F.interpolate(self.preview(latents), scale_factor=4)

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised[:, :3] / 4 + 0.5

    def _words(self, text: str, *, nan: bool = False) -> Conditioning:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
        words = torch.randn(TOKENS, DIM, generator=torch.Generator().manual_seed(seed))
        return {"words": words * torch.nan if nan else words}

    def _refuse(self, fault: str | None) -> None:
        if fault == "model":
            raise ModelError("tiny draws no hats")
        if fault == "shape":
            torch.zeros(2, 3) @ torch.zeros(2, 3)


class CrowdedDenoiser(TinyDenoiser):
    """A device whose kernels round differently for each number of rows, made visible."""

    def estimate(self, latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        return super().estimate(latents, sigmas, words) + 1e-4 * len(latents)


class GaussianDenoiser(TinyDenoiser):
    """The exact denoiser of N(MEAN, SPREAD^2) under rectified flow."""

    def estimate(self, latents: Tensor, sigmas: Tensor, words: Tensor) -> Tensor:
        sigma = sigmas[:, None, None, None]
        gain = (1 - sigma) * SPREAD**2 / ((1 - sigma) ** 2 * SPREAD**2 + sigma**2)
        return MEAN + gain * (latents - (1 - sigma) * MEAN)


def run(engine: Engine, *, limit: int = 500) -> tuple[list[Event], dict[tuple[str, int], Finished]]:
    """Steps until the engine rests: what happened, and what was finished."""
    events: list[Event] = []
    while engine.busy:
        assert (limit := limit - 1) > 0, "the engine does not come to rest"
        events += engine.step()
    return events, {(each.job_id, each.index): each for each in engine.take_finished()}


def put(
    engine: Engine, denoiser: Denoiser, job_id: str, index: int, params: GenerationParams, **more: Any
) -> None:
    """Adds a request; `more` is its priority, flow or saved state."""
    engine.add(denoiser, Request(job_id=job_id, index=index, params=params, **more))


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of threads that torch has in the test."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> TinyDenoiser:
    return TinyDenoiser()


@pytest.fixture
def crowded() -> CrowdedDenoiser:
    return CrowdedDenoiser()


@pytest.fixture
def gaussian() -> GaussianDenoiser:
    return GaussianDenoiser()


@pytest.fixture(name="ask")
def _ask() -> Callable[..., GenerationParams]:
    return ask


@pytest.fixture(name="put")
def _put() -> Callable[..., None]:
    return put


@pytest.fixture(name="run")
def _run() -> Callable[..., tuple[list[Event], dict[tuple[str, int], Finished]]]:
    return run
