"""A worker's whole life against a service on loopback: what it draws, uploads, reports, and how it leaves."""

import asyncio
import hashlib
from base64 import b64decode
from typing import Any

import pytest

from darkroom.core.errors import ModerationUnavailable

UNAVAILABLE = (503, {"error": {"code": "store_unavailable", "message": "the disk is full"}})


async def test_a_job_is_drawn_uploaded_and_then_reported(running: Any) -> None:
    service = running.service
    claim = service.job()
    await service.until(lambda: service.reports)
    (report,) = service.reports
    assert (report["kind"], report["job_id"], report["fence"]) == ("completed", claim["job_id"], 1)
    assert (report["measured_gpu_ms"], report["notes"]) == (40, ["noted"])
    assert [image["index"] for image in report["images"]] == [0, 1, 2, 3]
    assert report["images"][0]["scores"] == {"nsfw": 0.1}
    for image in report["images"]:
        (file,) = image["files"]
        media_type, data = service.stored[f"{claim['job_id']}/1/{file['name']}"]
        assert (media_type, len(data)) == (file["media_type"], file["size_bytes"])
        assert hashlib.sha256(data).hexdigest() == file["digest"]
    uploads = [call for call in service.calls if call.startswith("/store/")]
    assert len(uploads) == 4 and service.calls.index("/reports") > service.calls.index(uploads[-1])


async def test_it_says_who_it_is(running: Any) -> None:
    await running.service.until(lambda: running.service.registrations)
    (said,) = running.service.registrations
    assert said == {"name": "box", "device": "fake", "models": ["mini-1"], "slots": 2, "version": "1"}


async def test_progress_and_previews_are_told_while_it_draws(running: Any) -> None:
    service = running.service
    claim = service.job("endless")
    running.now[0] += 10
    await service.until(lambda: any(item["preview"] for item in service.progress))
    item = next(item for item in service.progress if item["preview"])
    assert item["job_id"] == claim["job_id"] and item["done"] > 0 and not item["finishing"]
    assert b64decode(item["preview"]) == b"preview" and item["scores"] == {"nsfw": 0.2}


async def test_it_says_that_it_is_finishing(running: Any) -> None:
    running.finisher.gate.clear()
    running.service.job()
    await running.service.until(lambda: any(item["finishing"] for item in running.service.progress))


async def test_the_next_job_is_drawn_while_one_is_finished(running: Any) -> None:
    running.finisher.gate.clear()
    for number in (1, 2, 3):
        running.service.job(number=number)
    await running.service.until(lambda: len(running.generator.added) == 2)
    running.finisher.gate.set()
    await running.service.until(lambda: len(running.service.reports) == 3)


async def test_a_job_that_is_delivered_twice_is_drawn_once(running: Any) -> None:
    service = running.service
    service.job(), service.job()
    await service.until(lambda: service.reports)
    service.job()
    service.job(number=2)
    await service.until(lambda: len(service.reports) == 2)
    assert len(running.generator.added) == 2


async def test_a_newer_fence_replaces_the_older_run(running: Any) -> None:
    service = running.service
    service.job("endless", fence=1)
    await service.until(lambda: running.generator.added)
    service.job(fence=2)
    await service.until(lambda: service.reports)
    assert [(report["kind"], report["fence"]) for report in service.reports] == [("completed", 2)]
    assert [claim.fence for claim in running.generator.cancelled] == [1]


async def test_a_job_that_cannot_be_drawn_is_its_own_fault(running: Any) -> None:
    running.service.job("undrawable")
    await running.service.until(lambda: running.service.reports)
    (report,) = running.service.reports
    assert (report["kind"], report["fault"]) == ("failed", "job")


async def test_a_generator_that_raises_fails_the_job_and_draws_the_next(running: Any) -> None:
    running.service.job("broken")
    running.service.job(number=2)
    await running.service.until(lambda: len(running.service.reports) == 2)
    kinds = {report["kind"]: report for report in running.service.reports}
    if "completed" not in kinds:  # both were in the step that raised
        running.service.job(number=3)
        await running.service.until(lambda: len(running.service.reports) == 3)
    assert running.service.reports[0]["fault"] == "infrastructure"
    assert "on fire" in running.service.reports[0]["message"]
    assert running.service.reports[-1]["kind"] == "completed"


