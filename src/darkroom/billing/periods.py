"""Months of an account: when its time is granted anew. Knows no plan and no store."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime

MONTHS = 12  # of a year


def month_after(start: datetime, months: int = 1) -> datetime:
    """The same day and time some months later; the last day of a month that has no such day (31 January -> 28 February).

    Periods of an account must not drift, so count `months` from its first day, the anchor, and not from the last clamped result:
    31 January + 2 is 31 March, while the month after 28 February is 28 March.
    """
    index = start.year * MONTHS + start.month - 1 + months
    year, month = index // MONTHS, index % MONTHS + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def period_end(anchor: datetime, now: datetime) -> datetime:
    """The first month's end after `now`, counted from the account's anchor day, at which its period began for the first time."""
    months = max(1, (now.year - anchor.year) * MONTHS + now.month - anchor.month)
    while month_after(anchor, months) <= now:
        months += 1
    return month_after(anchor, months)
