"""Objects in a bucket of a real S3 server keep the contract; their URLs are used against the server itself."""

import json
import os
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.contracts.objects_contract import BLOB, BYTES, PNG, STAGED, ObjectsContract, Visit, file_of, soon

from darkroom.core.errors import StoreUnavailable
from darkroom.gateway.files import files_router
from darkroom.storage.objects import ObjectStore, Served, location, open_objects
from darkroom.storage.objects.presign import Credentials, presigned
from darkroom.storage.objects.s3 import S3Objects

KEY_ID, SECRET_KEY = "darkroom-tests", "not-much-of-a-secret"
START_LIMIT_S = 60
OPTIONS = "master.port master.port.grpc volume.port volume.port.grpc filer.port filer.port.grpc s3.port s3.port.grpc"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SeaweedFS on loopback with one account; its endpoint."""
    folder = tmp_path_factory.mktemp("s3-server")
    (folder / "data").mkdir()
    account = {"accessKey": KEY_ID, "secretKey": SECRET_KEY}
    identity = {"name": "tests", "credentials": [account], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(OPTIONS.split(), free_ports(len(OPTIONS.split())), strict=True))
    command = [
        str(Path(sysconfig.get_path("scripts")) / "weed"), "-logtostderr=true", "server", "-s3",
        f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={folder / 's3.json'}",
        "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20", "-s3.port.iceberg=0",
        "-s3.port.lance=0", *(f"-{name}={port}" for name, port in ports.items()),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        wait_until_it_answers(process, endpoint, folder / "log")
        yield endpoint
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until_it_answers(process: "subprocess.Popen[bytes]", endpoint: str, log: Path) -> None:
    """Ready is who has made the bucket: the S3 door opens before there is room behind it."""
    credentials, last = Credentials(key_id=KEY_ID, secret=SECRET_KEY), ""
    deadline = time.monotonic() + START_LIMIT_S
    made: set[str] = set()
    with httpx.Client() as client:
        while made != {"bucket", "object"}:
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"{last}\n{log.read_text()[-3000:]}"
            name = "object" if "bucket" in made else "bucket"
            url = f"{endpoint}/pictures" + ("/ready" if name == "object" else "")
            signed = presigned(
                "PUT", url, credentials=credentials, region="us-east-1", headers={}, query={},
                expires_at=soon(), now=datetime.now(UTC),
            )  # fmt: skip
            try:
                answer = client.put(signed, content=b"x" if name == "object" else b"")
            except httpx.TransportError as error:
                last = str(error)
                time.sleep(0.05)
                continue
            last = answer.text
            if answer.is_success:
                made.add(name)


def bucket_url(server: str, prefix: str = "") -> str:
    return f"s3://pictures/{prefix}?endpoint={server}&access_key_id={KEY_ID}&secret_access_key={SECRET_KEY}"


@pytest.fixture
def objects(server: str, request: pytest.FixtureRequest) -> ObjectStore:
    """Each test has a prefix of its own, so that none sees what another left."""
    prefix = f"t{abs(hash(request.node.nodeid))}/a.b-c"
    return open_objects(bucket_url(server, prefix), secret=b"", base_url="", environ={})


@pytest.fixture
def visit() -> Visit:
    async def visited(
        method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with httpx.AsyncClient() as client:
            answer = await client.request(method, url, headers=headers, content=content)
            return answer.status_code, answer.headers, answer.content

    return visited


class TestS3Objects(ObjectsContract):
    pass


async def test_an_adopted_blob_has_its_own_media_type(objects: ObjectStore, visit: Visit) -> None:
    await objects.put(STAGED, BYTES, media_type="text/html")
    await objects.adopt(STAGED, file=file_of(BYTES))
    assert isinstance(objects, S3Objects)
    found = await objects._store.get_async(objects._path(BLOB))
    assert found.attributes["Content-Type"] == PNG


async def test_large_objects_go_in_parts(objects: ObjectStore) -> None:
    large = os.urandom(12 * 1024 * 1024)
    await objects.put(STAGED, large, media_type=PNG)
    assert await objects.get(STAGED) == large
    await objects.adopt(STAGED, file=file_of(large))


async def test_keys_from_the_environment(server: str) -> None:
    environ = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "eu-north-1",
    }
    objects = open_objects("s3://pictures/environment", secret=b"", base_url="", environ=environ)
    await objects.put(BLOB, BYTES, media_type=PNG)
    assert await objects.get(BLOB) == BYTES
    assert "eu-north-1" in await objects.read_url(BLOB, expires_at=soon(), media_type=PNG)


async def test_without_keys_of_our_own_the_client_signs(
    server: str, monkeypatch: pytest.MonkeyPatch, visit: Visit
) -> None:
    """As on a machine that has its keys from its role: the client knows them, we do not."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    url = f"s3://pictures/role?endpoint={server}"
    objects = open_objects(url, secret=b"", base_url="", environ={})
    writing = await objects.write_url(STAGED, expires_at=soon(), media_type=PNG)
    assert (await visit("PUT", writing, {"content-type": PNG}, BYTES))[0] == 200
    await objects.adopt(STAGED, file=file_of(BYTES))
    reading = await objects.read_url(BLOB, expires_at=soon(), media_type=PNG)
    status, headers, body = await visit("GET", reading, {}, b"")
    assert (status, headers["content-type"], body) == (200, PNG, BYTES)


