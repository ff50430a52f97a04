"""A job that no honest service sends fails alone, as its own fault: the others of the same answer are drawn, and the worker lives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom.core.errors import Unavailable
from darkroom.worker import messages
from darkroom.worker.protocol import Connection

PICTURE = {
    "role": "init",
    "parent_id": "00000000-0000-0000-0000-000000000001",
    "kind": "image",
    "digest": "ab" * 32,
}
FRAME = {"width": 64, "height": 64, "left": 0, "top": 0, "inner_width": 64, "inner_height": 64}
INFINITE = float("inf")

POISON = {
    "a newer action": {"recipe": {"action": "teleport"}},
    "no recipe at all": {"recipe": "draw something"},
    "too many inputs": {"recipe": {"action": "imagine", "inputs": [PICTURE] * 17}},
    "a weight that is none": {
        "recipe": {"action": "imagine", "inputs": [{**PICTURE, "weight": float("nan")}]}
    },
    "an index without end": {"recipe": {"action": "imagine", "indices": [INFINITE]}},
    "an image twice": {"recipe": {"action": "imagine", "indices": [1, 1, 1, 1]}},
    "a huge scale": {"recipe": {"action": "upscale_subtle", "scale": 10**12}},
    "a strength without end": {"recipe": {"action": "vary_subtle", "strength": INFINITE}},
    "nothing inside the frame": {"recipe": {"action": "pan", "frame": {**FRAME, "inner_width": 0}}},
    "outside of the canvas": {"recipe": {"action": "pan", "frame": {**FRAME, "left": 1}}},
    "a canvas that fits nowhere": {"recipe": {"action": "pan", "frame": {**FRAME, "width": 10**9}}},
    "other images than its recipe": {"recipe": {"action": "imagine", "indices": [2]}},
    "no image": {"images": 0},
    "a million images": {"images": 10**6},
    "a seed without end": {"seed": INFINITE},
    "a lane of its own": {"lane": "express"},
    "inputs that are no map": {"inputs": ["x"]},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=list(POISON))
def test_a_job_that_cannot_be_read_holds_up_no_other(poison: Any) -> None:
    jobs = [job(1), {**job(2), **poison}, job(3)]
    pulled = messages.read_pulled(json.loads(json.dumps({"jobs": jobs})))
    assert [each.claim.job_id.int for each in pulled.jobs] == [1, 3]
    assert [each.claim.job_id.int for each in pulled.unreadable] == [2] and pulled.unreadable[0].reason


def test_without_a_claim_nobody_can_say_what_failed() -> None:
    for broken in ({}, {"job_id": "x", "fence": 1}, {**job(1), "fence": INFINITE}):
        with pytest.raises(Unavailable, match="no Darkroom gives"):
            messages.read_pulled({"jobs": [broken]})


def job(number: int) -> dict[str, Any]:
    claim = {"job_id": f"00000000-0000-0000-0000-{number:012}", "fence": 1}
    asked = {"prompt": "a fox --v mini-1 --seed 7", "model": "mini-1", "seed": 7, "lane": "fast"}
    return {**claim, **asked, "images": 4, "attempt": 1}


async def test_it_is_reported_as_the_jobs_own_fault(running: Any) -> None:
    service = running.service
    poisoned = service.job(number=1, recipe={"action": "teleport"})
    service.job(number=2)
    await service.until(lambda: len(service.reports) == 2)
    found = {report["job_id"][-1]: report for report in service.reports}
    assert (found["1"]["kind"], found["1"]["fault"]) == ("failed", "job")
    assert "cannot be drawn" in found["1"]["message"] and "teleport" in found["1"]["message"]
    assert found["1"]["fence"] == poisoned["fence"] and found["2"]["kind"] == "completed"


async def test_said_again_it_is_not_reported_again(running: Any) -> None:
    service = running.service
    service.job(number=1, recipe={"action": "teleport"})
    await service.until(lambda: service.reports)
    await service.until(lambda: running.worker._desk.runs.is_over(messages._claim(job(1))))
    service.job(number=1, recipe={"action": "teleport"})
    service.job(number=2)
    await service.until(lambda: len(service.reports) == 2)
    assert [report["kind"] for report in service.reports] == ["failed", "completed"]


async def test_whatever_fetching_breaks_on_the_run_ends_and_the_next_is_drawn(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Connection, url: str, *, max_bytes: int) -> bytes:
        raise TypeError("our own mistake")

    monkeypatch.setattr(Connection, "get", broken)
    service = running.service
    recipe = {"action": "vary_subtle", "inputs": [PICTURE], "strength": 0.5}
    service.job(number=1, recipe=recipe, inputs={"ab" * 32: "/store/x"})
    await service.until(lambda: service.reports)
    assert (
        service.reports[0]["fault"] == "infrastructure" and "our own mistake" in service.reports[0]["message"]
    )
    service.job(number=2)
    await service.until(lambda: len(service.reports) == 2)
    assert service.reports[1]["kind"] == "completed"
