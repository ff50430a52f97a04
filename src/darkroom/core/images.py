"""Finished pictures as they are kept: an image, its files, and the verdict without which nobody may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from darkroom.core.params import Visibility
from darkroom.core.recipes import EMPTY, Recipe


class Variant(StrEnum):
    """A form in which a picture is kept. The thumbnail is WebP."""

    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    THUMBNAIL = "thumbnail"


class Ratio(StrEnum):
    """How the sides of a picture compare."""

    LANDSCAPE = "landscape"
    SQUARE = "square"
    PORTRAIT = "portrait"


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """One file of an image. `digest` is the sha256 of its bytes in hexadecimal, which is also where it is kept."""

    variant: Variant
    digest: str
    media_type: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class NewImage:
    """A picture that passed moderation and is about to be published. `index` counts from 0; None is the grid.

    `provenance` is what is needed to draw it again, as JSON text; `scores` what the classifiers said.
    """

    id: UUID
    index: int | None
    files: tuple[ImageFile, ...]
    scores: Mapping[str, float]
    policy: str
    provenance: str


@dataclass(frozen=True, kw_only=True)
class Finish:
    """A job's pictures, ready to be published and settled in one transaction."""

    job_id: UUID
    fence: int
    measured_gpu_ms: int
    images: tuple[NewImage, ...]
    notes: tuple[str, ...] = ()
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Image:
    """A published picture. `visibility` began as its job's and may have been changed since.

    `trashed_at`: only its owner sees it, in the trash, until `deleted_at` makes it a tombstone: it has no files then and
    keeps its place in the lineage.
    """

    id: UUID
    job_id: UUID
    account_id: UUID
    index: int | None
    visibility: Visibility
    model: str
    seed: int
    prompt: str
    files: tuple[ImageFile, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    policy: str = ""
    provenance: str = "{}"
    recipe: Recipe = EMPTY
    created_at: datetime
    trashed_at: datetime | None = None
    deleted_at: datetime | None = None

    def file(self, variant: Variant) -> ImageFile | None:
        """The file of a variant; None where the image is not kept in it."""
        return next((each for each in self.files if each.variant is variant), None)

    @property
    def ratio(self) -> Ratio | None:
        """That of its first file, which all others follow; None where it has no files (any more)."""
        if not self.files:
            return None
        width, height = self.files[0].width, self.files[0].height
        return Ratio.SQUARE if width == height else Ratio.LANDSCAPE if width > height else Ratio.PORTRAIT
