"""Contact sheets: scenes and their captions side by side, for a person to judge."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from darkroom.train.composer.captions import caption
from darkroom.train.composer.render import render
from darkroom.train.composer.sampling import sample_spec
from darkroom.train.composer.spec import SceneSpec, Split

if TYPE_CHECKING:
    from darkroom.train.sprites import Atlas

COLUMNS = 8
CELL_PX = 224
TEXT_PX = 58
_LINE_CHARACTERS = 38


def contact_sheet(
    specs: list[SceneSpec], atlas: Atlas, rng: np.random.Generator, *, width: int, height: int
) -> NDArray[np.uint8]:
    """Scenes in rows of eight, enlarged to a common width, each with a caption under it. (H, W, 3) RGB."""
    tall = round(CELL_PX * height / width)
    rows = -(-len(specs) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * CELL_PX, rows * (tall + TEXT_PX)), "white")
    pen = ImageDraw.Draw(page)
    for index, spec in enumerate(specs):
        x, y = index % COLUMNS * CELL_PX, index // COLUMNS * (tall + TEXT_PX)
        picture = Image.fromarray(render(spec, atlas, width=width, height=height))
        page.paste(picture.resize((CELL_PX - 4, tall), Image.Resampling.BICUBIC), (x, y))
        text = "\n".join(textwrap.wrap(caption(spec, atlas, rng), _LINE_CHARACTERS)[:4])
        pen.multiline_text((x + 3, y + tall + 2), text, fill="black", spacing=1)
    return np.asarray(page)


def sampled_sheet(
    atlas: Atlas, *, seed: int, count: int, split: Split, width: int, height: int
) -> NDArray[np.uint8]:
    """A contact sheet of freshly drawn scenes."""
    rng = np.random.default_rng(seed)
    specs = [sample_spec(rng, atlas, split=split) for _ in range(count)]
    return contact_sheet(specs, atlas, rng, width=width, height=height)
