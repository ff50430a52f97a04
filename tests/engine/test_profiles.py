"""Profiles: how rows are cut into passes, what is remembered, and a file that others write to, damage or forbid."""

from __future__ import annotations

import json
import logging
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import ModelError
from darkroom.engine.fingerprint import EngineFingerprint, fingerprint_of
from darkroom.engine.profiles import Profile, ProfileFile, Profiles, reference_rows
from darkroom.model.denoiser import Prepared

FINGERPRINT = EngineFingerprint(
    model="tiny",
    weights_hash="0" * 64,
    rows=8,
    torch="2",
    device="cpu",
    dtype="float32",
    threads=1,
    processor="a box",
    cpu_capability="AVX2",
    kernels="torch",
)

profiles = st.frozensets(st.integers(1, 16)).map(
    lambda counts: Profile(
        row_class="tiny/8",
        fingerprint=FINGERPRINT,
        equal=counts | {8},
        knee=max(counts | {8}),
        urgent_knee=min(counts | {8}),
    )
)


def profile(row_class: str = "tiny/8", *equal: int, knee: int = 8) -> Profile:
    proven = frozenset([8, *equal])
    return Profile(
        row_class=row_class, fingerprint=FINGERPRINT, equal=proven, knee=knee, urgent_knee=min(proven)
    )


def test_the_reference_count_goes_by_the_size_of_the_latent() -> None:
    assert reference_rows((4, 8, 8)) == reference_rows((16, 64, 64)) == reference_rows((32, 128)) == 8
    assert reference_rows((16, 64, 65)) == reference_rows((1, 128, 128)) == 2


@given(profiles, st.data())
def test_a_pass_is_padded_to_the_smallest_proven_count(each: Profile, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, each.cap))
    padded = each.padded(rows)
    assert padded in each.equal and rows <= padded <= each.cap
    assert not any(rows <= count < padded for count in each.equal)
    assert each.rows == 8 and each.exact


@given(profiles, st.integers(0, 20))
def test_less_memory_keeps_exactness_while_a_proven_count_is_small_enough(each: Profile, most: int) -> None:
    narrow = each.narrowed(most)
    assert 1 <= narrow.cap <= max(each.cap, 1) and narrow.cap <= max(most, 1)
    assert 1 <= narrow.urgent_cap <= min(narrow.cap, each.urgent_cap)
    assert narrow.exact == any(count <= most for count in each.equal)
    assert narrow.equal <= each.equal
    assert narrow.rows == (8 if narrow.exact else 0), "what is not exact must not claim to be"
    if not narrow.exact:
        assert [narrow.padded(rows) for rows in range(1, narrow.cap + 1)] == [*range(1, narrow.cap + 1)]


@pytest.fixture
def prepared(tiny: Any, ask: Any) -> Prepared:
    made: Prepared = tiny.prepare(ask("fox guidance=2"), index=0)
    return made


def test_a_class_is_measured_once_and_read_from_the_file_by_the_next_process(
    tiny: Any, prepared: Prepared, tmp_path: Path
) -> None:
    path = tmp_path / "sub" / "profiles.json"
    mine = Profiles(path)
    assert mine.known(tiny, prepared) is None
    found = mine.of(tiny, prepared)
    assert (
        found.exact
        and found.rows == 8
        and 8 in found.equal
        and found.fingerprint == fingerprint_of(tiny, rows=8)
    )
    passes = len(tiny.passes)
    assert passes >= 4
    assert mine.of(tiny, prepared) == Profiles(path).of(tiny, prepared) == found
    assert Profiles(path, measure=False).of(tiny, prepared) == Profiles(path).known(tiny, prepared) == found
    assert len(tiny.passes) == passes
    fast = mine.of(tiny, prepared, exact=False)
    assert not fast.exact and fast.rows == 0 and fast.padded(1) == 1 and len(tiny.passes) > passes
    assert Profiles(path).known(tiny, prepared, exact=False) == fast
    assert mine.of(tiny, prepared) == found, "they are kept apart"


def test_without_a_file_and_without_measuring(tiny: Any, prepared: Prepared, tmp_path: Path) -> None:
    quick = Profiles(measure=False).of(tiny, prepared)
    assert (quick.equal, quick.cap, quick.padded(1)) == ({8}, 8, 8) and not tiny.passes
    fast = Profiles(measure=False).of(tiny, prepared, exact=False)
    assert (fast.equal, fast.cap, fast.padded(1)) == (frozenset(), 8, 1) and not tiny.passes
    memory = Profiles()
    assert memory.of(tiny, prepared) is memory.of(tiny, prepared)
    assert Profiles(measure=False, rows=4).of(tiny, prepared).equal == {4}


