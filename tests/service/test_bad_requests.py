"""Bad requests to the service as it runs: each gets a clear refusal, nothing is kept or charged, and the next good one goes through."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.service.conftest import Hand, Served, Tenant, completed, ended, fault, serve, tenant, until

from darkroom.billing import pricing
from darkroom.gateway.files import UPLOAD_MAX_BYTES
from darkroom.gateway.front_door import JSON_BYTES_MAX, WORKER_BYTES_MAX
from darkroom.storage.objects.links import Signer
from darkroom.storage.postgres.embedded import EmbeddedPostgres
from darkroom.storage.postgres.store import PostgresStore

JSON = {"Content-Type": "application/json"}
JOBS = "/api/v1/jobs"
PNG = b"\x89PNG, as far as anybody looks"
FREE_GPU_MS = 24 * 60_000
TURBO_PERCENT = 20_000  # so that the month of a free member is three such jobs
HELD_GPU_MS = FREE_GPU_MS // 3
FREE_REQUESTS = 60  # in a minute
FREE_JOBS = 11  # one at once and ten that wait


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("bad")
    prices = Path(pricing.__file__).with_name("prices.toml").read_text(encoding="utf-8")
    dear = prices.replace("turbo = 200", f"turbo = {TURBO_PERCENT}")
    (folder / "prices.toml").write_text(dear, encoding="utf-8")
    served = serve(folder / "data", "--workers", "0", DARKROOM_PRICES=str(folder / "prices.toml"))
    yield served
    ended(served)


@pytest.fixture
def mia(served: Served, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    """A free member, new for each test, whose jobs do not outlive it."""
    mia = tenant(served, request.node.name, plan="free")
    yield mia
    owner = served.client()
    jobs = owner.get("/api/v1/admin/jobs", params={"account": mia.id, "limit": 100}).json()["jobs"]
    for each in jobs:
        owner.delete(f"/api/v1/admin/jobs/{each['job']['id']}")
    owner.close()
    mia.client.close()


@pytest.fixture
def hand(served: Served) -> Iterator[Hand]:
    hand = Hand(served, "hand", slots=8)
    yield hand
    hand.leave()


def pieces(count: int) -> Iterator[bytes]:
    """A body whose length is not told before."""
    yield b'{"prompt": "'
    for _ in range(count):
        yield b"x" * 4096
    yield b'"}'


BODIES: dict[str, tuple[dict[str, Any], int, str]] = {
    "too large by its length": ({"content": b"x" * (JSON_BYTES_MAX + 1)}, 413, "body_too_large"),
    "too large while it is read": ({"content": "pieces"}, 413, "body_too_large"),
    "no JSON": ({"content": b'{"prompt": "a fox"'}, 400, "malformed_request"),
    "no UTF-8": ({"content": b'{"prompt": "\xff"}'}, 400, "malformed_request"),
    "not called JSON": ({"content": b'{"prompt": "a fox"}', "headers": {}}, 415, "unsupported_media_type"),
    "no object": ({"json": ["a fox"]}, 422, "invalid_request"),
    "nothing": ({"json": {}}, 422, "invalid_request"),
    "a number for a text": ({"json": {"prompt": 7}}, 422, "invalid_request"),
    "a list for a text": ({"json": {"prompt": ["a fox"]}}, 422, "invalid_request"),
    "a lane that is none": ({"json": {"prompt": "a fox", "lane": "slow"}}, 422, "invalid_request"),
    "an unknown field": ({"json": {"prompt": "a fox", "seed": 7}}, 422, "invalid_request"),
    "somebody else's account": ({"json": {"prompt": "a fox", "account_id": "7"}}, 422, "invalid_request"),
    "the character NUL": ({"json": {"prompt": "a\0fox"}}, 422, "invalid_parameter"),
    "a prompt of no words": ({"json": {"prompt": "  "}}, 422, "empty_prompt"),
    "a lane that the plan lacks": ({"json": {"prompt": "a fox", "lane": "relax"}}, 403, "lane_not_in_plan"),
}


def test_a_bad_body_is_refused_in_words_and_leaves_nothing(mia: Tenant) -> None:
    before = mia.books()
    for name, (sent, status, code) in BODIES.items():
        asked = {"headers": JSON, **sent} if "content" in sent else sent
        if asked.get("content") == "pieces":
            asked = {**asked, "content": pieces(1_000)}
        error = fault(mia.client.post(JOBS, **asked), status, code)
        assert code != "invalid_request" or error["field"], name
    assert mia.books() == before
    assert mia.submit().status_code == 202


def test_a_bad_message_of_a_worker_changes_no_run(mia: Tenant, hand: Hand) -> None:
    mia.submit()
    job = hand.take()
    before = mia.books()
    good = completed(job)
    for report, code in (
        ({**good, "measured_gpu_ms": -1}, "invalid_request"),
        ({**good, "measured_gpu_ms": "7"}, "invalid_request"),
        ({**good, "charged_gpu_ms": 0}, "invalid_request"),
        ({**good, "images": good["images"] * 2}, "invalid_request"),
        (completed(job, scores={"nsfw": 7.0}), "invalid_request"),
        ({**good, "kind": "done"}, "invalid_request"),
    ):
        fault(hand.call("reports", worker_id=hand.name, reports=[report]), 422, code)
    nan = json.dumps({"worker_id": hand.name, "reports": [completed(job, scores={"nsfw": float("nan")})]})
    assert hand.client.post("/worker/v1/reports", content=nan, headers=JSON).status_code in (400, 422)
    large = b'{"worker_id": "' + b"x" * WORKER_BYTES_MAX + b'"}'
    fault(hand.client.post("/worker/v1/reports", content=large, headers=JSON), 413, "body_too_large")
    assert mia.books() == before
    assert hand.report({**good, "fence": job["fence"] + 1}) == ["stale"]
    assert hand.report(good, good) == ["accepted", "repeated"]


def test_links_end_and_cannot_be_changed(served: Served, mia: Tenant, hand: Hand) -> None:
    accepted = mia.submit().json()["jobs"][0]
    job = hand.take()
    to_write = hand.place(job)
    assert hand.put(job, PNG).status_code == 204
    assert hand.report(completed(job, data=PNG)) == ["accepted"]
    to_read = mia.job(accepted["id"])["images"][0]["files"]["png"]["url"]
    assert httpx.get(to_read).content == PNG
    link = httpx.URL(to_read)
    late = int(link.params["expires"]) + 3_600
    signature = link.params["signature"]
    for changed in (
        link.copy_set_param("expires", str(late)),
        link.copy_set_param("signature", signature[::-1]),
        link.copy_remove_param("signature"),
        link.copy_set_param("type", "text/html"),
        link.copy_set_param("name", "virus.exe"),
        link.copy_with(path=link.path[:-1] + ("0" if link.path[-1] != "0" else "1")),
    ):
        fault(httpx.get(changed), 403, "link_invalid")
        fault(httpx.put(changed, content=b"mine"), 403, "link_invalid")
    fault(httpx.get(to_write), 403, "link_invalid")
    assert httpx.get(to_read).content == PNG


def test_a_link_of_yesterday_has_expired(served: Served, mia: Tenant, hand: Hand) -> None:
    """Signed by the secret of the install itself, which lies beside the ledger."""

    async def secret() -> bytes:
        store = await PostgresStore.open(EmbeddedPostgres(served.data / "postgres").dsn, pool_size=1)
        try:
            return await store.operations.secret("files")
        finally:
            await store.close()

    mia.submit()
    job = hand.take()
    assert hand.put(job, PNG).status_code == 204
    assert hand.report(completed(job, data=PNG)) == ["accepted"]
    url = httpx.URL(mia.job(job["job_id"])["images"][0]["files"]["png"]["url"])
    key, now = url.path.removeprefix("/files/"), datetime.now(UTC)
    signer = Signer(secret=asyncio.run(secret()), base_url=served.url)
    for ends, status in ((now + timedelta(hours=1), 200), (now - timedelta(seconds=1), 403)):
        answer = httpx.get(signer.read_url(key, expires_at=ends, media_type="image/png"))
        assert answer.status_code == status
    fault(answer, 403, "link_expired")


def test_an_upload_is_whole_and_of_a_size_or_it_is_nothing(served: Served, mia: Tenant, hand: Hand) -> None:
    mia.submit()
    job = hand.take()
    before = mia.books()
    url = hand.place(job)
    parts = urlsplit(url)
    for size_bytes in (UPLOAD_MAX_BYTES + 1, 1_000):
        wire = http.client.HTTPConnection(parts.netloc, timeout=30)
        wire.putrequest("PUT", f"{parts.path}?{parts.query}")
        wire.putheader("Content-Type", "image/png")
        wire.putheader("Content-Length", str(size_bytes))
        wire.endheaders(b"x" * 500)
        if size_bytes > UPLOAD_MAX_BYTES:
            told = wire.getresponse()
            assert (told.status, json.loads(told.read())["error"]["code"]) == (413, "too_large")
        wire.close()
    objects = served.data / "objects"
    until(lambda: not [path for path in objects.rglob("*") if path.is_file() and "blobs" not in path.parts])
    assert mia.books() == before
    assert hand.put(job, PNG).status_code == 204
    assert hand.report(completed(job, data=PNG)) == ["accepted"]


def test_a_revoked_key_opens_nothing_any_more(mia: Tenant) -> None:
    assert mia.submit(key="before").status_code == 202
    before = mia.books()
    keys = mia.client.get("/api/v1/account/keys").json()["keys"]
    assert mia.client.delete(f"/api/v1/account/keys/{keys[0]['id']}").status_code == 200
    for method, path, body in (
        ("POST", JOBS, {"prompt": "a fox"}),
        ("GET", JOBS, None),
        ("DELETE", f"{JOBS}/{next(iter(before['states']))}", None),
        ("GET", "/api/v1/account", None),
        ("GET", "/api/v1/events", None),
    ):
        answer = mia.client.request(method, path, json=body)
        fault(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer" and mia.secret not in answer.text


def test_what_was_accepted_by_a_revoked_key_goes_on(served: Served, mia: Tenant, hand: Hand) -> None:
    accepted = mia.submit().json()["jobs"][0]["id"]
    key = mia.client.get("/api/v1/account/keys").json()["keys"][0]["id"]
    mia.client.delete(f"/api/v1/account/keys/{key}")
    assert hand.draw()["job_id"] == accepted
    with served.client() as owner:
        assert owner.get(f"/api/v1/admin/jobs/{accepted}").json()["job"]["state"] == "completed"


def test_a_revoked_workers_token_opens_nothing_and_its_job_goes_elsewhere(
    served: Served, mia: Tenant, hand: Hand
) -> None:
    fired = Hand(served, "fired")
    mia.submit()
    job = fired.take()
    with served.client() as owner:
        assert owner.delete(f"/api/v1/admin/worker-tokens/{fired.token_id}").status_code == 200
        for path, body in (
            ("pull", {"free": 1}),
            ("heartbeat", {"claims": []}),
            ("reports", {"reports": [completed(job)]}),
        ):
            fault(fired.call(path, worker_id=fired.name, **body), 401, "not_authenticated")
        assert mia.job(job["job_id"])["state"] == "running"
        assert owner.post(f"/api/v1/admin/workers/{fired.name}/quarantine").status_code == 200
    fired.client.close()


def test_an_exhausted_quota_refuses_until_there_is_time_again(mia: Tenant, hand: Hand) -> None:
    accepted = [mia.submit(lane="turbo", key=f"{n}").json()["jobs"][0]["id"] for n in range(3)]
    before = mia.books()
    assert (before["balance"]["available_gpu_ms"], before["balance"]["held_gpu_ms"]) == (0, FREE_GPU_MS)
    for lane in ("turbo", "fast"):
        answer = mia.submit(lane=lane, key=f"more {lane}".replace(" ", "-"))
        fault(answer, 429, "fast_time_exhausted")
        assert int(answer.headers["retry-after"]) > 0
    assert mia.books() == before
    again = mia.submit(lane="turbo", key="2").json()
    assert again["replayed"] and again["jobs"][0]["id"] == accepted[2], "a repeat is no new request"
    mia.client.delete(f"{JOBS}/{accepted[2]}")
    assert mia.books()["balance"]["available_gpu_ms"] == HELD_GPU_MS
    assert not mia.submit(lane="turbo", key="more-turbo").json()["replayed"]
    assert hand.draw()["job_id"] == accepted[0]
    books = mia.books()
    assert books["balance"]["settled_gpu_ms"] == 1_600 * TURBO_PERCENT // 100 < HELD_GPU_MS


def test_a_full_queue_takes_all_of_a_batch_or_nothing(mia: Tenant) -> None:
    accepted = [job["id"] for n in (4, 4, 2) for job in mia.submit(f"a fox --repeat {n}").json()["jobs"]]
    before = mia.books()
    for prompt in ("a fox --repeat 2", "a fox --repeat 4"):
        answer = mia.submit(prompt, key="too-many" + prompt[-1])
        fault(answer, 429, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
    assert mia.books() == before
    assert mia.submit().status_code == 202, "there was room for one"
    fault(mia.submit(key="one-more"), 429, "queue_full")
    assert len(mia.states()) == FREE_JOBS
    mia.client.delete(f"{JOBS}/{accepted[-1]}")
    assert not mia.submit(key="one-more").json()["replayed"]
    assert mia.submit(key="one-more").json()["replayed"]
    assert len(mia.states()) == FREE_JOBS + 1


def test_no_more_run_at_once_than_the_plan_allows(mia: Tenant, hand: Hand) -> None:
    accepted = [mia.submit().json()["jobs"][0]["id"] for _ in range(3)]
    assert list(mia.states().values()) == ["ready", "waiting", "waiting"]
    for number, job_id in enumerate(accepted):
        (job,) = hand.pull(free=8, wait_s=15)
        assert job["job_id"] == job_id, "first come, first served"
        assert hand.pull(free=8) == [], "the plan has one at once"
        usage = mia.books()["usage"]
        assert (usage["running"], usage["waiting"]) == (1, len(accepted) - number - 1)
        assert hand.report(completed(job)) == ["accepted"]
    assert set(mia.states().values()) == {"completed"}
    assert mia.books()["usage"]["running"] == 0


def test_too_many_requests_are_told_when_to_come_back(served: Served, mia: Tenant) -> None:
    for _ in range(FREE_REQUESTS + 5):  # some come back while this goes on
        answer = mia.client.get("/api/v1/account")
    fault(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    refused = [mia.submit() for _ in range(5)]
    assert 429 in {each.status_code for each in refused}
    with served.client() as owner:
        jobs = owner.get("/api/v1/admin/jobs", params={"account": mia.id}).json()["jobs"]
    assert len(jobs) == sum(each.status_code == 202 for each in refused)
