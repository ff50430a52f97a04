"""The routes behind the signed URLs: the signature first, bytes as they are kept, nothing half written."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from darkroom.core.errors import NotFound
from darkroom.gateway.files import files_router
from darkroom.storage.objects import MemoryObjects, Served, blob_key, open_objects

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
BYTES = bytes(range(256)) * 4000  # more than one piece
DIGEST = "ab" * 32
BLOB = blob_key(DIGEST)
STAGED = "staging/job/1/1.png"
PNG = "image/png"
UPLOAD_MAX_BYTES = 2_000_000


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "folder"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    if request.param == "memory":
        return MemoryObjects(secret=b"s", base_url="http://studio.test")
    opened = open_objects(tmp_path / "objects", secret=b"s", base_url="http://studio.test")
    assert isinstance(opened, Served)
    return opened


@pytest.fixture
def app(objects: Served, clock: Clock) -> FastAPI:
    made = FastAPI()
    made.include_router(files_router(objects, upload_max_bytes=UPLOAD_MAX_BYTES, clock=clock))
    return made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    base_url = "http://loopback.test"  # of paths to write to; URLs to read are whole
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as opened:
        yield opened


async def reading(objects: Served, filename: str = "") -> str:
    await objects.put(BLOB, BYTES, media_type=PNG)
    return await objects.read_url(
        BLOB, expires_at=NOW + timedelta(minutes=10), media_type=PNG, filename=filename
    )


async def writing(objects: Served) -> str:
    return await objects.write_url(STAGED, expires_at=NOW + timedelta(minutes=10), media_type=PNG)


def code_of(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "hint", "field"}
    assert error["message"] and error["hint"] is not None
    assert answer.headers["x-content-type-options"] == "nosniff"
    return str(error["code"])


async def is_staged(objects: Served) -> bool:
    return [key async for key in objects.keys("staging/")] == [STAGED]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# -- reading ------------------------------------------------------------------------------------------------------


async def test_a_file_comes_with_its_headers(objects: Served, client: httpx.AsyncClient) -> None:
    answer = await client.get(await reading(objects))
    assert (answer.status_code, answer.content) == (200, BYTES)
    assert {name: answer.headers[name] for name in answer.headers} == {
        "content-type": PNG,
        "content-length": str(len(BYTES)),
        "accept-ranges": "bytes",
        "etag": f'"{DIGEST}"',
        "cache-control": "private, max-age=600, immutable",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }


async def test_head_is_get_without_a_body(objects: Served, client: httpx.AsyncClient) -> None:
    url = await reading(objects)
    head, get = await client.head(url), await client.get(url)
    assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)


async def test_a_download_has_a_name(objects: Served, client: httpx.AsyncClient) -> None:
    answer = await client.get(await reading(objects, 'a "fox"\\狐.png'))
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"a _fox___.png\"; filename*=UTF-8''a%20%22fox%22%5C%E7%8B%90.png"
    )


@pytest.mark.parametrize(
    ("known", "status"),
    [(f'"{DIGEST}"', 304), (f'"x", W/"{DIGEST}"', 304), ("*", 304), ('"x"', 200), (DIGEST, 200)],
)
async def test_who_has_the_file_gets_no_second(
    objects: Served, client: httpx.AsyncClient, known: str, status: int
) -> None:
    answer = await client.get(await reading(objects), headers={"If-None-Match": known})
    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else BYTES)
    assert answer.headers["etag"] == f'"{DIGEST}"'


SIZE = len(BYTES)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=300000-300000", 300_000, 300_001),
        ("bytes=1000-", 1000, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        ("bytes=5-99999999999", 5, SIZE),
    ],
)
async def test_a_range(objects: Served, client: httpx.AsyncClient, asked: str, start: int, stop: int) -> None:
    answer = await client.get(await reading(objects), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, BYTES[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=-"},
        {"Range": "bytes=9-1"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1", "If-Range": '"another"'},
    ],
)
async def test_other_ranges_get_the_whole(
    objects: Served, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.get(await reading(objects), headers=headers)
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0"])
async def test_a_range_beyond_the_end(objects: Served, client: httpx.AsyncClient, asked: str) -> None:
    answer = await client.get(await reading(objects), headers={"Range": asked})
    assert (answer.status_code, code_of(answer)) == (416, "range_invalid")


async def test_an_object_that_is_gone(objects: Served, client: httpx.AsyncClient) -> None:
    url = await reading(objects)
    await objects.delete([BLOB])
    answer = await client.get(url)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


# -- the signature ------------------------------------------------------------------------------------------------


async def test_links_end(objects: Served, client: httpx.AsyncClient, clock: Clock) -> None:
    urls = [("GET", await reading(objects)), ("PUT", await writing(objects))]
    clock.now = NOW + timedelta(minutes=10) - timedelta(seconds=1)
    assert (await client.get(urls[0][1])).headers["cache-control"] == "private, max-age=1, immutable"
    clock.now = NOW + timedelta(minutes=10)
    for method, url in urls:
        answer = await client.request(method, url, headers={"Content-Type": PNG})
        assert (answer.status_code, code_of(answer)) == (403, "link_expired")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expires", "99999999999"),
        ("expires", ""),
        ("expires", "1e9"),
        ("signature", ""),
        ("signature", "0" * 64),
        ("signature", "\ud800é"),
        ("type", "text/html"),
        ("name", "evil.exe"),
        ("method", "PUT"),
        ("method", ""),
    ],
)
async def test_a_changed_link_is_no_link(
    objects: Served, client: httpx.AsyncClient, name: str, value: str
) -> None:
    parts = urlsplit(await reading(objects))
    query = {**httpx.QueryParams(parts.query), name: value.encode("utf-8", "replace").decode()}
    answer = await client.get(f"http://studio.test{parts.path}", params=query)
    assert (answer.status_code, code_of(answer)) == (403, "link_invalid")


@pytest.mark.parametrize("path", ["", "blobs", "../../etc/passwd", "%2e%2e/x", "staging/x", "blobs/%00"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_without_a_signature_no_key_says_whether_it_exists(
    objects: Served, client: httpx.AsyncClient, path: str, method: str
) -> None:
    await objects.put("staging/x", b"", media_type=PNG)
    answer = await client.request(method, f"http://studio.test/files/{path}")
    assert answer.status_code in (403, 404)
    if answer.status_code == 403 and method != "HEAD":
        assert code_of(answer) == "link_invalid"
    assert answer.status_code == 403 or path.startswith("..")  # a client takes the dots out by itself


async def test_a_link_to_read_does_not_write_and_the_other_way_round(
    objects: Served, client: httpx.AsyncClient
) -> None:
    read, write = await reading(objects), await writing(objects)
    for method, url in (("PUT", read), ("GET", write), ("HEAD", write)):
        answer = await client.request(method, url, headers={"Content-Type": PNG}, content=b"")
        assert answer.status_code == 403, method
    for other in ("POST", "DELETE", "PATCH"):
        assert (await client.request(other, read)).status_code == 405
    assert await objects.get(BLOB) == BYTES
    assert not await is_staged(objects)


async def test_a_secret_of_another_install_signs_nothing_here(client: httpx.AsyncClient) -> None:
    stranger = MemoryObjects(secret=b"t", base_url="http://studio.test")
    assert (await client.get(await reading(stranger))).status_code == 403


# -- writing ------------------------------------------------------------------------------------------------------


async def test_an_upload_is_kept_whole(objects: Served, client: httpx.AsyncClient) -> None:
    url = await writing(objects)
    for data in (b"first", BYTES):
        answer = await client.put(url, headers={"Content-Type": PNG}, content=data)
        assert (answer.status_code, answer.content) == (204, b"")
        assert await objects.get(STAGED) == data


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/html"}, {"Content-Type": "image/png; a=b"}])
async def test_the_type_is_the_signed_one(
    objects: Served, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.put(await writing(objects), headers=headers, content=b"x")
    assert (answer.status_code, code_of(answer)) == (415, "media_type_mismatch")
    assert answer.json()["error"]["hint"] == "send the header Content-Type: image/png"
    assert not await is_staged(objects)


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize("declared", [True, False])
async def test_an_upload_has_a_limit(objects: Served, client: httpx.AsyncClient, declared: bool) -> None:
    url, headers = await writing(objects), {"Content-Type": PNG}
    content: Any = b"x" * (UPLOAD_MAX_BYTES + 1) if declared else pieces(3, UPLOAD_MAX_BYTES // 2)
    answer = await client.put(url, headers=headers, content=content)
    assert (answer.status_code, code_of(answer)) == (413, "too_large")
    assert not await is_staged(objects)
    answer = await client.put(url, headers=headers, content=pieces(2, UPLOAD_MAX_BYTES // 2))
    assert answer.status_code == 204


async def test_who_hangs_up_leaves_nothing(objects: Served, app: FastAPI, tmp_path: Path) -> None:
    url = urlsplit(await writing(objects))
    scope = {
        "type": "http",
        "method": "PUT",
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": [(b"content-type", PNG.encode())],
        "http_version": "1.1",
    }
    coming = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return next(coming)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert not await is_staged(objects)
    assert files_in(tmp_path) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """A real refusal by the kernel in the middle of a file: the limit on file size stands for the full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("objects", ["folder"], indirect=True)
@pytest.mark.usefixtures("small_files")
async def test_a_full_disk_is_said_and_leaves_nothing(
    objects: Served, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await client.put(await writing(objects), headers={"Content-Type": PNG}, content=BYTES)
    assert (answer.status_code, code_of(answer)) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "10"
    assert files_in(tmp_path) == []
    with pytest.raises(NotFound):
        await objects.get(STAGED)


async def test_a_file_of_no_bytes(objects: Served, client: httpx.AsyncClient) -> None:
    await client.put(await writing(objects), headers={"Content-Type": PNG}, content=b"")
    assert await objects.get(STAGED) == b""
    url = await reading(objects)
    await objects.put(BLOB, b"", media_type=PNG)
    answer = await client.get(url)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


def test_the_routes_do_without_numpy() -> None:
    script = "import sys, json, darkroom.gateway.files; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=os.environ)
    assert not {"numpy", "PIL", "torch", "onnxruntime"} & set(json.loads(found.stdout))
