"""What all families do alike: texts and noise in, rows through a network, pictures out.

A family adds how it reads texts, how its network is called, and its defaults. Knows no file, no engine and no step.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from threading import Lock
from typing import ClassVar

import torch
from torch import Tensor

from darkroom.core.capabilities import ModelCapabilities
from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, image_seed
from darkroom.model.denoiser import Conditioning, Encoded, Given, Prepared
from darkroom.model.families.attention import choose_attention
from darkroom.model.families.graphs import Forward, GraphCache
from darkroom.model.families.noise import Noise
from darkroom.model.families.parts import Parts, align
from darkroom.model.families.pictures import (
    CODES_KEPT,
    NO_ENCODER,
    begun,
    check_picture,
    picture_notes,
    resolved,
    style_pulls,
)
from darkroom.model.families.preview import fitted_preview, shown
from darkroom.model.families.wording import blended, negative_text, positive_texts
from darkroom.model.guidance import GUIDANCE_RULES
from darkroom.model.guides import NOTHING_GIVEN
from darkroom.model.placement import Placement
from darkroom.model.schedules import started, stopped
from darkroom.model.seamless import cropped, rolled, row_shifts, unrolled, wrapped
from darkroom.model.shapes import latent_shape
from darkroom.model.steady import make_steady
from darkroom.model.steering import code_statistics

LEAST_STEPS = 2
STEPS_MAX = 250
TILED_FROM = 128 * 128  # latent positions of one picture: larger ones are decoded in tiles, to bound memory
SEAMLESS_MARGIN = 8  # latent positions around a seamless picture while it is decoded
COMPILED_MAX = 64  # pairs of shape and number of rows
SEAMLESS = "seamless"  # the name of the flag among a row's tensors
UNHEARD = "{name} draws without a second row, so that what should not be in the picture was not read"
TOO_LONG = "the prompt is longer than {name} can read: its last {count} word pieces were not read"


class Family(ABC):
    """A Denoiser over diffusers' components. Results are functions of the arguments, the weights and the placement."""

    STEPS: ClassVar[int] = 30
    GUIDANCE: ClassVar[float] = 7.5
    GUIDANCE_RULE: ClassVar[str] = "linear"
    TEXTS_PER_PASS: ClassVar[int] = 4
    """How many texts every pass of the encoders holds; one that has fewer repeats its last."""
    GRID: ClassVar[int] = 8
    """What latent sides are multiples of, unless `grid` is overridden."""
    MASKED: ClassVar[bool] = False
    """Whether the network attends with a mask, which not all kernels take."""

    def __init__(self, parts: Parts, entry: ModelCapabilities, placement: Placement) -> None:
        self.parts = parts
        self.entry = entry
        self.placement = placement
        self.name = entry.name
        self.weights_hash = parts.weights_hash
        self.device = placement.torch_device
        self.dtype = placement.dtype
        self._decoding = (
            Lock()
        )  # the decoder's thread, those who encode pictures, and who asks for the first preview
        self._code_style = lru_cache(maxsize=CODES_KEPT)(
            lambda code: code_statistics(code, self.encode_picture)
        )
        self._settle()
        self._run: Forward = self.forward
        if placement.cuda_graphs and self.device.type == "cuda":
            self._run = GraphCache(self.forward)
        self.noise = self.make_noise()
        source = entry.source
        self.steps = source.steps if source and source.steps else self.STEPS
        self.guidance = source.guidance if source and source.guidance is not None else self.GUIDANCE
        self.guidance_rule = (source.guidance_rule if source else None) or self.GUIDANCE_RULE
        if self.guidance_rule not in GUIDANCE_RULES:
            rules = ", ".join(sorted(GUIDANCE_RULES))
            raise ModelError(
                f"{self.name} has an unknown guidance_rule {self.guidance_rule!r}; there are {rules}"
            )
        self.sampler = (source.sampler if source else None) or self.noise.sampler
        if self.sampler not in self.noise.samplers:
            known = ", ".join(sorted(self.noise.samplers))
            raise ModelError(
                f"{self.name} cannot be drawn with the sampler {self.sampler!r}; it can with {known}"
            )

    # -- what a family says -----------------------------------------------------------------------------------------

    @abstractmethod
    def make_noise(self) -> Noise:
        """The noise of this model, from `self.parts.scheduler`."""

    @abstractmethod
    def encode_pass(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """Exactly TEXTS_PER_PASS texts -> named tensors with the texts as first dimension, at fixed length."""

    @abstractmethod
    def forward(self, inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        """One call of the network: (R, C, h, w) in its dtype, (R,) fp32 training times, rows' tensors stacked (R, ...).

        Gives (R, C, h, w). Tensors in, a tensor out, and no look at values: it may be captured in a CUDA graph.
        """

    def condition(self, text: Encoded, *, height: int, width: int, guidance: float) -> Conditioning:
        """What a row is guided by: its text and what else the network reads. Sides in latent positions."""
        return text

    def unconditional(self, encoded: Mapping[str, Encoded], negative: str, positive: Encoded) -> Encoded:
        """The text of the second row; `positive` is that of the first."""
        return encoded[negative]

    def positions(self, height: int, width: int) -> int:
        """How many places the network attends to, on which some schedules depend."""
        return (height // self.grid) * (width // self.grid)

    def to_vae(self, latents: Tensor) -> Tensor:
        """From the scale of the network to that of the VAE: (B, C, h, w) fp32 to the same."""
        config = self.parts.vae.config
        scaling, shift = float(config.scaling_factor), float(getattr(config, "shift_factor", None) or 0.0)
        return latents / scaling + shift

    def vae_pictures(self, latents: Tensor) -> Tensor:
        """One call of the decoder: (B, C, h, w) on the VAE's scale, in its dtype -> (B, 3, H, W) in [-1, 1]."""
        pictures: Tensor = self.parts.vae.decode(latents, return_dict=False)[0]
        return pictures

    def from_vae(self, latents: Tensor) -> Tensor:
        """The inverse of `to_vae`."""
        config = self.parts.vae.config
        scaling, shift = float(config.scaling_factor), float(getattr(config, "shift_factor", None) or 0.0)
        return (latents - shift) * scaling

    def vae_latents(self, pictures: Tensor) -> Tensor:
        """The inverse of `vae_pictures`, one call of the encoder: the likeliest latents, and none drawn by chance."""
        latents: Tensor = self.parts.vae.encode(pictures, return_dict=False)[0].mode()
        return latents

    def unread(self, text: str) -> int:
        """How many tokens of a text are beyond what the encoders read."""
        return 0

    @property
    def kernels(self) -> str:
        """What of the placement changes bits: a part of an image's fingerprint."""
        graphs = isinstance(self._run, GraphCache)
        chosen = (
            self.attention,
            "compiled" if self.placement.compile else "",
            "CUDA graphs" if graphs else "",
        )
        return ", ".join(filter(None, chosen))

    @property
    def recipe(self) -> str:
        """What the registry's entry decides of a picture beside its weights: a part of an image's fingerprint."""
        entry, adapters = self.entry, self.parts.adapters
        return ", ".join(
            [
                f"{self.sampler}, {self.steps} steps, guidance {self.guidance:g} {self.guidance_rule}",
                f"{entry.native_px} or {entry.large_px} px",
                *adapters,
            ]
        )

    @property
    def channels(self) -> int:
        return int(self.parts.network.config.in_channels)

    @property
    def grid(self) -> int:
        """Latent sides are multiples of it."""
        return self.GRID

    @property
    def factor(self) -> int:
        """Pixels per latent position and side."""
        return 1 << (len(self.parts.vae.config.block_out_channels) - 1)

    # -- Denoiser ---------------------------------------------------------------------------------------------------

    def size(self, params: GenerationParams) -> tuple[int, int]:
        height, width = self._latent_shape(params)
        return width * self.factor, height * self.factor

    @torch.inference_mode()
    def encode_picture(self, picture: Tensor) -> Tensor:
        if not self.parts.reads_pictures:
            raise ModelError(NO_ENCODER.format(name=self.name))
        check_picture(self.name, picture, factor=self.factor)
        with self._decoding, self.placement.at_work([("vae", self.parts.vae)]):
            self._tile(picture.shape[1] * picture.shape[2] // self.factor**2)
            values = picture[None].to(self.device, self._vae_dtype) * 2 - 1
            latent = self.from_vae(self.vae_latents(values).float())[0]
        return self._finite(latent, "encoder").cpu()

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        wanted = [text for text, _ in positive_texts(params)]
        return tuple(dict.fromkeys([*wanted, *([negative_text(params)] if self._guided else [])]))

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        encoded: list[Encoded] = []
        with self.placement.at_work(list(self.parts.encoders.items())):
            for start in range(0, len(texts), self.TEXTS_PER_PASS):
                some = list(texts[start : start + self.TEXTS_PER_PASS])
                filled = some + some[-1:] * (self.TEXTS_PER_PASS - len(some))
                tensors = {name: t.detach().cpu() for name, t in self.encode_pass(filled).items()}
                encoded += [{name: t[i].clone() for name, t in tensors.items()} for i in range(len(some))]
        return encoded

    @torch.inference_mode()
    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        given = given or NOTHING_GIVEN
        notes = (*self._notes(params), *picture_notes(self.name, given))
        assert params.seed is not None, "a job's seed is drawn before it is prepared"
        if encoded is None:
            texts = self.texts(params)
            encoded = dict(zip(texts, self.encode(texts)))
        height, width = self._latent_shape(params)
        levels = self.noise.levels(
            self._steps(params), sampler=self.sampler, positions=self.positions(height, width)
        )
        seed = image_seed(params.seed, index)
        noise = torch.randn(self.channels, height, width, generator=torch.Generator().manual_seed(seed))
        given = resolved(params, given, index=index, like=noise)
        sigmas = started(levels.sigmas, given.strength)
        positive = blended([(encoded[text], weight) for text, weight in positive_texts(params)])
        conditional = self._row(positive, params, height, width)
        unconditional = (
            self._row(self.unconditional(encoded, negative_text(params), positive), params, height, width)
            if self._guided
            else None
        )
        return Prepared(
            row_class=f"{self.name}/{height}x{width}/{self._text_length(positive)}/{'+'.join(self.parts.adapters)}",
            latent=begun(given, noise, pure=noise * levels.noise_scale, sigma=sigmas[0], model=self.noise),
            sigmas=stopped(sigmas, params.stop),
            guidance=self.guidance if self._guided else 1.0,
            sampler=self.sampler,
            conditional=conditional,
            unconditional=unconditional,
            guidance_rule=self.guidance_rule,
            noise_seed=seed,
            seamless=params.tile,
            notes=notes,
            known=None if given.region is None else given.init,
            region=given.region,
            pulls=style_pulls(params, given, like=noise, code_style=self._code_style, model=self.noise),
        )

    @torch.inference_mode()
    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        rows = {
            name: torch.stack([row[name] for row in conditioning]).to(self.device) for name in conditioning[0]
        }
        shifts = row_shifts(latents, sigmas, rows.pop(SEAMLESS, None))
        latents = rolled(latents, shifts)
        inputs = self.noise.entering(latents, sigmas).to(self.dtype)
        output = self._run(inputs, self.noise.times(sigmas), rows)
        return unrolled(self.noise.estimate(latents, sigmas, output.float()), shifts)

    @torch.inference_mode()
    def decode(self, latents: Tensor, *, seamless: bool = False) -> Tensor:
        with self._decoding, self.placement.at_work([("vae", self.parts.vae)]):
            pictures = [self._decoded(one, seamless=seamless) for one in latents.unsqueeze(1)]
        return torch.cat(pictures)

    @torch.inference_mode()
    def preview(self, denoised: Tensor) -> Tensor:
        return shown(denoised, self.to_rgb.to(denoised.device))

    @cached_property
    def to_rgb(self) -> Tensor:
        """(C + 1, 3), fitted on what this very decoder makes of even colours."""
        return fitted_preview(lambda latents: self.decode(latents), self.channels, self.factor)

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def _guided(self) -> bool:
        return self.guidance != 1

    def _settle(self) -> None:
        """Every part where it belongs, in its precision, for inference."""
        for name, module in self.parts.modules.items():
            dtype = self._vae_dtype if name == "vae" else self.dtype
            module.to(self.placement.home(name)).eval().requires_grad_(False)
            if (
                module.dtype != dtype
            ):  # a cast would narrow what a loaded module keeps in fp32 on purpose, too
                module.to(dtype=dtype)
            align(module)
            if name == "network":
                make_steady(module)
        self.attention = choose_attention(self.parts.network, self.placement, masked=self.MASKED)
        if self.placement.compile:
            # Each shape and number of rows is compiled for itself; by default torch gives up after eight.
            dynamo = importlib.import_module("torch._dynamo")
            dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, COMPILED_MAX)
            self.parts.network.compile(dynamic=False)

    @property
    def _vae_dtype(self) -> torch.dtype:
        """fp32 where half precision overflows."""
        narrow = self.dtype == torch.float16 or getattr(self.parts.vae.config, "force_upcast", False)
        return torch.float32 if narrow else self.dtype

    def _latent_shape(self, params: GenerationParams) -> tuple[int, int]:
        pixels = self.entry.large_px if params.hd else self.entry.native_px
        side = max(1, round(pixels / (self.factor * self.grid)))
        height, width = latent_shape(params.aspect, side * side)
        return height * self.grid, width * self.grid

    def _steps(self, params: GenerationParams) -> int:
        """Draft halves the steps."""
        steps = round(self.steps * params.quality * (0.5 if params.draft else 1.0))
        return min(max(1, steps), max(STEPS_MAX, self.steps))

    def _row(self, text: Encoded, params: GenerationParams, height: int, width: int) -> Conditioning:
        row = dict(self.condition(text, height=height, width=width, guidance=self.guidance))
        if "tile" in self.entry.honours:
            row[SEAMLESS] = torch.tensor(params.tile)
        return {name: tensor.to(self.device) for name, tensor in row.items()}

    def _text_length(self, text: Encoded) -> int:
        """Of which all rows of a class have the same."""
        return int(text["text"].shape[0])

    def _notes(self, params: GenerationParams) -> tuple[str, ...]:
        notes = list(self.noise.notes)
        if negative_text(params) and not self._guided:
            notes.append(UNHEARD.format(name=self.name))
        lost = max(self.unread(text) for text in self.texts(params))
        return (*notes, TOO_LONG.format(name=self.name, count=lost)) if lost > 0 else tuple(notes)

    def _decoded(self, latent: Tensor, *, seamless: bool) -> Tensor:
        """(1, C, h, w) -> (1, 3, H, W)."""
        margin = SEAMLESS_MARGIN if seamless else 0
        latent = wrapped(latent.to(self.device), margin)
        self._tile(latent.shape[-2] * latent.shape[-1])
        pictures = self.vae_pictures(self.to_vae(latent.float()).to(self._vae_dtype)).float()
        pictures = self._finite(pictures, "decoder")
        return (cropped(pictures, self.factor * margin) * 0.5 + 0.5).clamp(0, 1)

    def _tile(self, positions: int) -> None:
        """Has the VAE take pictures of so many latent positions in tiles, where they are many."""
        vae = self.parts.vae
        if hasattr(vae, "enable_tiling"):
            (vae.enable_tiling if positions > TILED_FROM else vae.disable_tiling)()

    def _finite(self, values: Tensor, which: str) -> Tensor:
        if not values.isfinite().all():
            raise ModelError(
                f"the {which} of {self.name} made numbers that are not finite; try precision fp32"
            )
        return values
