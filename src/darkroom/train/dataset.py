"""The data set of mini-1: composed scenes in shards of one size each, rendered by all cores, resumable shard by shard.

    python -m darkroom.train.dataset --data .cache/mini --scenes 70000

A shard is `scenes/shard-00000.npy`, (N, H, W, 3) uint8, beside `shard-00000.jsonl` with one record a scene. A shard depends
on its number alone, so any machine renders the same data. Knows no latents and no network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.core.errors import OutputError
from darkroom.train.composer import Split, caption, render, sample_spec
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

SHARD_SCENES = 500
RECIPE_SCENES = 12  # scenes by which a recipe is told from another
SIZES: tuple[tuple[int, int], ...] = (
    *((64, 64),) * 13,
    (80, 48),
    (80, 48),
    (48, 80),
    (48, 80),
    (96, 40),
    (40, 96),
    (96, 96),
)
"""Width and height of the scenes of each shard, in turn: two thirds square, the rest wide, tall, and one larger."""


@dataclass(frozen=True, kw_only=True)
class SceneRecord:
    """What training needs to know of a scene beside its pixels."""

    caption: str
    concepts: tuple[str, ...]
    colours: tuple[str, ...]
    art_set: str


@dataclass(frozen=True, kw_only=True)
class Shard:
    """`scenes` scenes of one size. `number` decides everything about them."""

    folder: Path
    number: int

    @property
    def size(self) -> tuple[int, int]:
        return SIZES[self.number % len(SIZES)]

    @property
    def pixels(self) -> Path:
        return self.folder / f"shard-{self.number:05d}.npy"

    @property
    def records(self) -> Path:
        return self.folder / f"shard-{self.number:05d}.jsonl"

    @property
    def complete(self) -> bool:
        return self.pixels.exists()

    def load(self) -> tuple[NDArray[np.uint8], tuple[SceneRecord, ...]]:
        """Pixels (N, H, W, 3), memory-mapped, and the records in the same order."""
        lines = self.records.read_text(encoding="utf-8").splitlines()
        return np.load(self.pixels, mmap_mode="r"), tuple(_record(json.loads(line)) for line in lines)


def shards(data: Path, scenes: int) -> tuple[Shard, ...]:
    """The shards that hold the first `scenes` scenes, rounded up."""
    count = -(-scenes // SHARD_SCENES)
    return tuple(Shard(folder=data / "scenes", number=number) for number in range(count))


def build(data: Path, scenes: int, *, workers: int) -> tuple[Shard, ...]:
    """Render the shards that are missing. Raises OutputError where the atlas is not there."""
    if not (data / "atlas.zip").exists():
        raise OutputError(
            f"no atlas in {data}; build it with: python -m darkroom.train.sprites build --data {data}"
        )
    _check_recipe(data / "scenes", Atlas.load(data))
    wanted = shards(data, scenes)
    missing = [shard for shard in wanted if not shard.complete]
    start = time.monotonic()
    for done, _ in enumerate(_render_all(missing, data, workers), 1):
        rate = done * SHARD_SCENES / (time.monotonic() - start)
        report(f"scenes {(done + len(wanted) - len(missing)) * SHARD_SCENES}/{scenes}  {rate:.0f}/s")
    return wanted


def recipe_hash(atlas: Atlas) -> str:
    """What the composer does with this atlas: a hash over a few scenes and their captions, hexadecimal."""
    rng = np.random.default_rng(0)
    digest = hashlib.sha256(repr((SHARD_SCENES, SIZES)).encode())
    for _ in range(RECIPE_SCENES):
        spec = sample_spec(rng, atlas, split=Split.TRAIN)
        digest.update(caption(spec, atlas, rng).encode())
        digest.update(render(spec, atlas, width=64, height=64).tobytes())
    return digest.hexdigest()


def _check_recipe(folder: Path, atlas: Atlas) -> None:
    """Shards of two recipes never share a folder. Raises OutputError where they would."""
    folder.mkdir(exist_ok=True)
    note, wanted = folder / "recipe.txt", recipe_hash(atlas)
    if not note.exists() and not any(folder.glob("shard-*")):
        note.write_text(f"{wanted}\n", encoding="utf-8")
    if not note.exists() or note.read_text(encoding="utf-8").strip() != wanted:
        raise OutputError(
            f"{folder} holds scenes of another composer or atlas; remove {folder} and {folder.with_name('latents')}, "
            "or give another --data"
        )


def _render_all(missing: list[Shard], data: Path, workers: int) -> Iterator[None]:
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_start_worker, initargs=(data,)) as pool:
        yield from pool.imap_unordered(_render_shard, missing)


_atlas: Atlas


def _start_worker(data: Path) -> None:
    global _atlas
    cv2.setNumThreads(1)
    _atlas = Atlas.load(data)


def compose(number: int, atlas: Atlas) -> tuple[NDArray[np.uint8], tuple[SceneRecord, ...]]:
    """The pixels (N, H, W, 3) and the records of shard `number`, which decides everything about them."""
    rng = np.random.default_rng([20261121, number])
    width, height = SIZES[number % len(SIZES)]
    pixels = np.empty((SHARD_SCENES, height, width, 3), np.uint8)
    records = []
    for row in pixels:
        spec = sample_spec(rng, atlas, split=Split.TRAIN)
        row[:] = render(spec, atlas, width=width, height=height)
        record = SceneRecord(
            caption=caption(spec, atlas, rng),
            concepts=tuple(thing.concept for thing in spec.objects),
            colours=tuple(thing.colour or "" for thing in spec.objects),
            art_set=spec.art_set,
        )
        records.append(record)
    return pixels, tuple(records)


def _render_shard(shard: Shard) -> None:
    """Both files are written whole, the pixels last and by rename, so that a killed run leaves no half shard."""
    pixels, records = compose(shard.number, _atlas)
    lines = [json.dumps(asdict(record)) for record in records]
    partial = shard.pixels.with_suffix(f".{os.getpid()}.part")
    with partial.open("wb") as file:
        np.save(file, pixels)
    shard.records.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.rename(shard.pixels)


def _record(line: dict[str, object]) -> SceneRecord:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in line.items()}
    return SceneRecord(**values)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(".cache/mini"))
    parser.add_argument("--scenes", type=int, default=70_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    build(options.data, options.scenes, workers=options.workers)


if __name__ == "__main__":
    main()
