"""What was refused of somebody, their appeals, and what operators decide: each side sees what is for them, and no more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.gateway.conftest import House, Person, fault

from darkroom.core.accounts import Role, Scope
from darkroom.core.appeals import APPEALS_OPEN_MAX
from darkroom.core.ids import new_id

MINE = "/api/v1/account/verdicts"
APPEALS = "/api/v1/appeals"
CASES = "/api/v1/admin/appeals"


async def refused(person: Person, text: str = "forbidden fruit") -> int:
    """The number of the verdict on a prompt that was refused."""
    fault(await person.client.post("/api/v1/jobs", json={"prompt": text}), 403, "prompt_blocked")
    return int((await person.client.get(MINE)).json()["verdicts"][0]["id"])


async def appealed(person: Person, verdict_id: int, reason: str = "It is an apple.") -> dict[str, Any]:
    answer = await person.client.post(APPEALS, json={"verdict_id": verdict_id, "reason": reason})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_what_was_refused_is_told_without_what_matched(house: House, member: Person) -> None:
    await member.client.post("/api/v1/jobs", json={"prompt": "a fine fox"})
    number = await refused(member)
    page = (await member.client.get(MINE)).json()
    assert page["next_cursor"] is None
    (verdict,) = page["verdicts"]
    assert verdict == {
        "id": number,
        "job_id": None,
        "subject": "prompt",
        "category": verdict["category"],
        "text": "forbidden fruit",
        "decision": "block",
        "at": "2026-05-01T12:00:00Z",
        "appeal": None,
    }
    assert verdict["category"]


async def test_refusals_come_newest_first_in_pages_and_nobody_elses(
    house: House, owner: Person, member: Person
) -> None:
    for number in range(3):
        await refused(member, f"forbidden {number}")
    await refused(owner)
    first = (await member.client.get(MINE, params={"limit": 2})).json()
    rest = (await member.client.get(MINE, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    texts = [verdict["text"] for verdict in first["verdicts"] + rest["verdicts"]]
    assert texts == ["forbidden 2", "forbidden 1", "forbidden 0"] and rest["next_cursor"] is None


async def test_an_appeal_goes_to_the_operators_and_their_answer_comes_back(
    house: House, owner: Person, member: Person
) -> None:
    number = await refused(member)
    made = await appealed(member, number, "  It is an apple.\n")
    assert (made["verdict_id"], made["reason"], made["state"]) == (number, "It is an apple.", "open")
    assert (made["note"], made["decided_at"]) == ("", None)
    (case,) = (await owner.client.get(CASES)).json()["appeals"]
    assert case["id"] == made["id"] and case["verdict"]["user_name"] == "mia"
    assert case["verdict"]["text"] == "forbidden fruit" and case["verdict"]["policy"] == "test"
    assert (case["decided_by"], case["decided_by_name"]) == (None, None)
    house.clock.move(minutes=5)
    decide = {"granted": True, "note": "So it is."}
    answer = await owner.client.post(f"{CASES}/{made['id']}/decide", json=decide)
    assert answer.status_code == 200
    seen = (await member.client.get(MINE)).json()["verdicts"][0]["appeal"]
    assert (
        seen
        == answer.json()
        == made
        | {
            "state": "granted",
            "note": "So it is.",
            "decided_at": "2026-05-01T12:05:00Z",
        }
    )
    assert (await owner.client.get(CASES)).json()["appeals"] == []
    (over,) = (await owner.client.get(CASES, params={"state": "decided"})).json()["appeals"]
    assert (over["decided_by"], over["decided_by_name"]) == (str(owner.account.id), "olga")


async def test_the_log_of_operators_names_people_and_shows_appeals(
    house: House, owner: Person, member: Person
) -> None:
    made = await appealed(member, await refused(member))
    await refused(owner)
    listed = (await owner.client.get("/api/v1/admin/moderation", params={"blocked_only": True})).json()
    assert [(one["user_name"], one["appeal"]) for one in listed["verdicts"]] == [
        ("olga", None),
        ("mia", made),
    ]


async def test_a_decision_is_made_once(house: House, owner: Person, member: Person) -> None:
    made = await appealed(member, await refused(member))
    path = f"{CASES}/{made['id']}/decide"
    assert (await owner.client.post(path, json={"granted": False})).json()["state"] == "denied"
    error = fault(await owner.client.post(path, json={"granted": True}), 409, "already_resolved")
    assert "denied" in str(error["message"])
    assert (await member.client.get(MINE)).json()["verdicts"][0]["appeal"]["state"] == "denied"
    unknown = f"{CASES}/{new_id(house.clock())}/decide"
    fault(await owner.client.post(unknown, json={"granted": True}), 404, "not_found")


async def test_one_appeal_for_each_refusal_and_only_for_ones_own(
    house: House, owner: Person, member: Person
) -> None:
    number = await refused(member)
    await appealed(member, number)
    again = await member.client.post(APPEALS, json={"verdict_id": number, "reason": "Really."})
    fault(again, 409, "already_appealed")
    await member.client.post("/api/v1/jobs", json={"prompt": "a fine fox"})
    allowed = number + 1
    for person, verdict_id in ((owner, number), (member, allowed), (member, 10_000)):
        answer = await person.client.post(APPEALS, json={"verdict_id": verdict_id, "reason": "Why?"})
        told = fault(answer, 404, "not_found")
        assert str(verdict_id) in str(told["message"])


async def test_so_many_appeals_may_wait(house: House, owner: Person, member: Person) -> None:
    for number in range(APPEALS_OPEN_MAX):
        await appealed(member, await refused(member, f"forbidden {number}"))
    last = {"verdict_id": await refused(member, "forbidden more"), "reason": "Please."}
    fault(await member.client.post(APPEALS, json=last), 429, "too_many_appeals")
    (case,) = (await owner.client.get(CASES, params={"limit": 1})).json()["appeals"]
    await owner.client.post(f"{CASES}/{case['id']}/decide", json={"granted": False})
    assert (await member.client.post(APPEALS, json=last)).status_code == 201


async def test_the_list_of_users_counts_open_appeals(house: House, owner: Person, member: Person) -> None:
    made = await appealed(member, await refused(member))
    await appealed(member, await refused(member, "forbidden more"))
    await owner.client.post(f"{CASES}/{made['id']}/decide", json={"granted": False})
    users = (await owner.client.get("/api/v1/admin/users")).json()["users"]
    assert {user["name"]: user["open_appeals"] for user in users} == {"olga": 0, "mia": 1}


async def test_cases_are_paged(house: House, owner: Person, member: Person) -> None:
    made = []
    for number in range(3):
        house.clock.move(seconds=1)
        made.append((await appealed(member, await refused(member, f"forbidden {number}")))["id"])
    first = (await owner.client.get(CASES, params={"limit": 2})).json()
    rest = (await owner.client.get(CASES, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [case["id"] for case in first["appeals"] + rest["appeals"]] == made[::-1]
    assert rest["next_cursor"] is None and UUID(first["next_cursor"]) == UUID(made[1])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verdict_id": 1, "reason": ""}, "reason"),
        ({"verdict_id": 1, "reason": " \n\t"}, "reason"),
        ({"verdict_id": 1, "reason": "x" * 1001}, "reason"),
        ({"verdict_id": 0, "reason": "x"}, "verdict_id"),
        ({"verdict_id": 10**18, "reason": "x"}, "verdict_id"),
        ({"verdict_id": "1", "reason": "x"}, "verdict_id"),
        ({"reason": "x"}, "verdict_id"),
    ],
)
async def test_an_appeal_that_makes_no_sense_is_422(
    house: House, member: Person, body: dict[str, object], field: str
) -> None:
    assert fault(await member.client.post(APPEALS, json=body), 422, "invalid_request")["field"] == field


async def test_blocked_accounts_read_what_was_refused_and_say_nothing(house: House, member: Person) -> None:
    number = await refused(member)
    await house.store.accounts.update(member.account.id, blocked_reason="spam")
    house.gateway.credentials.forget_account(member.account.id)
    assert (await member.client.get(MINE)).status_code == 200
    answer = await member.client.post(APPEALS, json={"verdict_id": number, "reason": "Please."})
    fault(answer, 403, "account_blocked")


async def test_admins_decide_and_readers_do_not(house: House, member: Person) -> None:
    made = await appealed(member, await refused(member))
    path, body = f"{CASES}/{made['id']}/decide", {"granted": True}
    reading = await house.person("rae", role=Role.ADMIN, scopes=frozenset({Scope.READ}))
    fault(await reading.client.post(path, json=body), 403, "scope_missing")
    admin = await house.person("ada", role=Role.ADMIN)
    assert (await admin.client.post(path, json=body)).status_code == 200
