"""Marks, picks, visibility and the trash over HTTP: whose, how many at once, and what is left of what was deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_jobs_routes import completed, submitted

from darkroom.core.accounts import Scope
from darkroom.core.images import Image
from darkroom.core.params import Visibility
from darkroom.gateway.gallery import IMAGES_AT_ONCE_MAX
from darkroom.storage.objects import blob_key

IMAGES = "/api/v1/images"
UNMARKED = {"liked": False, "favourite": False, "hidden": False, "rating": 0}


async def drawn(house: House, person: Person, prompt: str = "a red fox") -> list[Image]:
    """The images of a new job, the grid last; a second later than those before, and their files are there."""
    house.clock.move(seconds=1)
    job_id = (await submitted(person, prompt))["jobs"][0]["id"]
    await completed(house, job_id)
    images = await house.store.library.images_of([UUID(job_id)])
    for file in (file for image in images for file in image.files):
        await house.objects.put(blob_key(file.digest), b"pixels", media_type=file.media_type)
    return images


async def change(person: Person, image: Image, **body: Any) -> httpx.Response:
    return await person.client.patch(f"{IMAGES}/{image.id}", json=body)


async def many(person: Person, act: str, *images: Image | UUID) -> httpx.Response:
    ids = [str(each.id if isinstance(each, Image) else each) for each in images]
    return await person.client.post(f"{IMAGES}/{act}", json={"ids": ids})


async def choices(person: Person) -> list[str]:
    """What somebody's choices were, oldest first."""
    answer = await person.client.get("/api/v1/signals", params={"limit": 100})
    return [each["choice"] for each in reversed(answer.json()["signals"])]


async def test_marks_change_alone_and_are_ones_own(house: House, member: Person) -> None:
    image, *_rest = await drawn(house, member)
    eve = await house.person("eve")
    answer = (await change(member, image, liked=True, rating=4)).json()
    assert answer["marks"] == {**UNMARKED, "liked": True, "rating": 4}
    assert (answer["likes"], answer["image"]["id"]) == (1, str(image.id))
    assert (await change(member, image, favourite=True)).json()["marks"]["rating"] == 4
    theirs = (await change(eve, image, liked=True)).json()
    assert (theirs["marks"], theirs["likes"]) == ({**UNMARKED, "liked": True}, 2)
    assert (await change(member, image, liked=False, rating=0, favourite=False)).json()["marks"] == UNMARKED
    shown = (await eve.client.get(f"{IMAGES}/{image.id}")).json()
    assert (shown["likes"], shown["marks"]["liked"], shown["own"]) == (1, True, False)


async def test_choices_are_noted_once_for_each_change(house: House, member: Person) -> None:
    image, *_rest = await drawn(house, member)
    for body in ({"liked": True}, {"liked": True}, {"rating": 3}, {"hidden": True}, {"liked": False}):
        await change(member, image, **body)
    for _ in range(2):
        picked = await member.client.post(f"{IMAGES}/{image.id}/pick")
        assert picked.json()["marks"]["rating"] == 3
    await many(member, "trash", image)
    assert await choices(member) == ["liked", "rated", "hidden", "unliked", "picked", "deleted"]


@pytest.mark.parametrize("body", [{"rating": 6}, {"rating": -1}, {"liked": "perhaps"}, {"colour": 1}])
async def test_marks_that_cannot_be(house: House, member: Person, body: dict[str, Any]) -> None:
    image, *_rest = await drawn(house, member)
    fault(await change(member, image, **body), 422, "invalid_request")


async def test_a_grid_is_no_image(house: House, member: Person) -> None:
    *_four, grid = await drawn(house, member)
    fault(await change(member, grid, liked=True), 422, "is_a_grid")
    fault(await member.client.post(f"{IMAGES}/{grid.id}/pick"), 422, "is_a_grid")
    for act in ("trash", "restore", "delete"):
        fault(await many(member, act, grid), 404, "not_found")


async def test_public_and_stealth_at_once(house: House, member: Person) -> None:
    image, second, _third, _fourth, grid = await drawn(house, member)
    eve = await house.person("eve")
    assert (await change(member, image, visibility="stealth")).json()["image"]["visibility"] == "stealth"
    seen = (await eve.client.get("/api/v1/explore")).json()["images"]
    assert str(image.id) not in {each["id"] for each in seen} and len(seen) == 3
    for gone in (image, grid):
        fault(await eve.client.get(f"{IMAGES}/{gone.id}"), 404, "not_found")
    assert (await eve.client.get(f"{IMAGES}/{second.id}")).status_code == 200
    await change(member, image, visibility="public")
    assert len((await eve.client.get("/api/v1/explore")).json()["images"]) == 4
    fault(await change(eve, image, visibility="stealth", liked=True), 404, "not_found")
    assert (await eve.client.get(f"{IMAGES}/{image.id}")).json()["likes"] == 0, "nothing of it was done"


async def test_stealth_needs_a_plan_that_has_it(house: House, owner: Person) -> None:
    poor = next(plan for plan in house.rooms.plans.plans.values() if not plan.stealth)
    person = await house.person("poor", plan=poor.name)
    image, *_rest = await drawn(house, person)
    error = fault(await change(person, image, visibility="stealth", liked=True), 403, "plan_required")
    assert error["field"] == "visibility" and poor.title in str(error["message"])
    assert (await person.client.get(f"{IMAGES}/{image.id}")).json()["likes"] == 0, "nothing of it was done"
    assert (await change(person, image, visibility="public")).status_code == 200
    await house.store.gallery.set_visibility(
        image.id, account_id=person.account.id, visibility=Visibility.STEALTH
    )
    assert (await change(person, image, visibility="stealth")).status_code == 200, "it is so already"


