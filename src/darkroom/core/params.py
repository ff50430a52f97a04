"""What one job is asked to draw: GenerationParams and the small nouns it is made of.

Knows no syntax (that is `prompt`), no model and no price. Values are already checked by whoever builds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import gcd

SEED_MAX = 4_294_967_295
IMAGES_PER_JOB = 4


class Lane(StrEnum):
    TURBO = "turbo"
    FAST = "fast"
    RELAX = "relax"


class Visibility(StrEnum):
    PUBLIC = "public"
    STEALTH = "stealth"


@dataclass(frozen=True, kw_only=True, order=True)
class Aspect:
    """A ratio of width to height in lowest terms."""

    width: int
    height: int

    @classmethod
    def of(cls, width: int, height: int) -> Aspect:
        """The ratio in lowest terms; both sides must be positive."""
        assert width > 0 and height > 0, "a ratio needs two positive sides"
        common = gcd(width, height)
        return cls(width=width // common, height=height // common)

    @property
    def elongation(self) -> float:
        """The longer side over the shorter, at least 1."""
        return max(self.width, self.height) / min(self.width, self.height)

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"


@dataclass(frozen=True, kw_only=True)
class PromptPart:
    """A stretch of the prompt with its weight. The weights of a prompt are normalised to sum to 1."""

    text: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A picture to be guided by: an http(s) URL, `upload:<id>`, or (styles only) a numeric style code."""

    source: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class VideoParams:
    """Image to video."""

    motion: str = "low"
    loop: bool = False
    end: str | None = None
    batch: int = 4


@dataclass(frozen=True, kw_only=True)
class GenerationParams:
    """One job: everything that decides its pixels but for the weights of the model.

    `seed`, `lane` and `visibility` are None where the prompt leaves them open: the seed is then drawn when the job is
    made, the lane and the visibility come from the account. `negative` holds the entries of `--no`, in order.
    """

    parts: tuple[PromptPart, ...]
    negative: tuple[str, ...] = ()
    image_prompts: tuple[Reference, ...] = ()
    aspect: Aspect = Aspect(width=1, height=1)
    model: str
    seed: int | None = None
    stylize: int = 100
    chaos: int = 0
    weird: int = 0
    quality: float = 1.0
    stop: int = 100
    tile: bool = False
    image_weight: float = 1.0
    style_references: tuple[Reference, ...] = ()
    style_weight: int = 100
    character_references: tuple[Reference, ...] = ()
    character_weight: int = 100
    omni_references: tuple[Reference, ...] = ()
    omni_weight: int = 100
    raw: bool = False
    profile: str | None = None
    experimental: int = 0
    draft: bool = False
    hd: bool = False
    lane: Lane | None = None
    visibility: Visibility | None = None
    video: VideoParams | None = None

    @property
    def text(self) -> str:
        """The words of the prompt without weights, parts joined by a space."""
        return " ".join(part.text for part in self.parts)


def image_seed(seed: int, index: int) -> int:
    """The seed of image `index` of a grid, derived from the job's seed: a fixed, well-mixed function of both.

    A 64-bit mix (the finaliser of SplitMix64: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
    generators", figure 17), so that neighbouring seeds and images share no noise.
    """
    assert 0 <= seed <= SEED_MAX and index >= 0
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + (index + 1) * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1
