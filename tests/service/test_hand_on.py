"""A worker that leaves in the middle of a long job, and another that goes on with it: real server, real processes, every step counted.

What draws here takes a step whenever the test allows one, and each step depends on all before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.service.conftest import STOP_S, Served, Tenant, tenant, until

STEPS = 24
CODE = """
import hashlib, json, logging, sys, threading, time
from PIL import Image
from darkroom.core.work import EngineVitals, Failure, Fault, Progress
from darkroom.worker.developing import Developing
from darkroom.worker.generator import Drawn
from darkroom.worker.main import run_worker
from darkroom.worker.studio import Picture

url, token, name, notes, limit_s = sys.argv[1:]
STEPS = 24

class Scorer:
    def score(self, width, height, rgb):
        return {"nsfw": 0.01}

class Chained:
    models = warm = ("mini-1",)
    device = "a chain of hashes"

    def __init__(self):
        self.runs, self.told, self.steps, self.allowed = {}, [], 0, 0

    @property
    def busy(self):
        return bool(self.runs or self.told)

    @property
    def vitals(self):
        return EngineVitals(passes=self.steps, rows=self.steps)

    def note(self, **what):
        with open(notes, "a") as file:
            file.write(json.dumps(what) + "\\n")

    def add(self, assignment, saved=None, inputs=None):
        state = json.loads(saved) if saved else {"done": 0, "x": assignment.prompt, "spent": 0}
        self.runs[assignment.claim] = [assignment, state]
        self.note(added=str(assignment.claim.job_id), at=state["done"])

    def save(self, claim):
        return json.dumps(self.runs[claim][1]).encode() if claim in self.runs else None

    def cancel(self, claim):
        if self.runs.pop(claim, None):
            self.told.append(Failure(claim=claim, fault=Fault.CANCELLED, message="stopped"))

    def step(self):
        for claim, (assignment, state) in list(self.runs.items()):
            if self.steps >= self.allowed:
                time.sleep(0.005)  # a pass that nobody allows takes its time, too
                break
            state["x"] = hashlib.sha512(state["x"].encode()).hexdigest()
            state["done"] += 1
            state["spent"] += 100
            self.steps += 1
            self.note(step=state["done"])
            self.told.append(Progress(claim=claim, done=state["done"], total=STEPS))
            if state["done"] == STEPS:
                del self.runs[claim]
                self.told.append(self.drawn(assignment, state))
        told, self.told = self.told, []
        return told

    def drawn(self, assignment, state):
        pictures = {}
        for index in range(assignment.images):
            pixels = hashlib.shake_256(f"{state['x']}{index}".encode()).digest(8 * 8 * 3)
            image = Image.frombytes("RGB", (8, 8), pixels)
            pictures[index] = Picture(image=image, weights_hash="0" * 64, fingerprint={"exact": True})
        return Drawn(claim=assignment.claim, pictures=pictures, measured_gpu_ms=state["spent"])

generator = Chained()

def listen():
    for line in sys.stdin:
        generator.allowed += int(line)

threading.Thread(target=listen, daemon=True).start()
logging.basicConfig(level=logging.INFO)
sys.exit(run_worker(url, token, generator, Developing(Scorer()), name=name, drain_limit_s=float(limit_s)))
"""

REAL = """
import json, logging, sys, threading, time
from darkroom.bootstrap.drawing import settings_of_process
from darkroom.cli.worker import _open
from darkroom.worker.main import run_worker

url, token, name, notes, limit_s = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
generator, finisher = _open(settings_of_process(), None)
real, allowed = generator.step, [0]

def step():
    if generator.vitals.passes >= allowed[0]:
        time.sleep(0.005)
        return []
    before, told = generator.vitals.rows, real()
    if generator.vitals.rows > before:
        with open(notes, "a") as file:
            file.write(json.dumps({"step": generator.vitals.passes, "rows": generator.vitals.rows}) + "\\n")
    return told

