"""A prompt as it is typed, over HTTP: whatever it is, the answer is 200 and says what is wrong, where, and what it would cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_jobs_routes import submitted

from darkroom.core.accounts import Scope
from darkroom.gateway.auth import OWN_RATES

PARSE = "/api/v1/prompts/parse"


async def parsed(person: Person, prompt: str, **more: Any) -> dict[str, Any]:
    answer = await person.client.post(PARSE, json={"prompt": prompt, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_all_that_is_told_of_a_prompt_that_can_be_submitted(house: House, member: Person) -> None:
    await house.worker()
    found = await parsed(member, "upload:x a {red, blue} fox --ar 3:2 --chaos 5 --turbo")
    assert found.pop("faults")[0]["code"] == "invalid_link"
    found = await parsed(member, "a {red, blue} fox --ar 3:2 --chaos 5 --turbo")
    (left,) = [found.pop("left_gpu_ms")]
    assert left == (await house.store.accounts.balance(member.account.id)).available_gpu_ms
    cost = found["cost_gpu_ms"]
    assert found == {
        "valid": True,
        "prompts": [f"a {c} fox --ar 3:2 --v able-1 --chaos 5 --turbo" for c in ("red", "blue")],
        "jobs": 2,
        "images": 8,
        "model": "able-1",
        "width": 320,
        "height": 224,
        "lane": "turbo",
        "visibility": "public",
        "parameters": [
            {"name": "ar", "text": "--ar 3:2", "value": "3:2", "start": 18, "end": 26},
            {"name": "chaos", "text": "--chaos 5", "value": "5", "start": 27, "end": 36},
            {"name": "turbo", "text": "--turbo", "value": None, "start": 37, "end": 44},
        ],
        "links": [],
        "words": {"start": 0, "end": 17},
        "faults": [],
        "cost_gpu_ms": cost,
        "wait_s": 0.0,
        "lanes": {
            "turbo": {"allowed": True, "cost_gpu_ms": cost, "wait_s": 0.0},
            "fast": {"allowed": True, "cost_gpu_ms": cost // 2, "wait_s": 0.0},
            "relax": {"allowed": False, "cost_gpu_ms": 0, "wait_s": 0.0},
        },
        "notes": [],
    }
    batch = await submitted(member, "a {red, blue} fox --ar 3:2 --chaos 5 --turbo")
    assert batch["cost_gpu_ms"] == cost


async def test_places_count_characters_and_not_their_bytes_or_halves(member: Person) -> None:
    text = "👩‍🎨 né 狐 --stylize 5000 --foo upload:a"
    found = await parsed(member, text)
    assert [(each["code"], text[each["start"] : each["end"]]) for each in found["faults"]] == [
        ("invalid_parameter", "--stylize 5000"),
        ("invalid_parameter", "--foo"),
    ]
    assert found["faults"][0] == {
        "code": "invalid_parameter",
        "message": "--stylize 5000 is above 1000.",
        "hint": "Use a whole number from 0 to 1000.",
        "field": "prompt",
        "start": 9,
        "end": 23,
    }
    (link,) = found["links"]
    assert (text[link["start"] : link["end"]], link["kind"]) == ("upload:a", "upload")
    assert text[slice(*found["words"].values())] == "👩‍🎨 né 狐"


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "\ud800", "{" * 5_000, "--", "a" * 60_000, "--ar {", "\u202e--ar", '"--ar'],
    ids=lambda text: repr(text[:9]),
)  # fmt: skip
async def test_any_text_is_answered(member: Person, text: str) -> None:
    answer = await member.client.post(
        PARSE, content=json.dumps({"prompt": text}), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["valid"] is (not found["faults"]) is (text == "--")
    assert found["cost_gpu_ms"] is None or found["valid"]


async def test_what_is_blocked_is_told_and_not_logged(house: House, member: Person) -> None:
    found = await parsed(member, "a forbidden fox")
    assert [(each["code"], each["start"]) for each in found["faults"]] == [("prompt_blocked", None)]
    assert await house.store.operations.verdicts(before=None, limit=5, blocked_only=False) == []
    assert "darkroom_moderation_blocks_total{" not in house.gateway.metrics.text().decode()


async def test_a_key_that_only_reads_may_ask_and_one_that_does_not_may_not(house: House) -> None:
    account = await house.account("rita")
    reader = await house.with_key(account, frozenset({Scope.READ}))
    assert (await parsed(reader, "a fox"))["valid"]
    writer = await house.with_key(account, frozenset({Scope.WRITE}))
    fault(await writer.client.post(PARSE, json={"prompt": "a fox"}), 403, "scope_missing")
    await house.store.accounts.update(account.id, blocked_reason="spam")
    house.gateway.credentials.forget_account(account.id)
    assert [each["code"] for each in (await parsed(reader, "a fox"))["faults"]] == ["account_blocked"]


async def test_typing_counts_for_itself(house: House, owner: Person) -> None:
    typist = await house.person("tess", plan="free")
    per_minute = house.rooms.plans.plan("free").requests_per_minute
    for _ in range(per_minute):
        await parsed(typist, "a")
    answer = await typist.client.get("/api/v1/account")
    assert answer.status_code == 200 and answer.headers["RateLimit-Remaining"] == str(per_minute - 1)
    for _ in range(OWN_RATES[PARSE] - per_minute):
        await parsed(typist, "a")
    fault(await typist.client.post(PARSE, json={"prompt": "a"}), 429, "rate_limited")
    assert (await typist.client.get("/api/v1/account")).status_code == 200


async def test_where_nobody_works_nobody_can_tell_the_wait(house: House, member: Person) -> None:
    assert (await parsed(member, "a fox"))["wait_s"] is None
    await house.worker()
    found = await parsed(member, "a fox", lane="turbo")
    assert (found["lane"], found["wait_s"]) == ("turbo", 0.0)
    fault(await member.client.post(PARSE, json={"prompt": "a", "lane": "slow"}), 422, "invalid_request")
