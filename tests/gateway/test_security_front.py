"""Other people's pages, proxies and crowds: who may log whom in, who reads the metrics, what asking for readiness costs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from tests.gateway.conftest import HOST, House, Person, fault

from darkroom.gateway.context import GatewaySettings
from darkroom.gateway.credentials import LOGIN_PREFIX, hash_of, new_secret

HERE = "127.0.0.1"


async def _link(house: House, person: Person) -> str:
    token = new_secret(LOGIN_PREFIX)
    expires_at = house.clock() + timedelta(hours=1)
    await house.store.accounts.add_login(hash_of(token), account_id=person.account.id, expires_at=expires_at)
    return token


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Sec-Fetch-Site": "same-site", "Origin": f"http://{HOST}"}],
)  # fmt: skip
async def test_no_other_site_logs_somebody_in(house: House, member: Person, headers: dict[str, str]) -> None:
    """Else a page could log its visitor into the account of an attacker, who then sees what they draw."""
    token = await _link(house, member)
    client = house.client()
    refused = await client.post("/api/v1/login", json={"token": token}, headers=headers)
    fault(refused, 403, "cross_site")
    own = await client.post("/api/v1/login", json={"token": token}, headers={"Origin": f"http://{HOST}"})
    assert own.status_code == 200, "the refused one spent nothing"


@pytest.mark.parametrize(
    ("public_url", "secure"), [(f"https://{HOST}", True), (f"http://{HOST}", False), ("", False)]
)
async def test_behind_https_the_cookie_stays_there(
    house: House, owner: Person, public_url: str, secure: bool
) -> None:
    """Also where the proxy in front does not say that it speaks https."""
    house.with_settings(GatewaySettings(public_url=public_url))
    answer = await house.client().post("/api/v1/login", json={"token": await _link(house, owner)})
    assert ("secure" in answer.headers["set-cookie"].lower()) is secure


def _metrics(house: House, *, host: str = "127.0.0.1:8000", **headers: str) -> httpx.Request:
    return house.client().build_request("GET", "/metrics", headers={"Host": host, **headers})


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
async def test_this_machine_reads_the_metrics(house: House, host: str) -> None:
    client = house.client(address=HERE)
    assert (await client.send(_metrics(house, host=host))).status_code == 200


@pytest.mark.parametrize(
    ("public_url", "host", "headers"),
    [
        ("https://pictures.example", "127.0.0.1:8000", {}),  # a proxy on this machine that adds nothing
        ("", "evil.example", {}),  # a name that was made to lead to this machine, asked by a page
        ("", "127.0.0.1:8000", {"X-Forwarded-For": "203.0.113.9"}),
        ("", "127.0.0.1:8000", {"X-Real-IP": "203.0.113.9"}),
        ("", "127.0.0.1:8000", {"Via": "1.1 proxy"}),
    ],
)
async def test_who_comes_through_a_proxy_or_a_page_does_not(
    house: House, owner: Person, public_url: str, host: str, headers: dict[str, str]
) -> None:
    house.with_settings(GatewaySettings(public_url=public_url))
    fault(
        await house.client(address=HERE).send(_metrics(house, host=host, **headers)), 401, "not_authenticated"
    )
    known = house.client(owner.secret, address=HERE)
    request = known.build_request("GET", "/metrics", headers={"Host": host, **headers})
    assert (await known.send(request)).status_code == 200


async def test_a_crowd_that_asks_for_readiness_is_one_question(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    ping = house.store.operations.ping

    async def slow() -> None:
        nonlocal asked
        asked += 1
        for _ in range(100):  # long enough for everybody to have come
            await asyncio.sleep(0)
        await ping()

    monkeypatch.setattr(house.store.operations, "ping", slow)
    answers = await asyncio.gather(*(house.client().get("/readyz") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert asked == 1
