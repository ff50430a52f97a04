"""A finished job becomes the files that its worker uploads. Knows no model, no store and no job.

Per picture: PNG, WebP, AVIF and a thumbnail; for the grid WebP and a thumbnail, because its pictures are kept one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from PIL import Image

from darkroom.core.images import ImageFile, Variant
from darkroom.finish.encode import MEDIA_TYPES, ImageFormat, encode, encode_thumbnail
from darkroom.finish.grid import GRID_IMAGES, compose_grid
from darkroom.finish.pixels import pixel_digest
from darkroom.finish.provenance import Provenance

IMAGE_FORMATS = (ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.AVIF)
GRID_FORMATS = (ImageFormat.WEBP,)
GRID = "grid"


@dataclass(frozen=True, kw_only=True)
class DevelopedFile:
    """A file as it is uploaded: `1.png`, `2.thumbnail.webp`, `grid.webp`, with its bytes and what they are."""

    name: str
    file: ImageFile
    data: bytes


@dataclass(frozen=True, kw_only=True)
class DevelopedImage:
    """A picture of a job in all its forms. `index` counts from 0, None is the grid; `provenance` is JSON text."""

    index: int | None
    files: tuple[DevelopedFile, ...]
    provenance: str


def developed(
    images: Mapping[int, Image.Image], provenance: Provenance, *, between: Callable[[], None] = lambda: None
) -> tuple[DevelopedImage, ...]:
    """The pictures of a job by index (RGB, one size), and its grid after them where all four are there.

    `provenance` is that of the job; each picture gets its own, with its number and the digest of its pixels. The
    same pixels and provenance give the same bytes, whatever the machine's cores. Takes a tenth of a second for each 1024x1024
    picture and format; `between` is called before each of these, and may raise.
    Raises OutputError where a format cannot hold a picture of that size.
    """
    ordered = sorted(images.items())
    found = [
        develop(image, replace(provenance, image=index + 1), between=between) for index, image in ordered
    ]
    if [index for index, _ in ordered] == list(range(GRID_IMAGES)):
        grid = compose_grid([image for _, image in ordered])
        found.append(develop(grid, replace(provenance, image=None), between=between))
    return tuple(found)


def develop(
    image: Image.Image, provenance: Provenance, *, between: Callable[[], None] = lambda: None
) -> DevelopedImage:
    """One picture, or the grid where the provenance names no picture, in every form that is kept of it."""
    provenance = replace(provenance, pixels=pixel_digest(image))
    number = provenance.image
    stem, formats = (GRID, GRID_FORMATS) if number is None else (str(number), IMAGE_FORMATS)
    files = []
    for each in formats:
        between()
        data = encode(image, each, provenance)
        files.append(_file(f"{stem}.{each}", Variant(each), MEDIA_TYPES[each], data, image.size))
    small, size = encode_thumbnail(image)
    webp = MEDIA_TYPES[ImageFormat.WEBP]
    thumbnail = _file(f"{stem}.thumbnail.webp", Variant.THUMBNAIL, webp, small, size)
    return DevelopedImage(
        index=None if number is None else number - 1,
        files=(*files, thumbnail),
        provenance=provenance.to_json(),
    )


def _file(name: str, variant: Variant, media_type: str, data: bytes, size: tuple[int, int]) -> DevelopedFile:
    file = ImageFile(
        variant=variant,
        digest=hashlib.sha256(data).hexdigest(),
        media_type=media_type,
        width=size[0],
        height=size[1],
        size_bytes=len(data),
    )
    return DevelopedFile(name=name, file=file, data=data)
