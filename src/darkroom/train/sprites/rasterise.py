"""One icon to one sprite: SVG or WebP in, a cut-out of known size out. Knows the layout of the art packages, not the list."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.train.sprites.atlas import SPRITE_PX, Sprite

MARGIN_PX = 4
RENDER_PX = 256
SVG_DPI = 96  # resvg asks for one; without it many files do not parse
TRIM_ALPHA = 24  # of 255: fainter than this is a halo and not the thing
SOLID_ALPHA = 200  # of 255
FRAMED_SHARE = 0.97  # of the alpha box: a thing that fills its box so far is a framed picture
ICON_SIZE = 16  # iconify's default where neither icon nor set names one

PACKAGES: dict[str, str] = {
    "fluent-3d": "@lobehub/fluent-emoji-3d",
    "noto": "@iconify-json/noto",
    "fluent-flat": "@iconify-json/fluent-emoji-flat",
    "twemoji": "@iconify-json/twemoji",
    "emojione": "@iconify-json/emojione",
    "fxemoji": "@iconify-json/fxemoji",
}


def rasterise(node_modules: Path, art_set: str, icon: str) -> Sprite:
    """(128, 128, 4) RGBA: the icon trimmed, its longest side 120 px, centred. DarkroomError for an unknown icon."""
    package = node_modules / PACKAGES[art_set]
    if art_set == "fluent-3d":
        path = package / "assets" / f"{icon}.webp"
        if not path.exists():
            raise DarkroomError(f"{art_set} has no picture {icon!r} ({path})")
        with Image.open(path) as picture:
            return centre(picture.convert("RGBA"))
    png = resvg_py.svg_to_bytes(svg_string=svg(package, icon), dpi=SVG_DPI)
    return centre(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


@functools.cache
def icon_set(package: Path) -> dict[str, dict[str, dict[str, object]]]:
    data: dict[str, dict[str, dict[str, object]]] = json.loads(
        (package / "icons.json").read_text(encoding="utf-8")
    )
    return data


def svg(package: Path, icon: str) -> str:
    """The icon as a whole SVG document (iconify stores bodies and sizes, and aliases that name a parent)."""
    data = icon_set(package)
    alias = data.get("aliases", {}).get(icon)
    body = data["icons"].get(str(alias["parent"]) if alias else icon)
    if body is None:
        raise DarkroomError(f"{package.name} has no icon {icon!r}; look it up in its icons.json")
    width, height = (body.get(k, data.get(k, ICON_SIZE)) for k in ("width", "height"))
    box = f"{body.get('left', 0)} {body.get('top', 0)} {width} {height}"
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'{head} viewBox="{box}" width="{RENDER_PX}" height="{RENDER_PX}">{body["body"]}</svg>'


def centre(picture: Image.Image) -> Sprite:
    """Trim to the alpha box and centre in the square, 4 px from its edge on the longer side."""
    pixels = np.asarray(picture)
    rows, columns = np.nonzero(pixels[..., 3] >= TRIM_ALPHA)
    if not len(rows):
        raise DarkroomError("the picture is empty: every pixel is transparent")
    cut = picture.crop((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))
    scale = (SPRITE_PX - 2 * MARGIN_PX) / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    # Pillow resizes RGBA with premultiplied alpha: colours of hidden pixels do not leak in.
    small = cut.resize(size, Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SPRITE_PX, SPRITE_PX))
    square.paste(small, ((SPRITE_PX - size[0]) // 2, (SPRITE_PX - size[1]) // 2))
    return np.asarray(square)


def framed(sprite: Sprite) -> bool:
    """Whether the sprite fills its alpha box, as pictures with a background of their own do and cut-outs do not."""
    rows, columns = np.nonzero(sprite[..., 3] >= TRIM_ALPHA)
    box = sprite[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 3]
    return bool((box >= SOLID_ALPHA).mean() >= FRAMED_SHARE)
