"""What every object store must do, whatever it keeps its bytes in. A test class inherits this and brings `objects` and `visit`.

`visit(method, url, headers, content)` uses a signed URL as its holder would and returns the status, the headers and the body.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from darkroom.core.errors import NotFound, OutputError, Refused
from darkroom.core.images import ImageFile, Variant
from darkroom.storage.objects import ObjectStore, sweep_staging

Visit = Callable[[str, str, Mapping[str, str], bytes], Awaitable[tuple[int, Mapping[str, str], bytes]]]

PNG = "image/png"
BYTES = b"the bytes of a picture" * 1000
DIGEST = hashlib.sha256(BYTES).hexdigest()
BLOB = f"blobs/{DIGEST[:2]}/{DIGEST}"
JOB = "staging/0198c0de-0000-7000-8000-00000000000"
PREVIEW = "previews/0198c0de-0000-7000-8000-000000000001/3.webp"
STAGED = f"{JOB}1/1/1.png"


def file_of(data: bytes, **changed: object) -> ImageFile:
    fields = {"digest": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), **changed}
    return ImageFile(variant=Variant.PNG, media_type=PNG, width=8, height=6, **fields)  # type: ignore[arg-type]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


async def keys_of(objects: ObjectStore, prefix: str = "") -> list[str]:
    return sorted([key async for key in objects.keys(prefix)])


class ObjectsContract:
    async def test_what_is_put_is_got(self, objects: ObjectStore) -> None:
        await objects.put(STAGED, b"first", media_type=PNG)
        await objects.put(STAGED, BYTES, media_type=PNG)
        await objects.put(f"{JOB}1/1/empty", b"", media_type=PNG)
        assert await objects.get(STAGED) == BYTES
        assert await objects.get(f"{JOB}1/1/empty") == b""

    @pytest.mark.parametrize("key", [STAGED, BLOB, f"{STAGED}/below"])
    async def test_what_is_not_there_is_not_found(self, objects: ObjectStore, key: str) -> None:
        if key != STAGED:
            await objects.put(STAGED, BYTES, media_type=PNG)
        with pytest.raises(NotFound, match="no object"):
            await objects.get(key)

    @pytest.mark.parametrize(
        "key",
        [
            "", "staging", "staging/", "staging//x", "/staging/x", "staging/../x", "staging/./x", "staging/.x",
            "other/x", "incoming/x", "staging/a b", "staging/ä", "staging/a\\b", "staging/a\0b", "staging/a\n",
            "staging/a?b", "staging/%2e%2e", "staging/" + "x" * 129, "staging/" + "x/" * 300 + "x",
        ],
    )  # fmt: skip
    async def test_keys_that_are_none(self, objects: ObjectStore, key: str) -> None:
        attempts = [
            objects.put(key, b"", media_type=PNG),
            objects.get(key),
            objects.adopt(key, file=file_of(b"")),
            objects.delete([key] if not key.startswith("incoming") else [""]),
            objects.read_url(key, expires_at=soon(), media_type=PNG),
            objects.write_url(key, expires_at=soon(), media_type=PNG),
        ]
        for attempt in attempts:
            with pytest.raises(Refused) as caught:
                await attempt
            assert caught.value.code == "key_invalid"
        assert await keys_of(objects) == []

    async def test_adopting_moves_to_the_content_address_and_again_is_fine(
        self, objects: ObjectStore
    ) -> None:
        await objects.put(STAGED, BYTES, media_type=PNG)
        assert await objects.adopt(STAGED, file=file_of(BYTES)) == BLOB
        assert await keys_of(objects) == [BLOB]
        assert await objects.adopt(STAGED, file=file_of(BYTES)) == BLOB
        assert await objects.get(BLOB) == BYTES

    async def test_the_same_content_is_kept_once(self, objects: ObjectStore) -> None:
        staged = [f"{JOB}{i}/1/1.png" for i in range(4)]
        for key in staged:
            await objects.put(key, BYTES, media_type=PNG)
        found = await asyncio.gather(*(objects.adopt(key, file=file_of(BYTES)) for key in staged * 2))
        assert set(found) == {BLOB}
        assert await keys_of(objects) == [BLOB]

    @pytest.mark.parametrize("lie", [{"size_bytes": 3}, {"digest": "ab" * 32}])
    async def test_other_bytes_than_reported_are_refused(
        self, objects: ObjectStore, lie: dict[str, object]
    ) -> None:
        await objects.put(STAGED, BYTES, media_type=PNG)
        with pytest.raises(OutputError, match="upload it again"):
            await objects.adopt(STAGED, file=file_of(BYTES, **lie))
        assert await keys_of(objects) == [STAGED]

    async def test_a_blob_is_never_overwritten(self, objects: ObjectStore) -> None:
        """Nor does knowing a digest show its bytes to be one's own."""
        await objects.put(STAGED, BYTES, media_type=PNG)
        await objects.adopt(STAGED, file=file_of(BYTES))
        await objects.put(STAGED, b"x" * len(BYTES), media_type=PNG)
        with pytest.raises(OutputError):
            await objects.adopt(STAGED, file=file_of(BYTES))
        assert await objects.get(BLOB) == BYTES

    async def test_adopting_what_was_never_staged(self, objects: ObjectStore) -> None:
        with pytest.raises(NotFound):
            await objects.adopt(STAGED, file=file_of(BYTES))
        with pytest.raises(Refused, match="cannot be the key"):
            await objects.adopt(STAGED, file=file_of(BYTES, digest="../../etc"))

    async def test_only_staged_objects_are_adopted_and_written(self, objects: ObjectStore) -> None:
        with pytest.raises(Refused, match="cannot be the key"):
            await objects.adopt(BLOB, file=file_of(BYTES))
        with pytest.raises(Refused, match="cannot be the key"):
            await objects.write_url(BLOB, expires_at=soon(), media_type=PNG)

    async def test_nothing_is_read_before_it_is_adopted(self, objects: ObjectStore) -> None:
        for key in (STAGED, "blobs/ab/short", f"blobs/zz/{DIGEST}"):
            with pytest.raises(Refused, match="cannot be the key"):
                await objects.read_url(key, expires_at=soon(), media_type=PNG)

    async def test_a_worker_reads_what_another_staged(self, objects: ObjectStore, visit: Visit) -> None:
        await objects.put(STAGED, BYTES, media_type="application/octet-stream")
        how = {"expires_at": soon(), "media_type": "application/octet-stream"}
        url = await objects.staged_url(STAGED, **how)
        status, _, body = await visit("GET", url, {}, b"")
        assert (status, body) == (200, BYTES)
        for method, place in (("PUT", url), ("GET", url.replace(STAGED, f"{JOB}9/1/1.png"))):
            status, _, body = await visit(method, place, {"content-type": "application/octet-stream"}, b"x")
            assert status in (403, 404) and BYTES not in body
        for key in (BLOB, PREVIEW):
            with pytest.raises(Refused, match="cannot be the key"):
                await objects.staged_url(key, **how)

    async def test_a_worker_reads_what_it_draws_with_and_nothing_else(
        self, objects: ObjectStore, visit: Visit
    ) -> None:
        await objects.put(BLOB, BYTES, media_type=PNG)
        url = await objects.lent_url(DIGEST, expires_at=soon(), media_type=PNG)
        status, _, body = await visit("GET", url, {}, b"")
        assert (status, body) == (200, BYTES)
        for method, place in (("PUT", url), ("GET", url.replace(DIGEST, "0" * 64))):
            status, _, body = await visit(method, place, {"content-type": PNG}, b"x")
            assert status in (403, 404) and BYTES not in body
        for digest in ("", STAGED, "../../etc", DIGEST.upper()):
            with pytest.raises(Refused, match="cannot be the key"):
                await objects.lent_url(digest, expires_at=soon(), media_type=PNG)

    async def test_keys_of_a_folder(self, objects: ObjectStore) -> None:
        staged = [f"{JOB}1/1/1.png", f"{JOB}1/2/1.png", f"{JOB}2/1/1.png", f"{JOB}2/10/1.png"]
        for key in [*staged, BLOB]:
            await objects.put(key, BYTES, media_type=PNG)
        assert await keys_of(objects, "") == [BLOB, *staged]
        assert await keys_of(objects, "staging") == staged
        assert await keys_of(objects, f"{JOB}2/1") == staged[2:3]
        assert await keys_of(objects, f"{JOB}3/") == []

    async def test_deleting(self, objects: ObjectStore) -> None:
        for key in (STAGED, BLOB):
            await objects.put(key, BYTES, media_type=PNG)
        await objects.delete([STAGED, f"{JOB}7/1/absent"])
        await objects.delete([STAGED])
        await objects.delete([])
        assert await keys_of(objects) == [BLOB]

    async def test_sweeping_takes_what_is_old_and_staged(self, objects: ObjectStore) -> None:
        for key in (STAGED, BLOB):
            await objects.put(key, BYTES, media_type=PNG)
        now, day = datetime.now(UTC), timedelta(hours=24)
        assert await sweep_staging(objects, older_than=day, now=now) == 0
        assert await sweep_staging(objects, older_than=day, now=now + 2 * day) == 1
        assert await keys_of(objects) == [BLOB]

    async def test_previews_are_read_but_not_written_from_outside_and_swept(
        self, objects: ObjectStore, visit: Visit
    ) -> None:
        await objects.put(PREVIEW, BYTES, media_type="image/webp")
        url = await objects.read_url(PREVIEW, expires_at=soon(), media_type="image/webp")
        status, headers, body = await visit("GET", url, {}, b"")
        assert (status, headers["content-type"], body) == (200, "image/webp", BYTES)
        with pytest.raises(Refused):
            await objects.write_url(PREVIEW, expires_at=soon(), media_type="image/webp")
        later = datetime.now(UTC) + timedelta(days=2)
        assert await sweep_staging(objects, older_than=timedelta(days=1), now=later) == 1
        assert await keys_of(objects) == []

    async def test_a_listing_tells_sizes(self, objects: ObjectStore) -> None:
        await objects.put(STAGED, BYTES, media_type=PNG)
        (found,) = [stored async for stored in objects.listing("staging/")]
        assert (found.key, found.size_bytes) == (STAGED, len(BYTES))
        assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=1)

    async def test_a_write_url_stores(self, objects: ObjectStore, visit: Visit) -> None:
        url = await objects.write_url(STAGED, expires_at=soon(), media_type=PNG)
        status, _, _ = await visit("PUT", url, {"content-type": PNG}, BYTES)
        assert status in (200, 204)
        assert await objects.get(STAGED) == BYTES
        assert await objects.adopt(STAGED, file=file_of(BYTES)) == BLOB

    async def test_a_read_url_reads_with_the_signed_type_and_name(
        self, objects: ObjectStore, visit: Visit
    ) -> None:
        await objects.put(BLOB, BYTES, media_type="text/plain")
        plain = await objects.read_url(BLOB, expires_at=soon(), media_type=PNG)
        status, headers, body = await visit("GET", plain, {}, b"")
        assert (status, headers["content-type"], body) == (200, PNG, BYTES)
        assert "content-disposition" not in headers
        named = await objects.read_url(BLOB, expires_at=soon(), media_type=PNG, filename='狐 "a".png')
        status, headers, body = await visit("GET", named, {}, b"")
        assert (status, body) == (200, BYTES)
        assert headers["content-disposition"].startswith("attachment; filename=")
        assert "filename*=UTF-8''%E7%8B%90%20%22a%22.png" in headers["content-disposition"]

    async def test_a_url_is_good_for_one_method_key_and_type(
        self, objects: ObjectStore, visit: Visit
    ) -> None:
        await objects.put(BLOB, BYTES, media_type=PNG)
        reading = await objects.read_url(BLOB, expires_at=soon(), media_type=PNG)
        writing = await objects.write_url(STAGED, expires_at=soon(), media_type=PNG)
        elsewhere = f"{JOB}9/1/1.png"
        forged = [
            ("PUT", reading, PNG),
            ("GET", writing, PNG),
            ("PUT", writing.replace(STAGED, elsewhere), PNG),
            ("PUT", writing, "text/html"),
            ("GET", reading.replace("image%2Fpng", "text%2Fhtml"), PNG),
            ("GET", f"{reading[:-3]}abc", PNG),
            ("GET", urlsplit(reading)._replace(query="").geturl(), PNG),
        ]
        for method, url, media_type in forged:
            status, _, body = await visit(method, url, {"content-type": media_type}, b"forged")
            assert status in (403, 404, 415), (method, url)
            assert BYTES not in body
        assert await keys_of(objects) == [BLOB]
        assert await objects.get(BLOB) == BYTES

    async def test_urls_expire(self, objects: ObjectStore, visit: Visit) -> None:
        await objects.put(BLOB, BYTES, media_type=PNG)
        past = datetime.now(UTC) - timedelta(seconds=2)
        reading = await objects.read_url(BLOB, expires_at=past, media_type=PNG)
        writing = await objects.write_url(STAGED, expires_at=past, media_type=PNG)
        assert (await visit("GET", reading, {}, b""))[0] == 403
        assert (await visit("PUT", writing, {"content-type": PNG}, BYTES))[0] == 403
        assert await keys_of(objects) == [BLOB]

    @pytest.mark.parametrize("media_type", ["", "png", "image/png\r\nx: y", "text/html; charset=x", "*/*"])
    async def test_media_types_that_are_none(self, objects: ObjectStore, media_type: str) -> None:
        for signed in (
            objects.read_url(BLOB, expires_at=soon(), media_type=media_type),
            objects.write_url(STAGED, expires_at=soon(), media_type=media_type),
        ):
            with pytest.raises(Refused) as caught:
                await signed
            assert caught.value.code == "media_type_invalid"

    @pytest.mark.parametrize("filename", ["a\nb", "a\0", "x" * 201])
    async def test_file_names_that_are_none(self, objects: ObjectStore, filename: str) -> None:
        with pytest.raises(Refused) as caught:
            await objects.read_url(BLOB, expires_at=soon(), media_type=PNG, filename=filename)
        assert caught.value.code == "filename_invalid"
