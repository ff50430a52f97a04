"""Stretches of time for a plot: equal, without gaps, at the same moments whenever one asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from darkroom.core.figures import Ended
from darkroom.core.jobs import JobState
from darkroom.core.params import Lane
from darkroom.lifecycle.throughput import BUCKETS_S, filled, stretches

NOW = datetime(2026, 5, 1, 12, 7, 33, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(("hours", "bucket_s"), BUCKETS_S.items())
def test_the_last_stretch_is_the_one_that_we_are_in(hours: int, bucket_s: int) -> None:
    starts = stretches(NOW, bucket_s=bucket_s, count=hours * 3600 // bucket_s)
    assert 60 <= len(starts) <= 170
    assert starts[-1] <= NOW < starts[-1] + timedelta(seconds=bucket_s)
    assert starts == sorted(set(starts)) and starts[-1] - starts[0] == timedelta(
        hours=hours, seconds=-bucket_s
    )


def test_they_do_not_move_while_one_looks() -> None:
    earlier, later = (stretches(NOW + timedelta(seconds=s), bucket_s=60, count=60) for s in (0, 26))
    assert earlier == later
    assert stretches(NOW + timedelta(seconds=27), bucket_s=60, count=60)[:-1] == earlier[1:]


def test_each_is_filled_with_what_ended_in_it() -> None:
    starts = stretches(NOW, bucket_s=60, count=3)
    ended = [
        Ended(at=at, lane=Lane.FAST, state=JobState.COMPLETED, jobs=n, images=4, gpu_ms=9)
        for n, at in enumerate([starts[1], starts[1], starts[2] + timedelta(minutes=1)])
    ]
    buckets = filled(starts, ended)
    assert [bucket.at for bucket in buckets] == starts
    assert [len(bucket.ended) for bucket in buckets] == [0, 2, 0], (
        "what lies beyond comes with the next question"
    )
