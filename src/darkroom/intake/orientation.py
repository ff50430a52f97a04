"""Which way up a picture is held, from its EXIF block: the one field of it that we read (TIFF 6.0, section 2; tag 0x0112).

Never fails: a block that is damaged says nothing. Knows no file format.
"""

from __future__ import annotations

import struct

UPRIGHT = 1
ORIENTATION_TAG = 0x0112
SHORT = 3  # the TIFF type of 16 bits
ENTRY_BYTES = 12
ENTRIES_MAX = 512  # of the first directory; cameras write some twenty


def orientation_of(exif: bytes) -> int:
    """1 to 8 as EXIF counts them; 1 where the block does not say."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, directory)
        for number in range(min(entries, ENTRIES_MAX)):
            at = directory + 2 + number * ENTRY_BYTES
            tag, kind, count, value = struct.unpack_from(order + "HHIH", exif, at)
            if (tag, kind, count) == (ORIENTATION_TAG, SHORT, 1):
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:  # it ends too early
        return UPRIGHT
    return UPRIGHT
