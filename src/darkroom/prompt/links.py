"""Image links: http(s) URLs and `upload:<id>`. Checks their form only; whether one may be fetched is decided elsewhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from darkroom.core.errors import PromptError
from darkroom.prompt.faults import fault, shown
from darkroom.prompt.source import Text

LINK_MAX = 2_000  # characters
FORMATS = ("png", "jpg", "jpeg", "webp", "gif")

_LINK = re.compile(r"[a-z][a-z0-9+.\-]*://|upload:\S|data:image/", re.IGNORECASE)
_UPLOAD = re.compile(r"upload:[A-Za-z0-9_-]{1,64}", re.IGNORECASE)
_EXTENSION = re.compile(r"\.([A-Za-z][A-Za-z0-9]{1,4})$")
_NEVER_IN_LINKS = re.compile(r'["“”<>\\^`{|}]|[,;]$')
_WEIGHT = re.compile(r"::[-+.0-9]*$")
_FORMATS_HINT = f"Use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."


def is_link(word: Text) -> bool:
    """Whether a word is meant as a link, right or wrong."""
    return _LINK.match(word.mask) is not None


def read_link(word: Text) -> str:
    """The link in a word. PromptError (invalid_link) that says what is wrong with it."""
    link = word.chars
    if _WEIGHT.search(link):
        raise _wrong(word, "has a weight, and only style references have one", "Image prompts share --iw.")
    if _UPLOAD.fullmatch(link):
        return "upload:" + link.partition(":")[2]
    if link.lower().startswith("upload:"):
        raise _wrong(word, "is not an upload's id", "Ids are letters, digits, _ and -: upload:ab12.")
    if not link.lower().startswith(("http://", "https://")):
        raise _wrong(word, "is not a link to an image", "Use an http:// or https:// address, or upload:ID.")
    if len(link) > LINK_MAX:
        raise _wrong(word, f"is longer than {LINK_MAX:,} characters", "Use a shorter address.")
    odd = _NEVER_IN_LINKS.search(link)
    if odd:
        raise _wrong(word, f"has a {odd[0]} in it", "Leave it away, or percent-encode it.")
    _check_address(word)
    return link


def _check_address(word: Text) -> None:
    try:
        address = urlsplit(word.chars)
        named = bool(address.hostname) and address.port != 0
    except ValueError:
        named = False
    if not named:
        raise _wrong(word, "names no host", "Write it as https://example.com/picture.png.")
    extension = _EXTENSION.search(address.path.rpartition("/")[2])
    if extension and extension[1].lower() not in FORMATS:
        raise _wrong(
            word,
            f"names a .{extension[1].lower()} file, which is not an image that can be read",
            _FORMATS_HINT,
        )


def _wrong(word: Text, what: str, hint: str) -> PromptError:
    return fault("invalid_link", f"{shown(word.chars)} {what}", at=word.at, hint=hint)
