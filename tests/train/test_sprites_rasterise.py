"""Icons to sprites, and telling near-duplicates apart, on small hand-made art."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.train.sprites.likeness import alike, perceptual_hash
from darkroom.train.sprites.rasterise import MARGIN_PX, PACKAGES, centre, framed, rasterise

DISC = '<circle cx="5" cy="5" r="3" fill="#c81e1e"/>'
BAR = '<rect x="2" y="8" width="12" height="3" fill="#1e1ec8"/>'
FRAME = '<rect width="16" height="16" fill="#20a040"/><circle cx="8" cy="8" r="4" fill="#fff"/>'


@pytest.fixture
def node_modules(tmp_path: Path) -> Path:
    package = tmp_path / PACKAGES["noto"]
    package.mkdir(parents=True)
    icons = {
        "disc": {"body": DISC},
        "bar": {"body": BAR, "width": 20},
        "frame": {"body": FRAME},
        "void": {"body": ""},
    }
    data = {"width": 16, "height": 16, "icons": icons, "aliases": {"round": {"parent": "disc"}}}
    (package / "icons.json").write_text(json.dumps(data))
    assets = tmp_path / PACKAGES["fluent-3d"] / "assets"
    assets.mkdir(parents=True)
    picture = Image.new("RGBA", (256, 256))
    picture.paste((10, 120, 40, 255), (100, 20, 140, 220))
    picture.save(assets / "1f300.webp", lossless=True)
    return tmp_path


def alpha_box(sprite: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(sprite[..., 3] > 127)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_a_small_thing_off_centre_fills_the_square_but_its_margin(node_modules: Path) -> None:
    sprite = rasterise(node_modules, "noto", "disc")
    assert sprite.shape == (128, 128, 4)
    assert np.abs(np.array(alpha_box(sprite)) - (4, 4, 124, 124)).max() <= 1
    assert tuple(sprite[64, 64]) == (0xC8, 0x1E, 0x1E, 255)
    assert not sprite[:MARGIN_PX].any()


def test_a_flat_thing_keeps_its_proportions(node_modules: Path) -> None:
    left, top, right, bottom = alpha_box(rasterise(node_modules, "noto", "bar"))
    assert np.abs(np.array((left, right)) - (4, 124)).max() <= 1
    assert abs((bottom - top) - 30) <= 2
    assert abs((top + bottom) / 2 - 64) <= 1


def test_an_alias_draws_its_parent(node_modules: Path) -> None:
    np.testing.assert_array_equal(
        rasterise(node_modules, "noto", "round"), rasterise(node_modules, "noto", "disc")
    )


def test_a_picture_file_is_trimmed_too(node_modules: Path) -> None:
    sprite = rasterise(node_modules, "fluent-3d", "1f300")
    assert np.abs(np.array(alpha_box(sprite)) - (52, 4, 76, 124)).max() <= 1
    assert tuple(sprite[64, 64]) == (10, 120, 40, 255)


@pytest.mark.parametrize(("art_set", "icon"), [("noto", "missing"), ("fluent-3d", "1f999")])
def test_an_unknown_icon_is_named(node_modules: Path, art_set: str, icon: str) -> None:
    with pytest.raises(DarkroomError, match=icon):
        rasterise(node_modules, art_set, icon)


def test_an_empty_icon_is_refused(node_modules: Path) -> None:
    with pytest.raises(DarkroomError, match="empty"):
        rasterise(node_modules, "noto", "void")


def test_edges_take_no_colour_from_hidden_pixels() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 1] = 255  # hidden green
    pixels[16:48, 20:40] = (250, 0, 0, 255)
    edge = centre(Image.fromarray(pixels))
    shown = edge[edge[..., 3] > 0]
    assert shown[:, 1].max() <= 2


def test_pictures_with_a_background_are_told_from_cut_outs(node_modules: Path) -> None:
    assert framed(rasterise(node_modules, "noto", "frame"))
    assert not framed(rasterise(node_modules, "noto", "disc"))


def test_a_near_duplicate_is_found_in_its_own_set_only(node_modules: Path) -> None:
    disc, bar = rasterise(node_modules, "noto", "disc"), rasterise(node_modules, "noto", "bar")
    paler = disc.copy()
    paler[..., :3] = paler[..., :3] // 8 * 7 + 20
    sprites = {
        ("ball", "noto"): disc,
        ("orb", "noto"): paler,
        ("stick", "noto"): bar,
        ("orb", "twemoji"): disc,
    }
    pairs = alike({k: perceptual_hash(v) for k, v in sprites.items()}, list(sprites))
    assert [p[:3] for p in pairs] == [("ball", "orb", "noto")]


def test_the_hash_is_of_256_bits_and_sees_colour(node_modules: Path) -> None:
    disc = rasterise(node_modules, "noto", "disc")
    blue = disc[..., [2, 1, 0, 3]]
    assert perceptual_hash(disc).shape == (256,)
    assert (perceptual_hash(disc) != perceptual_hash(blue)).sum() > 32
