"""Whether the process lives, whether it is ready, and what it measures: for whom, and that it is true."""

from __future__ import annotations

import asyncio

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.errors import StoreUnavailable

HERE = {"Host": "127.0.0.1:8000"}


async def test_a_living_process_says_so_without_asking_anybody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise StoreUnavailable

    monkeypatch.setattr(house.store.operations, "ping", fail)
    assert (await house.client().get("/healthz")).json() == {"status": "ok"}


async def test_ready_names_every_part(house: House) -> None:
    answer = await house.client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "parts": {"database": "ok", "objects": "ok", "dispatcher": "ok"},
    }
    assert [key async for key in house.objects.keys("staging")] == [], "the probe is taken away again"


async def test_a_database_that_is_away_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise StoreUnavailable

    monkeypatch.setattr(house.store.operations, "ping", fail)
    answer = await house.client().get("/readyz")
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert answer.json()["parts"] == {"database": "failing", "objects": "ok", "dispatcher": "ok"}


async def test_a_full_disk_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(key: str, data: bytes, *, media_type: str) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(house.objects, "put", fail)
    answer = await house.client().get("/readyz")
    assert answer.status_code == 503 and answer.json()["parts"]["objects"] == "failing"


async def test_a_database_that_hangs_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.gateway.health.PROBE_S", 0.01)
    monkeypatch.setattr(house.store.operations, "ping", asyncio.Event().wait)
    assert (await house.client().get("/readyz")).json()["parts"]["database"] == "failing"


async def test_a_standby_is_ready_and_an_install_without_a_dispatcher_is_not(house: House) -> None:
    house.clock.move(minutes=1)
    assert (await house.client().get("/readyz")).json()["parts"]["dispatcher"] == "failing"
    await house.store.operations.acquire_lease(
        holder="other", url="http://other", ttl_s=60, now=house.clock()
    )
    await house.dispatcher.tick()
    house.with_settings(house.gateway.settings)
    answer = await house.client().get("/readyz")
    assert answer.status_code == 200 and answer.json()["parts"]["dispatcher"] == "standby"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.9.9.9"])
async def test_this_machine_reads_the_metrics(house: House, address: str) -> None:
    answer = await house.client(address=address).get("/metrics", headers=HERE)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    assert 'darkroom_jobs{lane="fast",state="ready"} 0.0' in answer.text
    assert "darkroom_dispatcher_active 1.0" in answer.text


async def test_others_read_the_metrics_as_operators_only(house: House, owner: Person, member: Person) -> None:
    fault(await house.client().get("/metrics"), 401, "not_authenticated")
    fault(await member.client.get("/metrics"), 403, "operators_only")
    assert (await owner.client.get("/metrics")).status_code == 200


async def test_a_proxy_on_this_machine_is_not_this_machine(house: House) -> None:
    proxied = house.client(address="127.0.0.1")
    answer = await proxied.get("/metrics", headers=HERE | {"X-Forwarded-For": "203.0.113.9"})
    fault(answer, 401, "not_authenticated")


async def test_requests_are_counted_by_template_and_never_by_name(house: House, member: Person) -> None:
    await member.client.delete("/api/v1/account/keys/019de368-f600-7234-b451-1ae1e74e6eb6")
    await member.client.get("/no/such/place/4711")
    await member.client.request("BREW", "/api/v1/account")
    text = (await house.client(address="127.0.0.1").get("/metrics", headers=HERE)).text
    counted = (
        'darkroom_requests_total{method="DELETE",route="/api/v1/account/keys/{key_id}",status="404"} 1.0'
    )
    assert counted in text
    assert "019de368" not in text and "4711" not in text and "BREW" not in text


async def test_the_bus_is_measured_while_the_app_lives(house: House, member: Person) -> None:
    await house.worker("w1")
    metrics = house.gateway.metrics
    async with house.app.router.lifespan_context(house.app):
        made = await member.client.post("/api/v1/jobs", json={"prompt": "a fox"})
        assert made.status_code == 202
        house.clock.move(seconds=3)
        assert await house.dispatcher.pull("w1", free=1, warm=[], wait_s=5)
    assert metrics.registry.get_sample_value("darkroom_queue_wait_seconds_sum") == 3.0
    assert metrics.registry.get_sample_value("darkroom_submit_seconds_count") == 1.0
    assert len(house.bus) == 0, "nobody is left behind"


async def test_when_keys_were_used_is_written_when_the_app_ends(house: House, member: Person) -> None:
    async with house.app.router.lifespan_context(house.app):
        await member.client.get("/api/v1/account")
    assert (await house.store.accounts.keys(member.account.id))[0].last_used_at == house.clock()
