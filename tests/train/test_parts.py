"""Files in parts: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import OutputError
from darkroom.train import parts
from darkroom.train.parts import has_parts, join_parts, manifest_of, read_parts, write_parts


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(content=st.binary(max_size=200), part_bytes=st.integers(1, 64))
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, part_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    write_parts(content, folder, "state.pt", part_bytes=part_bytes)
    assert read_parts(folder, "state.pt") == content
    sizes = [path.stat().st_size for path in folder.glob("state.pt.*.[0-9][0-9]*")]
    assert max(sizes) <= part_bytes and len(sizes) == max(1, -(-len(content) // part_bytes))


def test_parts_stay_under_the_limit_by_default() -> None:
    assert parts.PART_BYTES < 16 * 2**20


def test_a_new_save_takes_the_place_of_the_old(tmp_path: Path) -> None:
    write_parts(b"a" * 30, tmp_path, "state.pt", part_bytes=10)
    write_parts(b"b" * 15, tmp_path, "state.pt", part_bytes=10)
    assert read_parts(tmp_path, "state.pt") == b"b" * 15
    assert len(names(tmp_path)) == 3


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "loss.tsv").write_text("x")
    write_parts(b"a", tmp_path, "weights", part_bytes=10)
    write_parts(b"b", tmp_path, "state.pt", part_bytes=10)
    write_parts(b"c", tmp_path, "state.pt", part_bytes=10)
    assert read_parts(tmp_path, "weights") == b"a"
    assert (tmp_path / "loss.tsv").read_text() == "x"


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_a_save_that_is_killed_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    write_parts(b"old" * 10, tmp_path, "state.pt", part_bytes=10)
    whole, calls = parts._write, []

    def dying(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) == dies_at:
            path.with_name(path.name + ".part").write_bytes(content[: len(content) // 2])
            raise KeyboardInterrupt
        whole(path, content)

    monkeypatch.setattr(parts, "_write", dying)
    with pytest.raises(KeyboardInterrupt):
        write_parts(b"new" * 10, tmp_path, "state.pt", part_bytes=10)
    monkeypatch.undo()
    assert read_parts(tmp_path, "state.pt") == b"old" * 10
    write_parts(b"next" * 4, tmp_path, "state.pt", part_bytes=10)
    assert read_parts(tmp_path, "state.pt") == b"next" * 4
    assert len(names(tmp_path)) == 3  # nothing of the dead save is left


def test_joining_writes_the_file_elsewhere(tmp_path: Path) -> None:
    write_parts(b"0123456789", tmp_path / "out", "state.pt", part_bytes=3)
    joined = join_parts(tmp_path / "out", "state.pt", tmp_path / "new" / "folder")
    assert joined.read_bytes() == b"0123456789"
    assert names(joined.parent) == ["state.pt"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert not has_parts(tmp_path, "state.pt")
    with pytest.raises(OutputError, match=r"state\.pt\.parts\.json"):
        read_parts(tmp_path, "state.pt")


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    write_parts(b"0123456789", tmp_path, "state.pt", part_bytes=4)
    gone = next(tmp_path.glob("state.pt.*.01"))
    gone.unlink()
    with pytest.raises(OutputError, match=gone.name):
        join_parts(tmp_path, "state.pt", tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_damaged_part_is_noticed(tmp_path: Path) -> None:
    write_parts(b"0123456789", tmp_path, "state.pt", part_bytes=4)
    next(tmp_path.glob("state.pt.*.01")).write_bytes(b"45X7")
    with pytest.raises(OutputError, match="digest"):
        read_parts(tmp_path, "state.pt")


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    manifest_of(tmp_path, "state.pt").write_text(text)
    with pytest.raises(OutputError):
        read_parts(tmp_path, "state.pt")


def test_a_manifest_cannot_reach_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    inside = tmp_path / "in"
    write_parts(b"x", inside, "state.pt")
    document = json.loads(manifest_of(inside, "state.pt").read_text()) | {"parts": ["../secret"]}
    manifest_of(inside, "state.pt").write_text(json.dumps(document))
    with pytest.raises(OutputError):
        read_parts(inside, "state.pt")
