"""Scenes composed by other processes while a network trains: shards without end, whichever is done first.

Text becomes token ids there as well, so that the training process only copies arrays. Knows no device and no network.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from darkroom.model.text_encoder import TOKENIZER_FILE, WEIGHTS_FOLDER, TextEncoder
from darkroom.train.corpus import MOST_SLOTS, WORDS
from darkroom.train.dataset import SceneRecord, compose
from darkroom.train.sprites import ART_SETS, Atlas

QUEUED_PER_WORKER = 2
NO_THING = -1


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A shard as arrays. Things and art sets are numbers: places in the atlas's names and in ART_SETS."""

    pixels: NDArray[np.uint8]  # (N, H, W, 3)
    ids: NDArray[np.int64]  # (N, L) token ids
    present: NDArray[np.bool_]  # (N, L) which of them are there
    things: NDArray[np.int64]  # (N, S), NO_THING where there is none
    art_sets: NDArray[np.int64]  # (N,)


class Composers:
    """Worker processes with a short queue. Leaving the `with` block ends them."""

    def __init__(self, atlas_folder: Path, *, first: int, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start_worker, initargs=(atlas_folder,)
        )
        self._next = first
        self._queue: set[Future[Composed]] = set()
        for _ in range(workers * QUEUED_PER_WORKER):
            self._order()

    def ready(self) -> list[Composed]:
        """What is done by now, perhaps nothing. A failed worker's exception is raised here."""
        done = {future for future in self._queue if future.done()}
        return self._take(done)

    def next(self) -> list[Composed]:
        """What is done, as soon as anything is."""
        done, _ = wait(self._queue, return_when=FIRST_COMPLETED)
        return self._take(done)

    def _take(self, done: set[Future[Composed]]) -> list[Composed]:
        self._queue -= done
        for _ in done:
            self._order()
        return [future.result() for future in done]

    def _order(self) -> None:
        self._queue.add(self._pool.submit(_compose, self._next))
        self._next += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """How many this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def arrays_of(
    pixels: NDArray[np.uint8], records: tuple[SceneRecord, ...], atlas: Atlas, text: TextEncoder
) -> Composed:
    """A shard in numbers. `text` lends its tokeniser only."""
    ids, present = text.tokenize([record.caption for record in records], length=WORDS)
    numbers = {name: i for i, name in enumerate(atlas.concepts)}
    things = np.full((len(records), MOST_SLOTS), NO_THING, np.int64)
    for row, record in zip(things, records, strict=True):
        row[: len(record.concepts)] = [numbers[name] for name in record.concepts]
    art_sets = np.array([ART_SETS.index(record.art_set) for record in records])
    return Composed(pixels=pixels, ids=ids.numpy(), present=present.numpy(), things=things, art_sets=art_sets)


_atlas: Atlas
_text: TextEncoder


def _start_worker(atlas_folder: Path) -> None:
    global _atlas, _text
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _atlas = Atlas.load(atlas_folder)
    with torch.device("meta"):
        _text = TextEncoder(Tokenizer.from_file(str(WEIGHTS_FOLDER / TOKENIZER_FILE)))


def _compose(number: int) -> Composed:
    pixels, records = compose(number, _atlas)
    return arrays_of(pixels, records, _atlas, _text)
