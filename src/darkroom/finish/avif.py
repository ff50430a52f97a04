"""The boxes of an AVIF file, as far as its size and its XMP packet ask for. Trusts nothing and decodes no pixel.

Source: ISO/IEC 14496-12, sections 4.2 (boxes) and 8.11 (meta, iloc, iinf); ISO/IEC 23008-12, section 6.5.3 (ispe).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

AVIF_BRANDS = (b"avif", b"avis")
XMP_TYPE = b"application/rdf+xml"
BOXES_MAX = 1000
WIDE_HEADER_BYTES = 16  # a box whose size takes 8 bytes


class Damaged(Exception):
    """The file is not built as it says."""


@dataclass(frozen=True, kw_only=True)
class AvifFacts:
    """The largest size that the file claims, in pixels, and its XMP packet, None where it has none."""

    width: int
    height: int
    xmp: bytes | None


def is_avif(data: bytes) -> bool:
    """Whether the bytes begin like an AVIF file."""
    return data[4:8] == b"ftyp" and data[8:12] in AVIF_BRANDS


def avif_facts(data: bytes) -> AvifFacts:
    """Raises Damaged where a box is cut short or says what cannot be."""
    try:
        top = dict(_boxes(data))
        meta = dict(_boxes(top.get(b"meta", b"")[4:]))
        sizes = [
            struct.unpack_from(">II", body, 4)
            for kind, body in _boxes(dict(_boxes(meta.get(b"iprp", b""))).get(b"ipco", b""))
            if kind == b"ispe"
        ]
        width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
        item = _xmp_item(meta.get(b"iinf", b""))
        places = _places(meta[b"iloc"]) if b"iloc" in meta else {}
    except struct.error as error:
        raise Damaged from error
    start, length = places.get(item, (0, 0)) if item is not None else (0, 0)
    if start + length > len(data):
        raise Damaged
    return AvifFacts(width=width, height=height, xmp=data[start : start + length] if length else None)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of the boxes that lie one after the other."""
    at = 0
    for _ in range(BOXES_MAX):
        if at == len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, at + 8), WIDE_HEADER_BYTES
        elif size == 0:  # up to the end
            size = len(data) - at
        if size < header or at + size > len(data):
            raise Damaged
        yield kind, data[at + header : at + size]
        at += size
    raise Damaged


def _xmp_item(iinf: bytes) -> int | None:
    """The number of the item that is an XMP packet. Entries of version 2, which is what writers of AVIF write."""
    for kind, body in _boxes(iinf[6:] if iinf[:1] == b"\0" else iinf[8:]):
        if kind == b"infe" and body[:1] == b"\2":
            (number,) = struct.unpack_from(">H", body, 4)
            fields = body[12:].split(b"\0")
            if body[8:12] == b"mime" and XMP_TYPE in fields[1:2]:
                return int(number)
    return None


def _places(iloc: bytes) -> dict[int, tuple[int, int]]:
    """Where items of one extent lie in the file: number -> (start, length). Versions 0 and 1, 4-byte offsets."""
    version, widths, _, count = struct.unpack_from(">B3xBBH", iloc)
    if version > 1 or widths != 0x44:
        return {}
    places, at = {}, 8
    for _ in range(count):
        (number,) = struct.unpack_from(">H", iloc, at)
        at += 4 if version == 0 else 6  # the number, the construction method, the data reference
        base_bytes = iloc[5] >> 4
        base = int.from_bytes(iloc[at : at + base_bytes], "big")
        (extents,) = struct.unpack_from(">H", iloc, at + base_bytes)
        at += base_bytes + 2
        start, length = struct.unpack_from(">II", iloc, at) if extents else (0, 0)
        at += 8 * extents
        places[int(number)] = (base + start, length)
    return places
