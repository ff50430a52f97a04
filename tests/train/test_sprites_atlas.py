"""The atlas file: what goes in comes out, and a bad one is refused in words."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from darkroom.core.errors import OutputError
from darkroom.train.sprites import SPRITE_PX, Atlas, Concept
from darkroom.train.sprites.atlas import ATLAS_FORMAT, ATLAS_NAME, INDEX_NAME, Sprite, bleed, encode


def disc(colour: tuple[int, int, int]) -> Sprite:
    rows, columns = np.mgrid[:SPRITE_PX, :SPRITE_PX]
    sprite = np.zeros((SPRITE_PX, SPRITE_PX, 4), np.uint8)
    sprite[np.hypot(rows - 63.5, columns - 63.5) < 60] = (*colour, 255)
    return sprite


def concept(name: str, *art_sets: str) -> Concept:
    return Concept(
        name=name, plural=name + "s", category="toy", synonyms=("orb", "globe"), natural_colour="red", recolour=True,
        habitat="air", art_sets=art_sets,
    )  # fmt: skip


@pytest.fixture
def atlas() -> Atlas:
    concepts = {
        "zebra ball": concept("zebra ball", "noto"),
        "artist's ball": concept("artist's ball", "noto", "twemoji"),
    }
    blobs = {("zebra ball", "noto"): encode(disc((200, 30, 30)))}
    blobs |= {("artist's ball", s): encode(disc((30, 30, 200))) for s in ("noto", "twemoji")}
    return Atlas(concepts, blobs)


def test_round_trip(atlas: Atlas, tmp_path: Path) -> None:
    path = atlas.save(tmp_path / "mini")
    again = Atlas.load(path.parent)
    assert dict(again.concepts) == dict(atlas.concepts)
    assert list(again.concepts) == ["artist's ball", "zebra ball"]
    for name, art_set in (("zebra ball", "noto"), ("artist's ball", "twemoji")):
        np.testing.assert_array_equal(again.sprite(name, art_set), atlas.sprite(name, art_set))


def test_a_sprite_is_what_was_drawn(atlas: Atlas) -> None:
    sprite, drawn = atlas.sprite("zebra ball", "noto"), disc((200, 30, 30))
    assert sprite.shape == (128, 128, 4) and sprite.dtype == np.uint8
    np.testing.assert_array_equal(sprite[..., 3], drawn[..., 3])
    inside = drawn[..., 3] == 255
    np.testing.assert_array_equal(sprite[inside], drawn[inside])


def test_a_sprite_is_decoded_once_and_cannot_be_written(atlas: Atlas) -> None:
    sprite = atlas.sprite("zebra ball", "noto")
    assert atlas.sprite("zebra ball", "noto") is sprite
    with pytest.raises(ValueError, match="read-only"):
        sprite[0, 0] = 1


def test_an_unknown_sprite_is_a_key_error(atlas: Atlas) -> None:
    with pytest.raises(KeyError):
        atlas.sprite("zebra ball", "twemoji")


def test_an_atlas_travels_between_processes(atlas: Atlas) -> None:
    assert pickle.loads(pickle.dumps(dict(atlas.concepts))) == dict(atlas.concepts)
    with pytest.raises(TypeError):
        atlas.concepts["x"] = concept("x")  # type: ignore[index]


def test_the_same_sprites_give_the_same_file(atlas: Atlas, tmp_path: Path) -> None:
    assert atlas.save(tmp_path / "a").read_bytes() == atlas.save(tmp_path / "b").read_bytes()


def test_colour_runs_on_beyond_the_edge() -> None:
    grown = bleed(disc((10, 200, 30)))
    assert (grown[0, 0] == (10, 200, 30, 0)).all()
    assert (grown[..., :3] == (10, 200, 30)).all()


def test_an_empty_picture_stays_empty() -> None:
    assert not bleed(np.zeros((8, 8, 4), np.uint8)).any()


def test_no_atlas_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="build"):
        Atlas.load(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"not a zip"])
def test_a_damaged_atlas_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / ATLAS_NAME).write_bytes(damage)
    with pytest.raises(OutputError, match="no usable sprite atlas"):
        Atlas.load(tmp_path)


def archive(index: object) -> bytes:
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as out:
        out.writestr(INDEX_NAME, json.dumps(index))
    return blob.getvalue()


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / ATLAS_NAME).write_bytes(archive({"format": ATLAS_FORMAT + 1, "concepts": []}))
    with pytest.raises(OutputError, match="has format 2"):
        Atlas.load(tmp_path)


def test_an_index_without_its_sprites_is_refused(atlas: Atlas, tmp_path: Path) -> None:
    with zipfile.ZipFile(atlas.save(tmp_path)) as whole:
        index = json.loads(whole.read(INDEX_NAME))
    (tmp_path / ATLAS_NAME).write_bytes(archive(index))
    with pytest.raises(OutputError, match=r"noto/artist.*webp"):
        Atlas.load(tmp_path)
