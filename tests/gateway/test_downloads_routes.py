"""Many images as one ZIP: names, manifest, what is missing, what is refused, and how much is in memory at a time."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_gallery_routes import change, choices, drawn, many

from darkroom.core.errors import NotFound, StoreUnavailable
from darkroom.core.images import Image, ImageFile, Variant
from darkroom.core.params import Visibility
from darkroom.core.recipes import Action, Input, ParentKind, Recipe, Role
from darkroom.gateway import downloads
from darkroom.gateway.archive import archive, names_of, slug
from darkroom.storage.objects import blob_key

DOWNLOADS = "/api/v1/downloads"
WAIT_S = 10.0  # a limit, not a measurement
SAFE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}_[a-z0-9]+(-[a-z0-9]+)*_[0-9a-f]{4,32}\.(png|webp|avif)")


def picture(number: int, prompt: str = "a red fox", **changes: Any) -> Image:
    data = f"pixels {number}".encode()
    file = ImageFile(
        variant=Variant.PNG,
        digest=hashlib.sha256(data).hexdigest(),
        media_type="image/png",
        width=8,
        height=8,
        size_bytes=len(data),
    )
    image = Image(
        id=UUID(int=number << 40),
        job_id=UUID(int=1),
        account_id=UUID(int=2),
        index=0,
        visibility=Visibility.PUBLIC,
        model="able-1",
        seed=7,
        prompt=prompt,
        files=(file,),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    return replace(image, **changes)


class Shelf:
    """Holds the pictures of some numbers; others are not there, and reading one may fail."""

    def __init__(self, *numbers: int, away: frozenset[int] = frozenset()) -> None:
        self._data = {}
        self._away = set()
        for number in numbers:
            data = f"pixels {number}".encode()
            key = blob_key(hashlib.sha256(data).hexdigest())
            self._data[key] = data
            if number in away:
                self._away.add(key)

    async def get(self, key: str) -> bytes:
        if key in self._away:
            raise StoreUnavailable
        if key not in self._data:
            raise NotFound
        return self._data[key]


async def whole(pieces: AsyncIterator[bytes]) -> zipfile.ZipFile:
    packed = zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in pieces])))
    assert packed.testzip() is None
    return packed


def manifest_of(packed: zipfile.ZipFile) -> list[dict[str, Any]]:
    assert packed.namelist()[-1] == "manifest.json"
    found: list[dict[str, Any]] = json.loads(packed.read("manifest.json"))["images"]
    return found


async def asked(person: Person, **body: Any) -> httpx.Response:
    return await person.client.post(DOWNLOADS, json=body)


def test_a_name_tells_the_day_the_words_and_the_end_of_the_id() -> None:
    image = picture(1, "A Red Fox, in the snow! --ar 3:2 --seed 7", id=UUID(int=0x01A2))
    assert names_of([image]) == {image.id: "2026-11-21_a-red-fox-in-the-snow_01a2.png"}


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "image"),
        ("狐", "image"),
        ("Füchse & Bären", "fuchse-baren"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con"),
        ("https://a.test/x.png a fox", "a-fox"),
        ("upload:01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b a fox", "a-fox"),
        ("--ar 3:2", "image"),
        ("a" * 300, "a" * 48),
        ("x\u202egnp.exe", "xgnp-exe"),
    ],
)
def test_words_of_a_name(prompt: str, words: str) -> None:
    assert slug(prompt) == words


@given(st.lists(st.text(max_size=80), min_size=1, max_size=12))
def test_names_are_safe_and_different(prompts: list[str]) -> None:
    images = [picture(n, prompt, id=UUID(int=n << 20 | 0xABCD)) for n, prompt in enumerate(prompts, 1)]
    names = names_of(images)
    assert len({name.lower() for name in names.values()}) == len(images)
    assert all(SAFE.fullmatch(name) and len(name) < 120 for name in names.values())


async def test_what_cannot_be_had_is_named_and_the_rest_is_whole() -> None:
    images = [picture(n) for n in range(1, 6)]
    parent = Input(role=Role.INIT, parent_id=UUID(int=9), kind=ParentKind.IMAGE)
    images[0] = replace(images[0], recipe=Recipe(action=Action.PAN, inputs=(parent, parent)))
    images[3] = replace(images[3], files=())
    damaged = replace(images[4].files[0], digest="ab" * 32)
    images[4] = replace(images[4], files=(damaged,))
    shelf = Shelf(1, 3, away=frozenset({3}))
    shelf._data[blob_key("ab" * 32)] = b"something else"
    packed = await whole(archive(images, shelf))  # type: ignore[arg-type]
    entries = manifest_of(packed)
    assert packed.namelist() == [entries[0]["file"], "manifest.json"]
    assert [each["file"] is None for each in entries] == [False, True, True, True, True]
    told = [each["missing"] for each in entries]
    assert told[0] is None
    for word, reason in zip(("gone", "reached", "no file", "damaged"), told[1:], strict=True):
        assert word in reason
    assert packed.read(entries[0]["file"]) == b"pixels 1"
    assert (entries[0]["action"], entries[0]["parents"]) == ("pan", [str(UUID(int=9))])


async def test_one_picture_at_a_time_is_in_memory() -> None:
    """What is taken out between two reads is one picture and what a ZIP says around it."""
    images, size = [picture(n) for n in range(1, 9)], 100_000
    data = bytes(size)
    file = replace(images[0].files[0], digest=hashlib.sha256(data).hexdigest())

    class Big:
        async def get(self, key: str) -> bytes:
            return data

    pieces = archive([replace(each, files=(file,)) for each in images], Big())  # type: ignore[arg-type]
    sizes = [len(piece) async for piece in pieces]
    assert len(sizes) == len(images) + 1
    assert max(sizes) < size + 500


async def test_some_images_as_a_zip(house: House, member: Person) -> None:
    eve = await house.person("eve")
    mine, second, *_rest = await drawn(house, member, "a red fox")
    theirs, *_rest = await drawn(house, eve, "a boat")
    digest = hashlib.sha256(b"pixels").hexdigest()
    for image in (mine, second, theirs):
        house.store.library._state.images[image.id] = replace(  # type: ignore[attr-defined]
            image, files=tuple(replace(each, digest=digest) for each in image.files)
        )
    await house.objects.put(blob_key(digest), b"pixels", media_type="image/webp")
    answer = await asked(member, ids=[str(mine.id), str(theirs.id), str(mine.id)])
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    assert 'filename="darkroom-2026-05-01.zip"' in answer.headers["content-disposition"]
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    entries = manifest_of(packed)
    assert [each["id"] for each in entries] == [str(mine.id), str(theirs.id)]
    assert packed.namelist() == [each["file"] for each in entries] + ["manifest.json"]
    assert {packed.read(each["file"]) for each in entries} == {b"pixels"}
    assert entries[0] == {
        "id": str(mine.id),
        "job_id": str(mine.job_id),
        "prompt": mine.prompt,
        "seed": 7,
        "model": "able-1",
        "action": "imagine",
        "parents": [],
        "created": mine.created_at.isoformat(),
        "file": entries[0]["file"],
        "sha256": digest,
        "missing": None,
    }
    assert await choices(member) == ["downloaded", "downloaded"]
    assert await choices(eve) == []


async def test_a_folder_as_a_zip_with_what_is_hidden_in_it(house: House, member: Person) -> None:
    one, two, three, *_rest = await drawn(house, member)
    folder = (await member.client.post("/api/v1/folders", json={"name": "foxes"})).json()["id"]
    error = fault(await asked(member, folder=folder), 422, "nothing_to_download")
    assert "foxes" in str(error["message"])
    ids = [str(each.id) for each in (one, two, three)]
    await member.client.post(f"/api/v1/folders/{folder}/images", json={"add": ids})
    await change(member, two, hidden=True)
    await many(member, "trash", three)
    packed = zipfile.ZipFile(io.BytesIO((await asked(member, folder=folder)).content))
    assert {each["id"] for each in manifest_of(packed)} == {str(one.id), str(two.id)}
    eve = await house.person("eve")
    fault(await asked(eve, folder=folder), 404, "not_found")


async def test_an_account_downloads_twice_at_once_and_no_more(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = await house.person("eve")
    mine, *_rest = await drawn(house, member)
    reading, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def waiting(key: str) -> bytes:
        reading.release()
        await go_on.wait()
        raise NotFound

    monkeypatch.setattr(house.objects, "get", waiting)
    under_way = [
        asyncio.create_task(asked(each, ids=[str(mine.id)]))
        for each in (member,) * downloads.DOWNLOADS_MAX + (eve,)
    ]
    for _ in under_way:
        await reading.acquire()
    async with asyncio.timeout(WAIT_S):
        fault(await asked(member, ids=[str(mine.id)]), 429, "too_many_downloads")
    go_on.set()
    assert [(await each).status_code for each in under_way] == [200, 200, 200]
    assert (await asked(member, ids=[str(mine.id)])).status_code == 200, "what has ended counts no more"


async def test_downloads_that_cannot_be(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve = await house.person("eve")
    mine, *_four, grid = await drawn(house, member)
    hidden, *_rest = await drawn(house, eve, "a fox --stealth")
    for wrong in (hidden.id, grid.id, uuid4()):
        error = fault(await asked(member, ids=[str(mine.id), str(wrong)]), 404, "not_found")
        assert error["message"] == f"There is no image {wrong}."
    for body in ({}, {"ids": [str(mine.id)], "folder": str(uuid4())}, {"ids": []}):
        fault(await asked(member, **body), 422, "invalid_request")
    fault(await asked(member, ids=[str(uuid4()) for _ in range(1_001)]), 422, "invalid_request")
    monkeypatch.setattr(downloads, "BYTES_MAX", 8)
    fault(await asked(member, ids=[str(mine.id)]), 422, "too_large")
    assert await choices(member) == []
