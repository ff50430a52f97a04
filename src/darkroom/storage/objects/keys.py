"""What objects are called, and what they may not be called. Knows no store.

Keys are `staging/<job>/<fence>/<name>` until a verdict is stored, then `blobs/<2 hex>/<sha256>`. Looks at unfinished
pictures that a verdict let pass are `previews/<job>/<number>.webp`; they are swept like what is staged.
"""

from __future__ import annotations

import re

from darkroom.core.errors import Refused

KEY_MAX_CHARACTERS = 512
SEGMENT_MAX_CHARACTERS = 128
SEGMENTS_MAX = 8
STAGING = "staging/"
BLOBS = "blobs/"
PREVIEWS = "previews/"
INCOMING = "incoming/"  # what a folder is still receiving; never a key from outside

SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DIGEST = re.compile(r"[0-9a-f]{64}")


def checked_key(key: str) -> str:
    """The key, where it is one. Raises Refused (`key_invalid`) for anything that could leave the store or its areas."""
    segments = key.split("/")
    if len(key) > KEY_MAX_CHARACTERS or len(segments) > SEGMENTS_MAX:
        raise _invalid(
            key, f"a key has at most {KEY_MAX_CHARACTERS} characters and {SEGMENTS_MAX} parts between slashes"
        )
    if not key.startswith((STAGING, BLOBS, PREVIEWS)):
        raise _invalid(key, f"a key begins with {STAGING}, {BLOBS} or {PREVIEWS}")
    for segment in segments:
        if len(segment) > SEGMENT_MAX_CHARACTERS or not SEGMENT.fullmatch(segment):
            raise _invalid(
                key,
                f"each part is 1 to {SEGMENT_MAX_CHARACTERS} of the characters A-Z a-z 0-9 . _ - and begins with a letter or digit",
            )
    return key


def checked_staging(key: str) -> str:
    """The key, where it is one that may be written from outside. Refused for blobs: they are only ever adopted."""
    if not checked_key(key).startswith(STAGING):
        raise _invalid(key, f"only keys under {STAGING} may be written")
    return key


def checked_readable(key: str) -> str:
    """The key, where it is one that may be read from outside. Refused while no verdict is stored for it."""
    if digest_of(checked_key(key)) is None and not key.startswith(PREVIEWS):
        raise _invalid(key, f"only keys like {BLOBS}ab/<sha256> and {PREVIEWS}... may be read")
    return key


def blob_key(digest: str) -> str:
    """Where content of that sha256 (64 lower-case hexadecimal digits) is kept."""
    if not DIGEST.fullmatch(digest):
        raise _invalid(digest, "a digest is the sha256 in 64 lower-case hexadecimal digits")
    return f"{BLOBS}{digest[:2]}/{digest}"


def digest_of(key: str) -> str | None:
    """The sha256 of what a key holds; None for a key that does not say."""
    digest = key.rpartition("/")[2]
    return digest if DIGEST.fullmatch(digest) and key == blob_key(digest) else None


def folder_of(prefix: str) -> str:
    """A prefix as a whole folder, so that `staging/a` never means `staging/ab` as well; "" is everything."""
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def _invalid(key: str, hint: str) -> Refused:
    return Refused(f"{key[:80]!r} cannot be the key of an object", code="key_invalid", hint=hint, field="key")
