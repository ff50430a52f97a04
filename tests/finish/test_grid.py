"""The grid puts four images of any aspect in reading order."""

import pytest
from PIL import Image

from darkroom.finish.grid import GAP_PX, GAP_RGB, compose_grid

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]


@pytest.mark.parametrize("size", [(256, 256), (320, 192), (1, 1), (896, 64)])
def test_images_stand_in_reading_order(size: tuple[int, int]) -> None:
    width, height = size
    grid = compose_grid([Image.new("RGB", size, colour) for colour in COLOURS])
    assert grid.size == (2 * width + GAP_PX, 2 * height + GAP_PX)
    corners = [(0, 0), (grid.width - 1, 0), (0, grid.height - 1), (grid.width - 1, grid.height - 1)]
    assert [grid.getpixel(corner) for corner in corners] == COLOURS
    assert grid.getpixel((width, 0)) == GAP_RGB
    assert grid.getpixel((0, height)) == GAP_RGB


def test_every_pixel_of_an_image_is_kept() -> None:
    images = [Image.effect_noise((20, 10), 60 + i).convert("RGB") for i in range(4)]
    grid = compose_grid(images)
    found = grid.crop((20 + GAP_PX, 10 + GAP_PX, 40 + GAP_PX, 20 + GAP_PX))
    assert found.tobytes() == images[3].tobytes()


def test_the_gap_can_be_none() -> None:
    assert compose_grid([Image.new("RGB", (8, 6))] * 4, gap_px=0).size == (16, 12)


def test_a_grid_is_of_four_equal_images() -> None:
    with pytest.raises(AssertionError, match="4 images"):
        compose_grid([Image.new("RGB", (8, 8))] * 3)
    with pytest.raises(AssertionError, match="one size"):
        compose_grid([Image.new("RGB", (8, 8))] * 3 + [Image.new("RGB", (8, 9))])
