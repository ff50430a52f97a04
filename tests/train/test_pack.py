"""The folder for a GPU machine: what is in it for each kind of start, that it stays small, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.core.errors import OutputError, WeightsError
from darkroom.model.autoencoder import Autoencoder
from darkroom.model.mini import WEIGHTS_NAME
from darkroom.model.transformer import MiniTransformer
from darkroom.train import pack as pack_module
from darkroom.train.export import write_weights
from darkroom.train.pack import NOTE_NAME, PACK_BYTES, STATE_NAME, Pack, on_cpu, pack
from darkroom.train.parts import PART_BYTES
from darkroom.train.sprites import Atlas


def network(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return MiniTransformer().state_dict()


def encoder(seed: int) -> Autoencoder:
    torch.manual_seed(seed)
    return Autoencoder()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, drawn_atlas: Atlas) -> Path:
    """A run's folder: an atlas, an autoencoder and a state whose network is not its average."""
    folder = tmp_path_factory.mktemp("mini")
    drawn_atlas.save(folder)
    torch.save(encoder(1).state_dict(), folder / "autoencoder.pt")
    (folder / "mini-1").mkdir()
    state = {"network": network(1), "average": network(2), "samples": 5000, "optimizers": [{}]}
    torch.save(state, folder / "mini-1" / STATE_NAME)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that ship, of another run with another autoencoder."""
    path = tmp_path_factory.mktemp("shipped") / WEIGHTS_NAME
    write_weights(path, network(3), encoder(9), samples=777)
    return path


def same(first: Any, second: Any) -> bool:
    return all(torch.allclose(first[name].float(), second[name], atol=2e-3) for name in second)


def test_from_weights_the_autoencoder_comes_along(data: Path, weights: Path, tmp_path: Path) -> None:
    size = pack(data, tmp_path, start="weights", weights=weights)
    assert {path.name for path in tmp_path.iterdir()} == {"atlas.zip", WEIGHTS_NAME, NOTE_NAME}
    assert size <= PACK_BYTES
    opened = Pack.open(tmp_path)
    assert opened.samples == 777
    assert same(opened.average, network(3)) and opened.network is opened.average
    assert same(opened.encoder.state_dict(), encoder(9).state_dict())
    assert set(opened.atlas.concepts) == set(Atlas.load(data).concepts)


def test_from_a_state_the_network_comes_beside_its_average(data: Path, weights: Path, tmp_path: Path) -> None:
    size = pack(data, tmp_path, start="state", weights=weights)
    assert size + 12 * 2**20 <= PACK_BYTES  # room for the real atlas
    assert max(path.stat().st_size for path in tmp_path.glob(f"{STATE_NAME}.*")) <= PART_BYTES
    opened = Pack.open(tmp_path)
    assert opened.samples == 5000
    assert same(opened.average, network(2)) and same(opened.network, network(1))
    assert not same(opened.average, network(1))


def test_from_scratch_there_is_an_autoencoder_alone(data: Path, weights: Path, tmp_path: Path) -> None:
    pack(data, tmp_path, start="scratch", weights=weights)
    opened = Pack.open(tmp_path)
    assert not opened.average and opened.samples == 0
    assert same(opened.encoder.state_dict(), encoder(1).state_dict())


def test_packing_anew_leaves_nothing_of_the_last_pack(data: Path, weights: Path, tmp_path: Path) -> None:
    pack(data, tmp_path, start="state", weights=weights)
    pack(data, tmp_path, start="weights", weights=weights)
    assert not list(tmp_path.glob(f"{STATE_NAME}.*"))
    assert Pack.open(tmp_path).samples == 777


def test_the_note_lists_the_files(data: Path, weights: Path, tmp_path: Path) -> None:
    pack(data, tmp_path, start="weights", weights=weights)
    note = json.loads((tmp_path / NOTE_NAME).read_text())
    assert (note["start"], note["samples"]) == ("weights", 777)
    assert note["files"] == {p.name: p.stat().st_size for p in tmp_path.iterdir() if p.name != NOTE_NAME}


def test_what_lies_beside_counts_against_the_size(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "x.whl").write_bytes(b"x" * 1000)
    size = pack(data, tmp_path, start="weights", weights=weights)
    monkeypatch.setattr(pack_module, "PACK_BYTES", size - 500)
    with pytest.raises(OutputError, match="more than"):
        pack(data, tmp_path, start="weights", weights=weights)


def test_without_an_atlas_the_way_to_one_is_said(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="make data-mini"):
        pack(tmp_path, tmp_path / "to", start="weights", weights=weights)


def test_without_weights_the_file_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        pack(data, tmp_path, start="weights", weights=tmp_path / "none.safetensors")


def test_a_folder_that_is_no_pack_is_refused(data: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"mini-1\.safetensors"):
        Pack.open(tmp_path)
    pack(data, tmp_path, start="weights", weights=weights)
    (tmp_path / NOTE_NAME).unlink()
    with pytest.raises(OutputError, match=r"darkroom\.train\.pack"):
        Pack.open(tmp_path)


def test_a_state_survives_the_way_through_parts(tmp_path: Path) -> None:
    state = {"samples": 3, "nest": [{"a": torch.arange(3)}, (torch.ones(2), None)], "rng": {"state": 2**100}}
    pack_module.save_state(state, tmp_path)
    loaded = pack_module.load_state(tmp_path)
    assert loaded["samples"] == 3 and loaded["rng"] == {"state": 2**100}
    assert torch.equal(loaded["nest"][0]["a"], torch.arange(3))
    assert torch.equal(loaded["nest"][1][0], torch.ones(2)) and loaded["nest"][1][1] is None


def test_tensors_of_other_devices_come_home() -> None:
    moved = on_cpu({"a": [torch.nn.Parameter(torch.ones(2))]})["a"][0]
    assert moved.device.type == "cpu" and not moved.requires_grad
