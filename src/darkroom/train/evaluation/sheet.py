"""The contact sheet: prompts, what was drawn for them, and whether the judge found the prompt again in the picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COLUMNS = 8
PICTURE_PX = 168
CELL_PX = 176
TEXT_PX = 72
FONT_PX = 11
LINE_PX = 13
LINE_CHARACTERS = 28
LINES = 5
RIGHT, WRONG = (38, 140, 72), (196, 52, 44)
INK = (32, 32, 36)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell: a picture (H, W, 3) uint8, its prompt, and whether the prompt was found again."""

    picture: NDArray[np.uint8]
    text: str
    right: bool


def contact_sheet(entries: Sequence[Entry], title: str) -> Image.Image:
    """A page of pictures with a bar in the colour of the verdict over each and the prompt under it."""
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
    colour = RIGHT if entry.right else WRONG
    pen.rectangle((x, y, x + PICTURE_PX - 1, y + 5), fill=colour)
    picture = Image.fromarray(entry.picture).resize((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    page.paste(picture, (x, y + 6))
    top = y + 6 + PICTURE_PX + 2
    mark = "right" if entry.right else "WRONG"
    for number, line in enumerate(textwrap.wrap(f"[{mark}] {entry.text}", LINE_CHARACTERS)[:LINES]):
        pen.text((x, top + number * LINE_PX), line, fill=INK, font=font)
