"""`darkroom serve` as people meet it: first start, second start, login, another server, crash, a whole grid."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.service.conftest import PATIENCE_S, Served, ended, serve, until

GRID_S = 120.0  # for a grid on a busy machine; a limit, not a measurement


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers over one folder, and ends what is left of them."""
    started: list[Served] = []

    def begin(*options: str, **environ: str) -> Served:
        started.append(serve(data, *(options or ("--workers", "0")), **environ))
        return started[-1]

    yield begin
    for served in started:
        ended(served)


def failed_start(data: Path, *options: str, **environ: str) -> str:
    """What a server that cannot start says."""
    done = subprocess.run(
        [sys.executable, "-m", "darkroom.cli", "serve", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "DARKROOM_DATA": str(data), **environ},
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_first_start_second_start(start: Callable[..., Served], data: Path) -> None:
    first = start()
    key = first.key
    with first.client() as client:
        me = client.get("/api/v1/account").json()
        job = client.post("/api/v1/jobs", json={"prompt": "a red fox"}).json()["jobs"][0]
        assert client.get("/readyz").status_code == 200
    assert me["role"] == "owner"
    assert stat.S_IMODE((data / "owner.key").stat().st_mode) == 0o600
    assert first.stop() == 0
    assert not (data / "server.json").exists()
    second = start()
    assert second.key == key
    with second.client() as client:
        assert client.get("/api/v1/account").json()["id"] == me["id"]
        assert client.get(f"/api/v1/jobs/{job['id']}").json()["state"] == "ready"


def test_the_login_link_logs_in_once(served: Served) -> None:
    token = parse_qs(urlsplit(served.login_url).query)["token"][0]
    with httpx.Client(base_url=served.url) as browser:
        page = browser.get(served.login_url)
        assert page.status_code == 200
        assert "darkroom_session" not in browser.cookies
        answer = browser.post("/api/v1/login", json={"token": token}, headers={"Origin": served.url})
        assert answer.status_code == 200, answer.text
        assert browser.get("/api/v1/account").json()["role"] == "owner"
    with httpx.Client(base_url=served.url) as thief:
        again = thief.post("/api/v1/login", json={"token": token}, headers={"Origin": served.url})
        assert again.status_code in (401, 403)
        assert thief.get("/api/v1/account").status_code == 401


def test_one_server_for_each_data_folder(served: Served) -> None:
    told = failed_start(served.data, "--port", "0")
    assert f"a server runs over {served.data} already at {served.url}" in told


def test_a_port_that_is_taken(served: Served, data: Path) -> None:
    port = urlsplit(served.url).port
    told = failed_start(data, "--port", str(port))
    assert f"cannot listen on 127.0.0.1:{port}" in told and "DARKROOM_PORT" in told


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = failed_start(tmp_path / "file", "--port", "0")
    assert "cannot be used" in told and "DARKROOM_DATA" in told


@pytest.mark.parametrize(
    "name", ["DARKROOM_PLANS", "DARKROOM_PRICES", "DARKROOM_POLICY", "DARKROOM_DISPATCH"]
)
def test_a_file_that_cannot_be_read_is_named(data: Path, tmp_path: Path, name: str) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("colour = [")
    assert str(broken) in failed_start(data, "--port", "0", "--workers", "0", **{name: str(broken)})


def test_a_database_that_is_not_there(data: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://x@127.0.0.1:{nobody.getsockname()[1]}/x"
        told = failed_start(data, "--port", "0", "--workers", "0", DARKROOM_DATABASE_URL=url)
    assert "database" in told


def test_a_killed_server_comes_back_with_all_it_had(start: Callable[..., Served]) -> None:
    first = start()
    with first.client() as client:
        ids = [
            client.post("/api/v1/jobs", json={"prompt": "a fox"}).json()["jobs"][0]["id"] for _ in range(3)
        ]
        balance = client.get("/api/v1/account").json()["balance"]
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(PATIENCE_S)
    with start().client() as client:
        assert {job["id"] for job in client.get("/api/v1/jobs").json()["jobs"]} == set(ids)
        assert client.get("/api/v1/account").json()["balance"] == balance


def test_streams_do_not_hold_up_the_end(start: Callable[..., Served]) -> None:
    served = start()
    with served.client() as client, client.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: snapshot"
        assert served.stop() == 0


@pytest.mark.slow
def test_a_grid_from_the_first_start_on(start: Callable[..., Served], data: Path) -> None:
    """Through everything: a worker of its own, scores, uploads, publication, links. Then nobody is left behind."""
    served = start("--port", "0")
    with served.client() as client:
        job_id = client.post("/api/v1/jobs", json={"prompt": "a red apple --seed 7"}).json()["jobs"][0]["id"]

        def completed() -> Any:
            job = client.get(f"/api/v1/jobs/{job_id}").json()
            assert job["state"] not in ("failed", "rejected"), job
            return job["state"] == "completed" and job

        job = until(completed, seconds=GRID_S)
        assert [image["index"] for image in job["images"]] == [1, 2, 3, 4]
        assert 0 < job["charged_gpu_ms"] <= job["cost_gpu_ms"]
        for kind, start_of_file in (("png", b"\x89PNG"), ("webp", b"RIFF"), ("thumbnail", b"RIFF")):
            file = job["images"][0]["files"][kind]
            answer = httpx.get(file["url"])
            assert (answer.status_code, len(answer.content)) == (200, file["size_bytes"])
            assert answer.content.startswith(start_of_file)
            assert answer.headers["content-type"] == file["media_type"]
        workers = client.get("/api/v1/admin/workers").json()["workers"]
        assert [worker["state"] for worker in workers] == ["active"]
    pid = served.process.pid
    children = _children(pid)
    assert children
    assert served.stop() == 0
    until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def _children(pid: int) -> list[int]:
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in listing.stdout.split()]
