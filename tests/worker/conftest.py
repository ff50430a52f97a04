"""A service that speaks the worker protocol on loopback, and a generator and a finisher of a few lines.

A job's words steer the generator: "endless" is drawn until it is stopped, "broken" makes a step raise, "undrawable" fails.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from darkroom.core.images import ImageFile, Variant
from darkroom.core.params import Lane
from darkroom.core.work import (
    STATE_MAX_BYTES,
    Assignment,
    Claim,
    EngineVitals,
    Failure,
    Fault,
    Progress,
    StagedFile,
    StagedImage,
)
from darkroom.worker.generator import NO_INPUTS, Drawn, Files, Glimpse, Happening
from darkroom.worker.loop import Worker
from darkroom.worker.messages import Introduction
from darkroom.worker.protocol import Connection
from darkroom.worker.studio import Picture

TOKEN = "dw_right"
WAIT_S = 20.0  # for anything that must happen; a test that works takes far less
PULL_S = 0.05
Json = dict[str, Any]


@dataclass(kw_only=True)
class Service:
    """Hands out `waiting`, remembers what it is told, and can be made to fail. `changed` is set by every request."""

    url: str = ""
    waiting: list[Json] = field(default_factory=list)
    cancel: list[Json] = field(default_factory=list)
    abandon: list[Json] = field(default_factory=list)
    drain: bool = False
    known: set[str] = field(default_factory=set)
    registrations: list[Json] = field(default_factory=list)
    heartbeats: list[list[Json]] = field(default_factory=list)
    vitals: list[Json | None] = field(default_factory=list)
    progress: list[Json] = field(default_factory=list)
    reports: list[Json] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    stored: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failing: dict[str, tuple[int, Json]] = field(default_factory=dict)
    """Path -> the status and the body of every answer there; "*" stands for every path."""
    outcome: str = "accepted"
    store_url: str = ""
    """Where files go: the address of a store, or "" for paths at this service."""
    refused: set[str] = field(default_factory=set)
    """Jobs of which no completion is taken, nor anything that comes with it."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    def job(self, text: str = "a fox", *, number: int = 1, fence: int = 1, **more: object) -> Json:
        """Queues a job and returns its claim."""
        claim = {"job_id": str(UUID(int=number)), "fence": fence}
        job = {**claim, "prompt": f"{text} --v mini-1 --seed 7", "model": "mini-1", "seed": 7}
        self.waiting.append({**job, "lane": "fast", "images": 4, "attempt": 1, **more})
        return claim

    async def answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/studio").removeprefix("/worker/v1")
        try:
            return await self._answer(path, request)
        finally:
            self.calls.append(path)
            self.changed.set()

    async def _answer(self, path: str, request: Request) -> Response:
        data = await request.body()
        if failing := self.failing.get(path) or self.failing.get("*"):
            return JSONResponse(failing[1], failing[0])
        if path.startswith("/store/"):
            assert "authorization" not in request.headers
            if request.method == "GET":
                found = self.stored.get(path.removeprefix("/store/"))
                return Response(found[1]) if found else Response(status_code=404)
            self.stored[path.removeprefix("/store/")] = (request.headers["content-type"], data)
            return Response()
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return _error(401, "not_allowed", "this token is not known")
        body = await request.json()
        if path == "/register":
            return self._register(body)
        if body["worker_id"] not in self.known:
            return _error(404, "unknown_worker", "who?")
        handler: Callable[[Json], Coroutine[Any, Any, Json]] = getattr(self, f"_{path[1:]}")
        if any(r["kind"] == "completed" and r["job_id"] in self.refused for r in body.get("reports", ())):
            return _error(422, "invalid_request", "a completion cannot be read")
        answer = await handler(body)
        return JSONResponse(answer) if answer else Response(status_code=204)

    def _register(self, body: Json) -> Response:
        self.registrations.append(body)
        worker_id = f"worker-{len(self.registrations)}"
        self.known.add(worker_id)
        return JSONResponse({"worker_id": worker_id, "heartbeat_s": 0.05, "abort_after_s": 15, "lease_s": 20})

    async def _pull(self, body: Json) -> Json:
        for _ in range(int(body["wait_s"] / PULL_S)):
            lanes = body.get("lanes", list(Lane))
            if (
                any(job["lane"] in lanes for job in self.waiting)
                or self.drain
                or body["worker_id"] not in self.known
            ):
                break
            await asyncio.sleep(PULL_S)
        fit = [job for job in self.waiting if job["lane"] in body.get("lanes", [job["lane"]])][: body["free"]]
        jobs, self.waiting = fit, [job for job in self.waiting if job not in fit]
        return {"jobs": jobs, **self._orders()}

    async def _heartbeat(self, body: Json) -> Json:
        self.heartbeats.append(body["claims"])
        self.vitals.append(body.get("vitals"))
        return self._orders()

    async def _progress(self, body: Json) -> Json:
        self.progress += body["items"]
        return self._orders()

    async def _uploads(self, body: Json) -> Json:
        store = f"{self.store_url}/store/{body['job_id']}/{body['fence']}"
        return {"urls": {f["name"]: f"{store}/{f['name']}?signature=s" for f in body["files"]}}

    async def _reports(self, body: Json) -> Json:
        self.reports += body["reports"]
        return {"outcomes": [self.outcome] * len(body["reports"])}

    async def _leave(self, body: Json) -> Json:
        self.left.append(body["worker_id"])
        return {}

    def _orders(self) -> Json:
        return {"cancel": self.cancel, "abandon": self.abandon, "drain": self.drain}


