"""Kept pictures as small pixels."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from darkroom.classifiers import decoding
from darkroom.classifiers.decoding import small_pixels
from darkroom.core.errors import Unavailable


def png(picture: Image.Image, kind: str = "PNG") -> bytes:
    file = BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def test_the_longer_side_is_bounded_and_the_shape_kept() -> None:
    found = small_pixels(png(Image.new("RGB", (300, 150), (1, 2, 3))), side=100)
    assert (found.width, found.height) == (100, 50)
    assert found.rgb == bytes((1, 2, 3)) * 5000


def test_a_small_picture_stays_as_it_is() -> None:
    picture = Image.new("RGB", (3, 2))
    picture.putdata([(n, n, n) for n in range(6)])
    assert small_pixels(png(picture), side=100).rgb == bytes(n for n in range(6) for _ in range(3))


def test_grey_and_transparent_pictures_become_rgb() -> None:
    for mode in ("L", "LA", "RGBA", "P"):
        assert len(small_pixels(png(Image.new(mode, (4, 4))), side=10).rgb) == 48


@pytest.mark.parametrize("spoil", [lambda data: data[:40], lambda data: b"no picture", lambda data: b""])
def test_a_damaged_file_is_unavailable(spoil: object) -> None:
    whole = png(Image.effect_noise((64, 64), 80))
    with pytest.raises(Unavailable, match="damaged"):
        small_pixels(spoil(whole), side=10)  # type: ignore[operator]


def test_only_what_we_write_is_read() -> None:
    with pytest.raises(Unavailable):
        small_pixels(png(Image.new("RGB", (4, 4)), "BMP"), side=10)


def test_too_many_pixels_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PIXELS_MAX", 15)
    with pytest.raises(Unavailable, match="15 pixels"):
        small_pixels(png(Image.new("RGB", (4, 4))), side=10)
