"""A service on loopback that says what a test tells it to, and remembers what it was asked: for what the command line sends and prints.

What the real one does with it is shown by the tests beside, which use it.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from PIL import Image

Answer = Any
"""What a path answers: an object, (status, object), bytes, or a function of the request that gives one of these."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request. `body` is JSON where it is, else bytes."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Script:
    """Answers by "METHOD /path"."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def sent(self, request: str) -> list[Asked]:
        """What was asked of "METHOD /path"."""
        return [each for each in self.asked if f"{each.method} {each.path}" == request]


RECIPE = {"action": "imagine", "inputs": [], "indices": [1, 2, 3, 4], "replay_of": None}


def identity(number: int) -> str:
    """An id: the same for the same number."""
    return str(UUID(int=0x019D_0000_0000_7000_8000_0000_0000_0000 | number * 0x10001))


def png(colour: tuple[int, int, int] = (200, 30, 30), side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def image(
    script: Script, number: int, *, job: int, index: int | None = 1, data: bytes = b"", **more: Any
) -> Any:
    """An image of the API; its PNG is `data`, served."""
    data = data or png((number * 20 % 256, 60, 60))
    path = f"/files/{number}"
    script.answers[f"GET {path}"] = data
    file = {"url": script.url + path, "media_type": "image/png", "width": 8, "height": 8}
    return {
        "id": identity(number), "job_id": identity(job), "index": index, "width": 8, "height": 8, "model": "able-1",
        "seed": 7, "prompt": "a fox --v able-1 --seed 7", "visibility": "stealth", "action": "imagine", "parents": [],
        "files": {each: {**file, "size_bytes": len(data)} for each in ("png", "webp")},
        "created_at": "2026-05-01T12:00:00Z", **more,
    }  # fmt: skip


def job(number: int, images: list[Any], **more: Any) -> Any:
    """A completed job of the API, without a grid."""
    return {
        "id": identity(number), "batch_id": identity(number), "state": "completed", "lane": "fast", "source": "a fox",
        "prompt": "a fox --v able-1 --seed 7", "model": "able-1", "seed": 7, "position": None, "wait_s": None,
        "visibility": "stealth", "cost_gpu_ms": 900, "charged_gpu_ms": 100, "attempt": 1, "cancel_requested": False,
        "progress": None, "images": images, "grid": None, "notes": [], "error": None, "action": "imagine", "recipe": RECIPE,
        "created_at": "2026-05-01T12:00:00Z", "started_at": "2026-05-01T12:00:01Z",
        "finished_at": "2026-05-01T12:00:02Z", **more,
    }  # fmt: skip


class Cut(bytes):
    """A file that breaks off before its end."""


class Handler(BaseHTTPRequestHandler):
    script: Script

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        typed = self.headers.get("Content-Type", "")
        asked = Asked(
            method=self.command, path=parts.path, query=dict(parse_qsl(parts.query)),
            body=json.loads(data) if typed == "application/json" else data, headers=dict(self.headers),
        )  # fmt: skip
        if parts.path == "/api/v1/events":
            self._listen()
            return
        self.script.asked.append(asked)
        found = self.script.answers.get(f"{self.command} {parts.path}", (404, missing(parts.path)))
        if isinstance(found, Callable):  # type: ignore[arg-type]
            found = found(asked)
        status, told = found if isinstance(found, tuple) else (200, found)
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + isinstance(told, Cut)))
        self.end_headers()
        self.wfile.write(body)

    def _listen(self) -> None:
        """A stream of events on which nothing happens until the end."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        self.wfile.flush()
        self.script.closing.wait(30)


def missing(path: str) -> Any:
    return {"error": {"code": "not_found", "message": f"There is no {path}.", "hint": "", "field": None}}


class Scripted:
    """Within `with Scripted() as script`, the service answers at `script.url`."""

    def __enter__(self) -> Script:
        self.script = Script()
        handler = type("Bound", (Handler,), {"script": self.script})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.script.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self.script

    def __exit__(self, *_: object) -> None:
        self.script.closing.set()
        self._server.shutdown()
        self._thread.join(20)
        self._server.server_close()
