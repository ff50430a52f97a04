"""The end of a server as workers of other machines meet it: who waits for work is told at once, and told where to ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from tests.service.conftest import ended, serve

PATIENCE_S = 30.0


def test_a_pull_does_not_hold_up_the_end(tmp_path: Path) -> None:
    served = serve(tmp_path / "data", "--workers", "0")
    try:
        with served.client() as owner, ThreadPoolExecutor(1) as elsewhere:
            token = owner.post("/api/v1/admin/worker-tokens", json={"name": "box"}).json()["token"]
            with served.client(token) as worker:
                hello = {"name": "box-1", "device": "cpu", "models": ["mini-1"], "slots": 1, "version": "1"}
                assert worker.post("/worker/v1/register", json=hello).status_code == 200
                pull = {"worker_id": "box-1", "free": 1, "warm": [], "wait_s": 20}
                waiting = elsewhere.submit(worker.post, "/worker/v1/pull", json=pull)
                until_pulled(owner)
                assert served.stop() == 0
                answer = waiting.result(PATIENCE_S)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_active")
    finally:
        ended(served)


def until_pulled(owner: httpx.Client) -> None:
    """Until the service has written down that it heard of the worker after it had registered."""
    pause = threading.Event()
    for _ in range(round(PATIENCE_S / 0.1)):
        worker: dict[str, Any] = owner.get("/api/v1/admin/workers").json()["workers"][0]
        if worker["seen_at"] > worker["registered_at"]:
            return
        pause.wait(0.1)
    raise AssertionError("the pull was not noticed")
