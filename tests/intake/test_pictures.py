"""Files of strangers: by content and within limits they become a PNG of our own, or are refused with the right code."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.intake import hostile_files as files

from darkroom.core.errors import Refused
from darkroom.core.uploads import CleanPicture
from darkroom.intake.containers import open_container
from darkroom.intake.pictures import KEPT_SIDE_MAX_PX, read_mask, read_picture

GOOD = {
    "png": lambda: files.encoded(),
    "jpeg": lambda: files.encoded(form="JPEG", quality=95),
    "webp": lambda: files.encoded(form="WEBP", lossless=True),
    "lossy webp": lambda: files.encoded(form="WEBP", quality=95),
    "gif": lambda: files.encoded(form="GIF"),
    "progressive jpeg": lambda: files.encoded(form="JPEG", quality=95, progressive=True),
    "cmyk jpeg": lambda: files.encoded(files.scene(mode="CMYK"), "JPEG", quality=95),
    "palette png": lambda: files.encoded(files.scene(mode="P")),
    "rgba png": lambda: files.encoded(files.scene(mode="RGBA")),
    "animated gif": lambda: files.animated("GIF"),
    "animated webp": lambda: files.animated("WEBP"),
    "animated png": lambda: files.animated("PNG"),
    "interlaced png": lambda: files.encoded(form="PNG", interlace=True),
}


def pixels(clean: CleanPicture) -> np.ndarray:
    """(H, W, 3)"""
    assert len(clean.rgb) == clean.width * clean.height * 3
    return np.frombuffer(clean.rgb, np.uint8).reshape(clean.height, clean.width, 3)


def is_scene(clean: CleanPicture) -> bool:
    seen = pixels(clean).astype(int)
    spots = [(2, 2, (0, 255, 0)), (2, -3, (255, 0, 0)), (-3, 2, (0, 0, 255)), (-3, -3, (0, 0, 255))]
    return all(np.abs(seen[y, x] - colour).max() < 60 for y, x, colour in spots)


def refusal(data: bytes, *, mask: bool = False) -> Refused:
    with pytest.raises(Refused) as caught:
        (read_mask if mask else read_picture)(data)
    return caught.value


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_shows_what_it_showed(name: str) -> None:
    clean = read_picture(GOOD[name]())
    assert (clean.width, clean.height) == (64, 48)
    assert is_scene(clean)
    with Image.open(io.BytesIO(clean.png)) as kept:
        assert (kept.format, kept.mode, kept.size) == ("PNG", "RGB", (64, 48))
        assert kept.info == {}
        assert kept.tobytes() == clean.rgb


def test_what_is_clean_stays_as_it_is() -> None:
    clean = read_picture(GOOD["jpeg"]())
    assert read_picture(clean.png) == clean


@pytest.mark.parametrize("name", files.BAD)
def test_a_bad_file_is_refused(name: str) -> None:
    make, code = files.BAD[name]
    fault = refusal(make())
    assert (fault.code, fault.field) == (code, "file")
    assert fault.message.endswith(".") and fault.hint


@pytest.mark.parametrize("name", files.BAD_MASKS)
def test_a_bad_mask_is_refused(name: str) -> None:
    make, code = files.BAD_MASKS[name]
    fault = refusal(make(), mask=True)
    assert (fault.code, fault.field) == (code, "file")
    assert fault.message.endswith(".") and fault.hint


@pytest.mark.parametrize(
    ("name", "data"),
    {
        "a PNG that is a zip archive, too": files.encoded() + files.archive(),
        "a GIF that is a zip archive, too": files.encoded(form="GIF") + files.archive(),
        "a JPEG with HTML in its comment": files.jpeg_with(files.segment(0xFE, files.SECRET)),
        "a JPEG with HTML behind its end": files.encoded(form="JPEG", quality=95) + files.SECRET,
        "a PNG with a text": files.png(extra=[files.chunk(b"tEXt", b"a\0" + files.SECRET)]),
        "a GIF with a comment": files.encoded(form="GIF", comment=files.SECRET),
        "a WebP with XMP": files.encoded(form="WEBP", xmp=files.SECRET),
        "a WebP with a profile": files.encoded(form="WEBP", icc_profile=files.SECRET),
        "a picture with a profile": files.encoded(form="PNG", icc_profile=files.SECRET),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_of_a_polyglot_only_the_picture_survives(name: str, data: bytes) -> None:
    assert b"stolen" in data or b"iCCP" in data or b"PK" in data
    clean = read_picture(data)
    kept = [clean.png[at + 4 : at + 8] for at in starts(clean.png)]
    assert set(kept) == {b"IHDR", b"IDAT", b"IEND"}
    assert clean.png.endswith(files.chunk(b"IEND", b""))
    assert b"stolen" not in clean.png and b"PK" not in clean.png


def starts(data: bytes) -> list[int]:
    found, at = [], 8
    while at < len(data):
        found.append(at)
        at += 12 + struct.unpack_from(">I", data, at)[0]
    return found


@pytest.mark.parametrize(
    "kind",
    [b"zTXt", b"iTXt", b"iCCP"],
)
def test_a_compressed_chunk_is_never_decompressed(kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}
    data = files.png(extra=[files.chunk(kind, heads[kind] + zlib.compress(files.HUGE * 20, 9))])
    monkeypatch.setattr("PIL.PngImagePlugin._safe_zlib_decompress", None)
    assert read_picture(data).width == 16


def test_a_profile_that_is_no_profile_does_no_harm() -> None:
    junk = files.jpeg_with(files.segment(0xE2, b"ICC_PROFILE\0\1\1" + b"junk" * 1000))
    assert is_scene(read_picture(junk))


def test_of_thousands_of_frames_only_the_first_is_read() -> None:
    data = files.encoded(form="GIF")
    frame = data[data.index(b"\x2c") : -1]
    many = data[:-1] + frame * 5_000 + data[-1:]
    assert read_picture(many) == read_picture(data)
    assert read_picture(many[:-2000]).png == read_picture(data).png


def test_a_long_comment_of_a_gif_is_never_read() -> None:
    """Pillow joins its parts one by one, which for 20 MiB of them takes minutes, in which nobody else has a turn."""
    comment = b"\x21\xfe" + (b"\xff" + b"a" * 255) * 60_000 + b"\0"
    assert open_container(files.gif_with(comment)).data == open_container(files.gif_with(b"")).data
    assert read_picture(files.gif_with(comment)).width == 16


def test_pixels_behind_the_last_row_are_not_decompressed() -> None:
    data = files.png(rows=bytes(17 * 16) + files.HUGE * 10)
    assert read_picture(data).height == 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_was_held_sideways_is_turned_upright(orientation: int) -> None:
    turned_back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    methods = [
        None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90,
    ]  # fmt: skip
    method = methods[turned_back - 1]
    stored = files.scene() if method is None else files.scene().transpose(method)
    block = files.segment(0xE1, b"Exif\0\0" + files.exif(orientation))
    clean = read_picture(files.jpeg_with(block, files.encoded(stored, "JPEG", quality=95)))
    assert (clean.width, clean.height) == (64, 48)
    assert is_scene(clean)
    assert b"GPS" not in clean.png and b"13.4050" not in clean.png


def test_png_and_webp_say_which_way_up_they_are_too() -> None:
    sideways = files.scene().transpose(Image.Transpose.ROTATE_90)
    block = files.exif(6, order=">")
    for form in ("PNG", "WEBP"):
        data = files.encoded(sideways, form, exif=block, **({"lossless": True} if form == "WEBP" else {}))
        assert is_scene(read_picture(data)), form


@pytest.mark.parametrize(
    "block",
    [
        b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*" + bytes(200), b"junk" * 50,
        files.exif(0), files.exif(9), files.exif(65535), files.exif(6, tag=0x8825),
    ],
)  # fmt: skip
def test_damaged_exif_says_nothing(block: bytes) -> None:
    clean = read_picture(files.jpeg_with(files.segment(0xE1, b"Exif\0\0" + block)))
    assert is_scene(clean)


def test_a_directory_that_says_more_than_there_is_ends() -> None:
    block = b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 600)
    assert is_scene(read_picture(files.jpeg_with(files.segment(0xE1, b"Exif\0\0" + block))))


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 8, 16))
    seen = pixels(read_picture(files.encoded(image)))
    assert seen[4, 2].tolist() == [0, 0, 0] and seen[4, 12].tolist() == [255, 255, 255]
    palette = files.encoded(image, "GIF", transparency=0)
    assert pixels(read_picture(palette))[4, 12].tolist() == [255, 255, 255]


def test_sixteen_bits_become_eight() -> None:
    rows = b"".join(b"\0" + struct.pack(">16H", *[0x8000 if y < 8 else 0xFFFF] * 16) for y in range(16))
    seen = pixels(read_picture(files.png(rows=rows, bits=16)))
    assert seen[0, 0].tolist() == [128] * 3 and seen[15, 15].tolist() == [255] * 3


def test_a_large_picture_is_made_smaller_and_keeps_its_shape() -> None:
    for form in ("PNG", "JPEG"):
        clean = read_picture(files.encoded(files.scene(4_000, 3_000), form))
        assert (clean.width, clean.height) == (KEPT_SIDE_MAX_PX, 1536)
        assert is_scene(clean)


def test_nothing_of_pillow_is_changed() -> None:
    before = (Image.MAX_IMAGE_PIXELS, Image.WARN_POSSIBLE_FORMATS)
    read_picture(files.encoded())
    refusal(files.png(50_000, 50_000))
    assert before == (Image.MAX_IMAGE_PIXELS, Image.WARN_POSSIBLE_FORMATS)


def mask_levels(data: bytes) -> np.ndarray:
    clean = read_mask(data)
    assert clean.rgb == b""
    with Image.open(io.BytesIO(clean.png)) as kept:
        assert (kept.format, kept.mode, kept.size) == ("PNG", "L", (clean.width, clean.height))
        return np.asarray(kept)


def test_a_mask_keeps_its_levels_and_its_size() -> None:
    levels = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (2_100, 80))[:, :2_500]
    kept = mask_levels(files.encoded(Image.fromarray(levels)))
    assert (kept == levels).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_a_mask_of_any_mode_becomes_grey(mode: str) -> None:
    image = Image.new("L", (32, 16), 0)
    image.paste(255, (0, 0, 16, 16))
    kept = mask_levels(files.encoded(image.convert(mode)))
    assert kept[8, 4] == 255 and kept[8, 28] == 0


def test_what_is_transparent_in_a_mask_stays() -> None:
    image = Image.new("RGBA", (32, 16), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 16, 16))
    kept = mask_levels(files.encoded(image))
    assert kept[8, 4] == 255 and kept[8, 28] == 0


@given(st.binary(max_size=300), st.sampled_from(sorted(GOOD)), st.integers(0, 5_000), st.booleans())
def test_whatever_comes_is_read_or_refused(junk: bytes, name: str, at: int, whole: bool) -> None:
    good = GOOD[name]()
    at %= len(good)
    data = good[:at] + junk + (good[at + len(junk) :] if whole else b"")
    for read in (read_picture, read_mask):
        with contextlib.suppress(Refused):
            assert read(data).width >= 8
