"""The fair clock by itself: where one starts to wait, and what corrections and refunds may do."""

from typing import Any

from darkroom.dispatch.clock import FairClock


def order(clock: FairClock[str]) -> list[tuple[float, str]]:
    return [(tag, key) for tag, _, key in clock]


def test_who_was_passed_over_holds_the_virtual_time_back() -> None:
    clock: FairClock[str] = FairClock()
    clock.wait("a", tie=1)
    clock.wait("b", tie=2)
    clock.charge("a", 10.0)
    clock.charge("b", 20.0)
    clock.charge("b", 20.0)  # out of turn, for a warm model: it would be a's
    clock.wait("new", tie=3)
    assert order(clock) == [(10.0, "a"), (10.0, "new"), (40.0, "b")]


def test_an_overestimate_is_given_back_only_as_far_as_the_virtual_time() -> None:
    clock: FairClock[str] = FairClock()
    for tie, key in enumerate("ab"):
        clock.wait(key, tie=tie)
    for key in "abab":
        clock.charge(key, 10.0)
    assert clock.virtual == 10.0
    clock.correct("b", -100.0)
    assert order(clock) == [(10.0, "b"), (20.0, "a")]


def test_a_refund_while_away_is_no_credit_later() -> None:
    clock: FairClock[str] = FairClock()
    clock.wait("a", tie=1)
    clock.wait("b", tie=2)
    for key in "ababab":
        clock.charge(key, 10.0)
    clock.rest("a")
    clock.refund("a", 30.0)
    clock.wait("a", tie=3)
    assert order(clock) == [(20.0, "a"), (30.0, "b")]


def test_the_window_counts_jobs_in_the_order_in_which_accounts_take_turns(bench: Any) -> None:
    for _ in range(40):
        bench.add(account=1, model="a")
    bench.add(account=2, model="a")
    warm = bench.add(account=2, model="b")  # three jobs start before it, though 41 are older
    assert bench.pick(models="ab", warm="b") == warm
