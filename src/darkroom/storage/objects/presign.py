"""URLs that an S3 server signs off by itself: AWS Signature Version 4 in the query string. Knows no client and no bucket policy.

Own code, because the client's signing cannot bind a media type or a file name to the URL.
Source: Amazon S3 API reference, "Authenticating requests: using query parameters".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
EXPIRES_MAX_S = 7 * 24 * 3600  # the protocol's own limit


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Keys of an S3 account; `token` is "" unless they are temporary."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


def presigned(
    method: str,
    url: str,
    *,
    credentials: Credentials,
    region: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    expires_at: datetime,
    now: datetime,
) -> str:
    """`url` (without a query) with a signature that is good until `expires_at`, at most 7 days from now.

    Who uses it must send just these `headers` (lower-case names); `query` is what the server is asked on top.
    """
    moment = min(now, expires_at - timedelta(seconds=1)).astimezone(UTC)  # one in the past is signed as such
    stamp, scope = f"{moment:%Y%m%dT%H%M%SZ}", f"{moment:%Y%m%d}/{region}/s3/aws4_request"
    parts = urlsplit(url)
    signed = {"host": parts.netloc, **headers}
    names = ";".join(sorted(signed))
    asked = {
        **query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.key_id}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(min(int((expires_at - moment).total_seconds()), EXPIRES_MAX_S)),
        "X-Amz-SignedHeaders": names,
        **({"X-Amz-Security-Token": credentials.token} if credentials.token else {}),
    }
    encoded = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(asked.items()))
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(signed.items()))
    request = "\n".join([method, parts.path, encoded, lines, names, "UNSIGNED-PAYLOAD"])
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.digest(_signing_key(credentials.secret, scope), text.encode(), "sha256").hex()
    return f"{url}?{encoded}&X-Amz-Signature={signature}"


def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
