"""Files are whole or not there; what cannot be written is said in a sentence."""

import errno
import os
import resource
from pathlib import Path

import pytest

from darkroom.core.errors import OutputError
from darkroom.finish.write import check_folder, free_stem, write_whole


def test_a_file_is_written_with_ordinary_permissions(tmp_path: Path) -> None:
    (beside := tmp_path / "beside").write_bytes(b"")
    write_whole(tmp_path / "fox.png", b"pixels")
    assert (tmp_path / "fox.png").read_bytes() == b"pixels"
    assert (tmp_path / "fox.png").stat().st_mode == beside.stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["beside", "fox.png"]


def test_a_taken_name_is_an_error_and_stays_untouched(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"cannot write .*fox\.png: File exists"):
        write_whole(tmp_path / "fox.png", b"other")
    assert (tmp_path / "fox.png").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["fox.png"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    write_whole(tmp_path / "fox.png", b"pixels")
    with pytest.raises(OutputError, match="File exists"):
        write_whole(tmp_path / "fox.png", b"other")
    assert (tmp_path / "fox.png").read_bytes() == b"pixels"
    assert os.listdir(tmp_path) == ["fox.png"]


def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path: Path) -> None:
    """A real refusal by the kernel in the middle of a file: the limit on file size stands for the full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*fox\.png: File too large"):
            write_whole(tmp_path / "fox.png", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_noticed_late_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(tmp_path / "fox.png", b"x")
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "fox.png", b"x")
    assert os.listdir(tmp_path) == []


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder, reason in [
        (tmp_path / "file" / "out", "Not a directory"),
        (tmp_path / "file", "File exists"),
        (Path("/proc/out"), "No such file or directory"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "nul\0l", "embedded null byte"),
    ]:
        with pytest.raises(OutputError, match=f"cannot write in the folder .*{reason}.*-o FOLDER"):
            check_folder(folder)
        with pytest.raises(OutputError, match="cannot write"):
            write_whole(folder / "fox.png", b"x")


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    check_folder(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_stem_that_is_free(tmp_path: Path) -> None:
    endings = ("_1.png", "_grid.webp")
    assert free_stem(tmp_path, "fox_7", endings) == "fox_7"
    (tmp_path / "fox_7_grid.webp").write_bytes(b"")
    assert free_stem(tmp_path, "fox_7", endings) == "fox_7-2"
    (tmp_path / "fox_7-2_1.png").symlink_to("nowhere")
    assert free_stem(tmp_path, "fox_7", endings) == "fox_7-3"
