"""The real thing: `darkroom serve` as a process of its own over a folder of its own, and who talks to it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

START_S = 60.0
STOP_S = 30.0
PATIENCE_S = 60.0  # for what must come to pass; a limit, not a measurement
MODEL = "mini-1"
FINE = {"nsfw": 0.0}
SIGNS = {"grant": 1, "expire": -1, "hold": -1, "release": 1, "settle": -1}  # of the lines of a statement


@dataclass
class Served:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    url: str
    data: Path
    login_url: str

    @property
    def key(self) -> str:
        return (self.data / "owner.key").read_text(encoding="ascii").strip()

    def client(self, secret: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key if secret is None else secret}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def stop(self) -> int:
        """Asks it to stop, as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_S)


def serve(data: Path, *options: str, **environ: str) -> Served:
    """Starts a server and waits until it says where it is. What it logs goes to `serve.log` beside its data."""
    command = [sys.executable, "-m", "darkroom.cli", "serve", "--json", "--port", "0", *options]
    with data.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "DARKROOM_DATA": str(data), **environ},
        )
    assert process.stdout is not None
    guard = threading.Timer(START_S, process.kill)
    guard.start()
    line = process.stdout.readline()
    guard.cancel()
    told = json.loads(line or "{}")
    if "url" not in told:
        process.wait(STOP_S)
        process.stdout.close()
        log_end = data.with_suffix(".log").read_text(encoding="utf-8")[-3000:]
        raise AssertionError(f"the server did not start: {told or log_end}")
    return Served(process=process, url=told["url"], data=data, login_url=told["login_url"])


def ended(served: Served) -> None:
    """Stops a server whatever state it is in."""
    if served.process.poll() is None:
        try:
            served.stop()
        except subprocess.TimeoutExpired:
            served.process.kill()
            served.process.wait(STOP_S)
    assert served.process.stdout is not None
    served.process.stdout.close()


def until(look: Callable[[], Any], *, seconds: float = PATIENCE_S) -> Any:
    """What `look` finds, as soon as it is true; fails after a while."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come to pass"
        pause.wait(0.05)
    return found


def fault(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error in an answer, which must be an envelope of this status and code; with what would be right, where one can say."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "hint", "field"}
    assert error["code"] == code, error
    assert error["message"] and (error["hint"] or status in (404, 422)), error
    return error


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Somebody who uses the service, and the key by which they ask."""

    id: str
    secret: str
    client: httpx.Client

    def submit(self, prompt: str = "a red fox", *, key: str = "", **more: str) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post("/api/v1/jobs", json={"prompt": prompt, **more}, headers=headers)

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def states(self) -> dict[str, str]:
        """What has become of each job, the oldest first."""
        found: dict[str, str] = {}
        more = {"limit": "100"}
        while True:
            page = self.client.get("/api/v1/jobs", params=more).json()
            found |= {job["id"]: job["state"] for job in page["jobs"]}
            if page["next_cursor"] is None:
                return dict(reversed(found.items()))
            more["cursor"] = page["next_cursor"]

    def books(self) -> dict[str, Any]:
        """All that a request must leave as it was: the balance, the use, each line of the statement, each job."""
        account = self.client.get("/api/v1/account").json()
        lines = self.client.get("/api/v1/account/statement", params={"limit": 100}).json()
        assert lines["next_cursor"] is None, "too many lines for a test"
        left = sum(SIGNS[line["kind"]] * line["amount_gpu_ms"] for line in lines["entries"])
        assert left == account["balance"]["available_gpu_ms"], "the statement adds up to the balance"
        return {
            "balance": account["balance"],
            "usage": account["usage"],
            "lines": lines["entries"],
            "states": self.states(),
        }


