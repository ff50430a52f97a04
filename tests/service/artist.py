"""Somebody who draws with the real service over HTTP, and looks at the pixels of what comes back."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image
from tests.service.conftest import until

DRAWN_S = 120.0  # for a job on a busy machine; a limit, not a measurement
Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Artist:
    client: httpx.Client

    def submit(self, prompt: str) -> Json:
        """A job of a prompt."""
        answer = self.client.post("/api/v1/jobs", json={"prompt": prompt})
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()["jobs"][0]
        return found

    def ask(self, image: Json, action: str, **more: Any) -> Json:
        """The answer to an action, after its dry run foretold it."""
        address, body = f"/api/v1/images/{image['id']}/actions", {"action": action, **more}
        told = self.client.post(address, json=body | {"dry_run": True})
        assert told.status_code == 200, told.text
        answer = self.client.post(address, json=body)
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        for name in ("width", "height", "images", "cost_gpu_ms"):
            assert found[name] == told.json()[name]
        return found

    def images(self, job: Json) -> list[Json]:
        """The images of a job, once it is drawn; charged what was foretold, or less."""

        def completed() -> Any:
            found = self.client.get(f"/api/v1/jobs/{job['id']}").json()
            assert found["state"] not in ("failed", "rejected", "cancelled"), found
            return found["state"] == "completed" and found

        found = until(completed, seconds=DRAWN_S)
        assert 0 < found["charged_gpu_ms"] <= found["cost_gpu_ms"]
        assert (found["grid"] is not None) == (len(found["images"]) == 4), "a grid only where there are four"
        drawn: list[Json] = found["images"]
        return drawn

    def do(self, image: Json, action: str, **more: Any) -> list[Json]:
        """What an action makes: as many images, of the size and with the parents that were foretold."""
        return self.taken(image, self.ask(image, action, **more))

    def taken(self, image: Json, answer: Json) -> list[Json]:
        """The images of an action that was asked for."""
        drawn = self.images(answer["jobs"][0])
        assert len(drawn) == answer["images"]
        for each in drawn:
            assert (each["width"], each["height"]) == (answer["width"], answer["height"])
            assert image["id"] in each["parents"] and each["id"] not in each["parents"]
        return drawn

    def replayed(self, image: Json) -> Json:
        """What the comparison of an image with its replay says."""
        job = self.ask(image, "replay")["jobs"][0]
        self.images(job)
        found: Json = self.client.get(f"/api/v1/jobs/{job['id']}/replay").json()
        return found

    def bring(self, pixels: Pixels, *, kind: str = "picture") -> Json:
        """An upload."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        answer = self.client.post(
            "/api/v1/uploads", files={"file": ("x.png", file.getvalue(), "image/png")}, data={"kind": kind}
        )
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found


def pixels_of(image: Json) -> Pixels:
    """(H, W, 3), as its PNG holds them."""
    answer = httpx.get(image["files"]["png"]["url"])
    assert answer.status_code == 200
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def likeness(one: Json, other: Json) -> float:
    """The mean distance of two pictures of one size, in levels of 255."""
    return float(np.abs(pixels_of(one).astype(float) - pixels_of(other).astype(float)).mean())
