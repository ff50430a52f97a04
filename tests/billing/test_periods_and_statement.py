"""Months that do not drift, and statements that add up."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.billing.periods import month_after, period_end
from darkroom.billing.statement import statement_totals
from darkroom.core.accounts import Balance, Entry, EntryKind

MOMENTS = st.timedeltas(timedelta(0), timedelta(days=25_000)).map(
    lambda later: datetime(2020, 1, 1, tzinfo=UTC) + later
)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ((2026, 11, 21), 1, (2026, 12, 21)),
        ((2026, 12, 31), 1, (2027, 1, 31)),
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2028, 1, 31), 1, (2028, 2, 29)),
        ((2026, 1, 31), 2, (2026, 3, 31)),
        ((2026, 2, 28), 1, (2026, 3, 28)),
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last(
    start: tuple[int, int, int], months: int, end: tuple[int, int, int]
) -> None:
    assert month_after(datetime(*start, 7, 8, 9, tzinfo=UTC), months) == datetime(*end, 7, 8, 9, tzinfo=UTC)


@given(MOMENTS, st.integers(1, 120))
def test_counted_from_its_anchor_a_period_never_drifts(anchor: datetime, months: int) -> None:
    end = month_after(anchor, months)
    assert end.day == min(anchor.day, monthrange(end.year, end.month)[1])
    assert end.timetz() == anchor.timetz()
    assert timedelta(days=28) <= month_after(anchor, months + 1) - end <= timedelta(days=31)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_the_end_of_the_period_is_the_first_one_after_now(anchor: datetime, later: timedelta) -> None:
    now = anchor + later
    ends = [month_after(anchor, months) for months in range(1, 140)]
    assert period_end(anchor, now) == next(end for end in ends if end > now)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), max_size=20),
    st.integers(0, 10**9),
)
def test_a_statement_adds_up(jobs: list[tuple[int, int, bool]], granted: int) -> None:
    entries: list[Entry] = []

    def write(kind: EntryKind, amount: int) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        entries.append(
            Entry(
                id=len(entries), account_id=UUID(int=1), job_id=None, kind=kind, amount_gpu_ms=amount, at=at
            )
        )

    write(EntryKind.GRANT, granted)
    write(EntryKind.EXPIRE, granted // 3)
    for hold, measured, ended in jobs:
        write(EntryKind.HOLD, hold)
        if ended:
            write(EntryKind.RELEASE, hold)
            write(EntryKind.SETTLE, min(hold, measured))
    balance = statement_totals(entries)
    assert balance == statement_totals(reversed(entries))
    assert balance.held_gpu_ms == sum(hold for hold, _, ended in jobs if not ended)
    assert balance.settled_gpu_ms == sum(min(hold, measured) for hold, measured, ended in jobs if ended)
    assert balance.available_gpu_ms == granted - granted // 3 - balance.settled_gpu_ms - balance.held_gpu_ms


def test_no_entries_are_an_empty_balance() -> None:
    assert statement_totals([]) == Balance()


def test_at_the_very_end_of_a_period_the_next_one_has_begun() -> None:
    anchor = datetime(2026, 1, 31, tzinfo=UTC)
    assert period_end(anchor, datetime(2026, 2, 28, tzinfo=UTC)) == datetime(2026, 3, 31, tzinfo=UTC)
