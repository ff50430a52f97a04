"""What `imagine` leaves behind: the images of a job and their grid as files with their provenance inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from darkroom import __version__
from darkroom.cli.draw import Drawn
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.finish.encode import ImageFormat, encode
from darkroom.finish.grid import compose_grid
from darkroom.finish.names import image_name, stem_of
from darkroom.finish.provenance import Provenance, parameters_of
from darkroom.finish.write import free_stem, write_whole
from darkroom.worker.studio import Picture

SOFTWARE = f"Darkroom {__version__}"

Files = dict[str, Path]
"""The files of one picture, by format."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The files of one job: its images by their number (from 1), and the grid where all four were made."""

    images: dict[int, Files]
    grid: Files | None
    picture: Image.Image


def save(drawn: Drawn, folder: Path, formats: Sequence[ImageFormat]) -> Saved:
    """Write every picture of a job in every format; no file that is there is replaced.

    Raises OutputError, and then none of the job's files is left.
    """
    pictures = dict(sorted(drawn.pictures.items()))
    whole = len(pictures) == IMAGES_PER_JOB
    numbers = [index + 1 for index in pictures] + ([None] if whole else [])
    stem = stem_of(drawn.job.params.text, drawn.job.seed)
    stem = free_stem(folder, stem, [image_name("", number, each) for number in numbers for each in formats])
    now = datetime.now(UTC).replace(microsecond=0)
    written: list[Path] = []

    def write(image: Image.Image, number: int | None, source: Picture) -> Files:
        provenance = _provenance(drawn, number, source, now)
        paths = {each.value: folder / image_name(stem, number, each) for each in formats}
        for each in formats:
            write_whole(paths[each.value], encode(image, each, provenance))
            written.append(paths[each.value])
        return paths

    try:
        images = {index + 1: write(picture.image, index + 1, picture) for index, picture in pictures.items()}
        first = next(iter(pictures.values()))
        if not whole:
            return Saved(images=images, grid=None, picture=first.image)
        grid = compose_grid([picture.image for picture in pictures.values()])
        return Saved(images=images, grid=write(grid, None, first), picture=grid)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _provenance(drawn: Drawn, number: int | None, picture: Picture, now: datetime) -> Provenance:
    job = drawn.job
    return Provenance(
        canonical=job.canonical,
        parameters=parameters_of(job.params),
        seed=job.seed,
        image=number,
        model=job.params.model,
        weights=picture.weights_hash,
        engine=dict(picture.fingerprint),
        software=SOFTWARE,
        created=now,
    )
