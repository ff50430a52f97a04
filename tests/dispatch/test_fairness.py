"""Lanes get their shares, accounts their turns, and nobody starves: properties over random loads."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.core.params import Lane
from darkroom.dispatch.policy import DispatchPolicy

SHARES = DispatchPolicy().shares
same_function = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("before", [0, 1, 500])
def test_a_single_job_waits_for_at_most_one_job_of_each_active_user(bench: Any, before: int) -> None:
    for _ in range(1000):
        bench.add(account=1, lane=Lane.RELAX)
    for account in range(3, 8):
        for _ in range(20):
            bench.add(account=account, lane=Lane.RELAX)
    for _ in range(before):
        bench.pick()
    single = bench.add(account=2, lane=Lane.RELAX)
    ahead: Counter[UUID] = Counter()
    while (job := bench.pick()) != single:
        ahead[job.account_id] += 1
    assert max(ahead.values(), default=0) <= 1


@same_function
@given(
    costs=st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 5000), st.integers(1, 12)), min_size=1, max_size=60
    ),
    before=st.integers(0, 60),
    off=st.data(),
)
def test_a_newcomer_waits_for_at_most_one_job_of_each_user_whatever_they_cost(
    make_bench: Any, costs: list[tuple[int, int, int]], before: int, off: Any
) -> None:
    bench = make_bench()
    weights: dict[int, int] = {}
    for account, cost, weight in costs:
        bench.add(account=account, cost_gpu_ms=cost, weight=weights.setdefault(account, weight))
    for _ in range(before):
        if (picked := bench.pick()) and off.draw(st.booleans()):
            measured = off.draw(st.integers(0, 2 * picked.cost_gpu_ms))
            bench.queue.settle(picked.account_id, picked.lane, picked.cost_gpu_ms, measured)
    single = bench.add(account=99, cost_gpu_ms=777)
    ahead: Counter[UUID] = Counter()
    while (job := bench.pick()) != single:
        ahead[job.account_id] += 1
    assert max(ahead.values(), default=0) <= 1


@same_function
@given(st.lists(st.integers(1, 5000), min_size=50, max_size=50), st.integers(2, 12))
def test_two_busy_accounts_share_by_weight_to_within_one_job_of_each(
    make_bench: Any, costs: list[int], weight: int
) -> None:
    bench = make_bench()
    for cost in costs:
        bench.add(account=1, cost_gpu_ms=cost, weight=1)
        bench.add(account=2, cost_gpu_ms=cost, weight=weight)
    had = {1: 0.0, 2: 0.0}
    left = {1: 50, 2: 50}
    while left[1] and left[2]:
        job = bench.pick()
        had[job.account_id.int] += job.cost_gpu_ms / job.weight
        left[job.account_id.int] -= 1
        assert abs(had[1] - had[2]) <= max(costs) + max(costs) / weight


@same_function
@given(
    st.lists(st.tuples(*[st.integers(1, 5000)] * 3), min_size=100, max_size=100),
    st.sets(st.sampled_from(Lane), min_size=2),
)
def test_saturated_lanes_get_their_shares_to_within_one_job_of_each(
    make_bench: Any, costs: list[tuple[int, int, int]], busy: set[Lane]
) -> None:
    bench = make_bench()
    for row in costs:
        for lane, cost in zip(Lane, row, strict=True):
            if lane in busy:
                bench.add(account=1, lane=lane, cost_gpu_ms=cost)
    had: Counter[Lane] = Counter()
    while all(bench.queue.depth()[lane] for lane in busy):
        job = bench.pick()
        had[job.lane] += job.cost_gpu_ms
        for one in busy:
            for other in busy - {one}:
                apart = abs(had[one] / SHARES[one] - had[other] / SHARES[other])
                assert apart <= 5000 / SHARES[one] + 5000 / SHARES[other] + 1e-6


def test_with_turbo_saturated_relax_still_gets_its_tenth(bench: Any) -> None:
    for _ in range(1000):
        bench.add(lane=Lane.TURBO)
        bench.add(lane=Lane.FAST)
        bench.add(lane=Lane.RELAX)
    had = Counter(bench.pick().lane for _ in range(1000))
    assert had == {Lane.TURBO: 700, Lane.FAST: 200, Lane.RELAX: 100}


def test_who_takes_some_lanes_alone_takes_no_more_than_their_shares(bench: Any) -> None:
    """A full worker asks for turbo alone whenever it may; what it gets was due to turbo anyway."""
    for lane in Lane:
        for _ in range(1000):
            bench.add(lane=lane)
    had: Counter[Lane] = Counter()
    for _ in range(500):
        job = bench.pick(lanes=frozenset({Lane.TURBO})) or bench.pick()
        had[job.lane] += 1
    assert had == {Lane.TURBO: 350, Lane.FAST: 100, Lane.RELAX: 50}


def test_a_job_that_is_not_taken_is_neither_charged_nor_passed_over(bench: Any) -> None:
    relaxed = bench.add(lane=Lane.RELAX)
    assert bench.pick(lanes=frozenset({Lane.TURBO, Lane.FAST})) is None
    turbo = bench.add(lane=Lane.TURBO)
    fast = bench.add(lane=Lane.FAST)
    picked = [bench.pick(lanes=frozenset({Lane.TURBO, Lane.FAST})) for _ in range(3)]
    assert relaxed not in picked and len(bench.queue) == 3 - sum(job is not None for job in picked)
    assert {bench.pick() for _ in range(len(bench.queue))} | set(picked) >= {relaxed, turbo, fast}


def test_a_lane_that_was_idle_has_saved_up_nothing(bench: Any) -> None:
    for _ in range(1000):
        bench.add(lane=Lane.FAST)
    for _ in range(500):
        bench.pick()
    for _ in range(100):
        bench.add(lane=Lane.RELAX)
    had = Counter(bench.pick().lane for _ in range(90))
    assert 29 <= had[Lane.RELAX] <= 31  # 10 of 30, from the moment it came


def test_a_heavy_user_of_relax_waits_longer_than_a_light_one(bench: Any) -> None:
    heavy = [bench.add(account=1, lane=Lane.RELAX) for _ in range(50)]
    light = [bench.add(account=2, lane=Lane.RELAX) for _ in range(5)]
    order = [bench.pick() for _ in range(55)]
    assert order.index(light[-1]) == 9
    assert order.index(heavy[-1]) == 54


@same_function
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(Lane), st.sampled_from("ab")), max_size=60),
    st.data(),
)
def test_every_job_is_picked_once_and_none_is_kept_from_a_worker_that_can(
    make_bench: Any, jobs: list[tuple[int, Lane, str]], data: Any
) -> None:
    bench = make_bench()
    left = {}
    for account, lane, model in jobs:
        job = bench.add(account=account, lane=lane, model=model)
        left[job.id] = job
    now = 0.0
    while left:
        now += data.draw(st.floats(0, 40))
        models = data.draw(st.sampled_from(["a", "b", "ab", "c"]))
        job = bench.pick(models, models=models, warm=data.draw(st.sampled_from(["", "a", "b"])), now=now)
        could = [each for each in left.values() if each.model in models]
        assert (job is None) == (not could)
        if job is not None:
            assert job in could
            older = [
                e
                for e in could
                if (e.account_id, e.lane, e.model) == (job.account_id, job.lane, job.model) and e.id < job.id
            ]
            assert not older  # an account's jobs of one model are never out of order
            del left[job.id]
    assert len(bench.queue) == 0 and sum(bench.queue.depth().values()) == 0


def test_measured_time_counts_and_not_the_estimate(bench: Any) -> None:
    for _ in range(20):
        bench.add(account=1)
        bench.add(account=2)
    had: Counter[int] = Counter()
    for _ in range(18):
        job = bench.pick()
        had[job.account_id.int] += 1
        measured = 2000 if job.account_id.int == 1 else 1000
        bench.queue.settle(job.account_id, job.lane, job.cost_gpu_ms, measured)
    assert had == {1: 6, 2: 12}


def test_a_worker_for_one_model_gives_no_lane_credit_on_another_worker(bench: Any) -> None:
    for _ in range(500):
        bench.add(lane=Lane.TURBO, model="a")
        bench.add(lane=Lane.TURBO, model="b")
        bench.add(lane=Lane.RELAX, model="b")
    for _ in range(300):
        assert bench.pick("first", models="a").lane is Lane.TURBO
    had = Counter(bench.pick("second", models="b").lane for _ in range(80))
    assert had == {Lane.TURBO: 70, Lane.RELAX: 10}
