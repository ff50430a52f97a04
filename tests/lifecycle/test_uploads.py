"""Pictures that people bring: made safe, judged, kept once; masks; limits; what is refused leaves nothing but its verdict."""

from __future__ import annotations

import asyncio
import hashlib
import io
from dataclasses import replace

import pytest
from PIL import Image
from tests.lifecycle.conftest import BAD, World

from darkroom.core.accounts import Account
from darkroom.core.errors import (
    Blocked,
    Exhausted,
    ModerationUnavailable,
    NotAllowed,
    NotFound,
    Overloaded,
    Refused,
    StoreUnavailable,
)
from darkroom.core.ids import new_id
from darkroom.core.uploads import UploadKind
from darkroom.core.verdicts import ModerationRecord, Subject
from darkroom.intake.door import Door
from darkroom.lifecycle import uploads as story
from darkroom.lifecycle.keys import blob_key
from darkroom.lifecycle.turns import Turns
from darkroom.lifecycle.uploads import check_mask, delete_upload, own_upload, take_link, take_upload


def picture(
    colour: str = "red", *, mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (32, 16)
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, form)
    return out.getvalue()


class Links:
    """An internet of two addresses."""

    def __init__(self) -> None:
        self.pages = {"https://pictures.example/fox.png": picture(), "https://pictures.example/text": b"text"}

    async def fetch(self, url: str) -> bytes:
        if url not in self.pages:
            raise Refused("Nobody answers.", code="link_failed", field="url")
        return self.pages[url]


@pytest.fixture
async def world() -> World:
    world = World()
    world.intake = Door(links=Links)
    world.rooms = world.make_rooms()
    return world


@pytest.fixture
async def ann(world: World) -> Account:
    return await world.account("ann")


async def stored(world: World) -> list[str]:
    return [key async for key in world.kept.keys("")]


async def logged(world: World) -> list[ModerationRecord]:
    return await world.store.operations.verdicts(before=None, limit=9, blocked_only=False)


async def test_a_picture_is_kept_at_its_content_address(world: World, ann: Account) -> None:
    upload = await take_upload(world.rooms, ann, picture(form="JPEG", size=(3000, 1500)))
    assert (upload.account_id, upload.kind, upload.source) == (ann.id, UploadKind.PICTURE, "")
    assert (upload.width, upload.height) == (2048, 1024)
    assert upload.scores == {"nsfw": 0.01} and upload.policy == world.rooms.image_policy.version
    kept = await world.kept.get(blob_key(upload.digest))
    assert hashlib.sha256(kept).hexdigest() == upload.digest and len(kept) == upload.size_bytes
    assert await world.store.uploads.get(upload.id) == upload


async def test_the_same_picture_twice_is_one_upload(world: World, ann: Account) -> None:
    first = await take_upload(world.rooms, ann, picture())
    world.clock.move(60)
    assert await take_upload(world.rooms, ann, picture()) == first
    bob = await world.account("bob")
    other = await take_upload(world.rooms, bob, picture())
    assert other.id != first.id and other.digest == first.digest
    assert len(await stored(world)) == 1


async def test_a_link_says_where_its_picture_came_from(world: World, ann: Account) -> None:
    url = "https://pictures.example/fox.png"
    upload = await take_link(world.rooms, ann, url)
    assert (upload.source, upload.width) == (url, 32)
    for bad, code in (
        ("https://pictures.example/text", "picture_invalid"),
        ("http://x.example/", "link_failed"),
    ):
        with pytest.raises(Refused) as caught:
            await take_link(world.rooms, ann, bad)
        assert caught.value.code == code
    assert len(world.rooms.turns) == 0


async def test_what_the_policy_forbids_is_logged_and_not_kept(world: World, ann: Account) -> None:
    world.scorer.scores = BAD
    with pytest.raises(Blocked) as caught:
        await take_link(world.rooms, ann, "https://pictures.example/fox.png")
    assert caught.value.code == "image_prompt_blocked" and caught.value.category
    (record,) = await logged(world)
    assert (record.account_id, record.subject, record.job_id) == (ann.id, Subject.IMAGE, None)
    assert record.text == "https://pictures.example/fox.png" and record.verdict.blocked
    assert await stored(world) == []
    assert await world.store.uploads.all(ann.id, before=None, limit=9) == []


@pytest.mark.parametrize("scores", [{}, {"nsfw": float("nan")}, {"nsfw": 2.0}])
async def test_without_a_sound_score_nothing_is_taken(
    world: World, ann: Account, scores: dict[str, float]
) -> None:
    world.scorer.scores = scores
    with pytest.raises(ModerationUnavailable):
        await take_upload(world.rooms, ann, picture())
    assert await stored(world) == []


async def test_a_scorer_that_cannot_run_takes_nothing(world: World, ann: Account) -> None:
    class Broken:
        def score(self, width: int, height: int, rgb: bytes) -> dict[str, float]:
            raise ModerationUnavailable

    with pytest.raises(ModerationUnavailable):
        await take_upload(replace(world.rooms, image_scorer=Broken()), ann, picture())
    assert await stored(world) == []


