"""mini-1, the built-in model, as the engine drives it: words and exemplars in, latents denoised, pictures out.

How the prompt's parameters act on it is written in `docs/model/mini-1.md`. Knows no job, no user and no file but its weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from darkroom.core.errors import ModelError, WeightsError
from darkroom.core.params import GenerationParams, PromptPart, image_seed
from darkroom.model import text_encoder
from darkroom.model.autoencoder import FACTOR, Autoencoder
from darkroom.model.denoiser import Conditioning, Encoded, Given, Prepared
from darkroom.model.guides import NOTHING_GIVEN, flow_start
from darkroom.model.retrieval import Bank
from darkroom.model.schedules import flow_sigmas, started, stopped
from darkroom.model.seamless import Shifts, cropped, rolled, unrolled, wrapped
from darkroom.model.shapes import latent_shape
from darkroom.model.steady import make_steady
from darkroom.model.steering import code_statistics, pulls
from darkroom.model.text_encoder import TEXT_TOKENS, WEIGHTS_FOLDER, WIDTH, TextEncoder
from darkroom.model.transformer import MASKED, MiniTransformer

WEIGHTS_NAME = "mini-1.safetensors"
BANK_NAME = "mini-1-bank.safetensors"

NATIVE_AREA = 64  # latent positions
DRAFT_AREA = 36
LARGE_AREA = 144
STEPS = 16
DRAFT_STEPS = 8
LEAST_STEPS = 4
GUIDANCE = 3.0
GUIDANCE_AROUND = 1.5
"""Around a picture that shows already what the words name: they would show it once more."""
SAMPLER = "dpmpp_2m_flow"
PREVIEW_SCALE = 4
"""How much larger a preview is than the latent, per side."""
EXEMPLARS_KEPT = 64
"""Prompts whose exemplars are kept: looking them up reads the prompt's words, and the images of a grid share them."""

CODES_KEPT = 256
"""Style codes whose statistics are kept: each is a picture to be encoded."""

DECODER_REACH = 8  # latent positions from which a pixel of the decoder takes its value, at most
SHIFT_DOWN, SHIFT_RIGHT = 1009, 757
"""Latent positions, modulo the side, that a seamless row is rolled by for each unit of the noise level."""
TOO_LONG = (
    "the model reads {limit} word pieces of a prompt, and this one has {length} or more: its end was not read"
)

HOUSE_STYLE = "3d illustration, soft lighting"
"""What `--stylize` leans to; its art set also lends the exemplars where the prompt names no style."""
HOUSE_SET = "fluent-3d"
STYLIZE_WEIGHT = 0.25
"""Weight of the house style's words against the prompt's at `--stylize 100`; linear in stylize."""
CHAOS_WORDS = 1.2
"""Standard deviation of the noise on the words at `--chaos 100`, against that of the words."""
WEIRD_WORDS = 1.5
"""Length of the step away from the usual at `--weird 3000`, against that of the words."""


@dataclass(frozen=True, kw_only=True)
class _Text:
    """Token vectors with the log weight of each."""

    words: Tensor  # (L, T)
    bias: Tensor  # (L,)


