"""The contact sheet: prompts, what was drawn for them, and whether the judge found the prompt again in the picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COLUMNS = 8
PICTURE_PX = 144
CELL_PX = 152
TEXT_PX = 100
FONT_PX = 11
LINE_PX = 13
LINE_CHARACTERS = 25
LINES = 7
RIGHT, WRONG = (38, 140, 72), (196, 52, 44)
INK = (32, 32, 36)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell: a picture (H, W, 3) uint8, its prompt, whether that was found again, and whether a thing of it was seen."""

    picture: NDArray[np.uint8]
    text: str
    right: bool
    seen: bool


def contact_sheet(entries: Sequence[Entry], title: str) -> Image.Image:
    """A page of pictures, over each a bar with both verdicts (caption, object), under it the same in words and the prompt."""
    rows = -(-len(entries) // COLUMNS)
    head = 3 * LINE_PX
    page = Image.new("RGB", (COLUMNS * CELL_PX, head + rows * (CELL_PX + TEXT_PX)), "white")
    pen = ImageDraw.Draw(page)
    pen.text((6, LINE_PX // 2), title, fill=INK, font=ImageFont.load_default(14))
    font = ImageFont.load_default(FONT_PX)
    for i, entry in enumerate(entries):
        x, y = i % COLUMNS * CELL_PX, head + i // COLUMNS * (CELL_PX + TEXT_PX)
        _cell(page, pen, entry, x + (CELL_PX - PICTURE_PX) // 2, y, font)
    return page


def _cell(
    page: Image.Image,
    pen: ImageDraw.ImageDraw,
    entry: Entry,
    x: int,
    y: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    middle = x + PICTURE_PX // 2
    pen.rectangle((x, y, middle - 2, y + 5), fill=RIGHT if entry.right else WRONG)
    pen.rectangle((middle + 1, y, x + PICTURE_PX - 1, y + 5), fill=RIGHT if entry.seen else WRONG)
    picture = Image.fromarray(entry.picture).resize((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    page.paste(picture, (x, y + 6))
    top = y + 6 + PICTURE_PX + 2
    verdict = f"[{'right' if entry.right else 'wrong'}, object {'seen' if entry.seen else 'not seen'}]"
    lines = textwrap.wrap(entry.text, LINE_CHARACTERS)[: LINES - 1]
    for number, line in enumerate([verdict, *lines]):
        pen.text((x, top + number * LINE_PX), line, fill=INK, font=font)
