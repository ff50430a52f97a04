"""Signed URLs of the service's own: who holds one may read or write one object until it expires. Knows no HTTP and no store."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlencode

from darkroom.core.errors import NotAllowed, Refused
from darkroom.storage.objects.keys import blob_key, checked_readable, checked_staging

PURPOSE = (
    "darkroom files 1"  # keeps a signature from being good for anything else that is signed with the secret
)
FILENAME_MAX_CHARACTERS = 200
READ, WRITE = "GET", "PUT"

MEDIA_TYPE = re.compile(r"[a-z]{1,40}/[a-z0-9][a-z0-9.+-]{0,80}")


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a valid URL allows: `method` (GET or PUT) on one key, with this media type, under this file name ("" for none)."""

    method: str
    key: str
    media_type: str
    filename: str
    expires_at_s: int


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs and verifies URLs `{base_url}/files/{key}?...` by HMAC-SHA256. Every process of an install shares the secret.

    Readers get the whole URL. Workers, who write and read what is staged and read what they draw with, may reach the
    gateway at an address of their own: they get `/files/{key}?...`. No signature depends on the address.
    """

    secret: bytes = field(repr=False)
    base_url: str

    def read_url(self, key: str, *, expires_at: datetime, media_type: str, filename: str = "") -> str:
        """Refused for a staged key: nobody reads what has no verdict yet."""
        path = self._path(READ, checked_readable(key), expires_at, media_type, checked_filename(filename))
        return f"{self.base_url.rstrip('/')}{path}"

    def write_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        """A path with its query. Refused for a key that is not staged."""
        return self._path(WRITE, checked_staging(key), expires_at, media_type, "")

    def staged_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        """A path with its query, for workers. Refused for a key that is not staged."""
        return self._path(READ, checked_staging(key), expires_at, media_type, "")

    def lent_url(self, digest: str, *, expires_at: datetime, media_type: str) -> str:
        """A path with its query, for workers, to the content of that sha256. Refused for what is none."""
        return self._path(READ, blob_key(digest), expires_at, media_type, "")

    def verify(self, method: str, key: str, query: Mapping[str, str], *, now: datetime) -> Link:
        """What the URL of a request allows. Raises NotAllowed: `link_invalid` for a forged one, `link_expired` for an old one."""
        link = Link(
            method=method,
            key=key,
            media_type=query.get("type", ""),
            filename=query.get("name", ""),
            expires_at_s=_seconds(query.get("expires", "")),
        )
        given = query.get("signature", "").encode("utf-8", "surrogatepass")
        genuine = hmac.compare_digest(self._signature(link).encode(), given)
        if not genuine or query.get("method") != method:
            raise NotAllowed(
                "this link is not valid", code="link_invalid", hint="use a link exactly as it was given"
            )
        if link.expires_at_s <= now.timestamp():
            raise NotAllowed("this link has expired", code="link_expired", hint="ask for a new link")
        return link

    def _path(self, method: str, key: str, expires_at: datetime, media_type: str, filename: str) -> str:
        link = Link(
            method=method,
            key=key,
            media_type=checked_media_type(media_type),
            filename=filename,
            expires_at_s=int(expires_at.timestamp()),
        )
        query = {
            "expires": str(link.expires_at_s),
            "method": method,
            "name": filename,
            "signature": self._signature(link),
            "type": media_type,
        }
        return f"/files/{quote(key)}?{urlencode(query)}"

    def _signature(self, link: Link) -> str:
        fields = [PURPOSE, link.method, link.key, link.expires_at_s, link.media_type, link.filename]
        return hmac.digest(self.secret, json.dumps(fields).encode(), "sha256").hex()


def checked_media_type(media_type: str) -> str:
    """The media type, where it can stand in a header. Refused (`media_type_invalid`) where not."""
    if not MEDIA_TYPE.fullmatch(media_type):
        raise Refused(
            f"{media_type[:80]!r} is not a media type",
            code="media_type_invalid",
            hint="write it like image/png",
            field="media_type",
        )
    return media_type


def checked_filename(filename: str) -> str:
    """A file name of one line. Refused (`filename_invalid`) where it is too long or could break a header."""
    if len(filename) > FILENAME_MAX_CHARACTERS or not (filename == "" or filename.isprintable()):
        raise Refused(
            "this cannot be the name of a download",
            code="filename_invalid",
            hint=f"a name has at most {FILENAME_MAX_CHARACTERS} printable characters",
            field="filename",
        )
    return filename


def disposition(filename: str) -> str:
    """The value of Content-Disposition (RFC 6266) that makes a download of that name, in any script."""
    plain = "".join(c if c.isascii() and c not in '"\\%/' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _seconds(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0