async def test_a_bucket_that_is_not_there(server: str) -> None:
    url = bucket_url(server).replace("pictures", "absent")
    objects = open_objects(url, secret=b"", base_url="", environ={})
    for attempt in (
        objects.get(BLOB),
        objects.adopt(STAGED, file=file_of(BYTES)),
    ):  # putting is no test: this server makes a bucket for an administrator
        with pytest.raises(StoreUnavailable, match="no bucket absent"):
            await attempt


async def test_a_server_that_is_not_there_or_knows_other_keys(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.storage.objects.s3.RETRIES_MAX", 0)
    (port,) = free_ports(1)
    away = bucket_url(f"http://127.0.0.1:{port}")
    stranger = bucket_url(server).replace(SECRET_KEY, "another")
    for url in (away, stranger):
        objects = open_objects(url, secret=b"", base_url="", environ={})
        with pytest.raises(
            StoreUnavailable, match=r"object store at http://127.* nothing was lost"
        ) as caught:
            await objects.put(STAGED, BYTES, media_type=PNG)
        assert SECRET_KEY not in caught.value.message
        for attempt in (
            objects.get(BLOB),
            objects.delete([STAGED]),
            objects.adopt(STAGED, file=file_of(b"")),
        ):
            with pytest.raises(StoreUnavailable):
                await attempt
        with pytest.raises(StoreUnavailable):
            [key async for key in objects.keys("staging/")]


async def test_the_gateway_serves_nothing_of_a_bucket(objects: ObjectStore) -> None:
    assert not isinstance(objects, Served)
    assert files_router(objects).routes == []


async def test_writers_get_the_whole_address_of_the_server(objects: ObjectStore, server: str) -> None:
    writing = await objects.write_url(STAGED, expires_at=soon(), media_type=PNG)
    assert writing.startswith(f"{server}/pictures/")


async def test_a_url_for_readers_may_name_another_host(server: str) -> None:
    url = f"{bucket_url(server)}&public_endpoint=https://pictures.test"
    objects = open_objects(url, secret=b"", base_url="", environ={})
    assert (await objects.read_url(BLOB, expires_at=soon(), media_type=PNG)).startswith(
        f"https://pictures.test/pictures/{BLOB}?"
    )


def test_the_published_example_of_a_presigned_url() -> None:
    """The example of the S3 API reference, "Authenticating requests: using query parameters"."""
    moment = datetime(2013, 5, 24, tzinfo=UTC)
    url = presigned(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        credentials=Credentials(
            key_id="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        ),
        region="us-east-1",
        headers={},
        query={},
        expires_at=moment + timedelta(seconds=86400),
        now=moment,
    )
    assert url.endswith("=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///prefix", "s3://bucket/../x", "s3://bucket/a b", "s3://bucket?colour=red"]
)
def test_locations_that_are_none(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"is not a place for objects.*write it like s3://"):
        open_objects(url, secret=b"", base_url="", environ={})


def test_amazon_itself_is_asked_by_virtual_host() -> None:
    bucket = location.bucket_of("s3://pictures?region=eu-west-1", {})
    assert bucket.url("blobs/ab") == "https://pictures.s3.eu-west-1.amazonaws.com/blobs/ab"


def test_no_secret_shows_itself(server: str) -> None:
    assert SECRET_KEY not in repr(location.bucket_of(bucket_url(server), {}))
