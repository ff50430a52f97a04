"""Actions, blends and replays over HTTP: the answer before and after, the schema's refusals, and what jobs and images then say."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.ids import new_id
from darkroom.core.images import Finish, ImageFile, NewImage, Variant
from darkroom.core.uploads import Upload, UploadKind

ANSWER = {
    "dry_run", "action", "prompt", "width", "height", "images", "cost_gpu_ms", "jobs", "notes", "replayed",
}  # fmt: skip


async def finished(house: House, job: dict[str, Any], *, pixels: str = "same", weights: str = "w") -> None:
    """The job, completed with pictures of 256 x 256."""
    lease = await house.store.operations.acquire_lease(holder="here", url="", ttl_s=60, now=house.clock())
    change = await house.store.ledger.claim(
        [UUID(job["id"])], worker_id="w1", epoch=lease.epoch, now=house.clock()
    )
    (claimed,) = change.jobs
    assert claimed.fence is not None
    told = json.dumps({"pixels": pixels, "weights": weights, "engine": {}})

    def picture(index: int | None) -> NewImage:
        digest = hashlib.sha256(f"{job['id']}{index}".encode()).hexdigest()
        file = ImageFile(
            variant=Variant.PNG, digest=digest, media_type="image/png", width=256, height=256, size_bytes=9
        )
        return NewImage(
            id=new_id(house.clock()), index=index, files=(file,), scores={}, policy="test", provenance=told
        )

    images = tuple(map(picture, [*range(len(job["recipe"]["indices"])), None]))
    finish = Finish(
        job_id=claimed.id, fence=claimed.fence, measured_gpu_ms=10, images=images, now=house.clock()
    )
    await house.store.ledger.finish([finish])


async def an_image(house: House, person: Person, prompt: str = "a fox", **how: str) -> str:
    """The third image of a grid."""
    job = (await person.client.post("/api/v1/jobs", json={"prompt": prompt})).json()["jobs"][0]
    await finished(house, job, **how)
    found = (await person.client.get(f"/api/v1/jobs/{job['id']}")).json()
    return str(found["images"][2]["id"])


async def an_upload(house: House, person: Person, *, kind: UploadKind = UploadKind.PICTURE) -> str:
    kept = Upload(
        id=new_id(house.clock()), account_id=person.account.id, kind=kind, digest=new_id(house.clock()).hex * 2,
        width=256, height=256, size_bytes=9, created_at=house.clock(),
    )  # fmt: skip
    return str((await house.store.uploads.add(kept)).id)


async def acted(person: Person, image: str, status: int = 202, *, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    answer = await person.client.post(f"/api/v1/images/{image}/actions", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_action_answers_with_its_job(house: House, member: Person) -> None:
    image = await an_image(house, member)
    found = await acted(member, image, action="vary_subtle")
    assert set(found) == ANSWER
    assert (found["dry_run"], found["images"], found["action"]) == (False, 4, "vary_subtle")
    (job,) = found["jobs"]
    assert found["cost_gpu_ms"] == job["cost_gpu_ms"] > 0
    assert (job["action"], job["recipe"]["indices"]) == ("vary_subtle", [1, 2, 3, 4])
    (given,) = job["recipe"]["inputs"]
    assert (given["role"], given["parent_id"], "digest" in given) == ("init", image, False)
    await finished(house, job)
    shown = (await member.client.get(f"/api/v1/jobs/{job['id']}")).json()["images"][0]
    assert (shown["action"], shown["parents"]) == ("vary_subtle", [image])
    listed = (await member.client.get("/api/v1/images")).json()["images"]
    assert {each["action"] for each in listed} == {"vary_subtle", "imagine"}


async def test_a_dry_run_is_a_200_without_a_job_and_tells_what_would_be(house: House, member: Person) -> None:
    image = await an_image(house, member)
    found = await acted(member, image, 200, action="zoom_out", zoom=1.5, dry_run=True, prompt="a wide field")
    assert set(found) == ANSWER
    assert (found["dry_run"], found["jobs"], found["width"], found["height"]) == (True, [], 384, 384)
    assert found["prompt"].startswith("a wide field") and found["cost_gpu_ms"] > 0
    assert len((await member.client.get("/api/v1/jobs")).json()["jobs"]) == 1


async def test_upscales_say_their_size_and_refuse_with_numbers(house: House, member: Person) -> None:
    image = await an_image(house, member)
    found = await acted(member, image, 200, action="upscale_subtle", scale=4, dry_run=True)
    assert (found["width"], found["height"], found["images"]) == (1024, 1024, 1)
    answer = await member.client.post(
        f"/api/v1/images/{image}/actions", json={"action": "upscale_subtle", "scale": 8}
    )
    assert fault(answer, 422, "invalid_request")["field"] == "scale"


async def test_the_same_key_makes_it_once(house: House, member: Person) -> None:
    image = await an_image(house, member)
    first = await acted(member, image, action="pan", direction="left", key="k-1")
    again = await acted(member, image, action="pan", direction="left", key="k-1")
    assert again["replayed"] and not first["replayed"]
    assert again["jobs"][0]["id"] == first["jobs"][0]["id"] and again["width"] == first["width"] == 384
    answer = await member.client.post(
        f"/api/v1/images/{image}/actions",
        json={"action": "pan", "direction": "up"},
        headers={"Idempotency-Key": "k-1"},
    )
    fault(answer, 409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_request", "action"),
        ({"action": "explode"}, "invalid_request", "action"),
        ({"action": "pan"}, "invalid_request", "direction"),
        ({"action": "pan", "direction": "in"}, "invalid_request", "direction"),
        ({"action": "vary_region"}, "invalid_request", "mask"),
        ({"action": "vary_region", "mask": "x"}, "invalid_request", "mask"),
        ({"action": "zoom_out", "zoom": 9}, "invalid_request", "zoom"),
        ({"action": "vary_subtle", "zoom": 2}, "invalid_request", "zoom"),
        ({"action": "enhance"}, "not_a_draft", "action"),
        ({"action": "remix", "prompt": "a fox --ar 1"}, "invalid_parameter", "prompt"),
        ({"action": "remix", "prompt": "a fox --repeat 3"}, "invalid_parameter", "prompt"),
        ({"action": "remix", "prompt": "a cat", "colour": 1}, "invalid_request", "colour"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    house: House, member: Person, body: dict[str, Any], code: str, field: str
) -> None:
    image = await an_image(house, member)
    for dry_run in (False, True):
        answer = await member.client.post(f"/api/v1/images/{image}/actions", json=body | {"dry_run": dry_run})
        found = fault(answer, 422, code)
        assert field in (found["field"] or "")


async def test_a_region_takes_a_mask(house: House, member: Person) -> None:
    image, mask = await an_image(house, member), await an_upload(house, member, kind=UploadKind.MASK)
    found = await acted(member, image, action="vary_region", mask=mask, prompt="a hat --seed 3")
    recipe = found["jobs"][0]["recipe"]
    assert [each["role"] for each in recipe["inputs"]] == ["init", "mask"] and recipe["seam_px"] > 0
    assert found["jobs"][0]["seed"] == 3 and found["jobs"][0]["source"] == "a hat --seed 3"


async def test_pictures_are_blended_without_words(house: House, member: Person) -> None:
    image, upload = await an_image(house, member), await an_upload(house, member)
    body = {"images": [image, upload], "parameters": "--ar 3:2"}
    told = await member.client.post("/api/v1/blend", json=body | {"dry_run": True})
    assert told.status_code == 200 and set(told.json()) == ANSWER and told.json()["jobs"] == []
    answer = await member.client.post("/api/v1/blend", json=body)
    assert answer.status_code == 202, answer.text
    found = answer.json()
    assert found["prompt"].startswith(f"upload:{image} upload:{upload} --ar 3:2")
    assert {name: found[name] for name in ("width", "height", "cost_gpu_ms", "images")} == {
        name: told.json()[name] for name in ("width", "height", "cost_gpu_ms", "images")
    }
    assert [each["role"] for each in found["jobs"][0]["recipe"]["inputs"]] == ["blend", "blend"]
    assert [each["kind"] for each in found["jobs"][0]["recipe"]["inputs"]] == ["image", "upload"]


async def test_a_blend_that_nobody_can_pay_is_refused_before_and_after(house: House, member: Person) -> None:
    poor = await house.person("eve", plan="free")
    pictures = [await an_upload(house, poor), await an_upload(house, poor)]
    for _ in range(11):
        await poor.client.post("/api/v1/jobs", json={"prompt": "a fox"})
    for dry_run in (True, False):
        answer = await poor.client.post("/api/v1/blend", json={"images": pictures, "dry_run": dry_run})
        fault(answer, 429, "queue_full")


async def test_a_blend_is_of_two_to_five_pictures_that_are_there(house: House, member: Person) -> None:
    upload = await an_upload(house, member)
    for images, parameters, code in (
        ([upload], "", "invalid_request"),
        ([upload] * 6, "", "invalid_request"),
        ([upload] * 2, "with words", "invalid_request"),
        ([upload] * 2, "- with words", "invalid_request"),
        ([upload] * 2, "-words", "invalid_request"),
        ([upload] * 2, "–words", "invalid_parameter"),
        ([upload] * 2, "", "invalid_request"),
        ([upload, upload.upper()], "--ar 3:2", "invalid_request"),
        ([upload, str(new_id(house.clock()))], "", "invalid_link"),
    ):
        for dry_run in (False, True):
            body = {"images": images, "parameters": parameters, "dry_run": dry_run}
            fault(await member.client.post("/api/v1/blend", json=body), 422, code)


async def test_somebody_elses_upload_is_not_there(house: House, member: Person) -> None:
    eve = await house.person("eve")
    upload = await an_upload(house, member)
    for address, body in (
        ("/api/v1/jobs", {"prompt": f"upload:{upload} a cat"}),
        ("/api/v1/blend", {"images": [upload, upload]}),
    ):
        found = fault(await eve.client.post(address, json=body), 422, "invalid_link")
        assert "no upload of yours" in (found["message"] or "")


@pytest.mark.parametrize(
    ("pixels", "weights", "same", "note"),
    [
        ("same", "w", True, ""),
        ("other", "w", False, ""),
        ("other", "new", False, "weights"),
        ("", "w", None, ""),
    ],
)
async def test_a_replay_is_compared(
    house: House, member: Person, pixels: str, weights: str, same: bool | None, note: str
) -> None:
    image = await an_image(house, member)
    job = (await acted(member, image, action="replay"))["jobs"][0]
    assert job["recipe"]["replay_of"] == image and job["recipe"]["indices"] == [3]
    address = f"/api/v1/jobs/{job['id']}/replay"
    assert (await member.client.get(address)).json() == {"same": None, "images": [], "notes": []}
    await finished(house, job, pixels=pixels, weights=weights)
    found = (await member.client.get(address)).json()
    assert found["same"] is same and note in " ".join(found["notes"])
    (compared,) = found["images"]
    assert (compared["original_id"], compared["same"], compared["index"]) == (image, same, 1)


async def test_a_job_that_is_no_replay_says_so(house: House, member: Person) -> None:
    job = (await member.client.post("/api/v1/jobs", json={"prompt": "a fox"})).json()["jobs"][0]
    fault(await member.client.get(f"/api/v1/jobs/{job['id']}/replay"), 422, "not_a_replay")
