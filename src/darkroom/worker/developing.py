"""The finisher of a real worker: pixels are scored, put into files with their provenance, and composed into previews.

Knows no engine and no service. What a score may be is decided elsewhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from PIL import Image

from darkroom import __version__
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.core.ports import ImageScorer
from darkroom.core.work import Assignment, StagedFile, StagedImage
from darkroom.finish.files import developed
from darkroom.finish.grid import GRID_COLUMNS, compose_grid
from darkroom.finish.provenance import Provenance
from darkroom.worker.beside import give_way
from darkroom.worker.generator import Drawn, Files, Glimpse

SOFTWARE = f"Darkroom {__version__}"
PREVIEW_SIDE_MAX_PX = 512
PREVIEW_QUALITY = 70
PREVIEW_EFFORT = 2  # 0 fast ... 6 small


class Developing:
    """Scores with `scorer`; `clock` dates the provenance."""

    def __init__(
        self, scorer: ImageScorer, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._scorer, self._clock = scorer, clock

    def finish(self, assignment: Assignment, drawn: Drawn) -> Files:
        """Every picture in every form, and the grid where there are four. Raises ModerationUnavailable, OutputError."""
        pictures = {index: picture.image for index, picture in drawn.pictures.items()}
        scores = {index: self._scores(image) for index, image in pictures.items()}
        found = developed(pictures, _provenance(assignment, drawn, self._clock()), between=give_way)
        images = tuple(
            StagedImage(
                index=image.index,
                files=tuple(StagedFile(name=each.name, file=each.file) for each in image.files),
                scores={} if image.index is None else scores[image.index],
                provenance=image.provenance,
            )
            for image in found
        )
        return Files(images=images, data={each.name: each.data for image in found for each in image.files})

    def preview(self, images: int, glimpses: Sequence[Glimpse]) -> tuple[bytes, Mapping[str, float]]:
        """The looks side by side, as in the grid, and the highest score of any of them: a grid may hide what one shows.

        Where nothing was drawn yet the grid is transparent.
        """
        scores: dict[str, float] = {}
        for look in glimpses:
            for category, score in self._scorer.score(look.width, look.height, look.rgb).items():
                scores[category] = max(score, scores.get(category, 0.0))
        looks = {look.index: Image.frombytes("RGB", (look.width, look.height), look.rgb) for look in glimpses}
        some = next(iter(looks.values()))
        picture = some
        if images == IMAGES_PER_JOB:
            empty = Image.new("RGB", some.size)
            picture = compose_grid([looks.get(index, empty) for index in range(images)], gap_px=1)
            if len(looks) < images:
                picture.putalpha(_drawn_where(looks, some.size, picture.size))
        buffer = io.BytesIO()
        _fitted(picture).save(buffer, "WEBP", quality=PREVIEW_QUALITY, method=PREVIEW_EFFORT)
        return buffer.getvalue(), scores

    def _scores(self, image: Image.Image) -> Mapping[str, float]:
        return self._scorer.score(image.width, image.height, image.convert("RGB").tobytes())


def _drawn_where(indices: Collection[int], size: tuple[int, int], of: tuple[int, int]) -> Image.Image:
    """White where an image of a grid of this size was looked at, black elsewhere: L."""
    mask = Image.new("L", of, 0)
    for index in indices:
        row, column = divmod(index, GRID_COLUMNS)
        left, top = column * (of[0] - size[0]), row * (of[1] - size[1])
        mask.paste(255, (left, top, left + size[0], top + size[1]))
    return mask


def _provenance(assignment: Assignment, drawn: Drawn, now: datetime) -> Provenance:
    """That of the job: its bits are promised where those of every picture are."""
    first = next(iter(drawn.pictures.values()))
    exact = all(picture.fingerprint.get("exact", False) for picture in drawn.pictures.values())
    return Provenance(
        canonical=assignment.prompt,
        parameters=drawn.parameters,
        seed=assignment.seed,
        image=None,
        model=assignment.model,
        weights=first.weights_hash,
        engine={**first.fingerprint, "exact": exact},
        software=SOFTWARE,
        created=now.replace(microsecond=0),
        recipe=assignment.recipe,
    )


def _fitted(picture: Image.Image) -> Image.Image:
    """At most 512 px wide and high."""
    scale = PREVIEW_SIDE_MAX_PX / max(picture.size)
    if scale >= 1:
        return picture
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
