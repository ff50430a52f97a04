"""How busy a device was: from a counter that comes with heartbeats, stops, and begins anew with its process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darkroom.lifecycle.health import WINDOW_S, Meter


def readings(*pairs: tuple[float, float]) -> Meter:
    """Seconds, and milliseconds of the device until then."""
    meter = Meter()
    for now, device_ms in pairs:
        meter.read(device_ms, now=now)
    return meter


def test_one_reading_says_nothing() -> None:
    assert Meter().share(now=0) is None
    assert readings((0, 5_000)).share(now=1) is None


def test_the_share_is_time_of_the_device_over_time() -> None:
    assert readings((0, 1_000), (10, 3_500)).share(now=10) == 0.25
    assert readings((0, 0), (5, 0), (10, 0)).share(now=12) == 0.0


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    busy_then_idle = readings(*[(5.0 * n, min(5_000.0 * n, 60_000)) for n in range(25)])
    assert busy_then_idle.share(now=120) == 0.0, "it was busy in the first minute alone"
    assert readings((0, 0), (5, 5_000)).share(now=5 + WINDOW_S + 1) is None, "it told nothing of late"


def test_a_new_process_counts_from_nothing() -> None:
    meter = readings((0, 50_000), (5, 55_000), (10, 200))
    assert meter.share(now=10) is None
    meter.read(1_200, now=20)
    assert meter.share(now=20) == 0.1


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 60_000)), max_size=40),
    st.floats(0, 100),
)
def test_a_share_is_a_share_whatever_is_read(steps: list[tuple[float, float]], later: float) -> None:
    meter, now = Meter(), 0.0
    for passed, device_ms in steps:
        now += passed
        meter.read(device_ms, now=now)
        assert len(meter._readings) <= 2 + WINDOW_S or passed < 1, "a bounded memory"
    share = meter.share(now=now + later)
    assert share is None or 0 <= share <= 1
