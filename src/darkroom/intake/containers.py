"""What a file says of itself before anything is decoded: format, size and orientation, read by us within bounds.

Takes away what no pixel needs (profiles, texts, comments, further frames but WebP's), so that no library ever parses it.
Knows no pixel. Sources: PNG (W3C, third edition), JPEG (ITU T.81, annex B), WebP (RFC 9649), GIF89a.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from darkroom.core.errors import Refused
from darkroom.intake.orientation import UPRIGHT, orientation_of

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
PNG_CHUNKS_MAX = 20_000  # of one file; encoders write an IDAT for every 8 KiB at the least
JPEG_NEEDED_APPS = (0xE0, 0xEE)  # JFIF; Adobe, which says how the colours are stored
JPEG_SCANS_MAX = 100  # of a progressive file, each a pass over the whole picture; encoders write about ten
JPEG_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those three are tables
JPEG_START_OF_SCAN, JPEG_EXIF = 0xDA, 0xE1
JPEG_SEGMENTS_MAX = 5_000  # before the first scan; a profile of 16 MiB has some 260
JPEG_FILL_MAX = 1_000  # bytes before a marker that say nothing
WEBP_CHUNKS_MAX = 20_000  # an animation has two or three for each frame
GIF_BLOCKS_MAX = 200_000  # of 255 bytes, but for the last of each row
GIF_EXTENSIONS_MAX = 100  # before the first frame; encoders write two or three
GIF_EXTENSION, GIF_GRAPHIC_CONTROL, GIF_FRAME, GIF_END = 0x21, 0xF9, 0x2C, b"\x3b"
EXIF_HEAD = b"Exif\0\0"
FORMATS_HINT = "Send a PNG, JPEG, WebP or GIF file."


@dataclass(frozen=True, kw_only=True)
class Container:
    """A file whose head was read. `format` is Pillow's name; `data` is what may be decoded; `orientation` that of EXIF, 1 to 8."""

    format: str
    width: int
    height: int
    data: bytes
    orientation: int = UPRIGHT


def open_container(data: bytes) -> Container:
    """The container of a file, by its content. Refused (`picture_invalid`) where it is none of ours, or is broken."""
    for sign, read in READERS:
        if data.startswith(sign):
            try:
                found = read(data)
            except (struct.error, IndexError) as fault:
                raise broken("it ends before its picture begins") from fault
            if min(found.width, found.height) < 1:
                raise broken("it has no pixels")
            return found
    raise Refused(
        "This file is empty."
        if not data
        else "This file is no picture that can be read here, whatever its name says.",
        code="picture_invalid",
        hint=FORMATS_HINT,
        field="file",
    )


def broken(what: str) -> Refused:
    """A file that says it is a picture, and is not a whole one."""
    return Refused(
        f"This picture is damaged: {what}.",
        code="picture_invalid",
        hint="Open it and save it again, as a PNG or JPEG.",
        field="file",
    )


