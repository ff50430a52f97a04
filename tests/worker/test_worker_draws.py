"""The built-in model in a worker: the uploaded files hold the pixels that drawing in one's own process gives."""

import asyncio
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from darkroom.bootstrap import open_catalogue, open_studio, settings_of_process
from darkroom.cli.draw import Job, draw
from darkroom.core.params import Lane
from darkroom.core.work import Assignment, Claim
from darkroom.prompt import parse
from darkroom.worker.developing import Developing
from darkroom.worker.drawing import EngineGenerator
from darkroom.worker.generator import Drawn, Glimpse
from darkroom.worker.loop import Worker
from darkroom.worker.studio import Picture

PROMPT = "a red fox --v mini-1 --quality 0.25 --seed 7 --draft"
CLAIM = Claim(job_id=UUID(int=1), fence=1)


class Scorer:
    """Scores a picture by its size, and a small one by its first byte."""

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        assert len(rgb) == 3 * width * height
        return {"nsfw": rgb[0] / 255 if width < 64 else 1 / width}


@pytest.mark.slow
async def test_the_same_pixels_as_in_ones_own_process(
    service: Any, connect: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Here at the reference number of rows, in the worker at those that its self-test has proven."""
    monkeypatch.setenv("DARKROOM_THREADS", "1")  # as all tests
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    monkeypatch.delenv("DARKROOM_REGISTRY", raising=False)
    settings = settings_of_process()
    catalogue = open_catalogue(settings)
    studio = open_studio(settings, catalogue)
    (params,) = parse(PROMPT, catalogue=catalogue)
    job = Job(id="1", params=params, canonical=PROMPT, seed=7)
    (expected,) = draw(studio, [job], range(4), tell=lambda event: None, check=lambda: None)

    claim = service.job(prompt=PROMPT)
    generator = EngineGenerator(open_studio(settings, catalogue, beside=True), catalogue)
    generator.verify()
    assert (tmp_path / "profiles.json").is_file()
    async with connect(service) as connection:
        worker = Worker(connection, generator, Developing(Scorer()))
        task = asyncio.create_task(worker.run())
        await service.until(lambda: service.reports)
        worker.drain()
        await task

    (report,) = service.reports
    assert report["kind"] == "completed" and report["measured_gpu_ms"] > 0
    assert [image["index"] for image in report["images"]] == [0, 1, 2, 3, None]
    for image in report["images"]:
        for file in image["files"]:
            media_type, data = service.stored[f"{claim['job_id']}/1/{file['name']}"]
            assert (media_type, hashlib.sha256(data).hexdigest()) == (file["media_type"], file["digest"])
            with Image.open(io.BytesIO(data)) as opened:
                assert opened.size == (file["width"], file["height"])
                if file["variant"] == "png":
                    assert opened.tobytes() == expected.pictures[image["index"]].image.tobytes()
        assert f'"canonical":"{PROMPT}"' in image["provenance"]
    variants = [sorted(file["variant"] for file in image["files"]) for image in report["images"]]
    assert variants[:4] == [["avif", "png", "thumbnail", "webp"]] * 4
    assert report["images"][0]["scores"] == {"nsfw": 1 / expected.pictures[0].image.width}
    assert report["images"][4]["scores"] == {}


def look(index: int, level: int, side: int = 8) -> Glimpse:
    return Glimpse(claim=CLAIM, index=index, width=side, height=side, rgb=bytes([level]) * 3 * side * side)


def test_a_preview_is_the_grid_of_the_looks_with_their_highest_score() -> None:
    data, scores = Developing(Scorer()).preview(4, [look(0, 51), look(2, 102), look(3, 0)])
    assert scores == {"nsfw": 0.4}
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.size) == ("WEBP", (17, 17))


def test_a_preview_is_transparent_where_nothing_was_drawn_yet() -> None:
    data, _ = Developing(Scorer()).preview(4, [look(0, 51), look(3, 51)])
    with Image.open(io.BytesIO(data)) as opened:
        alpha = opened.convert("RGBA").getchannel("A")
    assert [alpha.getpixel(at) for at in ((3, 3), (12, 3), (3, 12), (12, 12))] == [255, 0, 0, 255]
    data, _ = Developing(Scorer()).preview(4, [look(index, 51) for index in range(4)])
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.convert("RGBA").getchannel("A").getextrema() == (255, 255)


def test_a_preview_is_never_large() -> None:
    data, _ = Developing(Scorer()).preview(4, [look(index, 9, side=600) for index in range(4)])
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.size == (512, 512)
    data, _ = Developing(Scorer()).preview(1, [look(0, 9, side=40)])
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.size == (40, 40)


@pytest.mark.parametrize("last", [True, False])
def test_exactness_is_promised_only_where_every_picture_keeps_it(last: bool) -> None:
    pictures = {
        index: Picture(
            image=Image.new("RGB", (64, 64)), weights_hash="0", fingerprint={"exact": last or index < 3}
        )
        for index in range(4)
    }
    assignment = Assignment(
        claim=CLAIM, prompt="a fox", model="mini-1", seed=7, lane=Lane.FAST, images=4, attempt=1
    )
    files = Developing(Scorer()).finish(assignment, Drawn(claim=CLAIM, pictures=pictures, measured_gpu_ms=1))
    promised = '"exact":true' if last else '"exact":false'
    assert all(promised in image.provenance for image in files.images)
