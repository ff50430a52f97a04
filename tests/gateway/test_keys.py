"""API keys: shown once, never more than their maker may, gone at once when revoked."""

from __future__ import annotations

import re

from tests.gateway.conftest import House, Person, fault

from darkroom.core.accounts import Role, Scope
from darkroom.gateway.keys import KEYS_MAX

KEYS = "/api/v1/account/keys"


async def test_a_key_works_and_its_secret_is_shown_once(house: House, member: Person) -> None:
    made = (await member.client.post(KEYS, json={"name": "script"})).json()
    assert re.fullmatch(r"dk_[A-Za-z0-9_-]{43}", made["secret"])
    assert made["secret"].startswith(made["prefix"]) and made["scopes"] == ["read", "write"]
    listed = await member.client.get(KEYS)
    assert made["secret"] not in listed.text
    assert sorted(key["name"] for key in listed.json()["keys"]) == ["script", "test"]
    assert (await house.client(made["secret"]).get("/api/v1/account")).json()["name"] == "mia"


async def test_a_revoked_key_is_refused_by_the_very_next_request(house: House, member: Person) -> None:
    made = (await member.client.post(KEYS, json={"name": "script"})).json()
    script = house.client(made["secret"])
    assert (await script.get("/api/v1/account")).status_code == 200
    revoked = await member.client.delete(f"{KEYS}/{made['id']}")
    assert revoked.status_code == 200 and revoked.json()["revoked_at"] is not None
    error = fault(await script.get("/api/v1/account"), 401, "not_authenticated")
    assert made["secret"] not in str(error)
    assert (await member.client.delete(f"{KEYS}/{made['id']}")).status_code == 200


async def test_a_key_revoked_by_another_process_is_refused_within_two_seconds(
    house: House, member: Person
) -> None:
    assert (await member.client.get("/api/v1/account")).status_code == 200
    assert member.key is not None
    await house.store.accounts.revoke_key(member.key.id, account_id=member.account.id, now=house.clock())
    house.clock.move(seconds=2)
    fault(await member.client.get("/api/v1/account"), 401, "not_authenticated")


async def test_a_key_makes_no_key_that_can_do_more(house: House, member: Person) -> None:
    writer = await house.with_key(member.account, frozenset({Scope.WRITE}))
    error = fault(
        await writer.client.post(KEYS, json={"name": "x", "scopes": ["read"]}), 403, "scope_missing"
    )
    assert error["field"] == "scopes"
    fault(await member.client.post(KEYS, json={"name": "x", "scopes": ["admin"]}), 403, "scope_missing")
    made = await writer.client.post(KEYS, json={"name": "x", "scopes": ["write"]})
    assert made.status_code == 201


async def test_somebody_elses_key_cannot_be_revoked(house: House, owner: Person, member: Person) -> None:
    assert member.key is not None
    fault(await owner.client.delete(f"{KEYS}/{member.key.id}"), 404, "not_found")
    assert (await member.client.get("/api/v1/account")).status_code == 200


async def test_an_account_has_only_so_many_keys(house: House, member: Person) -> None:
    for _ in range(KEYS_MAX - 1):
        await house.with_key(member.account)
    fault(await member.client.post(KEYS, json={"name": "one more"}), 409, "too_many_keys")


async def test_the_admin_scope_ends_with_the_role(house: House, owner: Person) -> None:
    admin = await house.person("ada", role=Role.ADMIN)
    assert (await admin.client.get("/api/v1/admin/users")).status_code == 200
    changed = await owner.client.patch(f"/api/v1/admin/users/{admin.account.id}", json={"role": "member"})
    assert changed.status_code == 200
    fault(await admin.client.get("/api/v1/admin/users"), 403, "operators_only")


async def test_when_a_key_was_last_used_is_written_in_one_go(house: House, member: Person) -> None:
    for _ in range(3):
        await member.client.get("/api/v1/account")
        house.clock.move(seconds=1)
    await member.client.get("/api/v1/account")
    assert (await house.store.accounts.keys(member.account.id))[0].last_used_at is None
    await house.gateway.credentials.flush()
    assert (await house.store.accounts.keys(member.account.id))[0].last_used_at == house.clock()
