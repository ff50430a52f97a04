"""Operators, workers, jobs of others, dead letters and the moderation log."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.jobs import Cause, Ending, Job, JobState
from darkroom.core.workers import WorkerState


async def a_job(house: House, person: Person, prompt: str = "a fox") -> str:
    answer = await person.client.post("/api/v1/jobs", json={"prompt": prompt})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


async def a_dead_letter(house: House, person: Person) -> str:
    """A job that failed for good."""
    job_id = UUID(await a_job(house, person))
    lease = await house.store.operations.acquire_lease(holder="here", url="", ttl_s=60, now=house.clock())
    claimed = await house.store.ledger.claim([job_id], worker_id="w1", epoch=lease.epoch, now=house.clock())
    ending = Ending(
        job_id=job_id,
        fence=claimed.jobs[0].fence,
        state=JobState.FAILED,
        cause=Cause.OUT_OF_ATTEMPTS,
        error_code="job_failed",
        error_message="the device melted",
        device="cpu",
    )
    await house.store.ledger.end([ending], now=house.clock())
    return str(job_id)


@pytest.mark.parametrize(
    ("verb", "state"), [("drain", "draining"), ("quarantine", "quarantined"), ("readmit", "active")]
)
async def test_a_worker_is_drained_quarantined_readmitted(
    house: House, owner: Person, verb: str, state: str
) -> None:
    await house.worker("w1")
    answer = await owner.client.post(f"/api/v1/admin/workers/w1/{verb}")
    assert answer.status_code == 200 and answer.json()["state"] == state
    (listed,) = (await owner.client.get("/api/v1/admin/workers")).json()["workers"]
    assert (listed["id"], listed["state"], listed["models"]) == ("w1", state, ["able-1"])
    fault(await owner.client.post(f"/api/v1/admin/workers/nobody/{verb}"), 404, "not_found")


async def test_a_standby_says_who_dispatches(house: House, owner: Person) -> None:
    await house.worker("w1")
    house.clock.move(minutes=1)
    await house.store.operations.acquire_lease(
        holder="other", url="http://other", ttl_s=60, now=house.clock()
    )
    await house.dispatcher.tick()
    answer = await owner.client.post("/api/v1/admin/workers/w1/drain")
    assert answer.status_code == 503 and answer.json()["error"]["url"] == "http://other"
    assert (await house.store.operations.workers())[0].state is WorkerState.ACTIVE


async def test_a_worker_token_is_shown_once_and_can_be_revoked(house: House, owner: Person) -> None:
    tokens = "/api/v1/admin/worker-tokens"
    made = (await owner.client.post(tokens, json={"name": "cellar"})).json()
    listed = await owner.client.get(tokens)
    assert made["token"] not in listed.text and listed.json()["worker_tokens"][0]["name"] == "cellar"
    known = house.gateway.credentials
    assert await known.by_worker_token(made["token"], now=house.clock()) is not None
    revoked = await owner.client.delete(f"{tokens}/{made['id']}")
    assert revoked.json()["revoked_at"] is not None
    assert await known.by_worker_token(made["token"], now=house.clock()) is None
    fault(await owner.client.delete(f"{tokens}/nothing"), 404, "not_found")


async def test_operators_see_and_cancel_everybodys_jobs(house: House, owner: Person, member: Person) -> None:
    job_id = await a_job(house, member)
    listed = (await owner.client.get("/api/v1/admin/jobs")).json()["jobs"]
    assert [(one["job"]["id"], one["account_id"]) for one in listed] == [(job_id, str(member.account.id))]
    of_owner = await owner.client.get("/api/v1/admin/jobs", params={"account": str(owner.account.id)})
    assert of_owner.json()["jobs"] == []
    detail = (await owner.client.get(f"/api/v1/admin/jobs/{job_id}")).json()
    assert [step["cause"] for step in detail["history"]] == ["submitted"]
    cancelled = (await owner.client.delete(f"/api/v1/admin/jobs/{job_id}")).json()
    assert cancelled["job"]["state"] == "cancelled"
    history = await house.store.library.history(UUID(job_id))
    assert history[-1].cause is Cause.CANCELLED_BY_OPERATOR


async def test_everybodys_jobs_are_paged(house: House, owner: Person, member: Person) -> None:
    made = []
    for _ in range(3):
        house.clock.move(seconds=1)
        await house.dispatcher.tick()
        made.append(await a_job(house, member))
    first = (await owner.client.get("/api/v1/admin/jobs", params={"limit": 2})).json()
    rest = (
        await owner.client.get("/api/v1/admin/jobs", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [one["job"]["id"] for one in first["jobs"] + rest["jobs"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_a_dead_letter_is_looked_at_and_requeued_once(
    house: House, owner: Person, member: Person
) -> None:
    job_id = await a_dead_letter(house, member)
    (letter,) = (await owner.client.get("/api/v1/admin/dead-letters")).json()["dead_letters"]
    assert (letter["job_id"], letter["error_message"], letter["resolution"]) == (
        job_id,
        "the device melted",
        "",
    )
    path = f"/api/v1/admin/dead-letters/{job_id}"
    before = sum(house.dispatcher.depth().values())
    requeued = (await owner.client.post(f"{path}/requeue")).json()
    assert requeued["resolution"] == "requeued"
    successor: Job = await house.store.library.job(UUID(requeued["successor_id"]))
    assert successor.hold_gpu_ms == 0 and successor.prompt == letter["prompt"]
    assert sum(house.dispatcher.depth().values()) == before + 1, "the dispatcher was told"
    fault(await owner.client.post(f"{path}/requeue"), 409, "already_resolved")
    fault(await owner.client.post(f"{path}/drop"), 409, "already_resolved")
    assert (await owner.client.get("/api/v1/admin/dead-letters")).json()["dead_letters"] == []
    everything = await owner.client.get("/api/v1/admin/dead-letters", params={"open_only": False})
    assert len(everything.json()["dead_letters"]) == 1


async def test_a_dead_letter_is_dropped(house: House, owner: Person, member: Person) -> None:
    path = f"/api/v1/admin/dead-letters/{await a_dead_letter(house, member)}"
    assert (await owner.client.post(f"{path}/drop")).json()["resolution"] == "dropped"
    assert (await owner.client.get(path)).json()["resolution"] == "dropped"


async def test_what_is_no_dead_letter_is_404(house: House, owner: Person, member: Person) -> None:
    path = f"/api/v1/admin/dead-letters/{await a_job(house, member)}"
    for answer in (await owner.client.get(path), await owner.client.post(f"{path}/requeue")):
        fault(answer, 404, "not_found")


async def blocks(client: httpx.AsyncClient, **query: str) -> list[str]:
    page = (await client.get("/api/v1/admin/moderation", params=query)).json()
    return [f"{one['decision']} {one['text']}" for one in page["verdicts"]]


async def test_the_moderation_log_is_told_and_narrowed(house: House, owner: Person, member: Person) -> None:
    fault(await member.client.post("/api/v1/jobs", json={"prompt": "forbidden fruit"}), 403, "prompt_blocked")
    await a_job(house, member, "a fine fox")
    told = await blocks(owner.client)
    assert any(line == "block forbidden fruit" for line in told)
    assert await blocks(owner.client, blocked_only="true") == ["block forbidden fruit"]
    assert await blocks(owner.client, account=str(owner.account.id)) == []
    assert await blocks(owner.client, subject="image") == []
    assert house.gateway.metrics.registry.get_sample_value(
        "darkroom_moderation_blocks_total", {"subject": "prompt"}
    )


async def test_the_moderation_log_is_paged(house: House, owner: Person, member: Person) -> None:
    for number in range(3):
        await member.client.post("/api/v1/jobs", json={"prompt": f"forbidden {number}"})
    first = (await owner.client.get("/api/v1/admin/moderation", params={"limit": 2})).json()
    rest = (
        await owner.client.get(
            "/api/v1/admin/moderation", params={"limit": 2, "cursor": first["next_cursor"]}
        )
    ).json()
    texts = [one["text"] for one in first["verdicts"] + rest["verdicts"]]
    assert texts == ["forbidden 2", "forbidden 1", "forbidden 0"] and rest["next_cursor"] is None