async def test_a_generator_that_keeps_raising_ends_the_worker(running: Any) -> None:
    for number in (1, 2, 3):
        running.service.job("broken", number=number)
        await running.service.until(lambda number=number: len(running.service.reports) == number)
    with pytest.raises(Exception, match="3 times in a row"):
        await running.over()
    assert running.service.left == ["worker-1"]


async def test_a_run_that_ends_well_restores_trust_in_the_generator(running: Any) -> None:
    for number, text in enumerate(["broken", "broken", "a fox", "broken", "broken", "a fox"], start=1):
        running.service.job(text, number=number)
        await running.service.until(lambda number=number: len(running.service.reports) == number)
    assert [report["kind"] for report in running.service.reports] == ["failed", "failed", "completed"] * 2


async def test_pictures_that_cannot_be_scored_are_not_uploaded(running: Any) -> None:
    running.finisher.fault = ModerationUnavailable()
    running.service.job()
    await running.service.until(lambda: running.service.reports)
    (report,) = running.service.reports
    assert (report["kind"], report["fault"], report["measured_gpu_ms"]) == ("failed", "infrastructure", 40)
    assert running.service.stored == {}


async def test_an_upload_that_fails_for_good_is_reported_with_the_stores_words(running: Any) -> None:
    claim = running.service.job()
    running.service.failing[f"/store/{claim['job_id']}/1/2.png"] = UNAVAILABLE
    await running.service.until(lambda: running.service.reports)
    (report,) = running.service.reports
    assert (report["kind"], report["fault"]) == ("failed", "infrastructure")
    assert "the disk is full" in report["message"]


async def test_an_upload_that_fails_once_is_tried_again(running: Any) -> None:
    service, claim = running.service, running.service.job()
    path = f"/store/{claim['job_id']}/1/2.png"
    service.failing[path] = UNAVAILABLE
    await service.until(lambda: path in service.calls)
    del service.failing[path]
    await service.until(lambda: service.reports)
    assert service.reports[0]["kind"] == "completed" and len(service.stored) == 4


async def test_a_stale_report_frees_the_slot(running: Any) -> None:
    running.service.outcome = "stale"
    for number in (1, 2, 3):
        running.service.job(number=number)
    await running.service.until(lambda: len(running.service.reports) == 3)
    await running.service.until(lambda: running.service.heartbeats[-1] == [])


async def test_drained_it_finishes_what_it_has_and_leaves(running: Any) -> None:
    running.finisher.gate.clear()
    running.service.job()
    await running.service.until(lambda: any(item["finishing"] for item in running.service.progress))
    running.service.drain = True
    beats = len(running.service.heartbeats)
    await running.service.until(lambda: len(running.service.heartbeats) > beats + 2)
    running.service.job(number=2)
    running.finisher.gate.set()
    await running.over()
    assert [report["kind"] for report in running.service.reports] == ["completed"]
    assert running.service.left == ["worker-1"]


async def test_without_time_it_hands_back_what_it_has(running: Any) -> None:
    running.service.job("endless")
    await running.service.until(lambda: running.generator.added)
    running.worker.drain(limit_s=0.01)
    await running.over()
    (report,) = running.service.reports
    assert (report["kind"], report["fault"]) == ("failed", "drained")
    assert running.service.left == ["worker-1"]


async def test_it_leaves_though_nobody_listens(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.worker.loop.LEAVE_WITHIN_S", 0.05)
    monkeypatch.setattr("darkroom.worker.desk.HAND_ON_WITHIN_S", 0.05)
    running.service.job("endless")
    await running.service.until(lambda: running.generator.added)
    running.service.failing["*"] = UNAVAILABLE
    running.worker.hand_back()
    await running.over()


async def test_a_worker_that_is_told_to_go_before_it_is_known_goes(running: Any) -> None:
    running.service.failing["*"] = UNAVAILABLE
    await running.service.until(lambda: "/register" in running.service.calls)
    running.worker.drain()
    await asyncio.wait_for(running.over(), 10)
