"""The shipped picture embedder: the graph without torch does what the trained network does, and reads pictures of any shape."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from darkroom.classifiers.picture_graph import unshuffled
from darkroom.classifiers.picture_reading import WEIGHTS_FILE, PictureReader
from darkroom.classifiers.text import WEIGHTS_FOLDER
from darkroom.core.errors import Unavailable

RED = (222, 52, 48)


@pytest.fixture(scope="module")
def reader() -> PictureReader:
    return PictureReader.load()


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_unshuffling_puts_four_pixels_into_the_channels_of_one() -> None:
    picture = np.arange(64 * 64 * 3).reshape(1, 64, 64, 3) % 251
    cells = unshuffled(picture.astype(np.uint8))
    assert cells.shape == (1, 12, 32, 32)
    channel, dy, dx, row, column = 2, 1, 0, 5, 9
    expected = picture[0, 2 * row + dy, 2 * column + dx, channel] / 127.5 - 1
    assert cells[0, channel * 4 + dy * 2 + dx, row, column] == pytest.approx(expected)


def test_odds_add_up_and_the_vector_has_unit_length(reader: PictureReader) -> None:
    reading = reader.read(plain(RED))
    assert sum(reading.things) == pytest.approx(1)
    assert len(reading.things) == len(reader.vocabulary["things"])
    for odds in reading.attributes.values():
        assert sum(odds.values()) == pytest.approx(1)
    assert np.linalg.norm(reading.vector) == pytest.approx(1, abs=1e-5)


def test_the_same_picture_reads_the_same(reader: PictureReader) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (70, 90, 3), np.uint8))
    assert reader.read(noise).things == reader.read(noise).things


@pytest.mark.parametrize("colour", ["red", "green", "blue", "yellow"])
def test_a_plain_wall_is_read_as_a_background_of_its_colour(reader: PictureReader, colour: str) -> None:
    values = {"red": RED, "green": (76, 176, 84), "blue": (58, 118, 224), "yellow": (250, 214, 66)}
    assert reader.read(plain(values[colour])).best("backdrop")[0][0] == colour


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (1024, 768)])
def test_pictures_of_any_shape_are_read(reader: PictureReader, size: tuple[int, int]) -> None:
    assert reader.read(plain(RED, size)).square.shape == (64, 64, 3)


def test_best_is_sorted_and_breaks_ties_by_name(reader: PictureReader) -> None:
    best = reader.read(plain(RED)).best("place", 5)
    assert [odds for _, odds in best] == sorted((odds for _, odds in best), reverse=True)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"picture-embedder\.safetensors"):
        PictureReader.load(tmp_path)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS_FOLDER / WEIGHTS_FILE, tmp_path)
    content = (tmp_path / WEIGHTS_FILE).read_bytes()
    (tmp_path / WEIGHTS_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(Unavailable, match="cannot be described"):
        PictureReader.load(tmp_path)


def test_a_file_of_another_format_is_said(tmp_path: Path) -> None:
    save_file(
        {"x": np.zeros(3, np.float32)}, tmp_path / WEIGHTS_FILE, {"document": json.dumps({"format": "?"})}
    )
    with pytest.raises(Unavailable, match="format"):
        PictureReader.load(tmp_path)


def test_the_file_keeps_to_its_size_and_says_its_licence() -> None:
    path = WEIGHTS_FOLDER / WEIGHTS_FILE
    assert path.stat().st_size < 4_000_000
    with safe_open(path, framework="np") as stored:
        document = json.loads(stored.metadata()["document"])
    assert document["licence"] == "Apache-2.0"
    assert document["samples"] > 0