@pytest.mark.parametrize(
    "change", [{"weights_hash": "1" * 64}, {"dtype": torch.bfloat16}, {"kernels": "flash"}]
)
def test_another_environment_is_measured_by_itself(
    tiny: Any, prepared: Prepared, tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "profiles.json"
    Profiles(path).of(tiny, prepared)
    for name, value in change.items():
        setattr(tiny, name, value)
    assert Profiles(path).known(tiny, prepared) is None
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert Profiles(path).known(tiny, prepared) is None
    finally:
        torch.set_num_threads(threads)


def test_another_process_measured_it_in_the_meantime(tiny: Any, prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "profiles.json"
    mine = Profiles(path)
    assert mine.known(tiny, prepared) is None
    found = Profiles(path).of(tiny, prepared)
    passes = len(tiny.passes)
    assert mine.of(tiny, prepared) == found and len(tiny.passes) == passes


def test_a_broken_device_is_refused_for_as_long_as_the_process_lives(
    tiny: Any, prepared: Prepared, tmp_path: Path
) -> None:
    estimate, path = tiny.estimate, tmp_path / "profiles.json"
    tiny.estimate = lambda latents, sigmas, words: latents + torch.rand(len(latents), 1, 1, 1)
    mine = Profiles(path)
    with pytest.raises(ModelError, match="does not keep exact mode for tiny/8"):
        mine.of(tiny, prepared)
    assert not path.exists()
    assert mine.of(tiny, prepared, exact=False).cap >= 1, "fast mode promises nothing"
    passes = len(tiny.passes)
    with pytest.raises(ModelError, match="does not keep exact mode for tiny/8"):
        mine.of(tiny, prepared)
    assert len(tiny.passes) == passes, "it was shown before"
    tiny.estimate = estimate
    assert Profiles(path).of(tiny, prepared).exact


def test_a_bad_request_measures_nothing_for_those_after_it(tiny: Any, ask: Any, tmp_path: Path) -> None:
    mine = Profiles(tmp_path / "profiles.json")
    bad = mine.of(tiny, tiny.prepare(ask("fox fault=nan"), index=0))
    assert bad.equal == {8} and not (tmp_path / "profiles.json").exists()
    good = tiny.prepare(ask("fox"), index=0)
    assert mine.known(tiny, good) is None and mine.of(tiny, good).exact


def test_a_device_too_small_for_the_reference_is_not_exact(
    tiny: Any, prepared: Prepared, tmp_path: Path
) -> None:
    def small(rows: int) -> None:
        if rows > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    tiny.before_pass = small
    mine = Profiles(tmp_path / "profiles.json")
    found = mine.of(tiny, prepared)
    assert not found.exact and found.rows == 0 and found.cap == 4 and mine.known(tiny, prepared) is None
    assert not (tmp_path / "profiles.json").exists(), "another time there may be more memory"

    def broken(rows: int) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    tiny.before_pass = broken
    with pytest.raises(RuntimeError, match="shapes"):
        Profiles().of(tiny, prepared)


DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b'{"format": 2, "profiles": []}',
    b'{"format": 1, "profiles": {"a": 1}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_or_foreign_file_is_measured_again_and_replaced(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "profiles.json"
    path.write_bytes(content)
    file = ProfileFile(path)
    with caplog.at_level(logging.WARNING):
        assert file.read() == {} and "profiles" in caplog.text
    file.add(profile())
    assert list(file.read().values()) == [profile()]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["profiles.json", "profiles.json.lock"]


@pytest.mark.parametrize(
    "change",
    [
        {"knee": 3},
        {"knee": True},
        {"knee": "8"},
        {"urgent_knee": 2},
        {"urgent_knee": None},
        {"urgent_knee": 8, "knee": 4},
        {"equal": [4]},
        {"equal": []},
        {"equal": [8, 0]},
        {"equal": [8, 99], "knee": 99},
        {"equal": [8, "x"]},
        {"equal": None},
        {"row_class": 5},
        {"fingerprint": None},
        {"fingerprint": {}},
        {"fingerprint": {**vars(FINGERPRINT), "rows": "8"}},
        {"fingerprint": {**vars(FINGERPRINT), "threads": [1]}},
        {"fingerprint": {**vars(FINGERPRINT), "more": 1}},
        {"fingerprint": {**vars(FINGERPRINT), "rows": 0}},
    ],
)
def test_an_entry_that_makes_no_sense_is_left_out_and_the_others_are_kept(
    change: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "profiles.json"
    file = ProfileFile(path)
    file.add(profile("good", 4))
    file.add(profile("bad", 4))
    told = json.loads(path.read_text())
    told["profiles"][1] |= change
    path.write_text(json.dumps(told))
    assert [each.row_class for each in file.read().values()] == ["good"]


def _write(path: Path, writer: int) -> None:
    for number in range(20):
        ProfileFile(path).add(profile(f"{writer}/{number}", 4))


def test_processes_that_share_a_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "profiles.json"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(ProfileFile(path).read()) == 80


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.engine.profiles.PROFILES_MAX", 3)
    file = ProfileFile(tmp_path / "profiles.json")
    for name in ("a", "b", "c", "a", "d"):
        file.add(profile(name))
    assert [each.row_class for each in file.read().values()] == ["c", "a", "d"]


def test_a_file_that_cannot_be_written_is_no_reason_to_stop(
    tiny: Any, prepared: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in the way").write_text("")
    mine = Profiles(tmp_path / "in the way" / "profiles.json")
    with caplog.at_level(logging.WARNING):
        found = mine.of(tiny, prepared)
    assert found.exact and mine.of(tiny, prepared) is found and "cannot be kept" in caplog.text