def tenant(served: Served, name: str, *, plan: str) -> Tenant:
    """A new member: made by the owner, logged in by the link, with a key of their own."""
    with served.client() as owner:
        made = owner.post("/api/v1/admin/users", json={"name": name, "plan": plan})
        assert made.status_code == 201, made.text
        link = owner.post(f"/api/v1/admin/users/{made.json()['id']}/login-link").json()["url"]
    with httpx.Client(base_url=served.url, headers={"Origin": served.url}) as browser:
        browser.post("/api/v1/login", json={"token": parse_qs(urlsplit(link).query)["token"][0]})
        key = browser.post("/api/v1/account/keys", json={"name": "test"})
        assert key.status_code == 201, key.text
    secret = str(key.json()["secret"])
    return Tenant(id=made.json()["id"], secret=secret, client=served.client(secret))


class Hand:
    """A worker played by hand: it speaks the protocol, one call at a time, and draws nothing."""

    def __init__(self, served: Served, name: str, *, slots: int = 1) -> None:
        with served.client() as owner:
            made = owner.post("/api/v1/admin/worker-tokens", json={"name": name})
        assert made.status_code == 201, made.text
        self.token_id, self.token = str(made.json()["id"]), str(made.json()["token"])
        self.name, self.slots = name, slots
        self.client = served.client(self.token)
        self.register()

    def call(self, path: str, **body: Any) -> httpx.Response:
        return self.client.post(f"/worker/v1/{path}", json=body)

    def told(self, path: str, **body: Any) -> Any:
        answer = self.call(path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def register(self) -> None:
        """As a worker does: it asks again while nobody dispatches, which may be so for a moment after a bad day."""
        facts = {"device": "none", "models": [MODEL], "slots": self.slots, "version": "test"}
        until(lambda: self.call("register", name=self.name, **facts).status_code != 503)
        self.told("register", name=self.name, **facts)

    def pull(self, *, free: int = 1, wait_s: float = 0.0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.told(
            "pull", worker_id=self.name, free=free, warm=[MODEL], wait_s=wait_s
        )["jobs"]
        return found

    def take(self) -> dict[str, Any]:
        """The next job, which must come."""
        return (self.pull(wait_s=15) or [{}])[0]

    def place(self, job: dict[str, Any]) -> str:
        """Where the first picture of a run is to be put."""
        claim = {"job_id": job["job_id"], "fence": job["fence"]}
        files = [{"name": "0.png", "media_type": "image/png"}]
        urls = self.told("uploads", worker_id=self.name, **claim, files=files)["urls"]
        return urljoin(str(self.client.base_url), urls["0.png"])

    def put(self, job: dict[str, Any], data: bytes) -> httpx.Response:
        return httpx.put(self.place(job), content=data, headers={"Content-Type": "image/png"})

    def report(self, *reports: dict[str, Any]) -> list[str]:
        outcomes: list[str] = self.told("reports", worker_id=self.name, reports=reports)["outcomes"]
        return outcomes

    def draw(self) -> dict[str, Any]:
        """Takes the next job and completes it."""
        job = self.take()
        assert self.report(completed(job)) == ["accepted"]
        return job

    def leave(self) -> None:
        self.call("leave", worker_id=self.name)
        self.client.close()


def completed(
    job: dict[str, Any],
    *,
    data: bytes = b"",
    scores: dict[str, float] | None = None,
    measured_gpu_ms: int = 1_600,
) -> dict[str, Any]:
    """The report of a run that made its pictures. `data` is the file of the first one; the others have none."""
    images: list[dict[str, Any]] = [
        {"index": index, "files": [], "scores": FINE if scores is None else scores}
        for index in range(job["images"])
    ]
    if data:
        file = {"name": "0.png", "variant": "png", "media_type": "image/png", "width": 8, "height": 8}
        digest = hashlib.sha256(data).hexdigest()
        images[0]["files"] = [{**file, "digest": digest, "size_bytes": len(data)}]
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    return {"kind": "completed", **claim, "measured_gpu_ms": measured_gpu_ms, "images": images}


def failed(job: dict[str, Any], *, fault: str, message: str = "it broke") -> dict[str, Any]:
    """The report of a run that made nothing."""
    claim = {"job_id": job["job_id"], "fence": job["fence"]}
    return {"kind": "failed", **claim, "fault": fault, "message": message}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without workers, for all tests of a module."""
    running = serve(tmp_path_factory.mktemp("service") / "data", "--workers", "0")
    yield running
    ended(running)
