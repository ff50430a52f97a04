"""Where objects are kept, from one line of settings: a folder, or `s3://bucket/prefix`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from darkroom.core.errors import StoreUnavailable
from darkroom.storage.objects.folder import FolderObjects
from darkroom.storage.objects.presign import Credentials
from darkroom.storage.objects.s3 import Bucket, S3Objects
from darkroom.storage.objects.seam import ObjectStore

S3_SCHEME = "s3://"
REGION = "us-east-1"
PREFIX = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/)*")
# Parameter of the URL -> the environment variables that stand in for it, the first that is set.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "public_endpoint": (),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "access_key_id": ("AWS_ACCESS_KEY_ID",),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
}


def open_objects(
    location: str | Path, *, secret: bytes, base_url: str, environ: Mapping[str, str] = os.environ
) -> ObjectStore:
    """The objects of a folder, which is made when first used, or of `s3://bucket/prefix?endpoint=...&region=...`.

    `secret` signs the URLs of a folder, `base_url` is where readers reach the gateway; a bucket signs its own. Raises
    StoreUnavailable for a location that cannot be one; talks to nobody.
    """
    if not str(location).startswith(S3_SCHEME):
        return FolderObjects(Path(location).expanduser().absolute(), secret=secret, base_url=base_url)
    return S3Objects(bucket_of(str(location), environ))


def bucket_of(url: str, environ: Mapping[str, str]) -> Bucket:
    """The bucket that a URL and the environment name together; what the URL says wins."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
    unknown = sorted(set(asked) - set(OPTIONS))
    if unknown or not parts.netloc or not PREFIX.fullmatch(prefix):
        raise StoreUnavailable(
            f"{url.partition('?')[0]} is not a place for objects"
            f"{': it does not know ' + ', '.join(unknown) if unknown else ''}; "
            f"write it like s3://bucket/prefix?endpoint=https://host&region={REGION}"
        )
    found = {name: asked.get(name) or _first(environ, names) for name, names in OPTIONS.items()}
    key_id, secret, token = (found[name] for name in ("access_key_id", "secret_access_key", "session_token"))
    return Bucket(
        name=parts.netloc,
        prefix=prefix,
        region=found["region"] or REGION,
        endpoint=found["endpoint"],
        public_endpoint=found["public_endpoint"],
        credentials=Credentials(key_id=key_id, secret=secret, token=token) if key_id and secret else None,
    )


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
