"""`darkroom imagine` by way of a server: files, JSON, progress, failures, Ctrl-C, streams that break."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from rich.console import Console
from tests.cli.service import Running, Service, picture

from darkroom.cli import client, life, progress
from darkroom.cli.main import run
from darkroom.core.errors import OutputError
from darkroom.core.jobs import Cause, Ending, JobState
from darkroom.core.ports import JobFilter
from darkroom.finish.grid import compose_grid
from darkroom.finish.read import read_provenance


def names() -> list[str]:
    return sorted(path.name for path in Path("out").iterdir())


def imagined(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run(["imagine", "--json", "--quiet", *arguments]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def states(running: Running) -> list[str]:
    """Of all the owner's jobs."""
    jobs = running.do(running.service.rooms.library.jobs(JobFilter(), before=None, limit=100))
    return [job.state.value for job in jobs]


def test_a_prompt_becomes_files(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagine", "a red fox in the snow --seed 7", "-o", "out"]) == 0
    printed = capsys.readouterr()
    expected = [f"a-red-fox-in-the-snow_7_{n}.{f}" for n in (1, 2, 3, 4, "grid") for f in ("png", "webp")]
    assert printed.out.splitlines() == [f"out/{name}" for name in expected]
    assert names() == sorted(expected)
    said, on = printed.err.splitlines()
    assert said == "1 job, 4 images"
    assert re.fullmatch(r"go on with (`darkroom (vary|upscale|zoom) [0-9a-f]{8}/2`(, )?){3}", on)
    for name in expected:
        provenance = read_provenance(Path("out") / name)
        number = name.rpartition("_")[2].partition(".")[0]
        assert provenance.image == (None if number == "grid" else int(number))
        assert provenance.seed == 7


def test_the_grid_without_loss_is_made_of_its_images(service: Service) -> None:
    assert run(["imagine", "a fox --seed 7", "-o", "out", "--format", "png", "--quiet"]) == 0
    assert names() == [f"a-fox_7_{n}.png" for n in (1, 2, 3, 4, "grid")]
    with Image.open("out/a-fox_7_grid.png") as grid:
        assert grid.tobytes() == compose_grid([picture(n) for n in (1, 2, 3, 4)]).tobytes()


def test_json_has_ids_files_and_times(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    [job] = imagined(capsys, "a fox --seed 7", "--format", "webp")["jobs"]
    assert UUID(job["id"]) and UUID(job["batch_id"])
    assert (job["canonical"], job["seed"], job["notes"]) == ("a fox --v able-1 --seed 7", 7, [])
    assert [image["image"] for image in job["images"]] == [1, 2, 3, 4]
    assert all(set(image) == {"image", "id", "webp"} and UUID(image["id"]) for image in job["images"])
    assert job["grid"]["webp"] == "out/a-fox_7_grid.webp"
    assert set(job["times"]) == {"queue", "draw"}
    assert job["charged_gpu_ms"] >= 0


def test_one_image_is_kept_of_a_grid(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    [job] = imagined(capsys, "a fox --seed 7", "--image", "3", "--format", "png")["jobs"]
    assert names() == ["a-fox_7_3.png"]
    assert (job["grid"], [image["image"] for image in job["images"]]) == (None, [3])
    with Image.open("out/a-fox_7_3.png") as image:
        assert image.tobytes() == picture(3).tobytes()


def test_files_are_never_replaced(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        imagined(capsys, "a fox --seed 7", "--image", "1", "--format", "png")
    assert names() == ["a-fox_7-2_1.png", "a-fox_7-3_1.png", "a-fox_7_1.png"]


def test_a_batch_is_told_in_the_order_of_the_prompt_and_fails_one_by_one(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["imagine", "an {unpaintable, old, new} fox --seed 7", "--json", "--format", "webp"]) == 1
    printed = capsys.readouterr()
    failed, old, new = json.loads(printed.out)["jobs"]
    assert failed["error"] == {"code": "job_failed", "message": "nobody can paint that"}
    assert old["canonical"].startswith("an old fox") and new["canonical"].startswith("an new fox")
    assert "3 jobs, 12 images" in printed.err
    assert "darkroom: an unpaintable fox --v able-1 --seed 7: nobody can paint that" in printed.err
    assert len(names()) == 10


def test_the_lane_is_the_one_that_is_asked_for(
    service: Service, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    [job] = imagined(capsys, "a fox", "--lane", "relax", "--image", "1")["jobs"]
    kept = running.do(service.rooms.library.job(UUID(job["id"])))
    assert kept.lane == "relax"


def test_what_the_server_refuses(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = imagined(capsys, "a fox --ar 99:1", code=2)["error"]
    assert (error["code"], error["position"]) == ("invalid_parameter", 7)
    assert imagined(capsys, "a forbidden fox", code=2)["error"]["code"] == "prompt_blocked"
    assert imagined(capsys, "fox \udcff", code=2)["error"]["code"]
    monkeypatch.setattr(client, "RETRY_DELAYS_S", (0.0,))
    service.moderator.broken = True
    assert imagined(capsys, "a fox", code=1)["error"]["code"] == "moderation_unavailable"
    assert names() == []


def test_a_key_that_was_revoked(
    service: Service, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    key = service.owner.key
    assert key is not None
    running.do(
        service.store.accounts.revoke_key(key.id, account_id=service.owner.account.id, now=service.clock())
    )
    assert run(["imagine", "a fox", "-o", "out"]) == 1
    printed = capsys.readouterr().err
    assert "DARKROOM_KEY" in printed and "Traceback" not in printed


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(
    service: Service, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_bytes(b"")
    assert imagined(capsys, "a fox", "-o", "file", code=1)["error"]["code"] == "output_failed"
    assert states(running) == []


def test_a_disk_that_fills_up_leaves_no_part_of_a_job(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from darkroom.cli import fetch
    from darkroom.finish.write import write_whole

    def write_until_full(path: Path, data: bytes) -> None:
        if "grid" in path.name:
            raise OutputError(f"cannot write {path}: No space left on device")
        write_whole(path, data)

    monkeypatch.setattr(fetch, "write_whole", write_until_full)
    assert run(["imagine", "a fox", "-o", "out"]) == 1
    printed = capsys.readouterr()
    assert "No space left on device" in printed.err and printed.out == ""
    assert names() == []


def test_an_interrupt_cancels_on_the_server(
    service: Service, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    service.hold = True

    def interrupt() -> None:
        assert service.claimed.wait(8)
        os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=interrupt)
    person.start()
    assert run(["imagine", "a {red, green} fox", "-o", "out"]) == 130
    person.join()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-2:] == ["cancelling what is not done", "darkroom: Cancelled."]
    jobs = [running.do(service.rooms.library.job(UUID(i))) for i in ids(service)]
    assert len(jobs) == 2
    assert all(job.state is JobState.CANCELLED or job.cancel_requested for job in jobs)
    assert names() == []


def ids(service: Service) -> list[str]:
    """Of the jobs that were cancelled."""
    return [
        each.rpartition("/")[2].strip() for each in service.served if each.startswith("DELETE /api/v1/jobs/")
    ]


def test_a_stream_that_breaks_is_taken_up_again(
    service: Service, running: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second connection names the last event of the first."""
    monkeypatch.setattr(life, "ASK_EVERY_S", 0.1)
    monkeypatch.setattr(life, "ASK_RUNNING_S", 0.1)
    service.hold, service.cut_streams = True, 1

    def end_it_later() -> None:
        assert service.claimed.wait(8)
        until(lambda: len([each for each in service.served if "events" in each]) >= 2)
        running.do(end(service))

    ending = threading.Thread(target=end_it_later)
    ending.start()
    answer = imagined(capsys, "a fox --seed 7", code=1)
    ending.join()
    assert answer["jobs"][0]["error"]["code"] == "cancelled"
    first, second, *_ = [each for each in service.served if "events" in each]
    assert first.split() == ["GET", "/api/v1/events"]
    assert re.fullmatch(r"GET /api/v1/events [0-9]+", second)


async def end(service: Service) -> None:
    """Somebody else cancels the only job."""
    [job] = await service.rooms.library.jobs(JobFilter(), before=None, limit=10)
    ending = Ending(
        job_id=job.id, fence=job.fence, state=JobState.CANCELLED, cause=Cause.CANCELLED_BY_USER,
        error_code="cancelled", error_message="cancelled",
    )  # fmt: skip
    for reported in await service.store.ledger.end([ending], now=service.clock()):
        service.rooms.tell(reported.change)


def until(holds: Any) -> None:
    """Waits for a condition, for a limited time."""
    waiting = threading.Event()
    for _ in range(500):
        if holds():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came")


def test_a_terminal_shows_progress_and_previews(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", width=100, height=40, _environ={}
    )
    watch = progress.Watch(shown, {})
    looks: list[Image.Image] = []
    monkeypatch.setattr(progress, "open_watch", lambda *, quiet: watch)
    monkeypatch.setattr(watch, "look", looks.append)
    assert run(["imagine", "a fox --seed 7", "-o", "out"]) == 0
    assert isinstance(shown.file, io.StringIO)
    printed = shown.file.getvalue()
    assert re.search(r"8/8|1/1", printed)
    assert "▀" in printed  # the finished grid


def test_where_a_job_stands() -> None:
    job = {"state": "ready", "position": 3, "wait_s": 20.4}
    assert life.standing(job) == "3 ahead, about 20 s"
    assert life.standing({**job, "position": 0, "wait_s": None}) == "next"
    assert life.standing({**job, "state": "waiting", "position": None, "wait_s": 130}) == (
        "waiting for a free slot, about 2 min"
    )
    assert life.standing({**job, "state": "running"}) == ""


def test_what_is_said_of_jobs_that_nobody_starts() -> None:
    job = {"state": "ready", "position": 0}
    assert "darkroom admin workers list" in life.still([job])
    assert life.still([{**job, "position": 5}, {**job, "position": 3}]) == "still waiting: 3 ahead"
    assert "free slot" in life.still([{"state": "waiting", "position": None}])
    assert "workers list" in life.still([{"state": "ready", "position": None}])


@pytest.mark.parametrize(
    ("quiet", "after_s", "said"), [([], 0.0, 1), (["--quiet"], 0.0, 0), ([], 1_000.0, 0)]
)
def test_waiting_in_vain_is_told_once(
    service: Service,
    running: Running,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    quiet: list[str],
    after_s: float,
    said: int,
) -> None:
    """Nobody takes the job; after some questions the person gives up."""
    asked = 0

    def tell_until_tired(self: Any, jobs: Any) -> None:
        nonlocal asked
        asked += 1
        tell(self, jobs)
        if asked == 4:
            signal.raise_signal(signal.SIGINT)

    tell = life._Life._tell_still
    monkeypatch.setattr(life._Life, "_tell_still", tell_until_tired)
    monkeypatch.setattr(life, "STILL_S", after_s)
    monkeypatch.setattr(life, "ASK_EVERY_S", 0.0)
    service.idle = True
    assert run(["imagine", "a fox", "-o", "out", *quiet]) == 130
    assert capsys.readouterr().err.count("no worker has taken it yet") == said


def test_a_model_that_is_listed_since_the_server_started_says_so(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service knows able-1 alone, and this machine's registry has mini-1."""
    error = imagined(capsys, "a fox --v mini-1", code=2)["error"]
    assert error["code"] == "unsupported_by_model"
    assert "since the server started: stop the server and start it again" in error["hint"]
    assert "since the server" not in imagined(capsys, "a fox --v nobody", code=2)["error"]["hint"]


GONE = """[models.gone]
title = "Gone"
family = "sd"
honours = ["seed"]
native_px = 512
large_px = 512
folder = "/no/where"
"""


def test_a_model_whose_folder_is_gone_says_so(
    service: Service, nobody_else: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (nobody_else / "data").mkdir(exist_ok=True)
    (nobody_else / "data" / "models.toml").write_text(GONE)
    error = imagined(capsys, "a fox --v gone", code=2)["error"]
    assert error["hint"] == "gone cannot be drawn with: there is no folder /no/where on this machine."
