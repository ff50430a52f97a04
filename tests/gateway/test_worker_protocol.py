"""The worker protocol over HTTP: a whole life by its JSON, its refusals, its limits, and a worker that hangs up."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64encode
from typing import Any

import httpx
import pytest
from tests.gateway.conftest import HOST, House, Person, fault
from tests.lifecycle.conftest import eventually

from darkroom.core.jobs import JobState
from darkroom.core.news import JobPreviewed
from darkroom.gateway.worker_messages import ITEMS_MAX, REPORTS_MAX

WORKER = {"name": "w1", "device": "cpu", "models": ["able-1"], "slots": 4, "version": "1"}
JOB = "019de368-f600-7ace-95ad-ecb9163ff510"


@pytest.fixture
async def worker(house: House) -> httpx.AsyncClient:
    """A registered worker's connection."""
    client = house.client(await house.worker_token())
    client.base_url = httpx.URL(f"http://{HOST}/worker/v1/")
    answer = await client.post("register", json=WORKER)
    assert answer.status_code == 200
    assert answer.json() == {"worker_id": "w1", "heartbeat_s": 5.0, "abort_after_s": 15.0, "lease_s": 20.0}
    return client


async def pull(worker: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await worker.post("pull", json={"worker_id": "w1", "free": 4, "warm": [], "wait_s": 0} | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def submitted(house: House, member: Person) -> str:
    answer = await member.client.post("/api/v1/jobs", json={"prompt": "a red fox --seed 5"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


async def uploaded(house: House, worker: httpx.AsyncClient, claim: dict[str, Any]) -> list[dict[str, Any]]:
    """Four pictures and a grid, put where the service says."""
    names = ["0.png", "1.png", "2.png", "3.png", "grid.png"]
    files = [{"name": name, "media_type": "image/png"} for name in names]
    answer = await worker.post("uploads", json={"worker_id": "w1", **claim, "files": files})
    images = []
    for i, name in enumerate(names):
        data = f"pixels of {name}".encode()
        url = answer.json()["urls"][name]
        assert url.startswith(f"/files/staging/{claim['job_id']}/{claim['fence']}/{name}?")
        put = await worker.put(f"http://{HOST}{url}", content=data, headers={"Content-Type": "image/png"})
        assert put.is_success, put.text
        file = {
            "name": name, "variant": "png", "digest": hashlib.sha256(data).hexdigest(), "media_type": "image/png",
            "width": 256, "height": 256, "size_bytes": len(data),
        }  # fmt: skip
        images.append(
            {
                "index": i if i < 4 else None,
                "files": [file],
                "scores": {"nsfw": 0.01} if i < 4 else {},
                "provenance": "{}",
            }
        )
    return images


async def test_a_whole_life(house: House, member: Person, worker: httpx.AsyncClient) -> None:
    job_id = await submitted(house, member)
    found = await pull(worker)
    (job,) = found["jobs"]
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    assert job == claim | {
        "prompt": job["prompt"], "model": "able-1", "seed": 5, "lane": "fast", "images": 4, "attempt": 1,
        "flow": job["flow"], "saved_url": "", "recipe": {"action": "imagine"}, "inputs": {},
    }  # fmt: skip
    assert job["job_id"] == job_id and (found["cancel"], found["abandon"], found["drain"]) == ([], [], False)
    heartbeat = await worker.post("heartbeat", json={"worker_id": "w1", "claims": [claim]})
    assert heartbeat.json() == {"cancel": [], "abandon": [], "drain": False}
    images = await uploaded(house, worker, claim)
    report = {"kind": "completed", **claim, "measured_gpu_ms": 900, "images": images, "notes": ["a note"]}
    body = {"worker_id": "w1", "reports": [report, report]}
    assert (await worker.post("reports", json=body)).json() == {"outcomes": ["accepted", "repeated"]}
    done = (await member.client.get(f"/api/v1/jobs/{job_id}")).json()
    assert (done["state"], len(done["images"]), done["notes"]) == ("completed", 4, ["a note"])
    assert (await worker.post("leave", json={"worker_id": "w1"})).status_code == 204


async def test_failures_cancels_and_abandoned_runs(
    house: House, member: Person, worker: httpx.AsyncClient
) -> None:
    job_id = await submitted(house, member)
    (job,) = (await pull(worker))["jobs"]
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    await member.client.delete(f"/api/v1/jobs/{job_id}")
    stranger = {"job_id": JOB, "fence": 1}
    told = await worker.post("heartbeat", json={"worker_id": "w1", "claims": [claim, stranger]})
    assert told.json() == {"cancel": [claim], "abandon": [stranger], "drain": False}
    assert (await pull(worker))["cancel"] == [claim]
    failed = {"kind": "failed", "fault": "cancelled", "message": "stopped", "measured_gpu_ms": 70,
              "device": "cpu", "fingerprint": "f"}  # fmt: skip
    body = {"worker_id": "w1", "reports": [claim | failed, stranger | failed]}
    assert (await worker.post("reports", json=body)).json() == {"outcomes": ["accepted", "stale"]}
    ended = (await member.client.get(f"/api/v1/jobs/{job_id}")).json()
    assert (ended["state"], ended["charged_gpu_ms"]) == ("cancelled", 70)
    answer = await worker.post("uploads", json={"worker_id": "w1", **claim, "files": []})
    fault(answer, 409, "stale_claim")


async def test_a_job_that_is_handed_back_with_its_state_is_gone_on_with(
    house: House, member: Person, worker: httpx.AsyncClient
) -> None:
    job_id = await submitted(house, member)
    (job,) = (await pull(worker))["jobs"]
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    files = [{"name": "state.safetensors", "media_type": "application/octet-stream"}]
    answer = await worker.post("uploads", json={"worker_id": "w1", **claim, "files": files})
    url = answer.json()["urls"]["state.safetensors"]
    put = await worker.put(
        f"http://{HOST}{url}", content=b"half", headers={"Content-Type": "application/octet-stream"}
    )
    assert put.is_success, put.text
    drained = {"kind": "failed", "fault": "drained", "saved": "state.safetensors"}
    body = {"worker_id": "w1", "reports": [claim | drained]}
    assert (await worker.post("reports", json=body)).json() == {"outcomes": ["accepted"]}
    (again,) = (await pull(worker))["jobs"]
    assert again["saved_url"].startswith(f"/files/staging/{job_id}/{job['fence']}/state.safetensors?")
    got = await worker.get(f"http://{HOST}{again['saved_url']}")
    assert (got.content, got.headers["content-type"]) == (b"half", "application/octet-stream")
    assert got.headers["content-security-policy"].startswith("sandbox")
    assert again["flow"] == job["flow"] and str(member.account.id) not in str(again)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("0.png", "application/octet-stream"),
        ("state.safetensors", "image/png"),
        ("0.svg", "image/svg+xml"),
    ],
)
async def test_only_a_state_is_no_picture(
    house: House, member: Person, worker: httpx.AsyncClient, name: str, media_type: str
) -> None:
    await submitted(house, member)
    (job,) = (await pull(worker))["jobs"]
    files = [{"name": name, "media_type": media_type}]
    body = {"worker_id": "w1", "job_id": job["job_id"], "fence": job["fence"], "files": files}
    fault(await worker.post("uploads", json=body), 422, "invalid_request")


@pytest.mark.parametrize(
    "vitals",
    [
        {"passes": -1},
        {"passes": 1 << 53},
        {"passes": 1.5},
        {"device_ms": -0.1},
        {"oldest_wait_s": 1e300},
        {"mood": 1},
        [],
        "fine",
    ],
)
async def test_vitals_that_are_none(house: House, worker: httpx.AsyncClient, vitals: object) -> None:
    answer = await worker.post("heartbeat", json={"worker_id": "w1", "claims": [], "vitals": vitals})
    fault(answer, 422, "invalid_request")


async def test_a_pull_may_name_lanes(house: House, member: Person, worker: httpx.AsyncClient) -> None:
    await submitted(house, member)
    assert (await pull(worker, lanes=["turbo"]))["jobs"] == []
    for lanes in (["express"], ["turbo"] * 4, "turbo"):
        body = {"worker_id": "w1", "free": 1, "lanes": lanes}
        fault(await worker.post("pull", json=body), 422, "invalid_request")
    assert len((await pull(worker, lanes=["turbo", "fast"]))["jobs"]) == 1


async def test_a_heartbeat_may_carry_vitals(house: House, worker: httpx.AsyncClient) -> None:
    for vitals in (None, {"passes": 3, "device_ms": 1.5}):
        body = {"worker_id": "w1", "claims": [], "vitals": vitals}
        assert (await worker.post("heartbeat", json=body)).status_code == 200
    ((found, said),) = house.dispatcher.vitals()
    assert (found.name, said.passes, said.device_ms, said.waiting) == ("w1", 3, 1.5, 0)


async def test_progress_carries_previews(house: House, member: Person, worker: httpx.AsyncClient) -> None:
    await submitted(house, member)
    (job,) = (await pull(worker))["jobs"]
    item = {
        "job_id": job["job_id"], "fence": job["fence"], "done": 3, "total": 16, "finishing": False,
        "preview": b64encode(b"a small webp").decode(), "scores": {"nsfw": 0.1},
    }  # fmt: skip
    news = house.bus.subscribe(member.account.id)
    answer = await worker.post("progress", json={"worker_id": "w1", "items": [item]})
    assert answer.json() == {"cancel": [], "abandon": [], "drain": False}
    async with asyncio.timeout(5):
        async for told in news:
            if isinstance(told, JobPreviewed):
                assert await house.objects.get(told.key) == b"a small webp"
                break
    bad = {"worker_id": "w1", "items": [item | {"preview": "no base64!"}]}
    fault(await worker.post("progress", json=bad), 422, "invalid_request")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("register", WORKER | {"name": "a/b"}),
        ("register", WORKER | {"slots": 0}),
        ("register", WORKER | {"device": "a\0b"}),
        ("register", WORKER | {"more": 1}),
        ("pull", {"worker_id": "w1", "free": -1}),
        ("pull", {"worker_id": "w1", "free": 1, "wait_s": 1e9}),
        ("heartbeat", {"worker_id": "w1", "claims": [{"job_id": "x", "fence": 1}]}),
        ("heartbeat", {"worker_id": "w1", "claims": [{"job_id": JOB, "fence": 1}] * (ITEMS_MAX + 1)}),
        ("progress", {"worker_id": "w1", "items": [{"job_id": JOB, "fence": 1, "scores": {"nsfw": 2}}]}),
        ("uploads", {"worker_id": "w1", "job_id": JOB, "fence": 1,
                     "files": [{"name": "../../etc", "media_type": "image/png"}]}),
        ("reports", {"worker_id": "w1", "reports": [{"kind": "other", "job_id": JOB, "fence": 1}]}),
        ("reports", {"worker_id": "w1", "reports": [{"kind": "failed", "job_id": JOB, "fence": 1 << 70,
                                                     "fault": "job"}]}),
        ("reports", {"worker_id": "w1", "reports": [{"kind": "failed", "job_id": JOB, "fence": 1,
                                                     "fault": "job"}] * (REPORTS_MAX + 1)}),
        ("reports", {"worker_id": "w1", "reports": [{"kind": "failed", "job_id": JOB, "fence": 1,
                                                     "fault": "job", "message": "\ud800"}]}),
        ("leave", {}),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused(
    worker: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await worker.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    fault(answer, 422, "invalid_request")


async def test_only_a_worker_token_gets_in(house: House, member: Person, worker: httpx.AsyncClient) -> None:
    for client in (house.client(), house.client("dw_wrong"), member.client):
        answer = await client.post("/worker/v1/register", json=WORKER)
        fault(answer, 401, "not_authenticated")
    answer = await worker.post(f"http://{HOST}/api/v1/jobs", json={"prompt": "a fox"})
    fault(answer, 401, "not_authenticated")


async def test_an_unknown_worker_is_to_register_again(worker: httpx.AsyncClient) -> None:
    for path, more in (("pull", {"free": 1}), ("heartbeat", {"claims": []}), ("progress", {"items": []})):
        answer = await worker.post(path, json={"worker_id": "w9", **more})
        fault(answer, 404, "unknown_worker")


async def test_a_standby_says_where_the_active_one_is(house: House, worker: httpx.AsyncClient) -> None:
    house.clock.move(seconds=7)
    await house.store.operations.acquire_lease(holder="other", url="http://other", ttl_s=6, now=house.clock())
    await house.dispatcher.tick()
    answer = await worker.post("pull", json={"worker_id": "w1", "free": 1})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["url"]) == (503, "not_active", "http://other")


@pytest.mark.parametrize("after_claim", [False, True])
async def test_a_worker_that_hangs_up_gets_nothing_and_loses_nothing(
    house: House, member: Person, worker: httpx.AsyncClient, after_claim: bool
) -> None:
    """Plays the server's part by hand, because a client cannot hang up halfway through an app that is called directly."""
    if after_claim:
        job_id = await submitted(house, member)
    sent: list[Any] = []
    hung_up = asyncio.Event()
    body = b'{"worker_id": "w1", "free": 4, "wait_s": 20}'
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        if not after_claim:
            await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/worker/v1/pull", "raw_path": b"/worker/v1/pull", "query_string": b"", "root_path": "",
        "headers": [(b"authorization", worker.headers["authorization"].encode()), (b"host", HOST.encode()),
                    (b"content-type", b"application/json")],
        "client": ("203.0.113.5", 4711), "server": (HOST, 80), "state": {},
    }  # fmt: skip
    asking = asyncio.create_task(house.app(scope, receive, send))
    async with asyncio.timeout(5):
        if not after_claim:
            await eventually(lambda: len(house.dispatcher._memory.line) == 1)  # type: ignore[union-attr]
        hung_up.set()
        await asking
    if not after_claim:
        job_id = await submitted(house, member)
    await house.dispatcher.tick()
    job = (await member.client.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["state"], job["attempt"]) == (JobState.READY, 0)
    assert len((await pull(worker))["jobs"]) == 1