def _png(data: bytes) -> Container:
    width, height = struct.unpack_from(">II", data, 16)
    if data[12:16] != b"IHDR":
        raise broken("its first part is not IHDR")
    kept, orientation = [PNG_SIGNATURE], UPRIGHT
    for number, (kind, start, stop) in enumerate(_png_chunks(data)):
        if number > PNG_CHUNKS_MAX:
            raise broken(f"it has more than {PNG_CHUNKS_MAX:,} parts")
        if kind in PNG_NEEDED:
            kept.append(data[start:stop])
        elif kind == b"eXIf":
            orientation = orientation_of(data[start + 8 : stop - 4])
    return Container(format="PNG", width=width, height=height, data=b"".join(kept), orientation=orientation)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk, where it starts and where it ends; what follows IEND is not looked at."""
    at = len(PNG_SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, stop = data[at + 4 : at + 8], at + 12 + length
        if stop > len(data):
            raise broken("it is cut off")
        yield kind, at, stop
        if kind == b"IEND":
            return
        at = stop
    raise broken("it is cut off")


def _jpeg(data: bytes) -> Container:
    if data.count(b"\xff\xda") > JPEG_SCANS_MAX:  # 0xFF is escaped in coded data, so this counts scans
        raise broken(f"it is drawn in more than {JPEG_SCANS_MAX} passes")
    kept, size, orientation = [data[:2]], None, UPRIGHT
    for kind, start, stop in _jpeg_segments(data):
        if kind == JPEG_START_OF_SCAN:
            kept.append(data[start:])
            break
        if kind in JPEG_FRAMES:
            size = struct.unpack_from(">HH", data, start + 5)
        if kind == JPEG_EXIF and data[start + 4 : start + 10] == EXIF_HEAD and orientation == UPRIGHT:
            orientation = orientation_of(data[start + 10 : stop])
        if kind < 0xE0 or kind in JPEG_NEEDED_APPS:
            kept.append(data[start:stop])
    if size is None:
        raise broken("it says no size")
    return Container(
        format="JPEG", width=size[1], height=size[0], data=b"".join(kept), orientation=orientation
    )


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker of each segment, where it starts and where it ends, up to the first scan."""
    at = 2
    for _ in range(JPEG_SEGMENTS_MAX):
        if data[at] != 0xFF:
            raise broken("a part of it does not begin where it should")
        filled = data[at : at + JPEG_FILL_MAX]
        at += len(filled) - len(filled.lstrip(b"\xff")) - 1  # to the last of the fill bytes
        kind = data[at + 1]
        length = 0 if kind in JPEG_NO_LENGTH else struct.unpack_from(">H", data, at + 2)[0]
        stop = at + 2 + length
        if stop > len(data):
            raise broken("it is cut off")
        yield kind, at, stop
        at = stop
    raise broken(f"it has more than {JPEG_SEGMENTS_MAX:,} parts")


def _webp(data: bytes) -> Container:
    if data[8:12] != b"WEBP":
        raise Refused("This file is no picture.", code="picture_invalid", hint=FORMATS_HINT, field="file")
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(_exactly(data, 24, 3), "little") + 1
        height = int.from_bytes(_exactly(data, 27, 3), "little") + 1
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise broken("it begins with a part that is no picture")
    return Container(
        format="WEBP", width=width, height=height, data=data, orientation=orientation_of(_webp_exif(data))
    )


def _webp_exif(data: bytes) -> bytes:
    """The EXIF block, b"" where there is none."""
    at = 12
    for _ in range(WEBP_CHUNKS_MAX):
        if at + 8 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + length].removeprefix(EXIF_HEAD)
        at += 8 + length + length % 2
    return b""


def _gif(data: bytes) -> Container:
    """Its head and its first frame, with what says which colour of that is transparent."""
    width, height = struct.unpack_from("<HH", data, 6)
    at = 13 + _gif_colours(data[10])
    kept = [data[:at]]
    for _ in range(GIF_EXTENSIONS_MAX):
        if data[at] != GIF_EXTENSION:
            break
        stop = _gif_blocks_end(data, at + 2)
        if data[at + 1] == GIF_GRAPHIC_CONTROL:
            kept.append(data[at:stop])
        at = stop
    if data[at] != GIF_FRAME:
        raise broken("where its first frame should be, there is none")
    stop = _gif_blocks_end(data, at + 11 + _gif_colours(data[at + 9]))
    kept += [data[at:stop], GIF_END]
    return Container(format="GIF", width=width, height=height, data=b"".join(kept))


def _gif_colours(flags: int) -> int:
    """The bytes of a table of colours; 0 where there is none."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, at: int) -> int:
    """Behind a row of blocks, each of which begins with its length; the last is empty."""
    for _ in range(GIF_BLOCKS_MAX):
        if not data[at]:
            return at + 1
        at += 1 + data[at]
    raise broken(f"it has more than {GIF_BLOCKS_MAX:,} parts")


def _exactly(data: bytes, start: int, count: int) -> bytes:
    found = data[start : start + count]
    if len(found) != count:
        raise broken("it is cut off")
    return found


READERS: tuple[tuple[bytes, Callable[[bytes], Container]], ...] = (
    (PNG_SIGNATURE, _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _webp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
)
