"""Affinity, avoided workers, delays, restoring, positions, and how many steps a pick takes."""

import sys
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from darkroom.core.params import Lane
from darkroom.dispatch.queue import Position


def test_jobs_of_one_account_go_in_order_of_submission_whatever_order_they_came_in(bench: Any) -> None:
    jobs = [bench.job() for _ in range(5)]
    for job in reversed(jobs):
        bench.queue.add(job)
    assert [bench.pick() for _ in range(6)] == [*jobs, None]


def test_a_job_that_is_added_twice_is_there_once(bench: Any) -> None:
    job = bench.add()
    bench.queue.add(job)
    assert (len(bench.queue), bench.queue.depth()[Lane.FAST]) == (1, 1)
    assert bench.pick() == job
    assert bench.pick() is None


def test_a_removed_job_is_gone_and_nobody_pays_for_it(bench: Any) -> None:
    first, second = bench.add(), bench.add()
    assert first.id in bench.queue
    assert bench.queue.remove(first.id)
    assert not bench.queue.remove(first.id)
    assert first.id not in bench.queue
    assert bench.pick() == second


@pytest.mark.parametrize(("lane", "limit_s"), [(Lane.TURBO, 2.0), (Lane.FAST, 5.0), (Lane.RELAX, 30.0)])
def test_a_warm_model_is_preferred_until_the_head_has_waited(bench: Any, lane: Lane, limit_s: float) -> None:
    head = bench.add(account=1, lane=lane, model="a", ready_at=100.0)
    warm = [bench.add(account=2, lane=lane, model="b", ready_at=100.0) for _ in range(2)]
    assert bench.pick(models="ab", warm="b", now=100.0 + limit_s - 0.01) == warm[0]
    assert bench.pick(models="ab", warm="b", now=100.0 + limit_s) == head


@pytest.mark.parametrize(("cold", "taken"), [(32, True), (33, False)])
def test_at_most_32_jobs_are_skipped_for_a_warm_model(bench: Any, cold: int, taken: bool) -> None:
    for account in range(cold):
        bench.add(account=account, model="a")
    warm = bench.add(account=99, model="b")
    assert (bench.pick(models="ab", warm="b") == warm) is taken


def test_a_warm_model_that_a_worker_may_not_draw_is_no_reason_to_skip(bench: Any) -> None:
    head = bench.add(model="a")
    bench.add(model="b")
    assert bench.pick(models="a", warm="b") == head
    assert bench.pick(models="a", warm="b") is None


def test_an_avoided_worker_gets_a_job_only_where_nobody_else_can(bench: Any) -> None:
    bench.pick("draws-b", models="b")
    job = bench.add(avoid=frozenset({"w"}))
    next_one = bench.add()
    assert bench.pick("w", others=("x",)) == next_one
    assert bench.pick("w", others=("x",)) is None
    assert bench.pick("w", others=("draws-b",)) == job  # the other one is known to lack the model


def test_an_avoided_worker_leaves_the_job_to_the_other_one(bench: Any) -> None:
    job = bench.add(avoid=frozenset({"w", "v"}))
    assert bench.pick("w", others=("v", "x")) is None
    assert bench.pick("x", others=("v", "w")) == job
    bench.queue.restore(job)
    assert bench.pick("w", others=("v",)) == job


def test_a_delayed_retry_blocks_nobody_and_comes_back_to_its_old_place(bench: Any) -> None:
    jobs = [bench.add() for _ in range(3)]
    assert bench.pick(now=10.0) == jobs[0]
    retry = replace(jobs[0], not_before=14.0, avoid=frozenset({"v"}))
    bench.queue.restore(retry)
    assert len(bench.queue) == 3
    assert bench.pick(now=13.9) == jobs[1]
    assert bench.pick(now=14.0) == retry
    assert bench.pick(now=14.0) == jobs[2]


def test_a_delayed_job_can_be_removed_before_and_after_its_time(bench: Any) -> None:
    early, late = bench.add(not_before=5.0), bench.add(not_before=6.0)
    assert bench.queue.remove(early.id)
    assert bench.pick(now=5.5) is None
    assert bench.pick(now=6.0) == late
    assert len(bench.queue) == 0


def test_a_restored_job_is_the_next_one_again_and_its_charge_is_undone(bench: Any) -> None:
    rows = [bench.add(account=account, lane=lane) for _ in range(10) for account in (1, 2) for lane in Lane]
    expected = [bench.pick() for _ in rows]
    for job in rows:
        bench.queue.add(job)
    order = []
    while (job := bench.pick()) is not None:
        bench.queue.restore(job)
        assert bench.pick() == job
        order.append(job)
    assert len(order) == len(expected)


