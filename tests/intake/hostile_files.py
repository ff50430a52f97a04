"""Pictures as strangers may send them: makers of good files, and a list of bad ones with the code that each is refused by."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import partial

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SECRET = b"<script>stolen()</script>"


def scene(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Red above, blue below, green in the upper left corner: tells which way up it is."""
    image = Image.new("RGB", (width, height), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, width, height // 2))
    image.paste((0, 255, 0), (0, 0, width // 4, height // 4))
    return image.convert(mode)


def encoded(image: Image.Image | None = None, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    (image or scene()).save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int = 16,
    height: int = 16,
    *,
    extra: Iterable[bytes] = (),
    rows: bytes | None = None,
    bits: int = 8,
) -> bytes:
    """A grey PNG by hand: its head may lie, `extra` chunks stand before its pixels, `rows` are these before compression."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    pixels = bytes((1 + 16 * bits // 8) * 16) if rows is None else rows
    parts = [SIGNATURE, head, *extra, chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b"")]
    return b"".join(parts)


def exif(orientation: int, *, order: str = "<", tag: int = 0x0112) -> bytes:
    """A TIFF block with an orientation and a place in it."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", tag, 3, 1, orientation, 0)
    return mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4) + b"GPS 52.5200 13.4050"


def jpeg_with(segment: bytes, data: bytes | None = None) -> bytes:
    """A JPEG with a segment of our own right after its start."""
    data = encoded(form="JPEG", quality=95) if data is None else data
    return data[:2] + segment + data[2:]


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg_turned(orientation: int) -> bytes:
    return jpeg_with(segment(0xE1, b"Exif\0\0" + exif(orientation)))


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("evil.html", SECRET)
    return out.getvalue()


def animated(form: str, frames: int = 3) -> bytes:
    first, *more = [scene().rotate(i % 360) for i in range(frames)]
    return encoded(first, form, save_all=True, append_images=more, duration=10)


def gif_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded(form="GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def gif_with(block: bytes) -> bytes:
    """A GIF with a block of our own before its first frame."""
    data = encoded(scene(16, 16).quantize(4), "GIF")
    at = data.index(b"\x2c", 13)
    return data[:at] + block + data[at:]


def gif_frame_beyond_its_screen() -> bytes:
    """A screen of 16 x 16 whose only frame says 60,000 x 60,000."""
    data = bytearray(encoded(scene(16, 16), "GIF"))
    at = data.index(b"\x2c", 13)
    data[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    return bytes(data)


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded(form="JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_claiming(width: int, height: int) -> bytes:
    """The extended head, which allocates before anything is decoded where it is believed."""
    head = bytes((0x02, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_many_scans() -> bytes:
    data = encoded(form="JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    scan = data[at:-2]
    return data[:-2] + scan * 200 + data[-2:]


def cut(data: bytes, keep: float = 0.5) -> bytes:
    return data[: int(len(data) * keep)]


def broken_checksum() -> bytes:
    data = bytearray(encoded())
    data[29] ^= 0xFF  # the checksum of IHDR
    return bytes(data)


def broken_pixels() -> bytes:
    data = bytearray(encoded(form="PNG"))
    at = data.index(b"IDAT") + 12
    data[at : at + 8] = b"\xff" * 8
    return bytes(data)


HUGE = b"\0" * 5_000_000  # five megabytes that five kilobytes decompress to
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>'
INVALID, TOO_LARGE = "picture_invalid", "too_large"

BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing at all": (lambda: b"", INVALID),
    "one byte": (lambda: b"\x89", INVALID),
    "text": (lambda: b"a red fox", INVALID),
    "zeros": (lambda: bytes(1000), INVALID),
    "SVG": (lambda: SVG, INVALID),
    "SVG with entities": (lambda: ENTITIES, INVALID),
    "HTML": (lambda: b"<html><img src=x onerror=alert(1)></html>", INVALID),
    "PDF": (lambda: b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj", INVALID),
    "EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(x) run", INVALID),
    "TIFF": (partial(encoded, form="TIFF"), INVALID),
    "BMP": (partial(encoded, form="BMP"), INVALID),
    "ICO": (partial(encoded, form="ICO"), INVALID),
    "PPM": (partial(encoded, form="PPM"), INVALID),
    "TGA": (partial(encoded, form="TGA"), INVALID),
    "a zip archive": (archive, INVALID),
    "a gzip bomb": (lambda: gzip.compress(HUGE), INVALID),
    "a program": (lambda: b"\x7fELF\x02\x01\x01" + bytes(200), INVALID),
    "a WAV, which is RIFF, too": (lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), INVALID),
    "a PNG's signature alone": (lambda: SIGNATURE, INVALID),
    "a PNG cut in its head": (lambda: encoded()[:20], INVALID),
    "a PNG cut in its middle": (lambda: cut(encoded()), INVALID),
    "a PNG without its end": (lambda: encoded()[:-12], INVALID),
    "a PNG whose first part is another": (
        lambda: SIGNATURE + chunk(b"tEXt", b"a\0" + bytes(20)) + encoded()[8:], INVALID
    ),
    "a PNG with a part longer than itself": (
        lambda: SIGNATURE + encoded()[8:33] + struct.pack(">I", 2**31 - 1) + b"IDATx", INVALID
    ),
    "a PNG without pixels": (lambda: png()[:33] + chunk(b"IEND", b""), INVALID),
    "a PNG of no width": (lambda: png(0, 16), INVALID),
    "a PNG with a wrong checksum": (broken_checksum, INVALID),
    "a PNG with broken pixels": (broken_pixels, INVALID),
    "a PNG with too few pixels": (lambda: png(64, 64, rows=bytes(17)), INVALID),
    "a PNG of a depth that there is not": (lambda: png(bits=3), INVALID),
    "a PNG of 30,000 parts": (lambda: png(extra=[chunk(b"tEXt", b"a\0b")] * 30_000), INVALID),
    "a bomb: a PNG of 50,000 x 50,000": (lambda: png(50_000, 50_000), TOO_LARGE),
    "a bomb: a PNG of 2^31 pixels a side": (lambda: png(2**31 - 1, 2**31 - 1), TOO_LARGE),
    "a bomb: a PNG of 16,000 x 16,000 zeros": (
        lambda: png(16_000, 16_000, rows=bytes(16_001) * 500), TOO_LARGE
    ),
    "a bomb: a PNG one pixel high": (lambda: png(1_000_000, 1), TOO_LARGE),
    "a bomb: a JPEG of 65,000 x 65,000": (lambda: jpeg_claiming(65_000, 65_000), TOO_LARGE),
    "a bomb: a GIF of 65,535 x 65,535": (lambda: gif_claiming(65_535, 65_535), TOO_LARGE),
    "a bomb: a GIF whose frame is larger than its screen": (gif_frame_beyond_its_screen, INVALID),
    "a GIF that says it is smaller than it is": (lambda: gif_claiming(16, 16), INVALID),
    "a bomb: a WebP of 16,777,215 x 16,777,215": (lambda: webp_claiming(2**24 - 1, 2**24 - 1), TOO_LARGE),
    "a bomb: a JPEG of 200 passes": (jpeg_of_many_scans, INVALID),
    "a JPEG of 100,000 segments": (
        lambda: jpeg_with(segment(0xFE, b"") * 100_000), INVALID
    ),
    "a JPEG of 1,000,000 markers without length": (lambda: jpeg_with(b"\xff\x01" * 1_000_000), INVALID),
    "a JPEG of 1,000,000 fill bytes": (lambda: jpeg_with(b"\xff" * 1_000_000), INVALID),
    "a GIF with a comment of 1,000,000 parts": (lambda: gif_with(b"\x21\xfe" + b"\1a" * 1_000_000 + b"\0"), INVALID),
    "a GIF of comments that never end": (lambda: gif_with(b"\x21\xfe" + b"\xff" + b"a" * 255)[:-300], INVALID),
    "a GIF of 1,000,000 comments": (lambda: gif_with(b"\x21\xfe\0" * 1_000_000), INVALID),
    "a GIF whose frame has 1,000 heads": (lambda: gif_with(b"\x21\xf9\4\0\0\0\0\0" * 1_000), INVALID),
    "a file of more than 20 MiB": (lambda: encoded() + bytes(20 * 2**20), TOO_LARGE),
    "a line of 4,000 x 8": (lambda: encoded(scene(4_000, 8)), INVALID),
    "a picture of 4 x 4": (lambda: encoded(scene(4, 4)), INVALID),
    "a JPEG cut in its head": (lambda: encoded(form="JPEG")[:15], INVALID),
    "a JPEG cut in its middle": (lambda: cut(encoded(scene(640, 480), "JPEG", quality=100), 0.7), INVALID),
    "a JPEG without size": (lambda: jpeg_claiming(0, 0), INVALID),
    "a JPEG of junk": (lambda: b"\xff\xd8\xff" + b"junk" * 100, INVALID),
    "a JPEG of markers alone": (lambda: b"\xff\xd8" + b"\xff" * 5000, INVALID),
    "a JPEG of scans alone": (lambda: b"\xff\xd8" + segment(0xDA, bytes(20)) * 20, INVALID),
    "a GIF cut in its head": (lambda: encoded(form="GIF")[:9], INVALID),
    "a GIF cut in its middle": (lambda: cut(encoded(scene(200, 200), "GIF"), 0.95), INVALID),
    "a GIF without a frame": (lambda: encoded(form="GIF")[:13] + b"\x3b", INVALID),
    "a WebP cut in its head": (lambda: encoded(form="WEBP")[:25], INVALID),
    "a WebP cut in its middle": (lambda: cut(encoded(scene(300, 300), "WEBP", lossless=True)), INVALID),
    "a WebP without a frame": (lambda: webp_claiming(64, 64), INVALID),
    "a WebP of an unknown kind": (lambda: b"RIFF\x20\0\0\0WEBPEVIL" + bytes(30), INVALID),
}  # fmt: skip
"""By name: how it is made, and what it is refused with."""

MASK = "mask_invalid"
BAD_MASKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "all black": (lambda: encoded(Image.new("L", (32, 32), 0)), MASK),
    "nearly black": (lambda: encoded(Image.new("L", (32, 32), 60)), MASK),
    "transparent all over": (lambda: encoded(Image.new("RGBA", (32, 32), (255, 255, 255, 0))), MASK),
    "a JPEG": (lambda: encoded(Image.new("L", (32, 32), 255), "JPEG"), MASK),
    "a WebP": (lambda: encoded(Image.new("RGB", (32, 32), "white"), "WEBP"), MASK),
    "no picture": (lambda: b"white", MASK),
    "cut off": (lambda: cut(encoded(Image.new("L", (64, 64), 255))), MASK),
    "a bomb": (lambda: png(60_000, 60_000), TOO_LARGE),
    "longer than any picture": (lambda: png(9_000, 1_000), TOO_LARGE),
    "empty": (lambda: b"", MASK),
}

BAD_LINKS: dict[str, tuple[str, str]] = {
    "this machine": ("http://127.0.0.1/fox.png", "link_refused"),
    "this machine, further on": ("http://127.8.9.10/", "link_refused"),
    "this machine by name": ("http://localhost/", "link_refused"),
    "this machine by a longer name": ("http://pictures.localhost/", "link_refused"),
    "this machine in capitals and a dot": ("http://LOCALHOST./", "link_refused"),
    "this machine in IPv6": ("http://[::1]/", "link_refused"),
    "any address of this machine": ("http://0.0.0.0/", "link_refused"),
    "any address in IPv6": ("http://[::]/", "link_refused"),
    "an address as one number": ("http://2130706433/", "link_refused"),
    "an address in octal": ("http://0177.0.0.1/", "link_refused"),
    "an address in one octal number": ("http://017700000001/", "link_refused"),
    "an address in hexadecimal": ("http://0x7f000001/", "link_refused"),
    "an address in hexadecimal parts": ("http://0x7f.0x0.0x0.0x1/", "link_refused"),
    "an address in two parts": ("http://127.1/", "link_refused"),
    "an address in mixed parts": ("http://0x7f.1/", "link_refused"),
    "an address with a dot behind it": ("http://127.0.0.1./", "link_refused"),
    "an address in circled digits": ("http://①②⑦.⓪.⓪.①/", "link_refused"),
    "an address in wide digits": ("http://１２７.0.0.1/", "link_refused"),
    "a private address, 10": ("http://10.0.0.1/", "link_refused"),
    "a private address, 172": ("http://172.16.31.1/", "link_refused"),
    "a private address, 192": ("http://192.168.1.1/", "link_refused"),
    "carrier-grade NAT": ("http://100.64.0.1/", "link_refused"),
    "metadata of a cloud": ("http://169.254.169.254/latest/meta-data/", "link_refused"),
    "metadata as one number": ("http://2852039166/latest/meta-data/", "link_refused"),
    "metadata in IPv6": ("http://[fd00:ec2::254]/latest/meta-data/", "link_refused"),
    "metadata by name": ("http://metadata.google.internal/computeMetadata/v1/", "link_refused"),
    "another metadata": ("http://100.100.100.200/latest/meta-data/", "link_refused"),
    "metadata that looks public": ("http://168.63.129.16/machine", "link_refused"),
    "multicast": ("http://224.0.0.1/", "link_refused"),
    "broadcast": ("http://255.255.255.255/", "link_refused"),
    "reserved": ("http://240.0.0.1/", "link_refused"),
    "documentation": ("http://192.0.2.1/", "link_refused"),
    "IPv4 within IPv6": ("http://[::ffff:127.0.0.1]/", "link_refused"),
    "IPv4 within IPv6, in hexadecimal": ("http://[::ffff:7f00:1]/", "link_refused"),
    "6to4": ("http://[2002:7f00:1::]/", "link_refused"),
    "NAT64": ("http://[64:ff9b::7f00:1]/", "link_refused"),
    "Teredo": ("http://[2001:0:7f00:1::]/", "link_refused"),
    "link-local with a zone": ("http://[fe80::1%25eth0]/", "link_refused"),
    "unique local": ("http://[fc00::1]/", "link_refused"),
    "multicast in IPv6": ("http://[ff02::1]/", "link_refused"),
    "a name without dots": ("http://database/", "link_refused"),
    "a name of the house": ("http://printer.local/", "link_refused"),
    "a file": ("file:///etc/passwd", "link_refused"),
    "gopher": ("gopher://127.0.0.1:6379/_FLUSHALL", "link_refused"),
    "ftp": ("ftp://pictures.example/fox.png", "link_refused"),
    "data": ("data:image/png;base64,iVBORw0KGgo=", "link_refused"),
    "javascript": ("javascript:alert(1)", "link_refused"),
    "no scheme": ("//pictures.example/fox.png", "link_refused"),
    "a path": ("/etc/passwd", "link_refused"),
    "a password": ("http://user:secret@pictures.example/", "link_refused"),
    "a user name that looks like a host": ("http://pictures.example@127.0.0.1/", "link_refused"),
    "a backslash": ("http://pictures.example\\@127.0.0.1/", "link_refused"),
    "a line break": ("http://pictures.example/\r\nHost: 127.0.0.1", "link_refused"),
    "a space": ("http://pictures.example /fox.png", "link_refused"),
    "the port of a mail server": ("http://pictures.example:25/", "link_refused"),
    "the port of a database": ("http://pictures.example:5432/", "link_refused"),
    "a port that there is not": ("http://pictures.example:99999/", "link_refused"),
    "no host": ("http:///fox.png", "link_refused"),
    "a broken address": ("http://[::1/", "link_refused"),
    "an escaped host": ("http://%31%32%37.0.0.1/", "link_refused"),
    "a very long link": ("http://pictures.example/" + "a" * 3000, "link_refused"),
    "a host that there is not": ("http://nobody.invalid/fox.png", "link_failed"),
}
"""By name: the link, and what it is refused with, without anything being asked."""
