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
    job_id = (await submitted(member, "a red fox --stealth"))["jobs"][0]["id"]
    await completed(house, job_id)
    image_id = (await member.client.get(IMAGES)).json()["images"][0]["id"]
    stranger = await house.person("stranger")
    fault(await stranger.client.get(f"{IMAGES}/{image_id}"), 404, "not_found")
    fault(await stranger.client.get(f"{IMAGES}/{UUID(int=3)}"), 404, "not_found")
    assert (await stranger.client.get(IMAGES)).json()["images"] == []


async def test_a_public_image_of_somebody_else_shows_what_it_was_drawn_from(
    house: House, member: Person
) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await completed(house, job_id)
    image_id = (await member.client.get(IMAGES)).json()["images"][0]["id"]
    stranger = await house.person("stranger")
    seen = (await stranger.client.get(f"{IMAGES}/{image_id}")).json()
    assert (seen["own"], seen["provenance"], seen["scores"]) == (False, {"a": 1}, {})
    assert (await stranger.client.get(IMAGES)).json()["images"] == [], "it is not in their list"
    await member.client.delete(f"{IMAGES}/{image_id}")
    fault(await stranger.client.get(f"{IMAGES}/{image_id}"), 404, "not_found")
    assert (await member.client.get(f"{IMAGES}/{image_id}")).json()["trashed_at"] is not None


async def test_every_filter_of_the_list(house: House, member: Person) -> None:
    fox = (await submitted(member, "a red fox"))["jobs"][0]["id"]
    await completed(house, fox)
    house.clock.move(seconds=1)
    boat = (await submitted(member, "a boat --stealth"))["jobs"][0]["id"]
    await completed(house, boat)
    images = (await member.client.get(IMAGES)).json()["images"]
    liked, rated, hidden = (image["id"] for image in images[4:7])
    marks = {liked: {"liked": True}, rated: {"rating": 4, "favourite": True}, hidden: {"hidden": True}}
    for image_id, body in marks.items():
        assert (await member.client.patch(f"{IMAGES}/{image_id}", json=body)).status_code == 200
    folder = (await member.client.post("/api/v1/folders", json={"name": "one"})).json()["id"]
    await member.client.post(f"/api/v1/folders/{folder}/images", json={"add": [rated]})

    async def found(**params: object) -> list[str]:
        answer = await member.client.get(IMAGES, params=params)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [image["id"] for image in answer.json()["images"]]

    assert await found(liked=True) == [liked]
    assert await found(favourite=True) == await found(rating_min=3) == await found(folder=folder) == [rated]
    assert await found(hidden=True) == [hidden] and hidden not in await found()
    assert len(await found(visibility="stealth")) == 4 and len(await found(visibility="public")) == 3
    assert len(await found(model="able-1")) == 7 and await found(model="other-1") == []
    assert await found(liked=True, q="boat") == []
    assert len(await found(liked=False, q="fox")) == 2
    first = (await member.client.get(IMAGES, params={"q": "fox"})).json()["images"]
    assert {each["id"]: each["marks"]["rating"] for each in first}[rated] == 4
    fault(await member.client.get(IMAGES, params={"folder": str(UUID(int=7))}), 404, "not_found")
    fault(await member.client.get(IMAGES, params={"rating_min": 6}), 422, "invalid_request")
    fault(await member.client.get(IMAGES, params={"colour": "red"}), 422, "invalid_request")


@pytest.mark.parametrize(("params", "field"), [({"limit": 0}, "limit"), ({"cursor": "x"}, "cursor")])
async def test_a_list_that_cannot_be(member: Person, params: dict[str, str], field: str) -> None:
    error = fault(await member.client.get(IMAGES, params=params), 422, "invalid_request")
    assert str(error["field"]).startswith(field)


async def test_a_list_can_be_entered_anywhere_and_counted(house: House, member: Person) -> None:
    for prompt in ("a red fox", "a green boat --stealth", "a red ship"):
        house.clock.move(days=1)
        await completed(house, (await submitted(member, prompt))["jobs"][0]["id"])

    async def listed(**params: object) -> list[str]:
        answer = await member.client.get(IMAGES, params=params)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [image["id"] for image in answer.json()["images"]]

    async def count(**params: object) -> int:
        answer = await member.client.get(f"{IMAGES}/count", params=params)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"count"}
        return int(answer.json()["count"])

    whole = await listed(limit=200)
    assert len(whole) == await count() == 12
    assert await listed(offset=5, limit=3) == whole[5:8] and await listed(offset=12) == []
    assert await listed(offset=2, cursor=whole[3], limit=2) == whole[6:8]
    assert await count(q="red") == 8 and await count(visibility="stealth") == 4
    assert await count(ratio="landscape") == 12 and await count(ratio="square") == 0
    assert await listed(since="2026-05-03", until="2026-05-04") == whole[4:8]
    assert await count(since="2026-05-04") == 4 and await count(until="2026-05-02") == 0
    stranger = await house.person("stranger")
    assert (await stranger.client.get(f"{IMAGES}/count")).json() == {"count": 0}


@pytest.mark.parametrize(
    "params",
    [
        {"offset": -1},
        {"offset": 200_001},
        {"limit": 201},
        {"ratio": "wide"},
        {"since": "yesterday"},
        {"until": "2026-02-30"},
    ],
)
async def test_what_a_page_may_not_be(member: Person, params: dict[str, object]) -> None:
    answer = await member.client.get(IMAGES, params=params)  # type: ignore[arg-type]
    assert fault(answer, 422, "invalid_request")["field"] == next(iter(params))


async def test_a_count_takes_filters_alone(member: Person) -> None:
    fault(await member.client.get(f"{IMAGES}/count", params={"offset": 1}), 422, "invalid_request")


async def test_the_new_filters_can_be_saved(member: Person) -> None:
    body = {"name": "squares of May", "query": "ratio=square&since=2026-05-01&until=2026-06-01"}
    assert (await member.client.post("/api/v1/searches", json=body)).status_code == 201
    fault(
        await member.client.post("/api/v1/searches", json={"name": "a page", "query": "offset=5"}),
        422,
        "invalid_request",
    )
