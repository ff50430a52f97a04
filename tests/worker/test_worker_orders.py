"""What a worker does when it is told to stop, when the service goes away, and when it must believe itself lost."""

from typing import Any

import pytest

from darkroom.core.errors import NotAllowed

AWAY = (503, {"error": {"code": "unavailable", "message": "away"}})


async def test_a_cancelled_job_is_stopped_and_reported_with_its_cost(running: Any) -> None:
    service = running.service
    claim = service.job("endless")
    await service.until(lambda: running.generator.added)
    service.cancel.append(claim)
    await service.until(lambda: service.reports)
    beats = len(service.heartbeats)
    await service.until(lambda: len(service.heartbeats) > beats + 3)  # told again and again
    (report,) = service.reports
    assert (report["fault"], report["measured_gpu_ms"]) == ("cancelled", 3)


async def test_a_job_cancelled_while_it_is_finished_says_what_was_drawn(running: Any) -> None:
    service = running.service
    running.finisher.gate.clear()
    claim = service.job()
    await service.until(lambda: any(item["finishing"] for item in service.progress))
    service.cancel.append(claim)
    await service.until(lambda: service.reports)
    running.finisher.gate.set()
    service.job(number=2)
    await service.until(lambda: len(service.reports) == 2)
    assert (service.reports[0]["fault"], service.reports[0]["measured_gpu_ms"]) == ("cancelled", 40)
    assert service.reports[1]["job_id"] != claim["job_id"]


async def test_the_cancel_of_a_job_that_never_came_is_answered_once(running: Any) -> None:
    service = running.service
    claim = {"job_id": "00000000-0000-0000-0000-000000000009", "fence": 4}
    service.cancel.append(claim)
    await service.until(lambda: service.reports)
    beats = len(service.heartbeats)
    await service.until(lambda: len(service.heartbeats) > beats + 3)
    assert [(report["fault"], report["fence"]) for report in service.reports] == [("cancelled", 4)]


async def test_an_abandoned_job_is_dropped_without_a_word(running: Any) -> None:
    service = running.service
    claim = service.job("endless")
    await service.until(lambda: running.generator.added)
    service.abandon.append(claim)
    await service.until(lambda: service.heartbeats and running.generator.cancelled)
    service.job(number=2)
    await service.until(lambda: service.reports)
    assert [report["kind"] for report in service.reports] == ["completed"]


async def test_full_of_slow_jobs_it_takes_one_urgent_one_more(running: Any) -> None:
    service = running.service
    for number in (1, 2):
        service.job("endless", number=number, lane="relax")
    await service.until(lambda: len(running.generator.added) == 2)
    service.job("endless", number=3, lane="relax")
    service.job(number=4, lane="turbo")
    service.job("endless", number=5, lane="turbo")
    service.job("endless", number=6, lane="turbo")
    await service.until(lambda: service.reports)
    await service.until(lambda: len(running.generator.added) == 4)
    assert service.reports[0]["job_id"].endswith("4") and service.reports[0]["kind"] == "completed"
    beats = len(service.heartbeats)
    await service.until(lambda: len(service.heartbeats) > beats + 3)
    assert max(map(len, service.heartbeats)) == 3
    assert [job["job_id"][-1] for job in service.waiting] == ["3", "6"]


async def test_full_of_urgent_jobs_it_takes_no_more(running: Any) -> None:
    service = running.service
    for number in (1, 2, 3):
        service.job("endless", number=number, lane="turbo")
    await service.until(lambda: len(running.generator.added) == 2)
    beats = len(service.heartbeats)
    await service.until(lambda: len(service.heartbeats) > beats + 3)
    assert len(running.generator.added) == 2 and len(service.waiting) == 1


async def test_the_heartbeat_names_what_is_held(running: Any) -> None:
    claim = running.service.job("endless")
    await running.service.until(lambda: [claim] in running.service.heartbeats)


async def test_a_report_is_retried_until_it_is_answered(running: Any) -> None:
    service = running.service
    service.failing["/reports"] = AWAY
    service.job()
    await service.until(lambda: service.calls.count("/reports") > 2)
    assert service.reports == []
    del service.failing["/reports"]
    await service.until(lambda: service.reports)
    await service.until(lambda: service.heartbeats[-1] == [])
    assert len(service.reports) == 1


