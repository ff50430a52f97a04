"""What a worker's log tells of a night: each job from its claim to its end, and the reason of each that failed."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.worker.test_drawing import Bench, ask
from tests.worker.test_handed_on_bill import left


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="darkroom.worker")


def told(caplog: pytest.LogCaptureFixture, job_id: str) -> list[tuple[int, str]]:
    """Level and words of what was said of a job."""
    begins = f"job {job_id}: "
    return [
        (each.levelno, each.getMessage().removeprefix(begins))
        for each in caplog.records
        if each.getMessage().startswith(begins)
    ]


async def test_a_job_that_is_drawn(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    claim = running.service.job(attempt=2)
    await running.service.until(lambda: running.service.reports)
    running.worker.hand_back()
    await running.over()
    assert told(caplog, claim["job_id"])[:2] == [
        (logging.INFO, "claimed, fast with mini-1, attempt 2"),
        (logging.INFO, "drawn, 4 pictures, 40 ms"),
    ]
    assert "a fox" not in caplog.text, "what somebody asked for is nobody's business"


async def test_a_job_that_fails_says_why(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    claim = running.service.job("undrawable")
    await running.service.until(lambda: running.service.reports)
    assert (logging.WARNING, "job: nobody can draw that") in told(caplog, claim["job_id"])


async def test_a_job_that_is_handed_on_says_where(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    claim = running.service.job("endless")
    await running.service.until(lambda: running.service.progress)
    running.worker.hand_back()
    await running.over()
    words = [words for level, words in told(caplog, claim["job_id"]) if level == logging.INFO]
    assert any(each.startswith("handed on at step ") and each.endswith(" of 2") for each in words)
    assert any(each.startswith("drained: ") for each in words), "that is nobody's fault"


def test_a_job_that_goes_on_says_where(caplog: pytest.LogCaptureFixture) -> None:
    saved, bench = left(Bench()), Bench()
    bench.generator.add(ask(fence=2), saved)
    bench.generator.step()
    assert f"job {ask().claim.job_id}: continued at step 4 of 8" in caplog.messages
