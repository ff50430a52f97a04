"""The pictures of a recipe as a model takes them, and what becomes of its drawing in the end. Knows no engine and no service.

Decoding, resizing and encoding take time: none of it is for the thread that steps.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from PIL import Image, ImageOps

from darkroom.core.errors import OutputError
from darkroom.core.params import GenerationParams
from darkroom.core.recipes import Input, Recipe, Role
from darkroom.model.denoiser import Denoiser, Given, Guide
from darkroom.worker.canvas import Canvas, laid
from darkroom.worker.enlarging import tensor_of
from darkroom.worker.matching import coloured_like

SIDE_MAX_PX = 4096  # of a result whose size comes from the picture that it begins with
OPENED_PIXELS_MAX = 64_000_000  # of a file that is opened at all
FORMATS = ("PNG",)
REDUCED = "the result would be {wanted[0]}x{wanted[1]} px; it is {size[0]}x{size[1]} px, because {most} px is the longest side there is"
READING_FAULTS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plates:
    """What a drawing is given, and how its picture ends.

    With a `canvas` the old pixels are laid over it; with `like` its colours are brought near that picture's. `size` is what
    it has in the end, None for what the model makes of it.
    """

    given: Given
    size: Size | None = None
    canvas: Canvas | None = None
    like: Image.Image | None = None
    notes: tuple[str, ...] = ()

    def ended(self, drawn: Image.Image) -> Image.Image:
        """A drawing, of `size` where there is one, as it is delivered."""
        if self.canvas is not None:
            return self.canvas.joined(drawn)
        return drawn if self.like is None else coloured_like(drawn, self.like)


def plates_of(
    recipe: Recipe, inputs: Mapping[str, bytes], params: GenerationParams, denoiser: Denoiser
) -> Plates:
    """Everything that a model is given besides words. Raises OutputError where a picture cannot be read or used."""
    table = _Table(inputs=inputs, denoiser=denoiser, size=denoiser.size(params))
    given = Given(
        strength=1.0 if recipe.strength is None else recipe.strength,
        prompts=table.guides(recipe.of(Role.PROMPT)),
        styles=table.guides(recipe.of(Role.STYLE)),
        blends=table.guides(recipe.of(Role.BLEND)),
    )
    first = next(iter(recipe.of(Role.INIT)), None)
    if first is None:
        if recipe.frame is not None or recipe.of(Role.MASK):
            raise OutputError("there is a frame or a mask for which there is no picture")
        return Plates(given=given)
    picture = opened(inputs, first)
    if recipe.frame is not None or recipe.of(Role.MASK):
        canvas, notes = _canvas(recipe, inputs, picture)
        init = table.guide(canvas.start.resize(table.size, Image.Resampling.LANCZOS)).latent
        region = torch.from_numpy(canvas.region(init.shape[2], init.shape[1]))[None]  # (1, h, w)
        given = replace(given, init=init, region=region, around=recipe.frame is not None)
        return Plates(given=given, size=(canvas.width, canvas.height), canvas=canvas, notes=notes)
    if recipe.scale is not None:
        size, notes = scaled(picture.size, recipe.scale)
        init = table.guide(picture.resize(table.size, Image.Resampling.LANCZOS)).latent
        return Plates(given=replace(given, init=init), size=size, like=picture, notes=notes)
    return Plates(given=replace(given, init=table.guide(picture).latent))


def enlarging(
    recipe: Recipe, inputs: Mapping[str, bytes]
) -> tuple[Image.Image, tuple[Size, tuple[str, ...]]]:
    """The picture that only becomes larger, and the size that it gets. Raises OutputError as `plates_of` does."""
    first = next(iter(recipe.of(Role.INIT)), None)
    if first is None or recipe.scale is None:
        raise OutputError("an upscale says which picture it enlarges, and how many times")
    picture = opened(inputs, first)
    return picture, scaled(picture.size, recipe.scale)


def scaled(size: Size, scale: float) -> tuple[Size, tuple[str, ...]]:
    """A size so many times as large, or as large as can be, and what is to be said of that."""
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    share = SIDE_MAX_PX / max(wanted)
    if share >= 1:
        return wanted, ()
    found = max(1, round(wanted[0] * share)), max(1, round(wanted[1] * share))
    return found, (REDUCED.format(wanted=wanted, size=found, most=SIDE_MAX_PX),)


def opened(inputs: Mapping[str, bytes], which: Input, mode: str = "RGB") -> Image.Image:
    """The pixels of an input. OutputError where it is not there, or is none of the pictures that the service keeps."""
    data = inputs.get(which.digest)
    if data is None:
        raise OutputError(f"the picture that is its {which.role.value} is not there")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > OPENED_PIXELS_MAX:
                raise OutputError(
                    f"the picture that is its {which.role.value} is {image.width}x{image.height} px, which is too large"
                )
            return image.convert(mode)
    except READING_FAULTS as error:
        raise OutputError(f"the picture that is its {which.role.value} cannot be read: {error}") from error


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Where pictures are cut to `size`, which is the drawing's, and encoded."""

    inputs: Mapping[str, bytes]
    denoiser: Denoiser
    size: Size

    def guides(self, inputs: tuple[Input, ...]) -> tuple[Guide, ...]:
        return tuple(self.guide(opened(self.inputs, each), weight=each.weight) for each in inputs)

    def guide(self, image: Image.Image, *, weight: float = 1.0) -> Guide:
        """The middle of a picture, as much of it as has the shape of the drawing."""
        fitted = (
            image if image.size == self.size else ImageOps.fit(image, self.size, Image.Resampling.LANCZOS)
        )
        picture = tensor_of(fitted)  # (3, H, W)
        return Guide(latent=self.denoiser.encode_picture(picture), picture=picture, weight=weight)


def _canvas(
    recipe: Recipe, inputs: Mapping[str, bytes], picture: Image.Image
) -> tuple[Canvas, tuple[str, ...]]:
    masks = recipe.of(Role.MASK)
    mask = opened(inputs, masks[0], "L") if masks else None
    notes: tuple[str, ...] = ()
    if recipe.frame is None:
        size, notes = scaled(picture.size, 1)
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
    return laid(picture, frame=recipe.frame, mask=mask, seam_px=recipe.seam_px), notes
