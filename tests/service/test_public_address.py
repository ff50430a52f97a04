"""A public address that leads nowhere yet: pictures still get from a worker beside the server into its folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.service.conftest import Hand, Served, completed, ended, serve

from darkroom.bootstrap.folder import running

PUBLIC = "https://nowhere.invalid"
PIXELS = b"the bytes of a picture"


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Served]:
    """The server as its own machine reaches it."""
    served = serve(tmp_path / "data", "--workers", "0", DARKROOM_PUBLIC_URL=PUBLIC)
    try:
        assert served.url == PUBLIC
        announced = running(served.data)
        assert announced is not None and announced.url.startswith("http://127.0.0.1:")
        yield replace(served, url=announced.url)
    finally:
        ended(served)


def test_a_worker_uploads_where_it_pulls(behind: Served) -> None:
    hand = Hand(behind, "beside")
    with behind.client() as owner:
        submitted = owner.post("/api/v1/jobs", json={"prompt": "a red fox"})
        assert submitted.status_code == 202, submitted.text
        job = hand.take()
        assert hand.place(job).startswith(f"{behind.url}/files/staging/")
        assert hand.put(job, PIXELS).status_code == 204
        assert hand.report(completed(job, data=PIXELS)) == ["accepted"]
        (image, *_) = owner.get(f"/api/v1/jobs/{job['job_id']}").json()["images"]
    hand.leave()
    public = image["files"]["png"]["url"]
    assert public.startswith(f"{PUBLIC}/files/blobs/")
    assert httpx.get(public.replace(PUBLIC, behind.url)).content == PIXELS
