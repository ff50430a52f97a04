"""The route that tells what an account used, day by day of a month and by lane. Adds up nothing that was not settled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from darkroom.core.accounts import DayUsage
from darkroom.core.errors import Refused
from darkroom.core.params import Lane
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Here
from darkroom.gateway.errors import refusals
from darkroom.gateway.views import Out

MONTH_PATTERN = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


class LaneUsageOut(Out):
    gpu_ms: Annotated[int, Field(description="What was charged")]
    jobs: Annotated[int, Field(description="Jobs that ended, however")]
    images: Annotated[int, Field(description="Of those that were completed")]


class LanesUsageOut(Out):
    turbo: LaneUsageOut
    fast: LaneUsageOut
    relax: LaneUsageOut


class DayUsageOut(Out):
    day: date
    lanes: LanesUsageOut


class MonthUsageOut(Out):
    month: str
    days: Annotated[list[DayUsageOut], Field(description="Every day of the month, in UTC, up to today")]
    total: LanesUsageOut


def usage_router() -> APIRouter:
    """Under /api/v1/account."""
    router = APIRouter(prefix="/api/v1/account", tags=["account"])

    @router.get("/usage", responses=refusals(422, 503), operation_id="getUsage")
    async def get_usage(
        caller: Reader,
        here: Here,
        month: Annotated[
            str | None,
            Query(pattern=MONTH_PATTERN, description="Like 2026-11; this one unless you say otherwise"),
        ] = None,
    ) -> MonthUsageOut:
        """What your jobs took, by the day on which they ended and their lane."""
        today = here.now().astimezone(UTC).date()
        first = date.fromisoformat(f"{month}-01") if month else today.replace(day=1)
        _check_month(first, today)
        last = min(_next_month(first) - timedelta(days=1), today)
        found = await here.rooms.accounts.usage(
            caller.account.id, since=_midnight(first), until=_midnight(last + timedelta(days=1))
        )
        return _month_out(first, last, found)

    return router


def _check_month(first: date, today: date) -> None:
    if first > today:
        raise Refused(
            f"The month {first:%Y-%m} has not begun.",
            code="invalid_request",
            hint=f"Ask for {today:%Y-%m} or an earlier one.",
            field="month",
        )


def _month_out(first: date, last: date, found: Iterable[DayUsage]) -> MonthUsageOut:
    rows = list(found)
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    return MonthUsageOut(
        month=f"{first:%Y-%m}",
        days=[
            DayUsageOut(day=day, lanes=_lanes_out(each for each in rows if each.day == day)) for day in days
        ],
        total=_lanes_out(rows),
    )


def _lanes_out(rows: Iterable[DayUsage]) -> LanesUsageOut:
    sums = {lane.value: [0, 0, 0] for lane in Lane}
    for row in rows:
        for i, amount in enumerate((row.gpu_ms, row.jobs, row.images)):
            sums[row.lane.value][i] += amount
    return LanesUsageOut(
        **{lane: LaneUsageOut(gpu_ms=each[0], jobs=each[1], images=each[2]) for lane, each in sums.items()}
    )


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
