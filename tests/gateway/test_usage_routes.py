"""What an account used, over HTTP: every day of the month up to today, and the sums are those of its statement."""

from __future__ import annotations

from datetime import timedelta

from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_jobs_routes import completed, submitted

USAGE = "/api/v1/account/usage"
NOTHING = {"gpu_ms": 0, "jobs": 0, "images": 0}


async def draw(house: House, person: Person, prompt: str) -> None:
    await completed(house, (await submitted(person, prompt))["jobs"][0]["id"])


async def test_days_and_lanes_up_to_today(house: House, member: Person) -> None:
    await draw(house, member, "a fox --turbo")
    await draw(house, member, "a fox")
    await draw(house, await house.person("eve"), "a fox")
    house.clock.move(days=2)
    await draw(house, member, "a fox --relax")
    waiting = (await submitted(member, "a boat"))["jobs"][0]["id"]
    await member.client.delete(f"/api/v1/jobs/{waiting}")
    found = (await member.client.get(USAGE)).json()
    assert found["month"] == "2026-05"
    assert [each["day"] for each in found["days"]] == ["2026-05-01", "2026-05-02", "2026-05-03"]
    first, second, third = (each["lanes"] for each in found["days"])
    assert first == {
        "turbo": {"gpu_ms": 200, "jobs": 1, "images": 4},
        "fast": {"gpu_ms": 100, "jobs": 1, "images": 4},
        "relax": NOTHING,
    }
    assert second == dict.fromkeys(("turbo", "fast", "relax"), NOTHING)
    assert third["relax"] == {"gpu_ms": 0, "jobs": 1, "images": 4}
    assert third["fast"] == {"gpu_ms": 0, "jobs": 1, "images": 0}, "one was cancelled before it ran"
    assert found["total"]["turbo"] == first["turbo"] and found["total"]["fast"]["jobs"] == 2
    settled = (await house.store.accounts.balance(member.account.id)).settled_gpu_ms
    assert sum(each["gpu_ms"] for each in found["total"].values()) == settled == 300


async def test_a_month_that_is_over_has_all_its_days_and_one_to_come_none(
    house: House, member: Person
) -> None:
    await draw(house, member, "a fox")
    house.clock.now += timedelta(days=40)
    may = (await member.client.get(USAGE, params={"month": "2026-05"})).json()
    assert len(may["days"]) == 31 and may["total"]["fast"]["gpu_ms"] == 100
    assert (await member.client.get(USAGE)).json()["total"]["fast"] == NOTHING
    leap = (await member.client.get(USAGE, params={"month": "2024-02"})).json()
    assert leap["days"][-1]["day"] == "2024-02-29"
    told = fault(await member.client.get(USAGE, params={"month": "2026-07"}), 422, "invalid_request")
    assert told["field"] == "month" and "2026-06" in str(told["hint"])
    for odd in ("2026-13", "2026-5", "May", "0000-01", "2026-05-01"):
        fault(await member.client.get(USAGE, params={"month": odd}), 422, "invalid_request")
