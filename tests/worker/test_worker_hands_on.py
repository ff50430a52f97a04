"""What a worker does to hand a job on with its steps, and to go on with one: never at the price of leaving or of the job."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

AWAY = (503, {"error": {"code": "unavailable", "message": "away"}})
STATE = "state.safetensors"


async def drawing(running: Any, text: str = "endless", **more: object) -> dict[str, Any]:
    """A job that is being drawn."""
    claim: dict[str, Any] = running.service.job(text, **more)
    await running.service.until(lambda: running.generator.added)
    return claim


def stored(running: Any, claim: dict[str, Any]) -> tuple[str, bytes] | None:
    found: tuple[str, bytes] | None = running.service.stored.get(
        f"{claim['job_id']}/{claim['fence']}/{STATE}"
    )
    return found


async def test_handing_back_it_leaves_the_state_for_the_next(running: Any) -> None:
    claim = await drawing(running)
    running.worker.hand_back()
    await running.over()
    (report,) = running.service.reports
    assert (report["fault"], report["saved"]) == ("drained", STATE)
    assert stored(running, claim) == ("application/octet-stream", running.generator.saved[0])
    assert running.service.left == ["worker-1"]
    assert [str(each.job_id) for each in running.generator.cancelled] == [claim["job_id"]]


async def test_drained_past_its_limit_it_leaves_the_state(running: Any) -> None:
    await drawing(running)
    running.worker.drain(limit_s=0.01)
    await running.over()
    assert [report["saved"] for report in running.service.reports] == [STATE]


@pytest.mark.parametrize("text", ["endless forgetful", "endless huge"])
async def test_without_a_state_that_fits_it_hands_back_as_before(running: Any, text: str) -> None:
    claim = await drawing(running, text)
    running.worker.hand_back()
    await running.over()
    (report,) = running.service.reports
    assert report["fault"] == "drained" and "saved" not in report
    assert stored(running, claim) is None


async def test_it_leaves_in_time_though_no_state_is_taken(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.worker.desk.HAND_ON_WITHIN_S", 0.05)
    claim = await drawing(running)
    running.service.failing["/uploads"] = AWAY
    running.worker.hand_back()
    await running.over()
    (report,) = running.service.reports
    assert report["fault"] == "drained" and "saved" not in report
    assert stored(running, claim) is None and running.service.left == ["worker-1"]


async def test_a_generator_that_does_not_answer_keeps_nobody(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.worker.desk.HAND_ON_WITHIN_S", 0.05)
    monkeypatch.setattr(running.worker._desk._drive, "release", lambda claim, then: None)
    await drawing(running)
    running.worker.hand_back()
    await running.over()
    assert [report["fault"] for report in running.service.reports] == ["drained"]


async def test_a_generator_that_breaks_while_it_saves_fails_the_run(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(claim: object) -> bytes:
        raise RuntimeError("the device is on fire")

    monkeypatch.setattr(running.generator, "save", save)
    await drawing(running)
    running.worker.hand_back()
    await running.over()
    assert [report["fault"] for report in running.service.reports] == ["infrastructure"]


async def test_a_run_that_is_no_longer_its_own_is_dropped(running: Any) -> None:
    claim = await drawing(running)
    running.service.failing["/uploads"] = (409, {"error": {"code": "stale_claim", "message": "not yours"}})
    running.worker.hand_back()
    await running.over()
    assert running.service.reports == [] and stored(running, claim) is None


async def test_what_is_drawn_already_is_finished_instead(running: Any) -> None:
    running.finisher.gate.clear()
    running.service.job()
    await running.service.until(lambda: any(item["finishing"] for item in running.service.progress))
    running.worker.hand_back()
    running.finisher.gate.set()
    await running.over()
    assert [report["kind"] for report in running.service.reports] == ["completed"]


async def test_told_twice_it_reports_once(running: Any) -> None:
    await drawing(running)
    running.worker.hand_back()
    running.worker.hand_back()
    await running.over()
    assert [report["saved"] for report in running.service.reports] == [STATE]
    assert len(running.generator.saved) == 1


async def test_it_goes_on_from_what_was_left(running: Any) -> None:
    running.service.stored["left"] = ("application/octet-stream", b"41")
    await drawing(running, "endless", saved_url="/store/left?signature=s")
    assert running.generator.given == [b"41"]
    await running.service.until(lambda: running.service.progress)
    assert running.service.progress[0]["done"] > 41


@pytest.mark.parametrize("place", ["/store/gone", "http://127.0.0.1:1/x", "http://", "nowhere"])
async def test_what_cannot_be_fetched_is_drawn_from_the_start(running: Any, place: str) -> None:
    running.service.job(saved_url=place)
    await running.service.until(lambda: running.service.reports)
    assert running.generator.given == [None]
    assert running.service.reports[0]["kind"] == "completed"


async def test_a_state_that_is_too_large_is_not_taken(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.worker.handing_on.STATE_MAX_BYTES", 3)
    running.service.stored["left"] = ("application/octet-stream", b"1000")
    await drawing(running, saved_url="/store/left")
    assert running.generator.given == [None]


@pytest.fixture
async def silent() -> Any:
    """The address of somebody who takes calls and never answers; an event says that one came."""
    called = asyncio.Event()
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/state", called
    gone.set()
    server.close()


async def test_cancelled_while_the_state_is_fetched_it_says_so(running: Any, silent: Any) -> None:
    place, called = silent
    claim = running.service.job("endless", saved_url=place)
    await asyncio.wait_for(called.wait(), 20)
    running.service.cancel.append(claim)
    await running.service.until(lambda: running.service.reports)
    (report,) = running.service.reports
    assert (report["fault"], report["measured_gpu_ms"], running.generator.added) == ("cancelled", 0, [])


async def test_told_to_leave_while_the_state_is_fetched_it_hands_back_at_once(
    running: Any, silent: Any
) -> None:
    place, called = silent
    running.service.job("endless", saved_url=place)
    await asyncio.wait_for(called.wait(), 20)
    running.worker.hand_back()
    await running.over()
    assert [report["fault"] for report in running.service.reports] == ["drained"]
    assert running.generator.added == []


async def test_abandoned_while_the_state_is_fetched_it_is_not_drawn(running: Any, silent: Any) -> None:
    place, called = silent
    claim = running.service.job("endless", saved_url=place)
    await asyncio.wait_for(called.wait(), 20)
    running.service.abandon.append(claim)
    await running.service.until(lambda: running.service.heartbeats[-1:] == [[]])
    running.service.job(number=2)
    await running.service.until(lambda: running.service.reports)
    assert len(running.generator.added) == 1


async def test_the_heartbeat_tells_how_the_engine_is(running: Any) -> None:
    await running.service.until(lambda: running.service.vitals)
    said = running.service.vitals[0]
    assert (said["passes"], said["rows"], said["padding_rows"], said["device_ms"]) == (7, 20, 1, 12.5)
    assert len(said) == 11
