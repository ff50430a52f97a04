"""A whole service on loopback for the command line to talk to: the real app in a thread, stores in memory, an artist for a worker."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import socket
import threading
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import uvicorn
from PIL import Image
from tests.gateway.conftest import House

from darkroom.core.accounts import Role
from darkroom.core.ids import new_id
from darkroom.core.images import Finish, ImageFile, NewImage, Variant
from darkroom.core.jobs import Cause, Ending, JobMoved, JobState
from darkroom.core.news import JobPreviewed, JobProgressed
from darkroom.dispatch.policy import DispatchPolicy
from darkroom.finish.encode import ImageFormat, encode
from darkroom.finish.grid import GRID_IMAGES, compose_grid
from darkroom.finish.provenance import Provenance
from darkroom.gateway.app import create_app
from darkroom.gateway.views import blob_key
from darkroom.lifecycle.dispatcher import Dispatcher
from darkroom.storage.objects.memory import MemoryObjects

SIDE = 16
WAIT_S = 20.0
STEPS = 8
PREVIEW = "previews/1.webp"
Result = TypeVar("Result")


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), (number * 50, 20, 20))


class Service(House):
    """The house of the gateway's tests at an address of its own; jobs are drawn as they get ready, but for held ones,
    and none where it is `idle`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.objects = MemoryObjects(secret=bytes(32), base_url=url, clock=self.clock)
        self.rooms = replace(self.rooms, objects=self.objects)
        self.dispatcher = Dispatcher(
            self.rooms, DispatchPolicy(), holder="here", url=url, rng=random.Random(1)
        )
        self.app = create_app(self.rooms, self.dispatcher)
        self.hold = self.idle = False
        self.claimed = threading.Event()
        self.cut_streams = 0
        self.served: list[str] = []

    async def open(self) -> None:
        await self.dispatcher.tick()
        self.owner = await self.person("olga", role=Role.OWNER)
        self.news = self.bus.subscribe(None)

    async def draw_all(self) -> None:
        async for news in self.news:
            if isinstance(news, JobMoved) and news.state is JobState.READY and not self.idle:
                await self.draw(news.job_id)

    async def draw(self, job_id: UUID) -> None:
        """A worker's work: progress, a preview, pictures. What is held stays claimed; what cannot be painted fails."""
        ledger, now = self.store.ledger, self.clock()
        lease = await self.store.operations.acquire_lease(holder="here", url=self.url, ttl_s=60, now=now)
        change = await ledger.claim([job_id], worker_id="w1", epoch=lease.epoch, now=now)
        self.rooms.tell(change)
        job = change.jobs[0]
        assert job.fence is not None
        for done in (STEPS // 2, STEPS):
            self.bus.publish(JobProgressed(account_id=job.account_id, job_id=job_id, done=done, total=STEPS))
        await self.objects.put(PREVIEW, encode_plain(picture(1)), media_type="image/webp")
        self.bus.publish(JobPreviewed(account_id=job.account_id, job_id=job_id, number=1, key=PREVIEW))
        self.claimed.set()
        if self.hold:
            return
        if "unpaintable" in job.prompt:
            ending = Ending(
                job_id=job_id, fence=job.fence, state=JobState.FAILED, cause=Cause.OUT_OF_ATTEMPTS,
                error_code="job_failed", error_message="nobody can paint that", device="cpu",
            )  # fmt: skip
            done_ = await ledger.end([ending], now=now)
        else:
            images = await self.develop(job.prompt, job.seed, len(job.recipe.indices))
            finish = Finish(job_id=job_id, fence=job.fence, measured_gpu_ms=100, images=images, now=now)
            done_ = await ledger.finish([finish])
        for reported in done_:
            self.rooms.tell(reported.change)

    async def develop(self, prompt: str, seed: int, count: int) -> tuple[NewImage, ...]:
        pictures = [picture(number) for number in range(1, count + 1)]
        found = [await self.image(index, each, prompt, seed) for index, each in enumerate(pictures)]
        if count < GRID_IMAGES:
            return tuple(found)
        return (*found, await self.image(None, compose_grid(pictures), prompt, seed))

    async def image(self, index: int | None, pixels: Image.Image, prompt: str, seed: int) -> NewImage:
        provenance = Provenance(
            canonical=prompt, parameters={}, seed=seed, image=None if index is None else index + 1, model="able-1",
            weights="ab" * 32, engine={}, software="test", created=datetime(2026, 5, 1, tzinfo=UTC),
        )  # fmt: skip
        formats = (ImageFormat.WEBP,) if index is None else (ImageFormat.PNG, ImageFormat.WEBP)
        files = []
        for each in formats:
            data = encode(pixels, each, provenance)
            digest = hashlib.sha256(data).hexdigest()
            await self.objects.put(blob_key(digest), data, media_type=f"image/{each}")
            files.append(
                ImageFile(
                    variant=Variant(each), digest=digest, media_type=f"image/{each}", width=pixels.width,
                    height=pixels.height, size_bytes=len(data),
                )
            )  # fmt: skip
        return NewImage(
            id=new_id(self.clock()), index=index, files=tuple(files), scores={}, policy="test",
            provenance=provenance.to_json(),
        )  # fmt: skip

    async def breaking(self, scope: Any, receive: Any, send: Any) -> None:
        """The app, but that the first `cut_streams` streams of events break after their first chunk."""
        path = scope.get("path", "")
        self.served.append(f"{scope.get('method', '')} {path}")
        if path == "/api/v1/events":
            headers = dict(scope["headers"])
            self.served[-1] += f" {headers.get(b'last-event-id', b'').decode()}"
        if path != "/api/v1/events" or not self.cut_streams:
            await self.app(scope, receive, send)
            return
        self.cut_streams -= 1
        chunks = 0

        async def cut(message: Any) -> None:
            nonlocal chunks
            chunks += message["type"] == "http.response.body"
            if chunks > 2:
                raise ConnectionError("cut by the test")
            await send(message)

        await self.app(scope, receive, cut)


def encode_plain(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP")
    return buffer.getvalue()


class Running:
    """Within `with Running() as running`, the service answers at `running.service.url`."""

    def __enter__(self) -> Running:
        self._socket = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.service = Service(url)
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._up.wait(WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(WAIT_S)
        self._socket.close()
        assert not self._thread.is_alive()

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something where the service runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def _stop(self) -> None:
        self.service.bus.close()
        self._server.should_exit = True

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.service.open()
        config = uvicorn.Config(
            self.service.breaking, log_config=None, access_log=False, lifespan="off", interface="asgi3"
        )
        self._server = uvicorn.Server(config)
        drawing = asyncio.create_task(self.service.draw_all())
        self._loop.call_soon(self._up.set)
        await self._server.serve(sockets=[self._socket])
        await drawing
