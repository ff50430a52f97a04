"""The pictures of a completed job: fetched from the server and written, all of a job's files or none, none replaced."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from darkroom.cli.client import Client, Object
from darkroom.cli.wish import Files, Wish
from darkroom.core.errors import OutputError
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.core.recipes import Action
from darkroom.finish.encode import ImageFormat, encode
from darkroom.finish.grid import compose_grid
from darkroom.finish.names import image_name, stem_of
from darkroom.finish.provenance import Provenance
from darkroom.finish.write import free_stem, write_whole

PNG = ImageFormat.PNG.value
PLAIN = Action.IMAGINE.value

Pictures = Mapping[int | None, Mapping[str, bytes]]
"""The bytes of a job's files: by the number of the image (from 1; None is the grid), then by format."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The files of one job. `shown` are the bytes of its grid, or of its first image where there is no grid."""

    images: Mapping[int, Files]
    grid: Files | None
    shown: bytes


def fetch(client: Client, job: Object, words: str, wish: Wish) -> Fetched:
    """Fetch what was wished for and write it into the folder. Raises OutputError, and then none of the job's files is left."""
    pictures = _downloaded(client, job, wish)
    stem = stem_of(words, int(job["seed"])) + _deed(job)
    stem = free_stem(
        wish.out, stem, [image_name("", number, each) for number, kept in pictures.items() for each in kept]
    )
    written: dict[int | None, dict[str, Path]] = {}
    try:
        for number, kept in pictures.items():
            written[number] = {}
            for each, data in kept.items():
                path = wish.out / image_name(stem, number, each)
                write_whole(path, data)
                written[number][each] = path
    except BaseException:
        for files in written.values():
            for path in files.values():
                path.unlink(missing_ok=True)
        raise
    first = pictures[None] if None in pictures else next(iter(pictures.values()))
    images = {number: files for number, files in written.items() if number is not None}
    return Fetched(images=images, grid=written.get(None), shown=list(first.values())[-1])


def _deed(job: Object) -> str:
    """`_zoom-out`: what tells the files of an action from those of the image that it was asked for; "" for a plain drawing."""
    action = str(job.get("action") or PLAIN)
    return "" if action == PLAIN else f"_{action.replace('_', '-')}"


def _downloaded(client: Client, job: Object, wish: Wish) -> Pictures:
    images = {int(image["index"]): image for image in job["images"]}
    numbers = sorted(images) if wish.indices is None else [index + 1 for index in wish.indices]
    if missing := [number for number in numbers if number not in images]:
        raise OutputError(f"the server has no image {missing[0]} of the job {job['id']}")
    pictures: dict[int | None, dict[str, bytes]] = {
        number: {each: _file(client, images[number], each) for each in wish.formats} for number in numbers
    }
    if len(numbers) == IMAGES_PER_JOB and job["grid"]:
        grid = job["grid"]
        pictures[None] = {
            each: _file(client, grid, each)
            if each in grid["files"]
            else _grid_png(client, images, grid, pictures)
            for each in wish.formats
        }
    return pictures


def _file(client: Client, image: Object, file_format: str) -> bytes:
    file = image["files"].get(file_format)
    if file is None:
        raise OutputError(f"the server keeps no {file_format} of the image {image['id']}")
    return client.download(file["url"], size_bytes=int(file["size_bytes"]))


def _grid_png(client: Client, images: Mapping[int, Object], grid: Object, pictures: Pictures) -> bytes:
    """The grid without loss, made again from its images, because the server does not keep it in this form."""
    pixels = []
    for number in sorted(images):
        data = pictures.get(number, {}).get(PNG) or _file(client, images[number], PNG)
        pixels.append(opened(data))
    provenance = client.get(f"/api/v1/images/{grid['id']}")["provenance"]
    return encode(compose_grid(pixels), ImageFormat.PNG, Provenance.from_json(json.dumps(provenance)))


def opened(data: bytes) -> Image.Image:
    """The pixels of a file. OutputError where it is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as fault:
        raise OutputError(f"a picture of the server is damaged: {fault}") from fault
