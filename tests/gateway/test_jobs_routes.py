"""Jobs over HTTP: submit, look, list, page, search, cancel; and every way in which a body can be wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.errors import StoreUnavailable
from darkroom.core.ids import new_id
from darkroom.core.images import Finish, ImageFile, NewImage, Variant
from darkroom.core.jobs import JobState
from darkroom.core.news import JobPreviewed, JobProgressed

JOBS = "/api/v1/jobs"


async def submitted(person: Person, prompt: str = "a red fox", **body: Any) -> dict[str, Any]:
    answer = await person.client.post(JOBS, json={"prompt": prompt, **body})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def claimed(house: House, job_id: str) -> int:
    """The job, claimed by a worker; its fence."""
    lease = await house.store.operations.acquire_lease(holder="test", url="", ttl_s=60, now=house.clock())
    change = await house.store.ledger.claim(
        [UUID(job_id)], worker_id="w1", epoch=lease.epoch, now=house.clock()
    )
    fence = change.jobs[0].fence
    assert fence is not None
    return fence


async def completed(house: House, job_id: str, *, images: int = 4) -> None:
    """The job, finished with pictures of one file each, and a grid."""
    fence = await claimed(house, job_id)
    await house.store.ledger.finish([finish_of(house, job_id, fence, images)])


def finish_of(house: House, job_id: str, fence: int, images: int = 4) -> Finish:
    def picture(index: int | None) -> NewImage:
        file = ImageFile(
            variant=Variant.WEBP, digest=f"{index or 9:064x}", media_type="image/webp", width=64, height=32, size_bytes=9
        )  # fmt: skip
        return NewImage(
            id=new_id(house.clock()), index=index, files=(file,), scores={"nsfw": 0.1}, policy="test", provenance='{"a": 1}'
        )  # fmt: skip

    indices = [*range(images), None]
    return Finish(
        job_id=UUID(job_id), fence=fence, measured_gpu_ms=100, images=tuple(map(picture, indices)), now=house.clock()
    )  # fmt: skip


async def test_a_prompt_becomes_a_job(member: Person) -> None:
    found = await submitted(member, "a red fox --ar 3:2 --seed 7")
    assert set(found) == {"batch_id", "jobs", "cost_gpu_ms", "replayed"}
    job = found["jobs"][0]
    assert (job["state"], job["lane"], job["seed"], job["model"]) == ("ready", "fast", 7, "able-1")
    assert job["source"] == "a red fox --ar 3:2 --seed 7"
    assert job["cost_gpu_ms"] == found["cost_gpu_ms"] > 0
    assert (job["images"], job["grid"], job["error"], job["progress"]) == ([], None, None, None)
    again = await member.client.get(f"{JOBS}/{job['id']}")
    assert again.json() == job


async def test_permutations_make_a_batch_that_costs_their_sum(member: Person) -> None:
    found = await submitted(member, "a {red, green, blue} apple")
    assert len(found["jobs"]) == 3
    assert {job["batch_id"] for job in found["jobs"]} == {found["batch_id"]}
    assert found["cost_gpu_ms"] == sum(job["cost_gpu_ms"] for job in found["jobs"])
    page = (await member.client.get(JOBS, params={"batch": found["batch_id"]})).json()
    assert {job["id"] for job in page["jobs"]} == {job["id"] for job in found["jobs"]}


async def test_an_idempotency_key_gives_the_first_answer_again(house: House, member: Person) -> None:
    headers = {"Idempotency-Key": "order-1"}
    body = {"prompt": "a red fox"}
    first = (await member.client.post(JOBS, json=body, headers=headers)).json()
    second = (await member.client.post(JOBS, json=body, headers=headers)).json()
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert [job["id"] for job in second["jobs"]] == [job["id"] for job in first["jobs"]]
    other = await member.client.post(JOBS, json={"prompt": "a blue fox"}, headers=headers)
    fault(other, 409, "idempotency_conflict")
    assert len((await member.client.get(JOBS)).json()["jobs"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "with space", "non-äscii".encode()])
async def test_an_idempotency_key_that_cannot_be(member: Person, key: str | bytes) -> None:
    answer = await member.client.post(JOBS, json={"prompt": "a fox"}, headers={"Idempotency-Key": key})  # type: ignore[dict-item]
    assert fault(answer, 422, "invalid_request")["field"] == "Idempotency-Key"


async def test_the_lane_of_the_request(member: Person) -> None:
    assert (await submitted(member, lane="turbo"))["jobs"][0]["lane"] == "turbo"
    answer = await member.client.post(JOBS, json={"prompt": "a fox --relax", "lane": "turbo"})
    fault(answer, 422, "parameter_conflict")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"prompt": "a fox --ar 20:1"}, "invalid_parameter", "prompt"),
        ({"prompt": ""}, "empty_prompt", "prompt"),
        ({"prompt": "x" * 6_001}, "invalid_parameter", "prompt"),
        ({"prompt": "x" * 20_000}, "invalid_request", "prompt"),
        ({"prompt": 7}, "invalid_request", "prompt"),
        ({"prompt": None}, "invalid_request", "prompt"),
        ({}, "invalid_request", "prompt"),
        ({"prompt": "a fox", "lane": "warp"}, "invalid_request", "lane"),
        ({"prompt": "a fox", "seed": 7}, "invalid_request", "seed"),
        ([], "invalid_request", None),
        ("a fox", "invalid_request", None),
    ],
)
async def test_a_body_that_cannot_be(member: Person, body: Any, code: str, field: str | None) -> None:
    answer = await member.client.post(JOBS, json=body)
    error = fault(answer, 422, code)
    if field is not None:
        assert error["field"] == field
    assert (await member.client.get(JOBS)).json()["jobs"] == []


async def test_what_is_blocked_makes_no_job_and_costs_nothing(house: House, member: Person) -> None:
    before = await house.store.accounts.balance(member.account.id)
    fault(await member.client.post(JOBS, json={"prompt": "a forbidden thing"}), 403, "prompt_blocked")
    assert await house.store.accounts.balance(member.account.id) == before
    assert (await member.client.get(JOBS)).json()["jobs"] == []


async def test_without_moderation_nothing_is_accepted(house: House, member: Person) -> None:
    house.moderator.broken = True
    answer = await member.client.post(JOBS, json={"prompt": "a fox"})
    fault(answer, 503, "moderation_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    house.moderator.broken = False
    assert (await submitted(member))["jobs"]


async def test_a_full_queue(house: House, owner: Person) -> None:
    crowd = await house.person("crowd", plan="free")
    answers = [await crowd.client.post(JOBS, json={"prompt": "a fox"}) for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert refused
    said = fault(refused[0], 429, "queue_full")["message"]
    assert said == "Your queue is full: 10 of your jobs wait, with this it would be 11, and at most 10 may."
    assert "Retry-After" in refused[0].headers
    page = (await crowd.client.get(JOBS, params={"limit": 100})).json()
    assert len(page["jobs"]) == len(answers) - len(refused)


async def test_a_waiting_job_has_its_place_among_its_accounts_own(house: House, owner: Person) -> None:
    crowd, other = await house.person("crowd", plan="free"), await house.person("other", plan="free")
    for person in (crowd, other):
        house.clock.move(seconds=1)
        (ready,) = (await submitted(person))["jobs"]
        assert ready["state"] == "ready" and ready["position"] is not None
    fast = []
    for _ in range(3):
        house.clock.move(seconds=1)  # ids of one moment are in no order
        fast.append((await submitted(crowd))["jobs"][0])
    house.clock.move(seconds=1)
    turbo = (await submitted(crowd, lane="turbo"))["jobs"][0]
    assert {job["state"] for job in (*fast, turbo)} == {"waiting"}
    assert [job["position"] for job in (*fast, turbo)] == [0, 1, 2, 0]
    again = [(await crowd.client.get(f"{JOBS}/{job['id']}")).json() for job in (*fast, turbo)]
    assert [(job["position"], job["wait_s"]) for job in again] == [(1, None), (2, None), (3, None), (0, None)]
    page = (await crowd.client.get(JOBS, params={"state": "waiting"})).json()["jobs"]
    assert [job["position"] for job in page] == [0, 3, 2, 1]
    assert (await other.client.get(JOBS)).json()["jobs"][0]["state"] == "ready"


async def test_an_accepted_job_is_told_of_though_its_place_cannot_be(
    house: House, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(jobs: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(house.store.library, "waiting_ahead", fail)
    crowd = await house.person("crowd", plan="free")
    states = [(await submitted(crowd))["jobs"][0] for _ in range(2)]
    assert [(job["state"], job["position"]) for job in states] == [("ready", 0), ("waiting", None)]


async def test_pages_go_on_where_the_last_one_ended(house: House, member: Person) -> None:
    ids = []
    for _ in range(5):
        house.clock.move(seconds=1)
        ids.append((await submitted(member))["jobs"][0]["id"])
    seen, cursor = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await member.client.get(JOBS, params=params)).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]
    assert cursor is None


async def test_filters_and_search(house: House, member: Person) -> None:
    fox = (await submitted(member, "a red fox in the snow"))["jobs"][0]["id"]
    house.clock.move(seconds=1)
    boat = (await submitted(member, "a green boat", lane="relax"))["jobs"][0]["id"]

    async def found(**params: Any) -> list[str]:
        answer = await member.client.get(JOBS, params=params)
        assert answer.status_code == 200, answer.text
        return [job["id"] for job in answer.json()["jobs"]]

    assert await found(q="fox snow") == [fox]
    assert await found(q="fox boat") == []
    assert await found(lane="relax") == [boat]
    assert await found(state=["ready", "waiting"]) == [boat, fox]
    assert await found(state="completed") == []
    assert await found(model="able-1") == [boat, fox]
    assert await found(model="other") == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "yesterday"}, "cursor"),
        ({"state": "lost"}, "state"),
        ({"lane": "slow"}, "lane"),
        ({"q": "x" * 201}, "q"),
    ],
)
async def test_a_list_that_cannot_be(member: Person, params: dict[str, Any], field: str) -> None:
    error = fault(await member.client.get(JOBS, params=params), 422, "invalid_request")
    assert str(error["field"]).startswith(field)


async def test_a_completed_job_shows_its_images(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await completed(house, job_id)
    job = (await member.client.get(f"{JOBS}/{job_id}")).json()
    assert job["state"] == "completed"
    assert [image["index"] for image in job["images"]] == [1, 2, 3, 4]
    assert job["grid"]["index"] is None
    file = job["images"][0]["files"]["webp"]
    assert "/files/blobs/" in file["url"] and "signature=" in file["url"]
    assert job["charged_gpu_ms"] == 100


async def test_links_are_the_same_text_for_an_hour(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await completed(house, job_id)

    async def link() -> str:
        job = (await member.client.get(f"{JOBS}/{job_id}")).json()
        return str(job["grid"]["files"]["webp"]["url"])

    first = await link()
    house.clock.move(minutes=20)
    assert await link() == first
    house.clock.move(minutes=60)
    assert await link() != first


async def test_progress_is_shown_while_a_worker_has_the_job(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await claimed(house, job_id)
    account, job = member.account.id, UUID(job_id)
    house.bus.publish(JobProgressed(account_id=account, job_id=job, done=3, total=64))
    house.bus.publish(JobPreviewed(account_id=account, job_id=job, number=1, key=f"previews/{job_id}/1.webp"))
    shown = (await member.client.get(f"{JOBS}/{job_id}")).json()["progress"]
    assert (shown["done"], shown["total"]) == (3, 64)
    assert f"/files/previews/{job_id}/1.webp" in shown["preview_url"]


async def test_the_history_tells_the_whole_life(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await completed(house, job_id)
    history = (await member.client.get(f"{JOBS}/{job_id}/history")).json()["history"]
    assert [(line["was"], line["state"]) for line in history] == [
        (None, "ready"),
        ("ready", "running"),
        ("running", "finishing"),
        ("finishing", "completed"),
    ]
    assert [line["id"] for line in history] == sorted(line["id"] for line in history)


async def test_a_ready_job_is_cancelled_at_once_and_free(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    answer = await member.client.delete(f"{JOBS}/{job_id}")
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["error"]["code"]) == ("cancelled", "cancelled")
    balance = await house.store.accounts.balance(member.account.id)
    assert (balance.held_gpu_ms, balance.settled_gpu_ms) == (0, 0)
    assert (await member.client.delete(f"{JOBS}/{job_id}")).json()["state"] == "cancelled"


async def test_a_running_job_is_asked_to_stop(house: House, member: Person) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    await claimed(house, job_id)
    job = (await member.client.delete(f"{JOBS}/{job_id}")).json()
    assert (job["state"], job["cancel_requested"]) == ("running", True)


@pytest.mark.parametrize("path", ["", "/history"])
async def test_a_job_of_somebody_else_is_not_there(house: House, member: Person, path: str) -> None:
    job_id = (await submitted(member))["jobs"][0]["id"]
    stranger = await house.person("stranger")
    fault(await stranger.client.get(f"{JOBS}/{job_id}{path}"), 404, "not_found")
    fault(await stranger.client.delete(f"{JOBS}/{job_id}"), 404, "not_found")
    assert (await stranger.client.get(JOBS)).json()["jobs"] == []
    assert (await member.client.get(f"{JOBS}/{job_id}")).json()["state"] == JobState.READY


async def test_jobs_that_cannot_be(member: Person) -> None:
    fault(await member.client.get(f"{JOBS}/no-id"), 422, "invalid_request")
    fault(await member.client.get(f"{JOBS}/{UUID(int=5)}"), 404, "not_found")


async def test_links_stop_working(house: House, member: Person) -> None:
    """A link that a job gave reads its file, until it expires or is changed."""
    job_id = (await submitted(member))["jobs"][0]["id"]
    await completed(house, job_id)
    url = (await member.client.get(f"{JOBS}/{job_id}")).json()["grid"]["files"]["webp"]["url"]
    key = url.split("/files/")[1].split("?")[0]
    await house.objects.put(key, b"pixels", media_type="image/webp")
    nobody = house.client()
    answer = await nobody.get(url)
    assert (answer.status_code, answer.content) == (200, b"pixels")
    tampered = url.replace("signature=", "signature=0")
    fault(await nobody.get(tampered), 403, "link_invalid")
    house.clock.move(seconds=timedelta(hours=3).total_seconds())
    fault(await nobody.get(url), 403, "link_expired")
