"""The describer over its weights: lazy, deterministic, off the event loop, and honest where it cannot."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from darkroom.classifiers import describing
from darkroom.classifiers.describing import RetrievalDescriber
from darkroom.classifiers.picture_reading import PictureReader
from darkroom.core.errors import Unavailable

SKY = bytes((58, 118, 224)) * (96 * 64)


async def test_four_different_prompts_the_same_each_time() -> None:
    describer = RetrievalDescriber()
    first = await describer.describe(96, 64, SKY, count=4)
    assert len(set(first)) == 4
    assert first == await RetrievalDescriber.load().describe(96, 64, SKY, count=4)


async def test_other_pictures_get_other_prompts() -> None:
    describer = RetrievalDescriber()
    noise = np.random.default_rng(1).integers(0, 256, 96 * 64 * 3, np.uint8).tobytes()
    assert await describer.describe(96, 64, SKY, count=4) != await describer.describe(96, 64, noise, count=4)


async def test_the_weights_are_read_once_and_not_before_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[str] = []

    class Counted(PictureReader):
        @classmethod
        def load(cls, folder: Path | None = None) -> Counted:
            loads.append(threading.current_thread().name)
            return super().load(folder)

    monkeypatch.setattr(describing, "PictureReader", Counted)
    describer = RetrievalDescriber.load()
    assert loads == []
    for _ in range(2):
        await describer.describe(96, 64, SKY, count=1)
    assert len(loads) == 1
    assert loads[0].startswith("describing")


@pytest.mark.parametrize(("width", "height"), [(96, 63), (0, 0), (-96, -64)])
async def test_bytes_that_are_no_picture_are_refused(width: int, height: int) -> None:
    with pytest.raises(Unavailable, match="no picture"):
        await RetrievalDescriber().describe(width, height, SKY, count=4)


async def test_weights_that_are_not_there_are_said_at_the_first_picture(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="picture-embedder"):
        await RetrievalDescriber.load(tmp_path).describe(96, 64, SKY, count=4)
