"""Pictures that people bring along: a file, an address, an upload or an image, made into what the API takes.

Reads the file and sends it. Whether it is a picture, and which, the service finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli.ids import SEARCHED, is_whole, matching
from darkroom.cli.plain import plain
from darkroom.cli.pointing import LAST, find_image
from darkroom.core.errors import NotFound, Refused
from darkroom.core.params import IMAGES_PER_JOB
from darkroom.core.uploads import UploadKind

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

UPLOADS = "/api/v1/uploads"
FILE_MAX_BYTES = 256 * 1024 * 1024  # that are read at all; the service takes less
SCHEME = "upload:"
ADDRESSES = ("http://", "https://")


def bring(client: Client, text: str, kind: UploadKind = UploadKind.PICTURE) -> Object:
    """The upload that a file or an address becomes."""
    if text.startswith(ADDRESSES):
        if kind is UploadKind.MASK:
            raise Refused(
                "A mask is a file.", code="mask_invalid", hint="Fetch it first, then name the file."
            )
        return client.post(f"{UPLOADS}/fetch", {"url": text})
    path = Path(text)
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except OSError as fault:
        uploaded = "One that you uploaded is named upload:ID; `darkroom uploads --masks` lists them."
        hint = uploaded if kind is UploadKind.MASK else ""
        raise Refused(
            f"{plain(text)} cannot be read: {fault.strerror}", code="file_unreadable", hint=hint
        ) from fault
    if len(data) > FILE_MAX_BYTES:
        raise Refused(f"{text} is larger than {FILE_MAX_BYTES} bytes", code="too_large")
    return client.upload(UPLOADS, path.name, data, kind=kind.value)


def mask_id(client: Client, text: str) -> str:
    """The id of the mask that a person means; a file is uploaded for it."""
    if text.startswith(SCHEME) or is_whole(text):
        return find_upload(client, text, kinds=(UploadKind.MASK,))
    return str(bring(client, text, UploadKind.MASK)["id"])


def picture_id(client: Client, text: str) -> str:
    """The id of the upload or image that a person means; a file or an address is uploaded for it."""
    if text.startswith(SCHEME):
        return text.removeprefix(SCHEME)
    if text.startswith(ADDRESSES) or Path(text).is_file():
        return str(bring(client, text)["id"])
    return str(find_image(client, text)["id"])


def reference(client: Client, text: str) -> str:
    """How a prompt names a picture: an address as it is, which the service fetches, all else as `upload:ID`."""
    return text if text.startswith(ADDRESSES) else f"{SCHEME}{picture_id(client, text)}"


def find_upload(client: Client, text: str, *, kinds: Sequence[UploadKind] = tuple(UploadKind)) -> str:
    """The whole id of an upload of one of these kinds that is named by it or by one end of it; a whole one is taken unseen."""
    name = text.removeprefix(SCHEME)
    if is_whole(name):
        return name.lower()
    known = [
        each["id"]
        for kind in kinds
        for each in client.pages(UPLOADS, "uploads", most=SEARCHED, kind=kind.value)
    ]
    return matching(name, known, what=kinds[0].value if len(kinds) == 1 else "upload")


def is_file(text: str) -> bool:
    """Whether a person means a file or an address rather than an image: an image's number or `last` never is one."""
    if text == LAST or text in map(str, range(1, IMAGES_PER_JOB + 1)):
        return False
    return text.startswith(ADDRESSES) or Path(text).is_file()


def missing_file(text: str) -> NotFound:
    return NotFound(
        f"There is no file {text!r}.", hint="Give the path of a PNG, JPEG, WebP or GIF, or an address."
    )
