"""Who may do what: every kind of credential against every kind of route, and no route without a lock."""

from __future__ import annotations

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from tests.gateway.conftest import ALL_SCOPES, HOST, House, Person, fault

from darkroom.core.accounts import Role, Scope
from darkroom.gateway import auth
from darkroom.gateway.credentials import KEY_PREFIX, new_secret
from darkroom.gateway.studio import ASSET, SCREENS

PUBLIC = {
    ("GET", "/healthz"): "tells only that the process lives",
    ("GET", "/readyz"): "tells only which part is away",
    ("GET", "/metrics"): "checks by itself: loopback or an operator",
    ("GET", "/login"): "a page without data",
    **{(method, screen): "a page without data" for method in ("GET", "HEAD") for screen in ("/", *SCREENS)},
    ("GET", ASSET): "what that page loads, the same for everybody",
    ("HEAD", ASSET): "what that page loads, the same for everybody",
    ("POST", "/api/v1/login"): "spends a secret",
    ("GET", "/files/{key:path}"): "the signature is the permission",
    ("HEAD", "/files/{key:path}"): "the signature is the permission",
    ("PUT", "/files/{key:path}"): "the signature is the permission",
}
LOCKS = {auth.caller, auth.worker_token}


def locks_of(dependant: Dependant) -> set[object]:
    """The locks among everything that a route depends on."""
    own = {dependant.call} & LOCKS
    return own.union(*(locks_of(each) for each in dependant.dependencies))


def test_every_route_has_a_lock_or_is_known_to_be_public(house: House) -> None:
    routes = [route for route in house.app.routes if isinstance(route, APIRoute)]
    known = {"/openapi.json"}
    assert {route.path for route in house.app.routes if not isinstance(route, APIRoute)} == known  # type: ignore[attr-defined]
    open_routes = {
        (method, route.path) for route in routes if not locks_of(route.dependant) for method in route.methods
    }
    assert open_routes == set(PUBLIC)
    assert len(routes) > 30


def test_admin_and_worker_routes_have_the_lock_of_their_kind(house: House) -> None:
    def calls(dependant: Dependant) -> set[object]:
        return {dependant.call}.union(*(calls(each) for each in dependant.dependencies))

    for route in house.app.routes:
        if isinstance(route, APIRoute):
            found = calls(route.dependant)
            assert (auth.admin in found) == route.path.startswith("/api/v1/admin/"), route.path
            assert (auth.worker_token in found) == route.path.startswith("/worker/"), route.path


@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "operates"),
    [
        (frozenset({Scope.READ}), 200, 403, 403),
        (frozenset({Scope.WRITE}), 403, 200, 403),
        (frozenset({Scope.ADMIN}), 403, 403, 200),
        (ALL_SCOPES, 200, 200, 200),
    ],
)
async def test_a_key_does_what_its_scopes_say(
    house: House, scopes: frozenset[Scope], reads: int, writes: int, operates: int
) -> None:
    person = await house.person("olga", role=Role.OWNER, scopes=scopes)
    assert (await person.client.get("/api/v1/account")).status_code == reads
    assert (await person.client.patch("/api/v1/account", json={})).status_code == writes
    answer = await person.client.get("/api/v1/admin/users")
    assert answer.status_code == operates
    if operates == 403:
        fault(answer, 403, "scope_missing")


