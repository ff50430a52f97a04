"""What a hostile or broken worker sends is refused before people are shown it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_worker_protocol import pull, submitted, uploaded, worker

__all__ = ["worker"]  # a fixture


async def _reported(
    house: House, member: Person, worker: httpx.AsyncClient, change: dict[str, Any]
) -> tuple[httpx.Response, str]:
    job_id = await submitted(house, member)
    (job,) = (await pull(worker))["jobs"]
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    images = await uploaded(house, worker, claim)
    images[0] |= change
    report = {"kind": "completed", **claim, "measured_gpu_ms": 900, "images": images, "notes": []}
    return await worker.post("reports", json={"worker_id": "w1", "reports": [report]}), job_id


@pytest.mark.parametrize(
    "provenance",
    [
        "", "not json", "[1]", "null", '{"a": NaN}', '{"a": -Infinity}', '{"a": "\\ud800"}', '{"a": "\\u0000"}',
        '{"a":' * 40 + "1" + "}" * 40, "[" * 50_000, '{"a": ' + "9" * 5_000 + "}",
    ],
    ids=lambda text: text[:12] or "empty",
)  # fmt: skip
async def test_provenance_that_nobody_could_be_shown_is_refused(
    house: House, member: Person, worker: httpx.AsyncClient, provenance: str
) -> None:
    answer, _ = await _reported(house, member, worker, {"provenance": provenance})
    fault(answer, 422, "invalid_request")


async def test_provenance_comes_back_as_it_was_told(
    house: House, member: Person, worker: httpx.AsyncClient
) -> None:
    answer, job_id = await _reported(house, member, worker, {"provenance": '{"seed": 5, "of": ["mini-1"]}'})
    assert answer.json() == {"outcomes": ["accepted"]}
    job = (await member.client.get(f"/api/v1/jobs/{job_id}")).json()
    image = (await member.client.get(f"/api/v1/images/{job['images'][0]['id']}")).json()
    assert image["provenance"] == {"seed": 5, "of": ["mini-1"]}


@pytest.mark.parametrize(
    "media_type", ["text/html", "image/svg+xml", "application/xml", "image/png2", "image/"]
)
async def test_only_pictures_are_uploaded_and_published(
    house: House, member: Person, worker: httpx.AsyncClient, media_type: str
) -> None:
    """They are shown under our own address: a page or an SVG could do more than be looked at."""
    await submitted(house, member)
    (job,) = (await pull(worker))["jobs"]
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    body = {"worker_id": "w1", **claim, "files": [{"name": "0.png", "media_type": media_type}]}
    fault(await worker.post("uploads", json=body), 422, "invalid_request")
    images = await uploaded(house, worker, claim)
    images[0]["files"][0]["media_type"] = media_type
    report = {"kind": "completed", **claim, "measured_gpu_ms": 900, "images": images, "notes": []}
    answer = await worker.post("reports", json={"worker_id": "w1", "reports": [report]})
    fault(answer, 422, "invalid_request")
