"""Prices: what a job is expected to take and what is held for it, in whole GPU-milliseconds, rounded up.

Knows no account and no plan, and measures nothing: what a job is charged in the end is the ledger's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from darkroom.billing import tables
from darkroom.core.errors import DarkroomError
from darkroom.core.params import IMAGES_PER_JOB, GenerationParams, Lane
from darkroom.core.recipes import EMPTY, Recipe, Role

BUILTIN_PRICES = Path(__file__).with_name("prices.toml")
PIXELS_PER_MEGAPIXEL = 1_000_000
UNSCALED_PIXELS = 512 * 512  # of a picture that is upscaled, where nobody says how large it is
UPSCALER_SCALE = 4  # of each side: what its network makes, whatever is asked; the rest is resizing
STRENGTH_PARTS = 1_000  # to which a strength is taken: 0.45 means just that, and no float beside it


@dataclass(frozen=True, kw_only=True)
class ModelPrice:
    """GPU-ms of a grid at the native size: `denoise_gpu_ms` grows with steps, `finish_gpu_ms` does not; both with size and images.

    `draft_percent` and `hd_percent` are what the whole job takes at those sizes, against the native one.
    """

    denoise_gpu_ms: int
    finish_gpu_ms: int
    draft_percent: int
    hd_percent: int


@dataclass(frozen=True, kw_only=True)
class Price:
    """The price of one job. `estimate_gpu_ms` is the expected GPU time whatever the lane: what dispatch and waits reckon with.

    `cost_gpu_ms` is what that costs in the lane, `hold_gpu_ms` the most that it will: both 0 where the lane is free.
    """

    estimate_gpu_ms: int
    cost_gpu_ms: int
    hold_gpu_ms: int
    price_percent: int


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The price list. A model that is not listed has the `default` price."""

    models: Mapping[str, ModelPrice]
    default: ModelPrice
    lanes: Mapping[Lane, int]
    margin_percent: int
    upscale_gpu_ms_per_megapixel: int
    canvas_gpu_ms_per_megapixel: int

    def price(
        self,
        params: GenerationParams,
        lane: Lane,
        *,
        images: int | None = None,
        recipe: Recipe = EMPTY,
        size: tuple[int, int] | None = None,
        native_pixels: int = 0,
    ) -> Price:
        """What a job costs in a lane. The same job never costs less with more steps, a larger size or more images.

        `images` is the recipe's number unless it is given; `size` the width and height of what an upscale or a mask makes.
        Where old pixels stay, all of a canvas beyond `native_pixels`, the area that the model draws by itself, is paid for.
        """
        images = recipe.images if images is None else images
        gpu_ms = self._gpu_ms(params, recipe, images, size) + self._canvas_gpu_ms(
            recipe, images, size, native_pixels
        )
        percent = self.lanes[lane]
        return Price(
            estimate_gpu_ms=ceil(gpu_ms),
            cost_gpu_ms=ceil(gpu_ms * percent / 100),
            hold_gpu_ms=ceil(gpu_ms * percent * self.margin_percent / 10_000),
            price_percent=percent,
        )

    def _gpu_ms(
        self, params: GenerationParams, recipe: Recipe, images: int, size: tuple[int, int] | None
    ) -> Fraction:
        assert images > 0 and params.quality > 0 and params.stop > 0, "an empty job has no price"
        if recipe.scale is None:
            return self._drawing_gpu_ms(params, recipe.strength, images)
        source_pixels = Fraction(size[0] * size[1], recipe.scale**2) if size else Fraction(UNSCALED_PIXELS)
        megapixels = source_pixels * UPSCALER_SCALE**2 * images / PIXELS_PER_MEGAPIXEL
        upscaling = self.upscale_gpu_ms_per_megapixel * megapixels
        if recipe.strength is None:
            return upscaling
        return upscaling + self._drawing_gpu_ms(params, recipe.strength, images)

    def _canvas_gpu_ms(
        self, recipe: Recipe, images: int, size: tuple[int, int] | None, native_pixels: int
    ) -> Fraction:
        """Enlarging what was drawn to a frame or a masked picture, and laying the old pixels over it."""
        if recipe.scale is not None:
            return Fraction(0)
        if recipe.frame is not None:
            size = recipe.frame.width, recipe.frame.height
        elif not recipe.of(Role.MASK) or size is None:
            return Fraction(0)
        beyond = max(0, size[0] * size[1] - native_pixels)
        return Fraction(self.canvas_gpu_ms_per_megapixel * beyond * images, PIXELS_PER_MEGAPIXEL)

    def _drawing_gpu_ms(self, params: GenerationParams, strength: float | None, images: int) -> Fraction:
        """Steps count for the share of the schedule that is run; encoding what it starts from is a part of the finish."""
        model = self.models.get(params.model, self.default)
        percent = model.draft_percent if params.draft else model.hd_percent if params.hd else 100
        share = Fraction(1) if strength is None else Fraction(strength).limit_denominator(STRENGTH_PARTS)
        steps = Fraction(params.quality) * params.stop / 100 * share
        return (model.denoise_gpu_ms * steps + model.finish_gpu_ms) * Fraction(
            percent * images, 100 * IMAGES_PER_JOB
        )


def read_prices(path: Path | None = None) -> Prices:
    """The prices in a TOML file, or those that ship. DarkroomError names the file, the table, the key and what would be right."""
    path = path or BUILTIN_PRICES
    try:
        return _prices(tables.document(path))
    except DarkroomError as error:
        raise DarkroomError(f"the prices {path}: {error.message}") from error.__cause__


def _prices(document: Mapping[str, object]) -> Prices:
    tables.check_keys(
        "the file", document, ("margin_percent", "lanes", "upscale", "canvas", "default", "models")
    )
    lanes = tables.table("lanes", document["lanes"], [lane.value for lane in Lane])
    models = tables.table("models", document["models"])
    rates = {name: _rate(name, document[name]) for name in ("upscale", "canvas")}
    return Prices(
        models={name: _model(f"models.{name}", row) for name, row in models.items()},
        default=_model("default", document["default"]),
        lanes={lane: tables.whole(f"lanes.{lane.value}", lanes[lane.value]) for lane in Lane},
        margin_percent=tables.whole("margin_percent", document["margin_percent"], least=100),
        upscale_gpu_ms_per_megapixel=rates["upscale"],
        canvas_gpu_ms_per_megapixel=rates["canvas"],
    )


def _rate(where: str, value: object) -> int:
    key = "gpu_ms_per_megapixel"
    return tables.whole(f"{where}.{key}", tables.table(where, value, (key,))[key], least=1)


def _model(where: str, value: object) -> ModelPrice:
    row = tables.table(where, value, ("denoise_gpu_ms", "finish_gpu_ms", "draft_percent", "hd_percent"))
    price = ModelPrice(
        denoise_gpu_ms=tables.whole(f"{where}.denoise_gpu_ms", row["denoise_gpu_ms"], least=1),
        finish_gpu_ms=tables.whole(f"{where}.finish_gpu_ms", row["finish_gpu_ms"]),
        draft_percent=tables.whole(f"{where}.draft_percent", row["draft_percent"], least=1),
        hd_percent=tables.whole(f"{where}.hd_percent", row["hd_percent"], least=1),
    )
    if not price.draft_percent <= 100 <= price.hd_percent:
        raise DarkroomError(f"{where}: draft_percent must be at most 100 and hd_percent at least 100")
    return price
