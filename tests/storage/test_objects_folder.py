"""Objects in a folder keep the contract, and a disk that refuses leaves nothing half done."""

import asyncio
import errno
import os
import resource
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from tests.contracts.objects_contract import BLOB, BYTES, PNG, STAGED, ObjectsContract, Visit, file_of, soon

from darkroom.core.errors import StoreUnavailable
from darkroom.gateway.files import files_router
from darkroom.storage.objects import folder as folder_module
from darkroom.storage.objects import open_objects, sweep_staging
from darkroom.storage.objects.folder import FolderObjects

SECRET = b"s" * 32
BASE = "http://studio.test/"
INSIDE = "http://loopback.test"  # where workers reach the gateway


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    opened = open_objects(tmp_path / "objects", secret=SECRET, base_url=BASE, environ={})
    assert isinstance(opened, FolderObjects)
    return opened


@pytest.fixture
def visit(objects: FolderObjects) -> Visit:
    app = FastAPI()
    app.include_router(files_router(objects, upload_max_bytes=1 << 20))

    async def visited(
        method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=INSIDE) as client:
            answer = await client.request(method, url, headers=headers, content=content)
            return answer.status_code, answer.headers, answer.content

    return visited


class TestFolderObjects(ObjectsContract):
    pass


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


async def pieces_of(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


@pytest.fixture
def small_files() -> Iterator[None]:
    """A real refusal by the kernel in the middle of a file: the limit on file size stands for the full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_files")
async def test_a_full_disk_is_said_and_leaves_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    await objects.put(STAGED, b"old", media_type=PNG)
    for attempt in (
        objects.put(STAGED, BYTES, media_type=PNG),
        objects.receive(STAGED, pieces_of(BYTES, BYTES), media_type=PNG),
    ):
        with pytest.raises(StoreUnavailable, match="no room left on the disk"):
            await attempt
    assert files_in(tmp_path / "objects") == [STAGED]
    assert await objects.get(STAGED) == b"old"


async def test_a_disk_that_is_full_only_when_it_syncs(
    objects: FolderObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="no room left"):
        await objects.put(STAGED, b"x", media_type=PNG)
    assert files_in(tmp_path) == []


async def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    objects = open_objects(tmp_path / "file", secret=SECRET, base_url=BASE)
    with pytest.raises(StoreUnavailable, match="folder of the object store cannot be used"):
        await objects.put(STAGED, b"x", media_type=PNG)


async def test_what_breaks_off_leaves_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the line is dead"):
        await objects.receive(STAGED, pieces_of(b"half", RuntimeError("the line is dead")), media_type=PNG)
    assert files_in(tmp_path) == []


async def test_a_receiver_that_is_cancelled_leaves_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"half"
        begun.set()
        await never.wait()

    task = asyncio.create_task(objects.receive(STAGED, endless(), media_type=PNG))
    await asyncio.wait_for(begun.wait(), 10)
    assert len(files_in(tmp_path)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(tmp_path) == []


async def test_empty_folders_do_not_pile_up(objects: FolderObjects, tmp_path: Path) -> None:
    await objects.put(STAGED, BYTES, media_type=PNG)
    await objects.adopt(STAGED, file=file_of(BYTES))
    await objects.delete([BLOB])
    left = sorted(path.name for path in (tmp_path / "objects").rglob("*"))
    assert left == ["blobs", "incoming", "staging"]


async def test_what_a_dead_process_was_receiving_is_swept(objects: FolderObjects, tmp_path: Path) -> None:
    await objects.put(BLOB, BYTES, media_type=PNG)
    (tmp_path / "objects" / "incoming" / "0123abcd").write_bytes(b"half")
    now = datetime.now(UTC)
    assert [key async for key in objects.keys("")] == [BLOB]
    assert await sweep_staging(objects, older_than=timedelta(hours=1), now=now) == 0
    assert await sweep_staging(objects, older_than=timedelta(hours=1), now=now + timedelta(hours=2)) == 1
    assert files_in(tmp_path / "objects") == [BLOB]


async def test_adopting_without_hard_links(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    await objects.put(STAGED, BYTES, media_type=PNG)
    assert await objects.adopt(STAGED, file=file_of(BYTES)) == BLOB
    assert files_in(tmp_path / "objects") == [BLOB]


async def test_staged_bytes_changed_while_they_are_compared_do_not_become_a_blob(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever holds the upload link may use it at the worst moment."""
    compare = folder_module.check_path

    def compare_and_lose(*arguments: object) -> None:
        compare(*arguments)  # type: ignore[arg-type]
        objects._put(STAGED, b"something else")

    monkeypatch.setattr(folder_module, "check_path", compare_and_lose)
    await objects.put(STAGED, BYTES, media_type=PNG)
    await objects.adopt(STAGED, file=file_of(BYTES))
    assert await objects.get(BLOB) == BYTES
    assert files_in(tmp_path / "objects") == [BLOB]


async def test_pictures_are_not_for_other_people_of_the_machine(
    objects: FolderObjects, tmp_path: Path
) -> None:
    await objects.put(BLOB, BYTES, media_type=PNG)
    path = tmp_path / "objects" / BLOB
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_writers_get_a_path_and_readers_the_public_address(objects: FolderObjects) -> None:
    """Workers reach the gateway by an address of their own; who looks at pictures may have only the public one."""
    writing = await objects.write_url(STAGED, expires_at=soon(), media_type=PNG)
    assert writing.startswith(f"/files/{STAGED}?")
    reading = await objects.read_url(BLOB, expires_at=soon(), media_type=PNG)
    assert reading.startswith(f"{BASE}files/{BLOB}?")


async def test_a_signature_does_not_depend_on_the_address(objects: FolderObjects, tmp_path: Path) -> None:
    moved = open_objects(tmp_path / "objects", secret=SECRET, base_url="https://elsewhere.test:8443/studio")
    ends = soon()
    there, here = [await each.read_url(BLOB, expires_at=ends, media_type=PNG) for each in (moved, objects)]
    assert urlsplit(there).netloc == "elsewhere.test:8443" and urlsplit(there).query == urlsplit(here).query
    link = objects.verify("GET", BLOB, dict(parse_qsl(urlsplit(there).query)), now=datetime.now(UTC))
    assert link.key == BLOB
