"""Login links and sessions: once, for a day; a cookie that no script reads, for a month."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.gateway.conftest import HOST, House, Person, fault

from darkroom.core.accounts import Role
from darkroom.gateway.context import GatewaySettings
from darkroom.gateway.credentials import LOGIN_PREFIX

OWN_PAGE = {"Origin": f"http://{HOST}"}


async def link_for(owner: Person, person: Person) -> str:
    """The token of a new login link."""
    made = await owner.client.post(f"/api/v1/admin/users/{person.account.id}/login-link")
    assert made.status_code == 201 and made.json()["expires_in_s"] == 86_400
    assert made.json()["url"].startswith(f"http://{HOST}/login?token=dl_")
    return parse_qs(urlsplit(made.json()["url"]).query)["token"][0]


async def log_in(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/login", json={"token": token})


async def test_a_login_link_makes_a_session_once(house: House, owner: Person, member: Person) -> None:
    token = await link_for(owner, member)
    browser = house.client()
    answer = await log_in(browser, token)
    assert answer.status_code == 200 and answer.json() == {"name": "mia", "role": "member"}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=2592000" in cookie
    assert "Secure" not in cookie and token not in answer.text
    assert (await browser.get("/api/v1/account")).json()["name"] == "mia"
    fault(await log_in(house.client(), token), 401, "login_invalid")


async def test_the_cookie_is_secure_where_the_service_is(house: House, owner: Person, member: Person) -> None:
    answer = await log_in(house.client(scheme="https"), await link_for(owner, member))
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_looking_at_the_page_spends_nothing(house: House, owner: Person, member: Person) -> None:
    token = await link_for(owner, member)
    page = await house.client().get("/login", params={"token": token})
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert token not in page.text and "nonce-" in page.headers["content-security-policy"]
    assert (await log_in(house.client(), token)).status_code == 200


async def test_what_the_address_says_is_never_in_the_page(house: House) -> None:
    page = await house.client().get("/login", params={"token": "<script>alert(1)</script>"})
    assert "alert(1)" not in page.text


async def test_a_login_link_expires_after_a_day(house: House, owner: Person, member: Person) -> None:
    token = await link_for(owner, member)
    house.clock.move(hours=24)
    fault(await log_in(house.client(), token), 401, "login_invalid")


async def test_a_session_expires_after_a_month(house: House, owner: Person, member: Person) -> None:
    browser = house.client()
    await log_in(browser, await link_for(owner, member))
    secret = browser.cookies["darkroom_session"]
    house.clock.move(days=29, hours=23)
    assert (await house.client(cookie=secret).get("/api/v1/account")).status_code == 200
    house.clock.move(hours=1)
    fault(await house.client(cookie=secret).get("/api/v1/account"), 401, "not_authenticated")


async def test_logging_out_ends_the_session_for_whoever_copied_it(
    house: House, owner: Person, member: Person
) -> None:
    browser = house.client()
    await log_in(browser, await link_for(owner, member))
    secret = browser.cookies["darkroom_session"]
    assert (await browser.get("/api/v1/account")).status_code == 200
    answer = await browser.post("/api/v1/logout", headers=OWN_PAGE)
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["set-cookie"]
    fault(await house.client(cookie=secret).get("/api/v1/account"), 401, "not_authenticated")


async def test_another_site_logs_nobody_out(house: House, member: Person) -> None:
    browser = house.client(cookie=await house.session(member.account))
    fault(await browser.post("/api/v1/logout", headers={"Origin": "http://evil.test"}), 403, "cross_site")
    assert (await browser.get("/api/v1/account")).status_code == 200


async def test_a_blocked_account_can_log_out(house: House, member: Person) -> None:
    await house.store.accounts.update(member.account.id, blocked_reason="spam")
    browser = house.client(cookie=await house.session(member.account))
    assert (await browser.post("/api/v1/logout", headers=OWN_PAGE)).status_code == 204


async def test_a_form_of_another_site_cannot_log_anybody_in(
    house: House, owner: Person, member: Person
) -> None:
    token = await link_for(owner, member)
    form = await house.client().post(
        "/api/v1/login", content=f'{{"token": "{token}"}}', headers={"Content-Type": "text/plain"}
    )
    fault(form, 415, "unsupported_media_type")
    assert (await log_in(house.client(), token)).status_code == 200


async def test_admins_log_in_as_nobody_who_may_more(house: House, owner: Person, member: Person) -> None:
    admin = await house.person("ada", role=Role.ADMIN)
    path = "/api/v1/admin/users/{}/login-link"
    fault(await admin.client.post(path.format(owner.account.id)), 403, "owners_only")
    assert (await admin.client.post(path.format(member.account.id))).status_code == 201


async def test_the_link_leads_where_people_reach_us(house: House, owner: Person, member: Person) -> None:
    house.with_settings(GatewaySettings(public_url="https://pictures.example/"))
    made = await house.client(owner.secret).post(f"/api/v1/admin/users/{member.account.id}/login-link")
    assert made.json()["url"].startswith("https://pictures.example/login?token=dl_")
    cookie = await house.session(member.account)
    behind_proxy = {"Origin": "https://pictures.example"}
    answer = await house.client(cookie=cookie).patch("/api/v1/account", json={}, headers=behind_proxy)
    assert answer.status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "dl_" + "A" * 43, LOGIN_PREFIX + "B" * 43, "dl_" + "é" * 43])
async def test_what_is_no_login_link_is_refused(house: House, token: str) -> None:
    error = fault(await log_in(house.client(), token), 401, "login_invalid")
    assert error["field"] == "token" and token not in str(error["message"])


async def test_sessions_live_as_long_as_they_say(house: House, member: Person) -> None:
    secret = await house.session(member.account)
    known = await house.gateway.credentials.by_session(secret, now=house.clock() + timedelta(days=1))
    assert known is not None and known.account.id == member.account.id and known.key is None
