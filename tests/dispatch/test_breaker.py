"""The breaker opens, lets a canary through, closes, and gives up on a worker that goes on failing; retries wait."""

from random import Random
from uuid import UUID

import pytest

from darkroom.dispatch.breaker import Allowance, Breaker, BreakerState
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.dispatch.retry import retry_delay_s

POLICY = DispatchPolicy()
JOBS = [UUID(int=n) for n in range(1, 30)]


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for job in JOBS[:3]:
        breaker.failed("w", job, now=now)
    return breaker


def test_three_failures_on_different_jobs_open_the_breaker_of_that_worker_alone() -> None:
    breaker = Breaker(POLICY)
    for job in JOBS[:2]:
        breaker.failed("w", job, now=0.0)
    assert breaker.allows("w", now=0.0) is Allowance.ALL
    breaker.failed("w", JOBS[2], now=1.0)
    assert breaker.allows("w", now=1.0) is Allowance.NONE
    assert breaker.allows("v", now=1.0) is Allowance.ALL


def test_one_job_that_fails_thrice_is_the_jobs_fault() -> None:
    breaker = Breaker(POLICY)
    for now in range(3):
        breaker.failed("w", JOBS[0], now=float(now))
    assert breaker.allows("w", now=3.0) is Allowance.ALL


def test_failures_older_than_the_window_do_not_count() -> None:
    breaker = Breaker(POLICY)
    breaker.failed("w", JOBS[0], now=0.0)
    breaker.failed("w", JOBS[1], now=1.0)
    breaker.failed("w", JOBS[2], now=600.0)
    assert breaker.allows("w", now=600.0) is Allowance.ALL
    breaker.failed("w", JOBS[3], now=600.5)
    assert breaker.allows("w", now=600.5) is Allowance.NONE


def test_after_the_backoff_a_canary_decides() -> None:
    breaker = opened()
    assert breaker.allows("w", now=29.9) is Allowance.NONE
    assert breaker.allows("w", now=30.0) is Allowance.CANARY
    breaker.succeeded("w", now=31.0)
    assert breaker.allows("w", now=31.0) is Allowance.ALL


def test_a_canary_that_fails_opens_it_for_twice_as_long() -> None:
    breaker = opened()
    breaker.failed("w", JOBS[5], now=30.0)
    assert breaker.allows("w", now=89.9) is Allowance.NONE
    assert breaker.allows("w", now=90.0) is Allowance.CANARY


def test_what_was_under_way_when_it_opened_neither_closes_nor_prolongs_it() -> None:
    breaker = opened()
    breaker.succeeded("w", now=1.0)
    breaker.failed("w", JOBS[9], now=2.0)
    assert breaker.allows("w", now=29.9) is Allowance.NONE
    assert breaker.allows("w", now=30.0) is Allowance.CANARY


def test_three_times_open_in_an_hour_is_quarantine_until_it_is_readmitted() -> None:
    breaker = opened()
    breaker.failed("w", JOBS[5], now=100.0)
    assert not breaker.quarantined("w")
    breaker.failed("w", JOBS[6], now=200.0)
    assert breaker.quarantined("w")
    breaker.succeeded("w", now=10**6)
    assert breaker.allows("w", now=10**6) is Allowance.NONE
    breaker.readmit("w")
    assert (breaker.quarantined("w"), breaker.allows("w", now=10**6)) == (False, Allowance.ALL)


def test_opening_thrice_in_more_than_an_hour_is_no_quarantine() -> None:
    breaker = opened()
    breaker.failed("w", JOBS[5], now=100.0)
    breaker.failed("w", JOBS[6], now=3600.0)
    assert not breaker.quarantined("w")


@pytest.mark.parametrize(("attempt", "delay_s"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (9, 8)])
def test_retries_wait_longer_each_time_give_or_take_a_quarter(attempt: int, delay_s: float) -> None:
    rng = Random(1)
    delays = [retry_delay_s(attempt, rng, POLICY) for _ in range(200)]
    assert delay_s * 0.75 <= min(delays) < delay_s * 0.8
    assert delay_s * 1.2 < max(delays) <= delay_s * 1.25


def test_its_state_is_what_operators_are_told() -> None:
    breaker = opened()
    until = POLICY.breaker_backoff_s
    assert breaker.state("v", now=0.0) is BreakerState.CLOSED
    assert breaker.state("w", now=until - 1) is BreakerState.OPEN
    assert breaker.state("w", now=until) is BreakerState.HALF_OPEN
    breaker.succeeded("w", now=until)
    assert breaker.state("w", now=until) is BreakerState.CLOSED
    for number in range(POLICY.quarantine_opens):
        for job in JOBS[:3]:
            breaker.failed("w", job, now=until + 700.0 * number)
    assert breaker.quarantined("w") and breaker.state("w", now=9e9) is BreakerState.QUARANTINED


def test_the_failures_that_count_are_told() -> None:
    breaker = Breaker(POLICY)
    assert breaker.failures("w", now=0.0) == 0
    for now, job in enumerate(JOBS[:2]):
        breaker.failed("w", job, now=float(now))
    assert breaker.failures("w", now=1.0) == 2
    assert breaker.failures("w", now=POLICY.breaker_window_s + 0.5) == 1
    assert opened().failures("w", now=0.0) == 0, "they have opened it"