async def test_a_report_that_is_refused_becomes_a_failure_and_holds_up_no_other(running: Any) -> None:
    service = running.service
    service.failing["/reports"] = AWAY
    good, bad = service.job(), service.job(number=2)
    service.refused = {bad["job_id"]}  # it comes after the other
    await service.until(lambda: len(service.stored) == 8 and service.calls.count("/reports") > 2)
    del service.failing["/reports"]
    await service.until(lambda: len(service.reports) == 2)
    kinds = {report["job_id"]: report["kind"] for report in service.reports}
    assert kinds == {bad["job_id"]: "failed", good["job_id"]: "completed"}
    await service.until(lambda: service.heartbeats[-1] == [])


async def test_a_failure_that_is_refused_is_given_up(running: Any) -> None:
    service = running.service
    service.failing["/reports"] = (422, {"error": {"code": "invalid_request", "message": "no"}})
    service.job("undrawable")
    await service.until(lambda: "/reports" in service.calls)
    beats = len(service.heartbeats)
    await service.until(lambda: len(service.heartbeats) > beats + 1 and service.heartbeats[-1] == [])
    assert service.calls.count("/reports") == 1


async def test_unheard_for_fifteen_seconds_it_drops_its_jobs_and_goes_on_later(running: Any) -> None:
    service = running.service
    service.job("endless")
    await service.until(lambda: running.generator.added)
    service.failing["*"] = AWAY
    beats = service.calls.count("/heartbeat")
    await service.until(lambda: service.calls.count("/heartbeat") > beats)
    running.now[0] += 14.9
    beats = service.calls.count("/heartbeat")
    await service.until(lambda: service.calls.count("/heartbeat") > beats + 8)
    assert running.generator.cancelled == []
    running.now[0] += 0.2
    await service.until(lambda: running.generator.cancelled)
    service.failing.clear()
    service.job(number=2)
    await service.until(lambda: service.reports)
    assert [report["kind"] for report in service.reports] == ["completed"]
    assert service.reports[0]["job_id"].endswith("2")


async def test_what_is_reported_already_outlives_the_lease(running: Any) -> None:
    service = running.service
    service.failing["/reports"] = AWAY
    service.job()
    await service.until(lambda: "/reports" in service.calls)
    service.failing["*"] = AWAY
    running.now[0] += 100
    calls = len(service.calls)
    await service.until(lambda: len(service.calls) > calls + 20)
    service.failing.clear()
    await service.until(lambda: service.reports)
    assert service.reports[0]["kind"] == "completed"


async def test_a_service_that_has_forgotten_it_gets_to_know_it_again(running: Any) -> None:
    service = running.service
    claim = service.job("endless")
    await service.until(lambda: running.generator.added)
    service.known.clear()
    await service.until(lambda: len(service.registrations) == 2)
    beats = len(service.heartbeats)
    await service.until(lambda: len(service.heartbeats) > beats + 1)
    assert service.heartbeats[-1] == [claim]
    assert len(service.registrations) == 2  # not once for each loop


async def test_a_refused_token_ends_it_with_a_sentence(running: Any) -> None:
    await running.service.until(lambda: running.service.heartbeats)
    running.service.failing["*"] = (401, {"error": {"code": "not_allowed", "message": "revoked"}})
    with pytest.raises(NotAllowed, match="revoked"):
        await running.over()


async def test_it_takes_no_more_than_it_has_slots_for(running: Any) -> None:
    for number in (1, 2, 3):
        running.service.job("endless", number=number)
    await running.service.until(lambda: any(len(claims) == 2 for claims in running.service.heartbeats))
    beats = len(running.service.heartbeats)
    await running.service.until(lambda: len(running.service.heartbeats) > beats + 3)
    assert len(running.generator.added) == 2 and len(running.service.waiting) == 1


async def test_a_run_that_may_not_upload_any_more_is_dropped_without_a_word(running: Any) -> None:
    service = running.service
    service.failing["/uploads"] = (409, {"error": {"code": "stale_claim", "message": "not yours"}})
    service.job()
    await service.until(lambda: "/uploads" in service.calls)
    service.failing.clear()
    service.job(number=2)
    await service.until(lambda: service.reports)
    assert [report["job_id"][-1] for report in service.reports] == ["2"]


async def test_it_takes_no_work_while_its_heartbeat_is_not_heard(running: Any) -> None:
    service = running.service
    await service.until(lambda: service.heartbeats)
    service.failing["*"] = AWAY
    service.known.clear()  # which ends the pull under way
    await service.until(lambda: "/pull" in service.calls)
    running.now[0] += 20
    service.job()
    service.failing["/heartbeat"] = AWAY
    service.known.add("worker-1")
    del service.failing["*"]
    calls = service.calls.count("/heartbeat")
    await service.until(lambda: service.calls.count("/heartbeat") > calls + 10)
    assert service.waiting and running.generator.added == []
    del service.failing["/heartbeat"]
    await service.until(lambda: service.reports)
