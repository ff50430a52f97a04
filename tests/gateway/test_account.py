"""One's own account: what it shows, what may be changed, and a statement that adds up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.accounts import Role
from darkroom.core.params import Lane


async def test_the_account_shows_plan_balance_and_usage(house: House, member: Person) -> None:
    shown = (await member.client.get("/api/v1/account")).json()
    plan = house.rooms.plans.plan("pro")
    assert shown["name"] == "mia" and shown["role"] == "member" and shown["plan"]["name"] == "pro"
    assert shown["balance"]["available_gpu_ms"] == plan.fast_gpu_ms_month
    assert shown["balance"]["unlimited"] is False
    assert shown["usage"]["running_cap"] == plan.running and shown["usage"]["running"] == 0


async def test_lane_and_visibility_change_and_stay(house: House, member: Person) -> None:
    changed = await member.client.patch("/api/v1/account", json={"lane": "relax", "visibility": "stealth"})
    assert changed.status_code == 200
    shown = (await member.client.get("/api/v1/account")).json()
    assert (shown["lane"], shown["visibility"]) == ("relax", "stealth")
    unchanged = await member.client.patch("/api/v1/account", json={})
    assert unchanged.json() == shown


@pytest.mark.parametrize(
    ("change", "code"),
    [({"lane": "relax"}, "lane_not_in_plan"), ({"visibility": "stealth"}, "plan_required")],
)
async def test_what_the_plan_lacks_is_refused_and_named(
    house: House, change: dict[str, str], code: str
) -> None:
    person = await house.person("bo", plan="basic")
    error = fault(await person.client.patch("/api/v1/account", json=change), 403, code)
    assert error["field"] == next(iter(change))
    assert (await house.store.accounts.get(person.account.id)).lane is Lane.FAST


@pytest.mark.parametrize("field", ["role", "plan", "blocked_reason", "name"])
async def test_nobody_raises_themselves(house: House, member: Person, field: str) -> None:
    error = fault(await member.client.patch("/api/v1/account", json={field: "owner"}), 422, "invalid_request")
    assert error["field"] == field
    assert (await house.store.accounts.get(member.account.id)).role is Role.MEMBER


async def test_the_statement_is_paged_newest_first_and_adds_up(house: House, member: Person) -> None:
    for number in range(1, 6):
        await house.store.accounts.grant(
            member.account.id, amount_gpu_ms=number, note=str(number), now=house.clock()
        )
    found, cursor = [], ""
    while cursor is not None:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await member.client.get("/api/v1/account/statement", params=query)).json()
        assert len(page["entries"]) <= 2
        found += page["entries"]
        cursor = page["next_cursor"]
    assert [entry["note"] for entry in found] == ["5", "4", "3", "2", "1", "first grant"]
    assert sum(entry["amount_gpu_ms"] for entry in found) == page["balance"]["available_gpu_ms"]


@pytest.mark.parametrize("cursor", ["x", "-1", "0", "1" * 40, "1e3", "%00", "١", "1;DROP", ""])
async def test_a_cursor_that_nobody_gave_is_refused(member: Person, cursor: str) -> None:
    fault(await member.client.get(f"/api/v1/account/statement?cursor={cursor}"), 422, "invalid_request")


async def test_a_cursor_shows_nobody_elses_lines(house: House, member: Person) -> None:
    other = await house.person("otto")
    await house.store.accounts.grant(other.account.id, amount_gpu_ms=9, note="secret", now=house.clock())
    page = (await member.client.get("/api/v1/account/statement", params={"cursor": "999999"})).json()
    assert [entry["note"] for entry in page["entries"]] == ["first grant"]


async def test_a_month_that_has_ended_is_renewed_before_the_request_goes_on(
    house: House, member: Person
) -> None:
    granted = house.rooms.plans.plan("pro").fast_gpu_ms_month
    assert granted is not None
    await house.store.accounts.grant(member.account.id, amount_gpu_ms=5, note="", now=house.clock())
    house.clock.move(days=75)
    shown = (await member.client.get("/api/v1/account")).json()
    assert shown["balance"]["available_gpu_ms"] == granted
    assert shown["balance"]["expired_gpu_ms"] == granted + 5
    assert shown["usage"]["period_end"] == "2026-08-01T12:00:00Z"
    again = (await member.client.get("/api/v1/account")).json()
    assert again["balance"] == shown["balance"]


async def test_an_account_whose_plan_left_the_file_goes_on_with_the_default_plan(
    house: House, member: Person
) -> None:
    plans = house.rooms.plans
    rest = {name: plan for name, plan in plans.plans.items() if name != "pro"}
    object.__setattr__(house.rooms, "plans", replace(plans, plans=rest))
    shown = (await member.client.get("/api/v1/account")).json()
    assert shown["plan"]["name"] == plans.default
