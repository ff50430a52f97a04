"""A server with its worker in a folder of its own, and the few calls with which the scripts here draw, act and look.

Knows the API as the command line does; what is drawn and measured is for the scripts.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from darkroom.cli.client import Client, Object
from darkroom.core.errors import Exhausted, Overloaded

LOOK_EVERY_S = 0.1
JOB_MAX_S = 600.0
BUSY_S = 1.0  # after a queue was full
STOP_S = 60.0
ENDED = ("completed", "failed", "rejected", "cancelled")


class Failed(Exception):
    """A job ended without pictures."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """A server that runs, at `url`, over the folder `data`."""

    client: Client
    url: str
    data: Path

    def draw(self, prompt: str) -> list[Object]:
        """The jobs of a prompt, done."""
        return [self.done(job) for job in self.begin("/api/v1/jobs", {"prompt": prompt})]

    def act(self, image: Object, action: str, **more: object) -> Object:
        """The one job of an action on an image, done."""
        return self.done(self.ask(image, action, **more))

    def ask(self, image: Object, action: str, **more: object) -> Object:
        """The one job of an action on an image, submitted."""
        [job] = self.begin(f"/api/v1/images/{image['id']}/actions", {"action": action, **more})
        return job

    def blend(self, ids: Sequence[str], parameters: str = "") -> Object:
        body: Object = {"images": list(ids)} | ({"parameters": parameters} if parameters else {})
        return self.done(self.begin("/api/v1/blend", body)[0])

    def begin(self, path: str, body: Object) -> list[Object]:
        """Jobs, submitted; a full queue is waited for."""
        key, deadline = secrets.token_urlsafe(), time.monotonic() + JOB_MAX_S
        while True:
            try:
                jobs: list[Object] = self.client.begin(path, body, key=key)["jobs"]
                return jobs
            except (Exhausted, Overloaded):
                if time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_S)

    def done(self, job: Object) -> Object:
        """A job when it has ended; Failed where it has no pictures then."""
        deadline = time.monotonic() + JOB_MAX_S
        while job["state"] not in ENDED:
            if time.monotonic() > deadline:
                raise Failed(f"{job['id']} is {job['state']} after {JOB_MAX_S:.0f} s")
            time.sleep(LOOK_EVERY_S)
            job = self.client.get(f"/api/v1/jobs/{job['id']}")
        if job["state"] != "completed":
            raise Failed(f"{job.get('action')}: {job['prompt']!r} {job['state']}: {job['error']}")
        return job

    def upload(self, picture: Image.Image, kind: str = "picture") -> str:
        """The id of an upload."""
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return str(self.client.upload("/api/v1/uploads", "picture.png", buffer.getvalue(), kind=kind)["id"])

    def pixels(self, image: Object) -> Image.Image:
        """An image's PNG, opened: RGB."""
        data = self.client.download(image["files"]["png"]["url"])
        return Image.open(io.BytesIO(data)).convert("RGB")


@contextmanager
def live(data: Path) -> Iterator[Live]:
    """A server over `data` for as long as the block; it may be started again over the same folder."""
    command = [sys.executable, "-m", "darkroom.cli", "serve", "--json", "--port", "0"]
    environ = {name: value for name, value in os.environ.items() if name != "DARKROOM_URL"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**environ, "DARKROOM_DATA": str(data)}, start_new_session=True
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline() or b"{}")
        if "url" not in told:
            raise SystemExit(f"the server did not start: {told}")
        key = (data / "owner.key").read_text(encoding="ascii").strip()
        with Client(told["url"], key) as client:
            yield Live(client=client, url=told["url"], data=data)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
