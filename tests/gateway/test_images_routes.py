"""Published images over HTTP: lists, details with provenance, and nobody else's."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_jobs_routes import completed, submitted

IMAGES = "/api/v1/images"


async def test_images_of_completed_jobs_are_listed_newest_first(house: House, member: Person) -> None:
    jobs = []
    for prompt in ("a red fox", "a green boat"):
        house.clock.move(seconds=1)
        jobs.append((await submitted(member, prompt))["jobs"][0]["id"])
        await completed(house, jobs[-1])
    page = (await member.client.get(IMAGES, params={"limit": 5})).json()
    assert [image["job_id"] for image in page["images"]] == [jobs[1]] * 4 + [jobs[0]]
    rest = (await member.client.get(IMAGES, params={"limit": 5, "cursor": page["next_cursor"]})).json()
    assert [image["job_id"] for image in rest["images"]] == [jobs[0]] * 3
    assert rest["next_cursor"] is None
    assert all(image["index"] is not None for image in page["images"] + rest["images"])
    found = (await member.client.get(IMAGES, params={"q": "boat"})).json()["images"]
    assert {image["job_id"] for image in found} == {jobs[1]}


async def test_an_image_knows_where_it_comes_from(house: House, member: Person) -> None:
    job_id = (await submitted(member, "a red fox --seed 7"))["jobs"][0]["id"]
    await completed(house, job_id)
    image_id = (await member.client.get(IMAGES)).json()["images"][0]["id"]
    image = (await member.client.get(f"{IMAGES}/{image_id}")).json()
    assert image["provenance"] == {"a": 1}
    assert (image["policy"], image["scores"]) == ("test", {"nsfw": 0.1})
    assert (image["job_id"], image["seed"], image["width"], image["height"]) == (job_id, 7, 64, 32)


async def test_what_is_not_published_is_not_there(house: House, member: Person) -> None:
    await submitted(member)
    assert (await member.client.get(IMAGES)).json() == {"images": [], "next_cursor": None}


async def test_an_image_of_somebody_else_is_not_there(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await completed(house, job_id)
    image_id = (await member.client.get(IMAGES)).json()["images"][0]["id"]
    stranger = await house.person("stranger")
    fault(await stranger.client.get(f"{IMAGES}/{image_id}"), 404, "not_found")
    fault(await stranger.client.get(f"{IMAGES}/{UUID(int=3)}"), 404, "not_found")
    assert (await stranger.client.get(IMAGES)).json()["images"] == []


@pytest.mark.parametrize(("params", "field"), [({"limit": 0}, "limit"), ({"cursor": "x"}, "cursor")])
async def test_a_list_that_cannot_be(member: Person, params: dict[str, str], field: str) -> None:
    error = fault(await member.client.get(IMAGES, params=params), 422, "invalid_request")
    assert str(error["field"]).startswith(field)
