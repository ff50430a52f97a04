"""Rates: by plan for accounts, by address for those who guess; with a clock that the test moves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.gateway.conftest import START, House, Person, fault

from darkroom.core.accounts import Plan
from darkroom.gateway.credentials import KEY_PREFIX, LOGIN_PREFIX, SESSION_PREFIX, new_secret
from darkroom.gateway.limits import FAILURES_PER_MINUTE, Buckets


def test_a_bucket_holds_a_minutes_worth_and_refills_evenly() -> None:
    buckets = Buckets()
    assert [buckets.take("a", per_minute=3, now=START).allowed for _ in range(4)] == [True, True, True, False]
    later = START + timedelta(seconds=20)
    assert buckets.take("a", per_minute=3, now=later).allowed
    assert not buckets.take("a", per_minute=3, now=later).allowed
    assert buckets.take("b", per_minute=3, now=later).allowed


def test_a_bucket_says_when_to_come_back_and_keeps_its_word() -> None:
    buckets = Buckets()
    for _ in range(7):
        taken = buckets.take("a", per_minute=7, now=START)
    assert taken.allowed and taken.remaining == 0 and taken.reset_s == 60
    refused = buckets.take("a", per_minute=7, now=START)
    assert not refused.allowed and refused.retry_after_s == 9
    early = START + timedelta(seconds=refused.retry_after_s - 1)
    assert not buckets.look("a", per_minute=7, now=early).allowed
    assert buckets.take("a", per_minute=7, now=START + timedelta(seconds=refused.retry_after_s)).allowed


def test_a_clock_that_steps_back_refills_nothing() -> None:
    buckets = Buckets()
    buckets.take("a", per_minute=1, now=START)
    assert not buckets.take("a", per_minute=1, now=START - timedelta(hours=1)).allowed


def test_only_so_many_buckets_are_kept_and_the_longest_unseen_goes() -> None:
    buckets = Buckets(capacity=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, per_minute=2, now=START)
    assert len(buckets) == 2
    assert not buckets.take("a", per_minute=2, now=START).allowed, "a was seen after b and must be remembered"


@pytest.fixture
def slow_plan(house: House) -> Plan:
    """A plan of five requests a minute."""
    plans = house.rooms.plans
    plan = Plan(name="slow", title="Slow", fast_gpu_ms_month=1000, requests_per_minute=5)
    object.__setattr__(plans, "plans", {**plans.plans, "slow": plan})
    return plan


async def test_an_account_makes_as_many_requests_as_its_plan_says(house: House, slow_plan: Plan) -> None:
    person = await house.person("sam", plan="slow")
    other = await house.person("otto", plan="slow")
    second_key = await house.with_key(person.account)
    for left in (4, 3, 2, 1, 0):
        answer = await person.client.get("/api/v1/account")
        assert answer.headers["ratelimit-limit"] == "5" and answer.headers["ratelimit-remaining"] == str(left)
    refused = await second_key.client.get("/api/v1/account")
    error = fault(refused, 429, "rate_limited")
    assert refused.headers["retry-after"] == "12" and "12 s" in str(error["hint"])
    assert refused.headers["ratelimit-remaining"] == "0"
    assert (await other.client.get("/api/v1/account")).status_code == 200
    house.clock.move(seconds=12)
    assert (await person.client.get("/api/v1/account")).status_code == 200


async def test_refused_requests_count_for_nothing(house: House, slow_plan: Plan) -> None:
    person = await house.person("sam", plan="slow")
    for _ in range(20):
        await person.client.get("/api/v1/account")
    house.clock.move(seconds=12)
    assert (await person.client.get("/api/v1/account")).status_code == 200


async def test_who_guesses_keys_is_slowed_down_and_others_are_not(house: House, member: Person) -> None:
    assert (await member.client.get("/api/v1/account")).status_code == 200
    for _ in range(FAILURES_PER_MINUTE):
        fault(await house.client(new_secret(KEY_PREFIX)).get("/api/v1/account"), 401, "not_authenticated")
    refused = await house.client(new_secret(KEY_PREFIX)).get("/api/v1/account")
    fault(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    house.clock.move(seconds=1)
    assert (await member.client.get("/api/v1/account")).status_code == 200, "a known key is no guess"
    elsewhere = house.client(new_secret(KEY_PREFIX), address="203.0.113.6")
    fault(await elsewhere.get("/api/v1/account"), 401, "not_authenticated")
    house.clock.move(minutes=1)
    fault(await house.client(new_secret(KEY_PREFIX)).get("/api/v1/account"), 401, "not_authenticated")


async def test_who_guesses_login_links_is_slowed_down(house: House) -> None:
    client = house.client()
    answers = [
        await client.post("/api/v1/login", json={"token": new_secret(LOGIN_PREFIX)})
        for _ in range(FAILURES_PER_MINUTE + 1)
    ]
    assert [answer.status_code for answer in answers] == [401] * FAILURES_PER_MINUTE + [429]


async def test_what_is_no_secret_at_all_is_no_guess(house: House) -> None:
    for secret in ["", "dk_short", "hello"] * FAILURES_PER_MINUTE:
        answer = await house.client(secret).get("/api/v1/account")
        assert answer.status_code == 401
    fault(await house.client(new_secret(KEY_PREFIX)).get("/api/v1/account"), 401, "not_authenticated")


async def test_a_session_that_was_guessed_counts_as_well(house: House) -> None:
    answers = [
        await house.client(cookie=new_secret(SESSION_PREFIX)).get("/api/v1/account")
        for _ in range(FAILURES_PER_MINUTE + 1)
    ]
    assert [answer.status_code for answer in answers] == [401] * FAILURES_PER_MINUTE + [429]
