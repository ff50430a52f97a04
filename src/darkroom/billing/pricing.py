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

BUILTIN_PRICES = Path(__file__).with_name("prices.toml")


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

    def price(self, params: GenerationParams, lane: Lane, *, images: int = IMAGES_PER_JOB) -> Price:
        """What a job costs in a lane. The same job never costs less with more steps, a larger size or more images."""
        gpu_ms = self._gpu_ms(params, images)
        percent = self.lanes[lane]
        return Price(
            estimate_gpu_ms=ceil(gpu_ms),
            cost_gpu_ms=ceil(gpu_ms * percent / 100),
            hold_gpu_ms=ceil(gpu_ms * percent * self.margin_percent / 10_000),
            price_percent=percent,
        )

    def _gpu_ms(self, params: GenerationParams, images: int) -> Fraction:
        assert images > 0 and params.quality > 0 and params.stop > 0, "an empty job has no price"
        model = self.models.get(params.model, self.default)
        size = model.draft_percent if params.draft else model.hd_percent if params.hd else 100
        steps = Fraction(params.quality) * params.stop / 100
        return (model.denoise_gpu_ms * steps + model.finish_gpu_ms) * Fraction(
            size * images, 100 * IMAGES_PER_JOB
        )


def read_prices(path: Path | None = None) -> Prices:
    """The prices in a TOML file, or those that ship. DarkroomError names the file, the table, the key and what would be right."""
    path = path or BUILTIN_PRICES
    try:
        return _prices(tables.document(path))
    except DarkroomError as error:
        raise DarkroomError(f"the prices {path}: {error.message}") from error.__cause__


def _prices(document: Mapping[str, object]) -> Prices:
    tables.check_keys("the file", document, ("margin_percent", "lanes", "default", "models"))
    lanes = tables.table("lanes", document["lanes"], [lane.value for lane in Lane])
    models = tables.table("models", document["models"])
    return Prices(
        models={name: _model(f"models.{name}", row) for name, row in models.items()},
        default=_model("default", document["default"]),
        lanes={lane: tables.whole(f"lanes.{lane.value}", lanes[lane.value]) for lane in Lane},
        margin_percent=tables.whole("margin_percent", document["margin_percent"], least=100),
    )


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