def listen():
    for line in sys.stdin:
        allowed[0] += int(line)

generator.step = step
threading.Thread(target=listen, daemon=True).start()
sys.exit(run_worker(url, token, generator, finisher, name=name, drain_limit_s=float(limit_s)))
"""


class Drawer:
    """A worker as a process, the steps that it may take, and what it noted."""

    def __init__(
        self, served: Served, token: str, name: str, folder: Path, *, limit_s: float, code: str
    ) -> None:
        self.name, self.notes = name, folder / f"{name}.notes"
        self.notes.touch()
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, served.url, token, name, str(self.notes), str(limit_s)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1", "DARKROOM_DATA": str(folder)},
            )

    def allow(self, steps: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n".encode())
        self.process.stdin.flush()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def noted(self, what: str) -> list[dict[str, Any]]:
        lines = self.notes.read_text(encoding="utf-8").splitlines()
        return [found for found in map(json.loads, lines) if what in found]

    @property
    def steps(self) -> list[int]:
        """The steps that it took, in order."""
        return [each["step"] for each in self.noted("step")]

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(STOP_S)


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    with served.client() as owner:
        return str(owner.post("/api/v1/admin/worker-tokens", json={"name": "hands"}).json()["token"])


@pytest.fixture
def mia(served: Served, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    mia = tenant(served, re.sub(r"\W", "-", request.node.name), plan="pro")
    yield mia
    mia.client.close()


@contextmanager
def drawer(
    served: Served, token: str, name: str, folder: Path, *, limit_s: float = 60, code: str = CODE
) -> Iterator[Drawer]:
    running = Drawer(served, token, name, folder, limit_s=limit_s, code=code)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.end()


def submitted(mia: Tenant, prompt: str = "a lighthouse in a storm --seed 11") -> str:
    answer = mia.submit(prompt)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


def completed(mia: Tenant, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = until(lambda: (job := mia.job(job_id))["state"] == "completed" and job)
    return found


def pictures(served: Served, job: dict[str, Any]) -> list[str]:
    """The digests of the pixels of every image, in order."""
    from io import BytesIO

    from PIL import Image

    found = []
    for image in sorted(job["images"], key=lambda each: each["index"]):
        answer = httpx.get(image["files"]["png"]["url"])
        assert answer.is_success, answer.text
        found.append(hashlib.sha256(Image.open(BytesIO(answer.content)).tobytes()).hexdigest())
    return found


def staged(served: Served) -> list[str]:
    return [path.name for path in (served.data / "objects" / "staging").rglob("*") if path.is_file()]


def metrics(served: Served) -> str:
    return httpx.get(f"{served.url}/metrics").text


def undisturbed(served: Served, token: str, folder: Path, mia: Tenant) -> list[str]:
    """The pictures of the same prompt and seed that one worker drew in peace."""
    with drawer(served, token, "peace", folder) as alone:
        alone.allow(STEPS)
        job = completed(mia, submitted(mia))
        assert alone.steps == list(range(1, STEPS + 1))
        alone.process.send_signal(signal.SIGTERM)
        assert alone.process.wait(STOP_S) == 0
    return pictures(served, job)


@pytest.mark.parametrize(
    "how",
    [
        "terminated twice",
        "terminated, past its limit",
        "interrupted",
        "drained by an operator, then interrupted",
    ],
)
def test_no_step_is_lost(served: Served, token: str, mia: Tenant, tmp_path: Path, how: str) -> None:
    wanted = undisturbed(served, token, tmp_path, mia)
    limit_s = 0.1 if how == "terminated, past its limit" else 60
    with drawer(served, token, "first", tmp_path, limit_s=limit_s) as first:
        job_id = submitted(mia)
        first.allow(9)
        until(lambda: len(first.steps) == 9)
        if how == "drained by an operator, then interrupted":
            with served.client() as owner:
                assert owner.post("/api/v1/admin/workers/first/drain").status_code == 200
            until(lambda: "draining" in first.log())
            assert first.process.poll() is None
        terminated = how.startswith("terminated")
        first.process.send_signal(signal.SIGTERM if terminated else signal.SIGINT)
        if how == "terminated twice":
            until(lambda: "draining" in first.log())
            first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(STOP_S) == 0
    waiting = mia.job(job_id)
    assert waiting["state"] == "ready" and staged(served) == ["state.safetensors"]
    with drawer(served, token, "second", tmp_path) as second:
        second.allow(STEPS)
        done = completed(mia, job_id)
        assert second.noted("added") == [{"added": job_id, "at": 9}]
        assert first.steps + second.steps == list(range(1, STEPS + 1)), (
            "no step is lost, and none is taken twice"
        )
        assert pictures(served, done) == wanted
        until(lambda: not staged(served))
    assert done["charged_gpu_ms"] == 100 * STEPS, "what both spent, once"


def test_a_chain_of_workers_draws_one_job(served: Served, token: str, mia: Tenant, tmp_path: Path) -> None:
    wanted = undisturbed(served, token, tmp_path, mia)
    job_id, steps = submitted(mia), []
    for number in range(4):
        with drawer(served, token, f"link-{number}", tmp_path) as link:
            link.allow(6)
            until(lambda link=link: len(link.steps) == 6)
            steps += link.steps
            if number < 3:
                link.process.send_signal(signal.SIGINT)
                assert link.process.wait(STOP_S) == 0
            else:
                done = completed(mia, job_id)
    assert steps == list(range(1, STEPS + 1)) and pictures(served, done) == wanted
    assert [each["cause"] for each in history(mia, job_id)].count("worker_drained") == 3


@pytest.mark.slow
def test_the_model_that_ships_goes_on_at_the_same_step(
    served: Served, token: str, mia: Tenant, tmp_path: Path
) -> None:
    prompt = "a red fox in the snow --q 4 --seed 11"
    with drawer(served, token, "whole", tmp_path, code=REAL) as whole:
        whole.allow(10_000)
        done = completed(mia, submitted(mia, prompt))
        rows = whole.noted("rows")[-1]["rows"]
        whole.process.send_signal(signal.SIGINT)
        assert whole.process.wait(STOP_S) == 0
    wanted = pictures(served, done)
    assert len(set(wanted)) == len(wanted) == 4
    job_id, taken = submitted(mia, prompt), []
    for name in ("first", "last"):
        with drawer(served, token, name, tmp_path, code=REAL) as one:
            if name == "last":
                one.allow(10_000)
                done = completed(mia, job_id)
            else:
                while not one.steps or one.noted("rows")[-1]["rows"] < rows // 3:
                    wanted_steps = len(one.steps) + 4  # how many rows share a pass is measured by each worker
                    one.allow(4)
                    until(lambda one=one, steps=wanted_steps: len(one.steps) == steps)
            one.process.send_signal(signal.SIGINT)
            assert one.process.wait(STOP_S) == 0
            taken.append(one.noted("rows")[-1]["rows"])
    assert sum(taken) == rows and min(taken) > rows // 4, "no step is lost, and none is taken twice"
    assert pictures(served, done) == wanted


def test_the_engine_of_a_worker_is_seen_while_it_is_here(
    served: Served, token: str, mia: Tenant, tmp_path: Path
) -> None:
    shown = 'darkroom_engine_passes_total{device="a chain of hashes",worker="seen"}'
    with drawer(served, token, "seen", tmp_path) as seen:
        seen.allow(STEPS)
        completed(mia, submitted(mia))
        until(lambda: f"{shown} {float(STEPS)}" in metrics(served))
        seen.process.send_signal(signal.SIGTERM)
        assert seen.process.wait(STOP_S) == 0
    assert shown not in metrics(served)


def history(mia: Tenant, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mia.client.get(f"/api/v1/jobs/{job_id}/history").json()["history"]
    return found
