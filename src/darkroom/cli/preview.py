"""A picture in a terminal: coloured half-blocks where it has true colour, inline images for kitty and iTerm2.

Knows no job and no progress.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from enum import Enum

from PIL import Image
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

UPPER_HALF = "▀"
KITTY_CHUNK_CHARACTERS = 4096
INLINE_MAX_PX = 768


class Inline(Enum):
    """How a terminal shows a whole picture in its text."""

    NONE = "none"
    KITTY = "kitty"
    ITERM2 = "iterm2"


def inline_of(environ: Mapping[str, str]) -> Inline:
    """What the terminal says of itself. Inside tmux or screen nothing: they swallow these sequences."""
    if environ.get("TMUX") or environ.get("STY"):
        return Inline.NONE
    if environ.get("KITTY_WINDOW_ID") or environ.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return Inline.KITTY
    if environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return Inline.ITERM2
    return Inline.NONE


def inline_sequence(image: Image.Image, inline: Inline) -> str:
    """The characters that make a terminal draw a picture where the cursor is.

    Kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/ (a=T, f=100, in chunks of 4096); iTerm2: the OSC 1337 `File` sequence.
    """
    small = image.copy()
    small.thumbnail((INLINE_MAX_PX, INLINE_MAX_PX))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    text = base64.standard_b64encode(buffer.getvalue()).decode("ascii")
    if inline is Inline.ITERM2:
        return f"\033]1337;File=inline=1;size={len(buffer.getvalue())}:{text}\a\n"
    chunks = [text[at : at + KITTY_CHUNK_CHARACTERS] for at in range(0, len(text), KITTY_CHUNK_CHARACTERS)]
    marks = ["a=T,f=100," if i == 0 else "" for i in range(len(chunks))]
    more = [int(i + 1 < len(chunks)) for i in range(len(chunks))]
    return "".join(f"\033_G{mark}m={m};{chunk}\033\\" for mark, m, chunk in zip(marks, more, chunks)) + "\n"


class HalfBlocks:
    """A picture as text, two pixels in a character. Renders itself within the width that rich offers."""

    def __init__(self, image: Image.Image, *, columns: int, rows: int) -> None:
        self._image = image.convert("RGB")
        self._columns, self._rows = columns, rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        image = self._fitted(min(self._columns, options.max_width))
        pixels = image.load()
        assert pixels is not None
        for y in range(0, image.height, 2):
            for x in range(image.width):
                yield Segment(
                    UPPER_HALF, Style(color=_colour(pixels[x, y]), bgcolor=_colour(pixels[x, y + 1]))
                )
            yield Segment.line()

    def _fitted(self, columns: int) -> Image.Image:
        """The picture in at most `columns` x `2 rows` pixels, its aspect kept, its height even."""
        scale = min(columns / self._image.width, 2 * self._rows / self._image.height)
        width, height = round(self._image.width * scale), round(self._image.height * scale)
        return self._image.resize((max(width, 1), max(height - height % 2, 2)), Image.Resampling.BOX)


def _colour(pixel: object) -> Color:
    assert isinstance(pixel, tuple)
    return Color.from_rgb(*pixel[:3])
