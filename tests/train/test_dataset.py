"""The data set: a shard is a function of its number, and is there whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkroom.core.errors import OutputError
from darkroom.train import dataset
from darkroom.train.composer import HELD_OUT_ART_SET, HELD_OUT_CONCEPTS
from darkroom.train.dataset import SIZES, Shard, build, compose, shards
from darkroom.train.sprites import Atlas

SCENES = 6
"""Of a shard, in these tests."""


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SHARD_SCENES", SCENES)


@pytest.fixture
def data(tmp_path: Path, drawn_atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with an atlas, whose shards are rendered in this process."""
    drawn_atlas.save(tmp_path)
    monkeypatch.setattr(dataset, "_render_all", _render_here)
    return tmp_path


def _render_here(missing: list[Shard], data: Path, workers: int) -> list[None]:
    dataset._start_worker(data)
    return [dataset._render_shard(shard) for shard in missing]


def files(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((data / "scenes").glob("shard-*"))}


def test_a_shard_depends_on_its_number_alone(drawn_atlas: Atlas) -> None:
    first, again, other = (compose(number, drawn_atlas) for number in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert (first[0] != other[0]).any() and first[1] != other[1]


def test_the_order_of_rendering_is_immaterial(data: Path) -> None:
    wanted = shards(data, 3 * SCENES)
    (data / "scenes").mkdir()
    _render_here(list(reversed(wanted)), data, 1)
    backwards = files(data)
    for path in (data / "scenes").iterdir():
        path.unlink()
    build(data, 3 * SCENES, workers=1)
    assert files(data) == backwards


def test_shards_of_another_recipe_are_never_mixed_in(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(data, SCENES, workers=1)
    build(data, SCENES, workers=1)
    monkeypatch.setattr("darkroom.train.composer.sampling.STYLED_SHARE", 0.9)
    with pytest.raises(OutputError, match="another composer"):
        build(data, 2 * SCENES, workers=1)


def test_shards_of_an_unknown_recipe_are_not_taken_over(data: Path) -> None:
    build(data, SCENES, workers=1)
    (data / "scenes" / "recipe.txt").unlink()
    with pytest.raises(OutputError, match="remove"):
        build(data, SCENES, workers=1)


def test_shards_hold_at_least_the_scenes_asked_for(tmp_path: Path) -> None:
    assert [len(shards(tmp_path, scenes)) for scenes in (0, 1, SCENES, SCENES + 1)] == [0, 1, 1, 2]


@pytest.mark.parametrize("number", [0, 13, 15, 17, 18, 19])
def test_every_size_is_drawn_as_its_shard_says(data: Path, number: int) -> None:
    shard = Shard(folder=data / "scenes", number=number)
    (data / "scenes").mkdir()
    _render_here([shard], data, 1)
    pixels, records = shard.load()
    width, height = SIZES[number]
    assert shard.size == (width, height)
    assert pixels.shape == (SCENES, height, width, 3) and pixels.dtype == np.uint8
    assert len(records) == SCENES
    assert pixels.std() > 5


def test_sizes_are_multiples_of_what_the_autoencoder_takes() -> None:
    assert all(width % 8 == 0 and height % 8 == 0 for width, height in SIZES)
    assert sum(size == (64, 64) for size in SIZES) / len(SIZES) == pytest.approx(0.65)


def test_records_tell_what_training_needs(drawn_atlas: Atlas) -> None:
    records = [record for number in range(4) for record in compose(number, drawn_atlas)[1]]
    assert all(record.caption for record in records)
    assert all(len(record.concepts) == len(record.colours) <= 3 for record in records)
    assert any(record.concepts for record in records)
    shown = {concept for record in records for concept in record.concepts}
    assert shown <= set(drawn_atlas.concepts) - set(HELD_OUT_CONCEPTS)
    assert HELD_OUT_ART_SET not in {record.art_set for record in records}


def test_what_is_written_is_what_was_composed(data: Path, drawn_atlas: Atlas) -> None:
    (shard,) = build(data, 1, workers=1)
    pixels, records = shard.load()
    composed, expected = compose(0, drawn_atlas)
    np.testing.assert_array_equal(pixels, composed)
    assert records == expected


def test_what_is_there_is_not_rendered_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(data, SCENES, workers=1)
    rendered: list[int] = []

    def spy(missing: list[Shard], data: Path, workers: int) -> list[None]:
        rendered.extend(shard.number for shard in missing)
        return _render_here(missing, data, workers)

    monkeypatch.setattr(dataset, "_render_all", spy)
    build(data, 2 * SCENES, workers=1)
    assert rendered == [1]


def test_progress_is_reported(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(data, 2 * SCENES, workers=1)
    assert f"scenes {2 * SCENES}/{2 * SCENES}" in capsys.readouterr().err


def test_without_an_atlas_the_way_to_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"sprites build --data"):
        build(tmp_path, 1, workers=1)
    assert not (tmp_path / "scenes").exists()


@pytest.mark.parametrize("moment", ["save", "write_text", "rename"])
def test_a_killed_build_leaves_no_half_shard(
    data: Path, drawn_atlas: Atlas, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np if moment == "save" else Path, moment, die)
        with pytest.raises(KeyboardInterrupt):
            build(data, SCENES, workers=1)
    (shard,) = shards(data, SCENES)
    assert not shard.complete
    build(data, SCENES, workers=1)
    np.testing.assert_array_equal(shard.load()[0], compose(0, drawn_atlas)[0])


WORKERS = """
import sys
from pathlib import Path
from darkroom.train import dataset
dataset.SHARD_SCENES = 2
if __name__ == "__main__":
    dataset.build(Path(sys.argv[1]), 8, workers=int(sys.argv[2]))
"""


def test_two_workers_make_the_same_as_one(tmp_path: Path, drawn_atlas: Atlas) -> None:
    script = tmp_path / "build.py"  # a file, because each worker process imports it anew
    script.write_text(WORKERS)
    made = []
    for workers in ("1", "2"):
        drawn_atlas.save(tmp_path / workers)
        command = [sys.executable, str(script), str(tmp_path / workers), workers]
        subprocess.run(command, check=True, capture_output=True)
        made.append(files(tmp_path / workers))
    assert made[0] == made[1]
    assert len(made[0]) == 8


DIES = """
import os, signal, sys
from pathlib import Path
from darkroom.train import dataset
data = Path(sys.argv[1])
dataset.SHARD_SCENES = 2
dataset._start_worker(data)
(data / "scenes").mkdir()
first, second = dataset.shards(data, 4)
dataset._render_shard(first)
write = Path.write_text
def die(self, *args, **kwargs):
    write(self, *args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_text = die
dataset._render_shard(second)
"""


def test_a_process_that_is_killed_keeps_what_it_finished(
    tmp_path: Path, drawn_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD_SCENES", 2)
    drawn_atlas.save(tmp_path)
    command = [sys.executable, "-c", DIES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    first, second = shards(tmp_path, 4)
    assert first.complete and not second.complete
    np.testing.assert_array_equal(first.load()[0], compose(0, drawn_atlas)[0])
