"""Operators and accounts: who may change whom, and what a new account gets."""

from __future__ import annotations

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.accounts import Role

USERS = "/api/v1/admin/users"


@pytest.fixture
async def admin(house: House, owner: Person) -> Person:
    return await house.person("ada", role=Role.ADMIN)


async def test_a_new_user_has_a_month_of_the_default_plan(house: House, admin: Person) -> None:
    made = await admin.client.post(USERS, json={"name": "neo"})
    assert made.status_code == 201
    shown, plan = made.json(), house.rooms.plans.plan(house.rooms.plans.default)
    assert shown["role"] == "member" and shown["plan"]["name"] == plan.name
    assert shown["balance"]["available_gpu_ms"] == (plan.fast_gpu_ms_month or 0)
    assert shown["usage"]["period_end"] == "2026-06-01T12:00:00Z"
    assert (await admin.client.get(f"{USERS}/{shown['id']}")).json() == shown


async def test_names_are_taken_once_and_plans_must_exist(house: House, admin: Person) -> None:
    assert fault(await admin.client.post(USERS, json={"name": "ada"}), 409, "name_taken")["field"] == "name"
    error = fault(await admin.client.post(USERS, json={"name": "x", "plan": "gold"}), 422, "invalid_request")
    assert error["field"] == "plan" and "basic" in str(error["hint"])
    assert len(await house.store.accounts.all(after=None, limit=10)) == 2


async def test_admins_make_admins_and_never_owners(house: House, admin: Person, member: Person) -> None:
    assert (await admin.client.post(USERS, json={"name": "a2", "role": "admin"})).status_code == 201
    fault(await admin.client.post(USERS, json={"name": "o2", "role": "owner"}), 403, "owners_only")
    path = f"{USERS}/{member.account.id}"
    fault(await admin.client.patch(path, json={"role": "owner"}), 403, "owners_only")
    fault(await admin.client.patch(f"{USERS}/{admin.account.id}", json={"role": "owner"}), 403, "owners_only")
    assert (await admin.client.patch(path, json={"role": "admin"})).json()["role"] == "admin"


@pytest.mark.parametrize("change", [{"role": "member"}, {"blocked_reason": "x"}, {"plan": "basic"}, {}])
async def test_admins_do_not_touch_an_owner(
    house: House, owner: Person, admin: Person, change: dict[str, str]
) -> None:
    fault(await admin.client.patch(f"{USERS}/{owner.account.id}", json=change), 403, "owners_only")
    assert await house.store.accounts.get(owner.account.id) == owner.account


async def test_the_last_owner_stays(house: House, owner: Person, member: Person) -> None:
    own = f"{USERS}/{owner.account.id}"
    fault(await owner.client.patch(own, json={"role": "admin"}), 409, "last_owner")
    fault(await owner.client.patch(own, json={"blocked_reason": "oops"}), 409, "own_account")
    assert (
        await owner.client.patch(f"{USERS}/{member.account.id}", json={"role": "owner"})
    ).status_code == 200
    assert (await owner.client.patch(own, json={"role": "admin"})).json()["role"] == "admin"


async def test_a_grant_adds_time_and_is_told_in_the_statement(
    house: House, admin: Person, member: Person
) -> None:
    before = await house.store.accounts.balance(member.account.id)
    grants = f"{USERS}/{member.account.id}/grants"
    answer = await admin.client.post(grants, json={"amount_gpu_ms": 500})
    assert answer.status_code == 201
    assert answer.json()["available_gpu_ms"] == before.available_gpu_ms + 500
    newest = (await member.client.get("/api/v1/account/statement")).json()["entries"][0]
    assert (newest["amount_gpu_ms"], newest["note"]) == (500, "granted by ada")


@pytest.mark.parametrize("amount", [0, -1, 1.5, "5", True, 10**30, None])
async def test_a_grant_is_a_positive_whole_number(
    house: House, admin: Person, member: Person, amount: object
) -> None:
    grants = f"{USERS}/{member.account.id}/grants"
    error = fault(await admin.client.post(grants, json={"amount_gpu_ms": amount}), 422, "invalid_request")
    assert error["field"] == "amount_gpu_ms"
    assert (await house.store.accounts.balance(member.account.id)).granted_gpu_ms == 108_000_000


async def test_users_are_paged_oldest_first(house: House, admin: Person) -> None:
    for number in range(5):
        house.clock.move(seconds=1)
        await house.account(f"u{number}")
    names, query = [], {"limit": "3"}
    while True:
        page = (await admin.client.get(USERS, params=query)).json()
        names += [user["name"] for user in page["users"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert names[-5:] == ["u0", "u1", "u2", "u3", "u4"] and set(names[:2]) == {"olga", "ada"}


async def test_the_plans_are_listed(house: House, admin: Person) -> None:
    told = (await admin.client.get("/api/v1/admin/plans")).json()
    assert [plan["name"] for plan in told["plans"]] == list(house.rooms.plans.plans)
    assert told["default"] == house.rooms.plans.default


@pytest.mark.parametrize("suffix", ["", "/login-link", "/grants"])
async def test_an_unknown_user_is_404(admin: Person, suffix: str) -> None:
    path = f"{USERS}/019de368-f600-7234-b451-1ae1e74e6eb6{suffix}"
    body = {"amount_gpu_ms": 1} if suffix == "/grants" else None
    answer = await (admin.client.post(path, json=body) if suffix else admin.client.get(path))
    fault(answer, 404, "not_found")