def _error(status: int, code: str, message: str, **more: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, **more}}, status)


@asynccontextmanager
async def serve(service: Service) -> AsyncIterator[Service]:
    """The service on a free port of loopback, until the block ends."""
    app = Starlette(
        routes=[Route("/{path:path}", service.answer, methods=["GET", "POST", "PUT"])],
    )
    started = asyncio.Event()
    server = _Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none"))
    server.started_event = started
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(WAIT_S):
        await started.wait()
    service.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        server.should_exit = server.force_exit = True
        await task


class _Server(uvicorn.Server):
    """Says when it listens, and leaves the process's signals alone."""

    started_event: asyncio.Event

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.started_event.set()

    def capture_signals(self) -> Any:
        return nullcontext()


class FakeGenerator:
    """Two steps a job; what is asked of it is written down. A saved state is the number of steps that were taken."""

    models = warm = ("mini-1",)
    device = "fake"
    vitals = EngineVitals(passes=7, rows=20, padding_rows=1, device_ms=12.5)

    def __init__(self) -> None:
        self.jobs: dict[Claim, tuple[Assignment, int]] = {}
        self.told: list[Happening] = []
        self.added: list[Assignment] = []
        self.given: list[bytes | None] = []
        self.inputs: list[Mapping[str, bytes]] = []
        self.saved: list[bytes] = []
        self.cancelled: list[Claim] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def busy(self) -> bool:
        return bool(self.jobs or self.told)

    def add(
        self, assignment: Assignment, saved: bytes | None = None, inputs: Mapping[str, bytes] = NO_INPUTS
    ) -> None:
        self.added.append(assignment)
        self.inputs.append(inputs)
        self.given.append(saved)
        self.jobs[assignment.claim] = (assignment, int(saved or 0))

    def save(self, claim: Claim) -> bytes | None:
        assignment, done = self.jobs[claim]
        if "forgetful" in assignment.prompt:
            return None
        self.saved.append(
            str(done).encode() if "huge" not in assignment.prompt else bytes(STATE_MAX_BYTES + 1)
        )
        return self.saved[-1]

    def cancel(self, claim: Claim) -> None:
        self.cancelled.append(claim)
        if self.jobs.pop(claim, None):
            self.told.append(
                Failure(claim=claim, fault=Fault.CANCELLED, message="stopped", measured_gpu_ms=3)
            )

    def step(self) -> Sequence[Happening]:
        self.gate.wait(0.01)
        for claim, (assignment, done) in list(self.jobs.items()):
            if "broken" in assignment.prompt:
                raise RuntimeError("the device is on fire")
            if "undrawable" in assignment.prompt:
                del self.jobs[claim]
                self.told.append(Failure(claim=claim, fault=Fault.JOB, message="nobody can draw that"))
                continue
            self.jobs[claim] = (assignment, done + 1)
            self.told.append(Progress(claim=claim, done=done + 1, total=2))
            self.told.append(
                Glimpse(claim=claim, index=done % 4, width=2, height=2, rgb=bytes([done % 256]) * 12)
            )
            if done and "endless" not in assignment.prompt:
                del self.jobs[claim]
                picture = Picture(image=Image.new("RGB", (2, 2)), weights_hash="0" * 64, fingerprint={})
                pictures = dict.fromkeys(range(assignment.images), picture)
                self.told.append(Drawn(claim=claim, pictures=pictures, measured_gpu_ms=40, notes=("noted",)))
        if all("endless" in assignment.prompt for assignment, _ in self.jobs.values()) and self.jobs:
            threading.Event().wait(0.005)  # a pass takes its time
        told, self.told = self.told, []
        return told