class Mini:
    """The Denoiser of mini-1. Everything is fp32 on one device; results are functions of the arguments alone."""

    name = "mini-1"
    dtype = torch.float32

    def __init__(
        self,
        network: MiniTransformer,
        autoencoder: Autoencoder,
        text: TextEncoder,
        bank: Bank,
        *,
        weights_hash: str,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        make_steady(self.network)
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.text = text
        self.bank = bank
        self.weights_hash = weights_hash
        self.to_rgb = _linear_preview(autoencoder)
        self._exemplars = lru_cache(maxsize=EXEMPLARS_KEPT)(self._find_exemplars)
        self._code_style = lru_cache(maxsize=CODES_KEPT)(
            lambda code: code_statistics(code, self.encode_picture)
        )

    @classmethod
    def load(cls, folder: Path | None = None, *, device: torch.device | None = None) -> Mini:
        """Read the weights that ship with Darkroom, or those in a folder, to a device. Raises WeightsError.

        Texts are read and noise is drawn on the CPU all the same.
        """
        folder = folder or WEIGHTS_FOLDER
        network, autoencoder = MiniTransformer(), Autoencoder()
        tensors = read_tensors(folder / WEIGHTS_NAME)
        for part, prefix in ((network, "transformer."), (autoencoder, "autoencoder.")):
            found = {
                name.removeprefix(prefix): t.float() for name, t in tensors.items() if name.startswith(prefix)
            }
            try:
                part.load_state_dict(found)
            except RuntimeError as error:
                raise WeightsError(
                    f"{folder / WEIGHTS_NAME} does not hold the weights of mini-1: {error}"
                ) from error
        bank, text = Bank.load(folder / BANK_NAME), TextEncoder.load()
        files = [folder / WEIGHTS_NAME, folder / BANK_NAME, WEIGHTS_FOLDER / text_encoder.WEIGHTS_FILE]
        model = cls(network, autoencoder, text, bank, weights_hash=hash_of(files))
        return model.to(device) if device else model

    def to(self, device: torch.device) -> Mini:
        """Moves what runs in passes, and the decoder."""
        self.network.to(device)
        self.autoencoder.to(device)
        self.to_rgb = self.to_rgb.to(device)
        return self

    @property
    def device(self) -> torch.device:
        return self.to_rgb.device

    def size(self, params: GenerationParams) -> tuple[int, int]:
        height, width = _shape(params)
        return width * FACTOR, height * FACTOR

    @torch.inference_mode()
    def encode_picture(self, picture: Tensor) -> Tensor:
        channels, height, width = picture.shape
        if channels != 3 or height % FACTOR or width % FACTOR or not height * width:
            raise ModelError(
                f"{self.name} reads pictures (3, H, W) with sides that are multiples of {FACTOR}, not {tuple(picture.shape)}"
            )
        values = picture.to(self.device, torch.float32) * 2 - 1
        return self.autoencoder.encode(values.unsqueeze(0))[0].cpu()

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        """The prompt's parts, the house style where it leans in, and what is not wanted."""
        parts = [*self._positive(params), *_unwanted(params)]
        return tuple(dict.fromkeys(part.text for part in parts if part.text))

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Token vectors (L, T) and which of them are there (L,). One text at a time: bits depend on company here."""
        encoded: list[Encoded] = []
        for text in texts:
            words, mask = self.text.encode([text], length=TEXT_TOKENS)
            encoded.append({"words": words[0], "mask": mask[0]})
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
        """Noise, noise levels and conditioning of image `index`; `params.seed` must be set."""
        given = given or NOTHING_GIVEN
        assert params.seed is not None, "a job's seed is drawn before it is prepared"
        if encoded is None:
            texts = self.texts(params)
            encoded = dict(zip(texts, self.encode(texts), strict=True))
        noise_seed = image_seed(params.seed, index)
        generator = torch.Generator().manual_seed(noise_seed)
        height, width = _shape(params)
        noise = torch.randn(self.autoencoder.config.channels, height, width, generator=generator)
        sigmas = started(flow_sigmas(_steps(params)), given.strength)
        positive = _weighted(self._positive(params), encoded)
        positive = self._chaotic(self._weird(positive, params), params, generator)
        exemplars, exemplars_bias = self._exemplars(_wanted(params), raw=params.raw)
        nothing = torch.zeros_like(exemplars), torch.full_like(exemplars_bias, MASKED)
        if given.around:
            exemplars, exemplars_bias = nothing
        negative = _weighted(_unwanted(params), encoded)
        seamless = torch.tensor(float(params.tile))
        unconditional = {
            "words": negative.words,
            "words_bias": negative.bias,
            "exemplars": nothing[0],
            "exemplars_bias": nothing[1],
            "seamless": seamless,
        }
        conditional = {
            "words": positive.words,
            "words_bias": positive.bias,
            "exemplars": exemplars,
            "exemplars_bias": exemplars_bias,
            "seamless": seamless,
        }
        return Prepared(
            row_class=f"{self.name}/{height}x{width}",
            latent=flow_start(given, noise, sigmas[0]),
            sigmas=stopped(sigmas, params.stop),
            guidance=GUIDANCE_AROUND if given.around else GUIDANCE,
            sampler=SAMPLER,
            conditional=conditional,
            unconditional=unconditional,
            noise_seed=noise_seed,
            seamless=params.tile,
            notes=_notes(params, encoded),
            known=None if given.region is None else given.init,
            region=given.region,
            pulls=pulls(params, given, index=index, like=noise, code_style=self._code_style),
        )

    @torch.inference_mode()
    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        rows = {
            name: torch.stack([row[name] for row in conditioning]).to(latents) for name in conditioning[0]
        }
        shifts = _shifts(latents, sigmas, rows.pop("seamless"))
        estimate: Tensor = self.network(rolled(latents, shifts), sigmas, **rows)
        return unrolled(estimate, shifts)

    @torch.inference_mode()
    def decode(self, latents: Tensor, *, seamless: bool = False) -> Tensor:
        margin = DECODER_REACH if seamless else 0
        pictures = cropped(self.autoencoder.decode(wrapped(latents, margin)), FACTOR * margin)
        return (pictures * 0.5 + 0.5).clamp(0, 1)

    @torch.inference_mode()
    def preview(self, denoised: Tensor) -> Tensor:
        rgb = torch.einsum("bchw,cr->brhw", F.pad(denoised, (0, 0, 0, 0, 0, 1), value=1.0), self.to_rgb)
        large = F.interpolate(rgb, scale_factor=PREVIEW_SCALE, mode="bilinear", align_corners=False)
        return (large * 0.5 + 0.5).clamp(0, 1)

    def _positive(self, params: GenerationParams) -> list[PromptPart]:
        """What the conditional row reads: the prompt, and the house style where the prompt names none."""
        parts = _wanted_parts(params)
        if params.raw or params.stylize == 0 or self.bank.art_set_for(_wanted(params)) is not None:
            return parts
        heaviest = max((part.weight for part in parts), default=1.0)
        style = PromptPart(text=HOUSE_STYLE, weight=heaviest * STYLIZE_WEIGHT * params.stylize / 100)
        return [*parts, style]

    def _find_exemplars(self, wanted: str, *, raw: bool) -> tuple[Tensor, Tensor]:
        """Latents (S, C, e, e) of what the prompt's nouns look like, in order of appearance, and their bias (S,)."""
        config = self.network.config
        side = config.exemplar_side
        exemplars = torch.zeros(config.slots, config.channels, side, side)
        bias = torch.full((config.slots,), MASKED)
        art_set = self.bank.art_set_for(wanted) or (None if raw else HOUSE_SET)
        for slot, match in enumerate(self.bank.find(wanted, self.text, limit=config.slots)):
            exemplars[slot] = self.bank.exemplar(match.concept, art_set)
            bias[slot] = 0.0
        return exemplars, bias

    def _weird(self, text: _Text, params: GenerationParams) -> _Text:
        """A step away from the usual, in a direction that the job's seed picks; the same for its four images."""
        if params.weird == 0:
            return text
        assert params.seed is not None
        direction = torch.randn(text.words.shape[1], generator=torch.Generator().manual_seed(params.seed))
        scale = text.words.norm(dim=1, keepdim=True) / direction.norm() * WEIRD_WORDS * params.weird / 3000
        return _Text(words=text.words + scale * direction, bias=text.bias)

    def _chaotic(self, text: _Text, params: GenerationParams, generator: torch.Generator) -> _Text:
        """Noise on the words, its own for each image, so that the four differ more."""
        if params.chaos == 0:
            return text
        noise = torch.randn(text.words.shape, generator=generator)
        spread = text.words[
            text.bias > MASKED / 2
        ].std()  # of the words alone: padding would make short prompts calmer
        return _Text(words=text.words + noise * spread * CHAOS_WORDS * params.chaos / 100, bias=text.bias)


def _shape(params: GenerationParams) -> tuple[int, int]:
    """Height and width in latent positions."""
    area = DRAFT_AREA if params.draft else LARGE_AREA if params.hd else NATIVE_AREA
    return latent_shape(params.aspect, area)


def _steps(params: GenerationParams) -> int:
    return max(LEAST_STEPS, round((DRAFT_STEPS if params.draft else STEPS) * params.quality))


def _wanted_parts(params: GenerationParams) -> list[PromptPart]:
    return [part for part in params.parts if part.weight > 0]


def _wanted(params: GenerationParams) -> str:
    """The words of the prompt that count for it, not those that count against it."""
    return " ".join(part.text for part in _wanted_parts(params))


def _unwanted(params: GenerationParams) -> list[PromptPart]:
    """What the unconditional row sees: `--no` and negative parts, or nothing at all."""
    unwanted = [PromptPart(text=text, weight=0.5) for text in params.negative]
    return unwanted + [
        PromptPart(text=part.text, weight=-part.weight) for part in params.parts if part.weight < 0
    ]


def _notes(params: GenerationParams, encoded: Mapping[str, Encoded]) -> tuple[str, ...]:
    """A note where the prompt is longer than it can read."""
    length = sum(int(encoded[part.text]["mask"].sum()) for part in _wanted_parts(params) if part.text)
    return (TOO_LONG.format(limit=TEXT_TOKENS, length=length),) if length >= TEXT_TOKENS else ()


def _weighted(parts: Sequence[PromptPart], encoded: Mapping[str, Encoded]) -> _Text:
    """The tokens of all parts, one part after the other, cut at the text length; a weight is a bias on the logits."""
    heard = [part for part in parts if part.text and part.weight > 0]
    if not heard:
        return _Text(words=torch.zeros(TEXT_TOKENS, WIDTH), bias=torch.full((TEXT_TOKENS,), MASKED))
    heaviest = max(part.weight for part in heard)
    tokens = [encoded[part.text]["words"][encoded[part.text]["mask"]] for part in heard]
    weights = [
        torch.full((len(own),), part.weight / heaviest) for own, part in zip(tokens, heard, strict=True)
    ]
    words, bias = torch.cat(tokens)[:TEXT_TOKENS], torch.cat(weights)[:TEXT_TOKENS].log()
    missing = TEXT_TOKENS - len(words)
    return _Text(words=F.pad(words, (0, 0, 0, missing)), bias=F.pad(bias, (0, missing), value=MASKED))


def _shifts(latents: Tensor, sigmas: Tensor, seamless: Tensor) -> Shifts | None:
    """How far each row is rolled before the network sees it: a seamless one by another amount at each noise level.

    The frame's edge then falls on another place in every step, so that no place is an edge in the end.
    """
    if not seamless.any():
        return None
    height, width = latents.shape[-2:]
    steps = [(int(sigma * SHIFT_DOWN), int(sigma * SHIFT_RIGHT)) for sigma in sigmas.tolist()]
    return [
        (down % height, right % width) if wraps else (0, 0)
        for (down, right), wraps in zip(steps, seamless.tolist(), strict=True)
    ]


def hash_of(files: Sequence[Path]) -> str:
    """sha256 over the bytes of all files, in order."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file. Raises WeightsError that names the file."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"cannot read the weights {path}: {error}. Reinstall Darkroom, or build them: make train-mini"
        ) from error


@torch.inference_mode()
def _linear_preview(autoencoder: Autoencoder) -> Tensor:
    """A linear map from a latent position to its mean colour, (C + 1, 3), fitted on what the decoder makes of noise.

    Computed once at load from 64 random latents: some 5 ms, and it can never fall out of step with the weights.
    """
    channels = autoencoder.config.channels
    latents = torch.randn(64, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    colours = F.avg_pool2d(autoencoder.decode(latents), 8)
    inputs = F.pad(latents.movedim(1, -1).reshape(-1, channels), (0, 1), value=1.0)
    to_rgb: Tensor = torch.linalg.lstsq(inputs, colours.movedim(1, -1).reshape(-1, 3)).solution
    return to_rgb
