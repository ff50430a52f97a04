"""The seam between the engine and a family of models: what a model must offer so that the engine can batch its rows.

Noise levels follow one convention everywhere: sigma falls from 1 (or the family's maximum) to 0, and the ODE is
dx/dsigma = (x - denoised) / sigma. It holds for rectified flow (x = (1 - sigma) x0 + sigma n; SD3, arXiv 2403.03206, eq. 3)
and for the variance-exploding form (x = x0 + sigma n; EDM, arXiv 2206.00364, eq. 3) alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from darkroom.core.params import GenerationParams

Conditioning = Mapping[str, Tensor]
"""What a row is guided by: named tensors without a batch dimension, of equal shapes for all rows of a class."""

Encoded = Mapping[str, Tensor]
"""What a text becomes: named tensors without a batch dimension. A function of model and text alone, so it can be kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guide:
    """A picture that a drawing is guided by, laid on the size of the drawing; `weight` is against that of its like."""

    latent: Tensor  # (C, h, w) fp32, by `encode_picture`
    picture: Tensor  # (3, H, W) fp32 in [0, 1]
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """The pictures that a request starts from or is guided by.

    `strength` is how much of `init` is drawn anew, which is the share of the schedule that is run: 0 keeps it (but for one
    step), 1 is pure noise. Where `region` is 1 it is drawn anew, where it is 0 it stays `init`. `styles` are those of
    `params.style_references` that are pictures, in their order; numeric codes are the model's own matter. `around` says that
    what is drawn anew lies around a picture that shows what the prompt names.
    """

    init: Tensor | None = None  # (C, h, w) fp32, of the latent shape of the drawing
    strength: float = 1.0
    region: Tensor | None = None  # (1, h, w) fp32 in [0, 1]
    around: bool = False
    prompts: tuple[Guide, ...] = ()
    styles: tuple[Guide, ...] = ()
    blends: tuple[Guide, ...] = ()


class Pull(Protocol):
    """Moves the estimate of x0 of one image, between guidance and the sampler: fp32, and blind to who shares its pass."""

    @property
    def nbytes(self) -> int:
        """What it keeps in memory for as long as the image is in flight."""
        ...

    def to(self, device: torch.device) -> Pull: ...

    def __call__(self, estimate: Tensor, sigma: float) -> Tensor:
        """(C, h, w) fp32 at noise level `sigma` -> the same, moved."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A request turned into what the denoising loop needs, for one image.

    `latent` is (C, h, w) fp32: pure noise, or a noised picture. `sigmas` has one entry more than there are steps and
    ends where denoising ends (0 unless `--stop`). `unconditional` is None where no second row is needed (guidance 1).
    Rows share a pass only where `row_class` is equal: it names model, latent shape, text length and adapters.
    """

    row_class: str
    latent: Tensor  # (C, h, w)
    sigmas: tuple[float, ...]
    guidance: float
    sampler: str
    conditional: Conditioning
    unconditional: Conditioning | None
    guidance_rule: str = "linear"
    """How the two rows are combined: a name in `guidance.GUIDANCE_RULES`."""
    noise_seed: int = 0
    """What a stochastic sampler draws the noise of a step from, together with the number of the step."""
    seamless: bool = False
    """Opposite edges must meet: whoever decodes or enlarges the picture goes round them."""
    notes: tuple[str, ...] = ()
    """Sentences for the person who asked: what of the request could not be taken into account."""
    known: Tensor | None = None  # (C, h, w) fp32
    region: Tensor | None = None  # (1, h, w) fp32 in [0, 1]
    """Each estimate of x0 becomes `region * estimate + (1 - region) * known`, so that the ODE carries the known part along
    the straight line from its noise. Where `region` is 0 the finished latent is `known`, bit for bit."""
    pulls: tuple[Pull, ...] = ()
    """What moves each estimate, in this order, before `known` is laid over it."""


class Denoiser(Protocol):
    """A model as the engine drives it. All methods are pure functions of their arguments and the weights."""

    @property
    def name(self) -> str: ...

    @property
    def weights_hash(self) -> str:
        """sha256 over the files of weights, hexadecimal."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the network runs; the engine brings latents there."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in; it takes and returns fp32 all the same."""
        ...

    def size(self, params: GenerationParams) -> tuple[int, int]:
        """Width and height in pixels of what `decode` gives for these parameters, before upscaling."""
        ...

    def encode_picture(self, picture: Tensor) -> Tensor:
        """(3, H, W) in [0, 1] of just that size -> (C, h, w) fp32 on the CPU. Alone: its bits depend on no company.

        Raises ModelError where the picture's sides are none that it decodes to.
        """
        ...

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        """What has to be encoded before `prepare`; equal texts have equal encodings."""
        ...

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """Encodes texts at fixed length, in passes of a fixed size: no text's bits depend on its company."""
        ...

    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        """What image `index` starts from. `encoded` holds what `texts` asked for; None: encode it now.

        `given` None is the empty one: it starts from noise, and words alone guide it.

        Raises ModelError for what it cannot draw.
        """
        ...

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        """The estimate of x0 for R rows of one class: (R, C, h, w), (R,) fp32 -> (R, C, h, w) fp32."""
        ...

    def decode(self, latents: Tensor, *, seamless: bool) -> Tensor:
        """(B, C, h, w) -> (B, 3, H, W) fp32 in [0, 1], before upscaling."""
        ...

    def preview(self, denoised: Tensor) -> Tensor:
        """A cheap look at x0 estimates: (B, C, h, w) -> (B, 3, h', w') fp32 in [0, 1]."""
        ...
