"""What every answer carries, and what the log never holds."""

from __future__ import annotations

import logging

import httpx
import pytest
from tests.gateway.conftest import House, Person


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/account", "/nothing", "/login", "/openapi.json"])
async def test_every_answer_has_the_headers_for_browsers(house: House, member: Person, path: str) -> None:
    headers = (await member.client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY" and headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "heeded"),
    [("127.0.0.1:8642", True), ("localhost", True), ("[::1]:8642", True), ("192.168.1.9:8642", False)],
)
async def test_the_policy_about_openers_is_sent_where_browsers_heed_it(
    member: Person, host: str, heeded: bool
) -> None:
    """Elsewhere they complain of it in the console of every page."""
    headers = (await member.client.get("/healthz", headers={"Host": host})).headers
    assert ("cross-origin-opener-policy" in headers) is heeded


async def test_what_is_private_is_not_cached(member: Person) -> None:
    assert (await member.client.get("/api/v1/account")).headers["cache-control"] == "no-store"


async def test_the_log_holds_no_secret(
    house: House, member: Person, caplog: pytest.LogCaptureFixture
) -> None:
    cookie = await house.session(member.account)
    with caplog.at_level(logging.DEBUG, logger="darkroom"):
        await member.client.get("/api/v1/account/statement?limit=7")
        await house.client(cookie=cookie).get("/api/v1/account")
        await house.client().get("/login?token=dl_swordfish")
        await house.client().post("/api/v1/login", json={"token": "dl_swordfish"})
    lines = [record.getMessage() for record in caplog.records if record.name == "darkroom.access"]
    assert len(lines) == 4
    assert lines[0].startswith("203.0.113.5 GET /api/v1/account/statement 200 ")
    assert lines[0].endswith(str(member.account.id)) and "limit=7" not in lines[0]
    for secret in (member.secret, cookie, "swordfish"):
        assert secret not in caplog.text


async def test_a_path_cannot_forge_a_line_of_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="darkroom.access"):
        answer: httpx.Response = await house.client().get("/a%0Aforged%1b[31m")
    assert answer.status_code == 404
    (line,) = [record.getMessage() for record in caplog.records if record.name == "darkroom.access"]
    assert "\n" not in line and "\x1b" not in line and r"/a\nforged" in line


async def test_who_reads_gets_a_page_at_an_address_that_is_none_and_programs_get_the_envelope(
    house: House,
) -> None:
    client = house.client()
    read = await client.get("/blah", headers={"Accept": "text/html,*/*;q=0.8"})
    assert read.status_code == 404 and read.headers["content-type"].startswith("text/html")
    assert 'href="/"' in read.text and "script-src 'nonce-" in read.headers["content-security-policy"]
    for path, accept in (("/blah", "*/*"), ("/api/v1/blah", "text/html")):
        told = await client.get(path, headers={"Accept": accept})
        assert told.status_code == 404 and told.json()["error"]["code"] == "not_found"
