"""A file gives its provenance back. Trusts nothing: sizes are checked, pixels are never decoded.

Own readers of the containers (PNG, 3rd edition, section 5; WebP, RFC 9649, section 2; AVIF in avif.py), because a general decoder would
allocate what a hostile header asks for.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from darkroom.core.errors import OutputError
from darkroom.finish.avif import Damaged, avif_facts, is_avif
from darkroom.finish.provenance import JSON_CHARACTERS_MAX, PNG_CHUNK, XMP_TAG, Provenance

FILE_MAX_BYTES = 64 * 1024 * 1024
PIXELS_MAX = 100_000_000
CHUNKS_MAX = 100_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_provenance(path: Path) -> Provenance:
    """The provenance inside a PNG, WebP or AVIF file that Darkroom wrote.

    Raises OutputError for a file that cannot be opened, is too large, is no such picture, is damaged or cut short,
    or carries no provenance.
    """
    data = _contents(path)
    if data.startswith(PNG_SIGNATURE):
        found = _from_png(data, path)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _from_webp(data, path)
    elif is_avif(data):
        found = _from_avif(data, path)
    else:
        raise OutputError(f"{path} is neither a PNG nor a WebP nor an AVIF picture")
    if found is None:
        raise OutputError(
            f"{path} carries no provenance; it was not made by Darkroom, or its metadata was stripped"
        )
    try:
        return Provenance.from_json(found)
    except OutputError as error:
        raise OutputError(f"{path}: {error.message}") from error


def _contents(path: Path) -> bytes:
    """The whole file, where it is a regular file of a sensible size. Devices and pipes are refused unread."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise OutputError(f"{path} is not a regular file")
        if facts.st_size > FILE_MAX_BYTES:
            raise OutputError(f"{path} is larger than {FILE_MAX_BYTES // 1024**2} MiB, the most that is read")
        with path.open("rb") as file:
            return file.read(FILE_MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"cannot read {path}: {reason or error}") from error


def _from_png(data: bytes, path: Path) -> str | None:
    found = None
    for kind, body in _png_chunks(data, path):
        if kind == b"IHDR":
            _check_size(path, *_unpacked(">II", body, path))
        if kind == b"iTXt" and body.startswith(PNG_CHUNK.encode() + b"\0") and found is None:
            found = _international_text(body[len(PNG_CHUNK) + 1 :], path)
    return found


def _png_chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The chunks up to and with IEND; each is checked against its CRC."""
    at = len(PNG_SIGNATURE)
    for _ in range(CHUNKS_MAX):
        if at + 12 > len(data):
            raise _cut_short(path)
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
        if at > len(data):
            raise _cut_short(path)
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at - 4)[0]:
            raise OutputError(f"{path} is damaged: a checksum does not match")
        yield kind, body
        if kind == b"IEND":
            return
    raise OutputError(f"{path} is damaged: it has more than {CHUNKS_MAX} chunks")


def _international_text(body: bytes, path: Path) -> str:
    """The text of an iTXt chunk after its keyword: flag, method, language, translated keyword, text (PNG 11.3.3.4)."""
    fields = body[2:].split(b"\0", 2)
    if len(body) < 2 or len(fields) != 3:
        raise OutputError(f"{path} is damaged: its provenance has no text")
    return _decoded(_inflated(fields[2], path) if body[0] else fields[2], path)


def _inflated(data: bytes, path: Path) -> bytes:
    """A compressed text, of which no more is unpacked than a provenance may have."""
    try:
        return zlib.decompressobj().decompress(data, JSON_CHARACTERS_MAX + 1)
    except zlib.error as error:
        raise OutputError(f"{path} is damaged: its provenance cannot be unpacked") from error


def _from_webp(data: bytes, path: Path) -> str | None:
    for kind, body in _webp_chunks(data, path):
        if kind == b"VP8X":
            if len(body) < 10:
                raise _cut_short(path)
            width, height = int.from_bytes(body[4:7], "little"), int.from_bytes(body[7:10], "little")
            _check_size(path, width + 1, height + 1)
        if kind == b"XMP ":
            return _in_packet(body, path)
    return None


def _from_avif(data: bytes, path: Path) -> str | None:
    try:
        facts = avif_facts(data)
    except Damaged as error:
        raise _cut_short(path) from error
    _check_size(path, facts.width, facts.height)
    return None if facts.xmp is None else _in_packet(facts.xmp, path)


def _in_packet(packet: bytes, path: Path) -> str | None:
    _, opened, rest = _decoded(packet, path).partition(f"<{XMP_TAG}>")
    found, closed, _ = rest.partition(f"</{XMP_TAG}>")
    return unescape(found) if opened and closed else None


def _webp_chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    (size,) = _unpacked("<I", data[4:8], path)
    end, at = size + 8, 12
    if end > len(data):
        raise _cut_short(path)
    for _ in range(CHUNKS_MAX):
        if at >= end:
            return
        (length,) = _unpacked("<I", data[at + 4 : at + 8], path)
        if at + 8 + length > end:
            raise _cut_short(path)
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise OutputError(f"{path} is damaged: it has more than {CHUNKS_MAX} chunks")


def _unpacked(form: str, data: bytes, path: Path) -> tuple[int, ...]:
    if len(data) < struct.calcsize(form):
        raise _cut_short(path)
    return struct.unpack_from(form, data)


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > PIXELS_MAX:
        raise OutputError(
            f"{path} claims to be {width}x{height} pixels, more than the {PIXELS_MAX:,} that are read"
        )


def _decoded(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise OutputError(f"{path} is damaged: its provenance is not UTF-8 text") from error


def _cut_short(path: Path) -> OutputError:
    return OutputError(f"{path} is damaged: it is cut short")