def test_restoring_changes_nothing_about_what_comes_after(make_bench: Any) -> None:
    def run(disturbed: bool) -> list[UUID]:
        bench = make_bench()
        for _ in range(30):
            for account in (1, 2, 3):
                bench.add(account=account, lane=list(Lane)[account - 1], cost_gpu_ms=account * 700)
                bench.add(account=account + 3)
        order = []
        while (job := bench.pick()) is not None:
            if disturbed and len(order) % 3 == 0:
                bench.queue.restore(job)
                job = bench.pick()
            order.append(job.id)
        return order

    assert run(disturbed=True) == run(disturbed=False)


def test_an_underestimate_is_paid_even_by_an_account_that_left(bench: Any) -> None:
    bench.add(account=1)
    first = bench.pick()
    bench.queue.settle(first.account_id, first.lane, first.cost_gpu_ms, 10_000)
    later = bench.add(account=1)
    others = [bench.add(account=2) for _ in range(12)]
    order = [bench.pick() for _ in range(13)]
    assert order.index(later) == 10
    assert order[0] == others[0]


def test_settling_what_was_never_picked_here_changes_nothing(bench: Any) -> None:
    job = bench.add()
    bench.queue.settle(job.account_id, job.lane, job.cost_gpu_ms, 10**9)
    bench.add(account=2)
    assert bench.pick() == job


def test_position_counts_what_starts_before(bench: Any) -> None:
    mine = [bench.add(account=1) for _ in range(10)]
    for _ in range(100):
        bench.add(account=2)
    assert bench.queue.position(mine[0].id) == Position(ahead=1, ahead_gpu_ms=1000)
    assert bench.queue.position(mine[4].id) == Position(ahead=9, ahead_gpu_ms=9000)
    single = bench.add(account=3)
    assert bench.queue.position(single.id) == Position(ahead=2, ahead_gpu_ms=2000)
    with pytest.raises(KeyError):
        bench.queue.position(UUID(int=12345))


def test_position_counts_the_share_of_the_other_lanes_but_no_more_than_they_have(bench: Any) -> None:
    for _ in range(40):
        bench.add(account=2, lane=Lane.TURBO)
    mine = [bench.add(account=1, lane=Lane.RELAX) for _ in range(11)]
    assert bench.queue.position(mine[1].id) == Position(ahead=8, ahead_gpu_ms=8000)
    assert bench.queue.position(mine[10].id) == Position(ahead=50, ahead_gpu_ms=50_000)


def test_the_position_is_near_the_real_place(bench: Any) -> None:
    jobs = [bench.add(account=n % 7, lane=list(Lane)[n % 3], weight=1 + n % 7) for n in range(600)]
    told = {job.id: bench.queue.position(job.id).ahead for job in jobs}
    real = {bench.pick().id: place for place in range(600)}
    off = [abs(told[job.id] - real[job.id]) for job in jobs]
    assert sum(off) / len(off) < 600 * 0.1


def test_the_position_of_a_delayed_job_is_where_it_will_come_back(bench: Any) -> None:
    for _ in range(3):
        bench.add()
    late = bench.add(not_before=100.0)
    assert bench.queue.position(late.id).ahead == 3


def steps_of(work: Any) -> int:
    """Lines of Python that run while `work` does, ours and the library's."""
    count = 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("accounts", [1, 50, 20_000])
def test_a_queue_of_100_000_jobs_is_worked_in_few_steps(bench: Any, accounts: int) -> None:
    for n in range(100_000):
        bench.add(
            account=n % accounts, lane=list(Lane)[n % 3], model="ab"[n % 5 == 0], weight=1 + n % accounts % 4
        )
    bench.pick(models="ab")  # the first worker of its kind sorts everything once
    for _ in range(20):
        job = bench.pick(models="ab", now=100.0)
        bench.queue.restore(job)
        assert steps_of(lambda: bench.pick(models="ab", now=100.0)) < 800
        assert steps_of(lambda: bench.pick(models="ab", warm="c", now=0.0)) < 800
        assert steps_of(lambda job=job: bench.queue.restore(job)) < 800
        assert steps_of(lambda: bench.add(account=3)) < 800
        assert steps_of(lambda job=job: bench.queue.position(job.id)) < 10_000
    assert (
        steps_of(lambda: bench.pick(models="abc", warm="c", now=0.0)) > 0
    )  # a new kind of worker: all of them once
    cold = steps_of(lambda: bench.pick(models="abc", warm="c", now=0.0))
    assert cold < 3_000  # looks at a window of jobs for a warm one and finds none