async def test_a_member_operates_nothing_whatever_the_key_says(house: House, member: Person) -> None:
    fault(await member.client.get("/api/v1/admin/users"), 403, "operators_only")
    fault(await member.client.post("/api/v1/admin/users", json={"name": "x"}), 403, "operators_only")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic ZGs6eA==",
        "Bearer dk_short",
        "Bearer " + KEY_PREFIX + "B" * 43,
        "Bearer dk_" + "é" * 43,
        "Bearer dw_" + "A" * 43,
        "dk_" + "A" * 43,
        "Bearer " + "x" * 5000,
    ],
)
async def test_what_is_no_key_is_401_and_never_echoed(house: House, header: str) -> None:
    headers = {"Authorization": header.encode("latin-1")} if header else {}
    answer = await house.client().get("/api/v1/account", headers=headers)
    fault(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "dk_short" not in answer.text and "xxx" not in answer.text


async def test_a_bad_key_is_not_rescued_by_a_good_cookie(house: House, member: Person) -> None:
    cookie = await house.session(member.account)
    client = house.client(new_secret(KEY_PREFIX), cookie=cookie)
    fault(await client.get("/api/v1/account"), 401, "not_authenticated")


async def test_keys_and_worker_tokens_do_not_open_each_others_doors(house: House, member: Person) -> None:
    token = await house.worker_token()
    fault(await house.client(token).get("/api/v1/account"), 401, "not_authenticated")
    assert await house.gateway.credentials.by_worker_token(member.secret, now=house.clock()) is None
    assert await house.gateway.credentials.by_worker_token(token, now=house.clock()) is not None


async def test_a_blocked_account_reads_and_changes_nothing(
    house: House, owner: Person, member: Person
) -> None:
    assert (await member.client.patch("/api/v1/account", json={})).status_code == 200
    path = f"/api/v1/admin/users/{member.account.id}"
    assert (await owner.client.patch(path, json={"blocked_reason": "spam"})).status_code == 200
    error = fault(await member.client.patch("/api/v1/account", json={}), 403, "account_blocked")
    assert "spam" in str(error["message"])
    assert (await member.client.get("/api/v1/account")).json()["blocked_reason"] == "spam"
    await owner.client.patch(path, json={"blocked_reason": ""})
    assert (await member.client.patch("/api/v1/account", json={})).status_code == 200


async def test_a_blocked_admin_operates_nothing(house: House, owner: Person) -> None:
    admin = await house.person("ada", role=Role.ADMIN)
    await house.store.accounts.update(admin.account.id, blocked_reason="left")
    fault(await admin.client.get("/api/v1/admin/users"), 403, "account_blocked")


OWN_PAGE = [{"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{HOST}"}]
ELSEWHERE = [
    {},
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": f"https://{HOST}"},
    {"Origin": f"http://{HOST}.evil.test"},
    {"Origin": f"http://{HOST}:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": f"http://{HOST}"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://["},
]


@pytest.mark.parametrize("headers", OWN_PAGE)
async def test_a_session_changes_things_from_our_own_pages(
    house: House, member: Person, headers: dict[str, str]
) -> None:
    client = house.client(cookie=await house.session(member.account))
    assert (await client.patch("/api/v1/account", json={}, headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_another_sites_page_changes_nothing_with_our_cookie(
    house: House, member: Person, headers: dict[str, str]
) -> None:
    client = house.client(cookie=await house.session(member.account))
    change = {"visibility": "stealth"}
    fault(await client.patch("/api/v1/account", json=change, headers=headers), 403, "cross_site")
    assert (await client.get("/api/v1/account", headers=headers)).json()["visibility"] == "public"


async def test_a_program_with_a_cookie_is_told_what_is_missing(house: House, member: Person) -> None:
    client = house.client(cookie=await house.session(member.account))
    error = fault(await client.patch("/api/v1/account", json={}), 403, "cross_site")
    assert "Origin header" in str(error["message"]) and "another site" not in str(error["message"])
    assert "`Origin: " in str(error["hint"]) and "API key" in str(error["hint"])
    elsewhere = await client.patch("/api/v1/account", json={}, headers={"Origin": "http://evil.test"})
    assert "another site" in str(fault(elsewhere, 403, "cross_site")["message"])


async def test_a_key_needs_no_page(house: House, member: Person) -> None:
    answer = await member.client.patch("/api/v1/account", json={}, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 200


async def test_sessions_have_the_scopes_of_the_role(house: House, owner: Person, member: Person) -> None:
    as_owner = house.client(cookie=await house.session(owner.account))
    as_member = house.client(cookie=await house.session(member.account))
    assert (await as_owner.get("/api/v1/admin/users")).status_code == 200
    fault(await as_member.get("/api/v1/admin/users"), 403, "operators_only")