async def test_a_mask_is_kept_grey_and_not_judged(world: World, ann: Account) -> None:
    world.scorer.scores = BAD
    mask = await take_upload(world.rooms, ann, picture("white", mode="L"), kind=UploadKind.MASK)
    assert (mask.kind, mask.scores, mask.policy) == (UploadKind.MASK, {}, "")
    with Image.open(io.BytesIO(await world.kept.get(blob_key(mask.digest)))) as kept:
        assert kept.mode == "L"
    assert await world.store.uploads.all(ann.id, before=None, limit=9) == []
    with pytest.raises(Refused) as caught:
        await take_upload(world.rooms, ann, picture("black", mode="L"), kind=UploadKind.MASK)
    assert caught.value.code == "mask_invalid"


async def test_a_mask_must_be_one_and_fit(world: World, ann: Account) -> None:
    mask = await take_upload(world.rooms, ann, picture("white", mode="L"), kind=UploadKind.MASK)
    check_mask(mask, width=32, height=16)
    with pytest.raises(Refused, match="32 x 16 pixels, and the picture 16 x 32") as caught:
        check_mask(mask, width=16, height=32)
    assert (caught.value.code, caught.value.field) == ("mask_invalid", "mask")
    with pytest.raises(Refused, match="no mask") as caught:
        check_mask(await take_upload(world.rooms, ann, picture()), width=32, height=16)
    assert caught.value.code == "mask_invalid"


async def test_a_blocked_account_brings_nothing(world: World) -> None:
    eve = await world.account("eve", blocked_reason="spam")
    for bring in (
        take_upload(world.rooms, eve, picture()),
        take_link(world.rooms, eve, "https://pictures.example/fox.png"),
    ):
        with pytest.raises(NotAllowed) as caught:
            await bring
        assert caught.value.code == "account_blocked"


@pytest.mark.parametrize("limit", ["UPLOADS_MAX", "UPLOADS_MAX_BYTES"])
async def test_a_full_shelf_takes_no_more(
    world: World, ann: Account, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await take_upload(world.rooms, ann, picture())
    monkeypatch.setattr(story, limit, 1 if limit == "UPLOADS_MAX" else first.size_bytes)
    for bring in (
        take_upload(world.rooms, ann, picture("blue")),
        take_link(world.rooms, ann, "https://pictures.example/fox.png"),
    ):
        with pytest.raises(Exhausted) as caught:
            await bring
        assert caught.value.code == "too_many_uploads"
    await delete_upload(world.rooms, ann, first.id)
    assert (await take_upload(world.rooms, ann, picture("blue"))).digest != first.digest


async def test_only_ones_own_uploads_are_there(world: World, ann: Account) -> None:
    bob, upload = await world.account("bob"), await take_upload(world.rooms, ann, picture())
    assert await own_upload(world.rooms, ann, upload.id) == upload
    assert await own_upload(world.rooms, ann, upload.id, kind=UploadKind.PICTURE) == upload
    for account, upload_id, kind in (
        (bob, upload.id, None),
        (ann, upload.id, UploadKind.MASK),
        (ann, new_id(world.clock()), None),
    ):
        with pytest.raises(NotFound, match=f"There is no upload {upload_id}"):
            await own_upload(world.rooms, account, upload_id, kind=kind)


async def test_what_is_deleted_is_a_tombstone_without_pixels(world: World, ann: Account) -> None:
    upload = await take_upload(world.rooms, ann, picture())
    with pytest.raises(NotFound):
        await delete_upload(world.rooms, await world.account("bob"), upload.id)
    tombstone = await delete_upload(world.rooms, ann, upload.id)
    assert tombstone.deleted_at == world.clock()
    assert await stored(world) == []
    with pytest.raises(NotFound):
        await own_upload(world.rooms, ann, upload.id)
    assert (await take_upload(world.rooms, ann, picture())).id != upload.id


async def test_a_file_that_somebody_else_keeps_stays(world: World, ann: Account) -> None:
    bob, upload = await world.account("bob"), await take_upload(world.rooms, ann, picture())
    await take_upload(world.rooms, bob, picture())
    await delete_upload(world.rooms, ann, upload.id)
    assert await stored(world) == [blob_key(upload.digest)]


async def test_a_full_disk_leaves_no_upload(world: World, ann: Account) -> None:
    world.objects.failing["put"] = 1
    with pytest.raises(StoreUnavailable):
        await take_upload(world.rooms, ann, picture())
    assert await world.store.uploads.all(ann.id, before=None, limit=9) == []


async def test_of_one_account_few_come_in_at_once_and_few_wait() -> None:
    turns, ann, bob = Turns(at_once_max=1, waiting_max=1), new_id(World().clock()), new_id(World().clock())
    async with turns.taken(ann), turns.taken(bob):
        second = asyncio.create_task(turns.taken(ann).__aenter__())
        await asyncio.sleep(0)
        assert not second.done()
        with pytest.raises(Exhausted) as caught:
            await turns.taken(ann).__aenter__()
        assert caught.value.code == "rate_limited" and caught.value.retry_after_s
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    assert len(turns) == 0
    async with turns.taken(ann):
        assert len(turns) == 1


async def test_of_all_accounts_only_so_many_come_in_at_once() -> None:
    turns, clock = Turns(total_max=1), World().clock
    async with turns.taken(new_id(clock())):
        with pytest.raises(Overloaded):
            await turns.taken(new_id(clock())).__aenter__()
    async with turns.taken(new_id(clock())):
        assert len(turns) == 1
