"""Four images become one: the 2x2 grid, in reading order. Knows no file and no format."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

GRID_COLUMNS = 2
GRID_IMAGES = 4
GAP_PX = 4  # between images; none around them
GAP_RGB = (17, 17, 19)


def compose_grid(images: Sequence[Image.Image], *, gap_px: int = GAP_PX) -> Image.Image:
    """Four RGB images of one size (any aspect) -> one RGB image of (2 w + gap) x (2 h + gap) pixels."""
    assert len(images) == GRID_IMAGES, f"a grid is made of {GRID_IMAGES} images, not {len(images)}"
    width, height = images[0].size
    assert all(image.size == (width, height) for image in images), "the images of a grid are of one size"
    grid = Image.new("RGB", (2 * width + gap_px, 2 * height + gap_px), GAP_RGB)
    for i, image in enumerate(images):
        row, column = divmod(i, GRID_COLUMNS)
        grid.paste(image, (column * (width + gap_px), row * (height + gap_px)))
    return grid
