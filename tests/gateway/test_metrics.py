"""What is measured: ends, retries and trouble ahead; and docs/api.md names every metric as it is exposed."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import Metric
from tests.gateway.conftest import House, Person

from darkroom.core.ids import new_id
from darkroom.core.jobs import Cause, JobMoved, JobState
from darkroom.core.ports import Vitals
from darkroom.core.work import EngineVitals, Failure, Fault
from darkroom.gateway.engine_metrics import LABELS
from darkroom.gateway.health import refresh
from darkroom.gateway.metrics import Metrics, follow
from darkroom.storage.objects.folder import FolderObjects

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
ROW = re.compile(r"^\| `(darkroom_\w+)` \|([^|]*)\|", re.MULTILINE)


def exposed(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def labels_of(metrics: Metrics) -> dict[str, set[str]]:
    """What is exposed, by the labels that it was made with (a histogram's `le` is not one of them)."""
    own = metrics.registry._collector_to_names.keys() - {metrics.engines}
    plain = {exposed(next(iter(each.describe()))): set(each._labelnames) for each in own}  # type: ignore[attr-defined]
    return plain | {exposed(each): set(LABELS) for each in metrics.engines.describe()}


def test_the_table_names_every_metric_and_its_labels() -> None:
    told = {
        name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(DOCS.read_text("utf-8"))
    }
    assert told == labels_of(Metrics())


def test_the_alerts_ask_for_metrics_that_are_there() -> None:
    text = DOCS.read_text("utf-8").partition("## Metrics")[2]
    assert set(re.findall(r"darkroom_\w+", text)) == set(labels_of(Metrics()))


def test_what_can_alert_is_exposed_before_it_happens() -> None:
    text = Metrics().text().decode()
    for state in ("completed", "rejected", "failed", "cancelled"):
        assert f'darkroom_jobs_ended_total{{state="{state}"}} 0.0' in text
    for cause in ("worker_lost", "worker_failed", "job_failed", "image_rejected"):
        assert f'darkroom_job_retries_total{{cause="{cause}"}} 0.0' in text
    assert "darkroom_dead_letters_open 0.0" in text


async def test_ends_and_retries_are_counted_by_what_they_were(house: House) -> None:
    metrics, job_id = Metrics(), new_id(house.clock())
    told = house.bus.subscribe(None)
    moves = [
        (JobState.READY, Cause.SUBMITTED),
        (JobState.RUNNING, Cause.CLAIMED),
        (JobState.READY, Cause.WORKER_LOST),
        (JobState.RUNNING, Cause.CLAIMED),
        (JobState.FAILED, Cause.OUT_OF_ATTEMPTS),
    ]
    for number, (state, cause) in enumerate(moves, start=1):
        house.bus.publish(
            JobMoved(
                id=number, account_id=job_id, job_id=job_id, batch_id=job_id, was=None,
                state=state, cause=cause, at=house.clock(),
            )
        )  # fmt: skip
    told.close()
    await follow(told, metrics)
    ended = {
        state: value(metrics, "darkroom_jobs_ended_total", state=state) for state in ("failed", "completed")
    }
    assert ended == {"failed": 1.0, "completed": 0.0}
    assert value(metrics, "darkroom_job_retries_total", cause="worker_lost") == 1.0
    assert value(metrics, "darkroom_job_retries_total", cause="worker_failed") == 0.0


async def test_a_job_that_fails_for_good_is_seen(house: House, member: Person) -> None:
    """Through the whole service: two healthy workers fail one job."""
    metrics = house.gateway.metrics
    async with house.app.router.lifespan_context(house.app):
        await member.client.post("/api/v1/jobs", json={"prompt": "a fox"})
        for name in ("w1", "w2"):
            await house.worker(name)
            (run,) = await house.dispatcher.pull(name, free=1, warm=[], wait_s=5)
            await house.dispatcher.report(name, [Failure(claim=run.claim, fault=Fault.JOB, message="no")])
            house.clock.move(seconds=4)
            await house.dispatcher.tick()
    assert value(metrics, "darkroom_jobs_ended_total", state="failed") == 1.0
    assert value(metrics, "darkroom_job_retries_total", cause="job_failed") == 1.0
    await refresh(house.gateway)
    assert value(metrics, "darkroom_dead_letters_open") == 1.0
    assert value(metrics, "darkroom_oldest_ready_seconds") == 0.0


async def test_trouble_ahead_is_measured(house: House, member: Person) -> None:
    metrics = house.gateway.metrics
    await house.worker("w1")
    await member.client.post("/api/v1/jobs", json={"prompt": "a fox"})
    house.clock.move(seconds=90)
    await refresh(house.gateway)
    assert value(metrics, "darkroom_oldest_ready_seconds") == 90.0
    assert value(metrics, "darkroom_worker_unseen_seconds", worker="w1") == 90.0
    assert math.isnan(value(metrics, "darkroom_objects_free_bytes")), "memory has no end that is known"
    house.clock.move(days=2)
    await refresh(house.gateway)
    assert metrics.registry.get_sample_value("darkroom_worker_unseen_seconds", {"worker": "w1"}) is None


async def test_a_folder_tells_what_is_free(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = FolderObjects(tmp_path, secret=bytes(32), base_url="http://here")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=4711))
    assert await objects.free_bytes() == 4711
    monkeypatch.undo()
    assert await FolderObjects(tmp_path / "no", secret=bytes(32), base_url="").free_bytes() is None


def test_vitals_are_shown(house: House) -> None:
    metrics, now = Metrics(), house.clock()
    vitals = Vitals(open_dead_letters=3, oldest_ready_at=now - timedelta(seconds=8), database_bytes=9_000_000)
    metrics.show_vitals(vitals, free_bytes=5, now=now)
    assert value(metrics, "darkroom_dead_letters_open") == 3
    assert value(metrics, "darkroom_oldest_ready_seconds") == 8
    assert value(metrics, "darkroom_database_bytes") == 9_000_000
    assert value(metrics, "darkroom_objects_free_bytes") == 5


async def test_an_engine_is_shown_while_its_worker_is_here(house: House) -> None:
    metrics, labels = house.gateway.metrics, {"worker": "w1", "device": "cpu"}
    for name in ("w1", "w2"):
        await house.worker(name)
        vitals = EngineVitals(
            passes=10, rows=60, padding_rows=20, device_ms=2_500.0, texts_cached=3, texts_encoded=4,
            out_of_memory=1, in_flight=8, waiting=2, oldest_wait_s=0.5, undecoded=5,
        )  # fmt: skip
        house.dispatcher.heartbeat(name, [], vitals)
    await refresh(house.gateway)
    told = {
        name: metrics.registry.get_sample_value(f"darkroom_engine_{name}", labels)
        for name in (
            "passes_total", "rows_total", "padding_rows_total", "device_seconds_total", "texts_cached_total",
            "texts_encoded_total", "out_of_memory_total", "in_flight", "waiting", "oldest_wait_seconds", "undecoded",
        )
    }  # fmt: skip
    assert list(told.values()) == [10, 60, 20, 2.5, 3, 4, 1, 8, 2, 0.5, 5]
    await house.dispatcher.leave("w1")
    house.dispatcher.heartbeat("w2", [])  # of an older make: it does not say
    await refresh(house.gateway)
    assert "darkroom_engine_passes_total{" not in metrics.text().decode()


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None, f"{name}{labels} is not exposed"
    return found
