"""Prompts for a picture, by retrieval over the caption vocabulary: `core.ports.Describer` without any service to ask."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Self

from PIL import Image

from darkroom.classifiers.phrasing import prompts_of
from darkroom.classifiers.picture_reading import PictureReader
from darkroom.core.errors import Unavailable

CHANNELS = 3
THREADS = 1  # a description takes some ten milliseconds, and the rest of the process wants its cores


class RetrievalDescriber:
    """Implements `core.ports.Describer` on a thread of its own. The weights are read for the first picture, not at start.

    Made for the pictures of mini-1: of a photograph it says the colours, the nearest scenery that it knows, and little else.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = Lock()
        self._reader: PictureReader | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="describing")

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """With the weights in `folder` (default: those of the package), once they are needed."""
        return cls(folder)

    async def describe(self, width: int, height: int, rgb: bytes, *, count: int) -> tuple[str, ...]:
        """The same picture gives the same prompts. Unavailable where the weights cannot be read or the bytes are no picture."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self.describe_now, width, height, rgb, count)

    def describe_now(self, width: int, height: int, rgb: bytes, count: int) -> tuple[str, ...]:
        """`describe`, in the thread of who calls."""
        if min(width, height) < 1 or len(rgb) != width * height * CHANNELS:
            raise Unavailable(
                f"{len(rgb)} bytes are no picture of {width} x {height} pixels with 3 bytes each."
            )
        reader = self._ready()
        reading = reader.read(Image.frombytes("RGB", (width, height), rgb))
        return prompts_of(reading, reader.vocabulary, count=count)

    def _ready(self) -> PictureReader:
        with self._lock:
            if self._reader is None:
                self._reader = PictureReader.load(self._folder)
            return self._reader
