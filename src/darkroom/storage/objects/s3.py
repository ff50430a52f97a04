"""Objects in a bucket of an S3 server, through obstore. Readers and workers talk to the server itself by presigned URLs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from darkroom.core.errors import StoreUnavailable
from darkroom.core.images import ImageFile
from darkroom.storage.objects.content import check_bytes, check_size, missing
from darkroom.storage.objects.keys import (
    blob_key,
    checked_key,
    checked_readable,
    checked_staging,
    folder_of,
)
from darkroom.storage.objects.links import checked_filename, checked_media_type, disposition
from darkroom.storage.objects.memory import system_clock
from darkroom.storage.objects.presign import Credentials, presigned
from darkroom.storage.objects.seam import Stored

if TYPE_CHECKING:
    from obstore.store import S3Config

RETRIES_MAX = 3
RETRY_TIMEOUT = timedelta(seconds=20)
CONNECT_TIMEOUT = timedelta(seconds=5)
REQUEST_TIMEOUT = timedelta(seconds=60)
DELETE_AT_ONCE = 500
NO_BUCKET = "NoSuchBucket"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Where a bucket is. `endpoint` is "" for Amazon's own; any other server is asked path-style.

    `public_endpoint` is the server as readers and workers reach it, where that differs. Without `credentials` the client
    finds those of the machine, and its own presigned URLs are used, which bind no media type and no file name.
    """

    name: str
    prefix: str = ""
    region: str = "us-east-1"
    endpoint: str = ""
    public_endpoint: str = ""
    credentials: Credentials | None = None

    def url(self, key: str) -> str:
        path = quote(f"{self.prefix}{key}")
        if endpoint := (self.public_endpoint or self.endpoint).rstrip("/"):
            return f"{endpoint}/{self.name}/{path}"
        return f"https://{self.name}.s3.{self.region}.amazonaws.com/{path}"


class S3Objects:
    """core.ports.Objects in a bucket that exists already. Opening it talks to nobody."""

    def __init__(self, bucket: Bucket, *, clock: Callable[[], datetime] = system_clock) -> None:
        self._bucket = bucket
        self._clock = clock
        self._store = _client(bucket)

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        with self._told(checked_key(key)):
            await obstore.put_async(
                self._store, self._path(key), data, attributes={"Content-Type": media_type}
            )

    async def get(self, key: str) -> bytes:
        with self._told(checked_key(key)):
            found = await obstore.get_async(self._store, self._path(key))
            return bytes(await found.bytes_async())

    async def adopt(self, staged_key: str, *, file: ImageFile) -> str:
        """Writes the very bytes that were compared instead of copying on the server: whoever still holds the staged
        object's URL could change it between the two."""
        key = blob_key(file.digest)
        data = await self._staged(checked_staging(staged_key), file)
        if data is None:
            if not await self._has(key):
                raise missing(staged_key)
            return key
        if not await self._has(key):
            await self.put(key, data, media_type=file.media_type)
        await self.delete([staged_key])
        return key

    async def delete(self, keys: Sequence[str]) -> None:
        paths = [self._path(checked_key(key)) for key in keys]
        for start in range(0, len(paths), DELETE_AT_ONCE):
            await self._delete(paths[start : start + DELETE_AT_ONCE])

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        async for stored in self.listing(prefix):
            yield stored.key

    async def listing(self, prefix: str) -> AsyncIterator[Stored]:
        with self._told(prefix):
            async for chunk in obstore.list(self._store, prefix=self._path(folder_of(prefix)) or None):
                for meta in chunk:
                    yield Stored(
                        key=meta["path"].removeprefix(self._bucket.prefix),
                        size_bytes=meta["size"],
                        modified_at=meta["last_modified"],
                    )

    async def read_url(self, key: str, *, expires_at: datetime, media_type: str, filename: str = "") -> str:
        query = {"response-content-type": checked_media_type(media_type)}
        if checked_filename(filename):
            query["response-content-disposition"] = disposition(filename)
        return await self._signed(
            "GET", checked_readable(key), expires_at=expires_at, headers={}, query=query
        )

    async def write_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        headers = {"content-type": checked_media_type(media_type)}
        return await self._signed(
            "PUT", checked_staging(key), expires_at=expires_at, headers=headers, query={}
        )

    async def staged_url(self, key: str, *, expires_at: datetime, media_type: str) -> str:
        query = {"response-content-type": checked_media_type(media_type)}
        return await self._signed("GET", checked_staging(key), expires_at=expires_at, headers={}, query=query)

    async def lent_url(self, digest: str, *, expires_at: datetime, media_type: str) -> str:
        query = {"response-content-type": checked_media_type(media_type)}
        return await self._signed("GET", blob_key(digest), expires_at=expires_at, headers={}, query=query)

    async def _signed(
        self, method: str, key: str, *, expires_at: datetime, headers: dict[str, str], query: dict[str, str]
    ) -> str:
        now, bucket = self._clock(), self._bucket
        if bucket.credentials is None:
            with self._told(key):
                lifetime = max(expires_at - now, timedelta(seconds=1))
                return await obstore.sign_async(
                    self._store, "GET" if method == "GET" else "PUT", self._path(key), lifetime
                )
        return presigned(
            method,
            bucket.url(key),
            credentials=bucket.credentials,
            region=bucket.region,
            headers=headers,
            query=query,
            expires_at=expires_at,
            now=now,
        )

    async def _staged(self, key: str, file: ImageFile) -> bytes | None:
        """The staged bytes, compared; None where they are not (or no longer) there."""
        with self._told(key):
            try:
                found = await obstore.get_async(self._store, self._path(key))
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise
                return None
            check_size(key, found.meta["size"], file)
            data = bytes(await found.bytes_async())
        check_bytes(key, data, file)
        return data

    async def _has(self, key: str) -> bool:
        with self._told(key):
            try:
                await obstore.head_async(self._store, self._path(key))
            except FileNotFoundError:
                return False
            return True

    async def _delete(self, paths: Sequence[str]) -> None:
        with self._told("the objects to delete"):
            try:
                await obstore.delete_async(self._store, paths)
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise

    def _path(self, key: str) -> str:
        return f"{self._bucket.prefix}{key}"

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """What the client says, as what the port promises."""
        try:
            yield
        except FileNotFoundError as error:
            if NO_BUCKET in str(error):
                raise StoreUnavailable(
                    f"the object store has no bucket {self._bucket.name}; create it"
                ) from error
            raise missing(key) from error
        except (BaseError, OSError) as error:
            where = self._bucket.endpoint or "Amazon S3"
            kind = type(error).__name__.removesuffix("Error").lower()
            raise StoreUnavailable(
                f"the object store at {where} did not do what it was asked ({kind}); nothing was lost, try again later"
            ) from error


def _client(bucket: Bucket) -> S3Store:
    config: S3Config = {
        "region": bucket.region,
        "virtual_hosted_style_request": not bucket.endpoint,
    }
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    if keys := bucket.credentials:
        config["access_key_id"], config["secret_access_key"] = keys.key_id, keys.secret
        if keys.token:
            config["session_token"] = keys.token
    return S3Store(
        bucket.name,
        config=config,
        client_options={
            "allow_http": bucket.endpoint.startswith("http://"),
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": REQUEST_TIMEOUT,
        },
        retry_config={"max_retries": RETRIES_MAX, "retry_timeout": RETRY_TIMEOUT},
    )