async def test_the_trash_and_back(house: House, member: Person) -> None:
    first, second, *_rest = await drawn(house, member)
    eve = await house.person("eve")
    await change(member, first, liked=True)
    gone = (await member.client.delete(f"{IMAGES}/{first.id}")).json()
    assert (gone["id"], gone["trashed_at"] is not None) == (str(first.id), True)
    moved = (await many(member, "trash", second, first)).json()["images"]
    assert [each["id"] for each in moved] == [str(second.id), str(first.id)]
    fault(await eve.client.get(f"{IMAGES}/{first.id}"), 404, "not_found")
    page = (await member.client.get("/api/v1/trash", params={"limit": 1})).json()
    rest = (await member.client.get("/api/v1/trash", params={"cursor": page["next_cursor"]})).json()
    ids = [each["id"] for each in page["images"] + rest["images"]]
    assert ids == sorted([str(first.id), str(second.id)], reverse=True) and rest["next_cursor"] is None
    back = (await many(member, "restore", first)).json()["images"]
    assert (back[0]["trashed_at"], back[0]["marks"]["liked"]) == (None, True)
    assert (await eve.client.get(f"{IMAGES}/{first.id}")).status_code == 200


async def test_a_job_shows_neither_trash_nor_tombstones(house: House, member: Person) -> None:
    first, second, third, fourth, grid = await drawn(house, member)

    async def shown() -> tuple[list[str], bool]:
        job = (await member.client.get(f"/api/v1/jobs/{grid.job_id}")).json()
        return [each["id"] for each in job["images"]], job["grid"] is not None

    rest = [str(each.id) for each in (third, fourth)]
    await many(member, "trash", first, second)
    assert await shown() == (rest, True)
    await many(member, "delete", second)
    assert await shown() == (rest, False)
    await many(member, "restore", first)
    assert await shown() == ([str(first.id), *rest], False)


async def test_deleted_for_good(house: House, member: Person) -> None:
    first, second, third, fourth, grid = await drawn(house, member)
    eve = await house.person("eve")
    links = [
        (await member.client.get(f"{IMAGES}/{each.id}")).json()["files"]["webp"]["url"]
        for each in (first, grid, second)
    ]
    assert [(await house.client().get(link)).status_code for link in links] == [200, 200, 200]
    answer = await many(member, "delete", first, first)
    assert answer.json() == {"deleted": [str(first.id)]}
    assert [(await house.client().get(link)).status_code for link in links] == [404, 404, 200]
    error = fault(await member.client.get(f"{IMAGES}/{first.id}"), 404, "image_deleted")
    assert "2026-05-01" in str(error["message"]) and "lineage" in str(error["hint"])
    fault(await eve.client.get(f"{IMAGES}/{first.id}"), 404, "not_found")
    fault(await change(member, first, liked=True), 404, "image_deleted")
    for act in ("pick", "describe"):
        fault(await member.client.post(f"{IMAGES}/{first.id}/{act}"), 404, "image_deleted")
        fault(await eve.client.post(f"{IMAGES}/{first.id}/{act}"), 404, "not_found")
    fault(await member.client.delete(f"{IMAGES}/{first.id}"), 404, "image_deleted")
    for act in ("trash", "restore"):
        fault(await many(member, act, second, first), 404, "image_deleted")
    again = await many(member, "delete", first)
    assert (again.status_code, again.json()) == (200, {"deleted": [str(first.id)]}), (
        "it may be asked for twice"
    )
    left = (await member.client.get(IMAGES)).json()["images"]
    assert {each["id"] for each in left} == {str(each.id) for each in (second, third, fourth)}


@pytest.mark.parametrize("act", ["trash", "restore", "delete"])
async def test_many_at_once_all_or_none(house: House, member: Person, act: str) -> None:
    mine, *_rest = await drawn(house, member)
    eve = await house.person("eve")
    theirs, *_rest = await drawn(house, eve)
    hidden = (await drawn(house, eve))[0].id
    await house.store.gallery.set_visibility(hidden, account_id=eve.account.id, visibility=Visibility.STEALTH)
    for wrong in (hidden, uuid4()):
        error = fault(await many(member, act, mine, wrong), 404, "not_found")
        assert error["message"] == f"There is no image {wrong}."
    error = fault(await many(member, act, mine, theirs.id), 404, "not_found")
    assert "is not yours" in error["message"], "what everybody may see is there"
    fault(await change(member, theirs, visibility="stealth"), 404, "not_found")
    assert await house.store.library.image(mine.id) == mine
    fault(await many(member, act), 422, "invalid_request")
    too_many = [uuid4() for _ in range(IMAGES_AT_ONCE_MAX + 1)]
    fault(await many(member, act, *too_many), 422, "invalid_request")
    assert await choices(member) == []


async def test_whoever_may_only_read_changes_nothing(house: House, member: Person) -> None:
    image, *_rest = await drawn(house, member)
    reader = await house.with_key(member.account, frozenset({Scope.READ}))
    fault(await change(reader, image, liked=True), 403, "scope_missing")
    fault(await many(reader, "delete", image), 403, "scope_missing")
    assert (await reader.client.get("/api/v1/trash")).status_code == 200
