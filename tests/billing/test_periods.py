"""Months that do not drift."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.billing.periods import month_after, period_end

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


def test_at_the_very_end_of_a_period_the_next_one_has_begun() -> None:
    anchor = datetime(2026, 1, 31, tzinfo=UTC)
    assert period_end(anchor, datetime(2026, 2, 28, tzinfo=UTC)) == datetime(2026, 3, 31, tzinfo=UTC)