class FakeFinisher:
    """One file for each picture. While `gate` is closed, finishing waits."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None

    def finish(self, assignment: Assignment, drawn: Drawn) -> Files:
        self.gate.wait(WAIT_S)
        if self.fault:
            raise self.fault
        images, data = [], {}
        for index in drawn.pictures:
            contents = f"{assignment.prompt} {index}".encode()
            file = ImageFile(
                variant=Variant.PNG,
                digest=hashlib.sha256(contents).hexdigest(),
                media_type="image/png",
                width=2,
                height=2,
                size_bytes=len(contents),
            )
            staged = StagedFile(name=f"{index}.png", file=file)
            images.append(StagedImage(index=index, files=(staged,), scores={"nsfw": 0.1}, provenance="{}"))
            data[staged.name] = contents
        return Files(images=tuple(images), data=data)

    def preview(self, images: int, glimpses: Sequence[Glimpse]) -> tuple[bytes, dict[str, float]]:
        return b"preview", {"nsfw": 0.2}


class Hasty(random.Random):
    """Jitter that makes every wait short."""

    def uniform(self, a: float, b: float) -> float:
        return 0.002


@dataclass(kw_only=True)
class Running:
    """A worker at work on a fake service; `now` is its clock."""

    service: Service
    generator: FakeGenerator
    finisher: FakeFinisher
    worker: Worker
    task: asyncio.Task[None]
    now: list[float]

    async def over(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.task


def connect(service: Service, *, token: str = TOKEN, slots: int = 2) -> Connection:
    introduction = Introduction(name="box", device="fake", models=("mini-1",), slots=slots, version="1")
    return Connection(service.url, token, introduction)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve(Service()) as running:
        yield running


@pytest.fixture
def serving() -> Callable[[], AbstractAsyncContextManager[Service]]:
    """More services."""
    return lambda: serve(Service())


@pytest.fixture
async def running(service: Service) -> AsyncIterator[Running]:
    now = [100.0]
    generator, finisher = FakeGenerator(), FakeFinisher()
    async with connect(service) as connection:
        worker = Worker(connection, generator, finisher, clock=lambda: now[0], rng=Hasty())
        task = asyncio.create_task(worker.run())
        found = Running(
            service=service, generator=generator, finisher=finisher, worker=worker, task=task, now=now
        )
        yield found
        finisher.gate.set()
        if not task.done():
            worker.hand_back()
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(name="connect")
def _connect() -> Callable[..., Connection]:
    return connect
