"""The file that ships: small enough, whole, strictly what the network wants, and true to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from darkroom.model.autoencoder import Autoencoder
from darkroom.model.mini import BANK_NAME, WEIGHTS_NAME, Mini, read_tensors
from darkroom.model.transformer import MASKED, MiniTransformer
from darkroom.train import export as export_module
from darkroom.train.composer import HELD_OUT_ART_SET
from darkroom.train.export import LARGEST_BYTES, SET_LICENCES, export, samples_of, write_weights
from darkroom.train.sprites import ART_SETS, Atlas


@pytest.fixture(scope="module")
def average() -> MiniTransformer:
    """A network none of whose weights is zero."""
    torch.manual_seed(6)
    network = MiniTransformer()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def encoder() -> Autoencoder:
    torch.manual_seed(7)
    network = Autoencoder()
    network.scale.uniform_(0.5, 1.5)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
    drawn_atlas: Atlas,
    average: MiniTransformer,
    encoder: Autoencoder,
) -> Path:
    """A folder of weights made from a run's folder."""
    data, to = tmp_path_factory.mktemp("mini"), tmp_path_factory.mktemp("weights")
    drawn_atlas.save(data)
    torch.save(encoder.state_dict(), data / "autoencoder.pt")
    (data / "mini-1").mkdir()
    torch.save({"average": average.state_dict(), "samples": 1234}, data / "mini-1" / "state.pt")
    export(data, to)
    return to


def test_the_file_keeps_to_its_size_and_says_what_it_is(exported: Path) -> None:
    assert (exported / WEIGHTS_NAME).stat().st_size <= LARGEST_BYTES == 16_000_000
    with safe_open(exported / WEIGHTS_NAME, framework="pt") as stored:
        metadata = stored.metadata()
    assert json.loads(metadata["weights"]) == {"model": "mini-1", "samples": 1234, "licence": "Apache-2.0"}
    assert samples_of(exported / WEIGHTS_NAME) == 1234


def test_everything_is_in_half_precision_and_nothing_is_missing(
    exported: Path, average: MiniTransformer
) -> None:
    tensors = read_tensors(exported / WEIGHTS_NAME)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    names = {f"transformer.{name}" for name in average.state_dict()}
    names |= {f"autoencoder.{name}" for name in Autoencoder().state_dict()}
    assert set(tensors) == names


def test_half_precision_changes_the_estimate_by_little(exported: Path, average: MiniTransformer) -> None:
    loaded = Mini.load(exported).network  # strictly
    torch.manual_seed(0)
    inputs = [torch.randn(2, 16, 8, 8), torch.tensor([0.3, 0.9]), torch.randn(2, 12, 384), torch.zeros(2, 12)]
    inputs += [torch.randn(2, 3, 16, 8, 8), torch.tensor([[0.0, MASKED, MASKED]] * 2)]
    expected = average(*inputs)
    assert expected.std() > 0.1
    torch.testing.assert_close(loaded(*inputs), expected, rtol=0, atol=1e-2)


def test_half_precision_changes_pictures_by_little(exported: Path, encoder: Autoencoder) -> None:
    loaded = Mini.load(exported).autoencoder
    latents = torch.randn(1, 16, 6, 7)
    torch.testing.assert_close(loaded.decode(latents), encoder.decode(latents), rtol=0, atol=1e-2)


def test_the_bank_has_every_sprite_with_its_licence(
    exported: Path, drawn_atlas: Atlas, encoder: Autoencoder
) -> None:
    bank = Mini.load(exported).bank
    assert set(bank.contents.concepts) == set(drawn_atlas.concepts)
    assert dict(bank.contents.licences) == SET_LICENCES and set(SET_LICENCES) == set(ART_SETS)
    unseen = bank.exemplar("penguin", HELD_OUT_ART_SET)
    picture = export_module.exemplar(drawn_atlas, "penguin", HELD_OUT_ART_SET)
    expected = encoder.encode(export_module.to_tensor(picture[None]))[0]
    torch.testing.assert_close(unseen, expected, rtol=0, atol=float(expected.abs().max()) / 50)


def test_the_bank_knows_plurals_and_synonyms(exported: Path) -> None:
    model = Mini.load(exported)
    found = model.bank.find("two foxes and an automobile", model.text)
    assert [match.concept for match in found] == ["fox", "car"]


def test_weights_are_written_whole_and_alone(
    tmp_path: Path, exported: Path, average: MiniTransformer, encoder: Autoencoder
) -> None:
    (tmp_path / WEIGHTS_NAME).write_bytes(b"an older file")
    size = write_weights(tmp_path / WEIGHTS_NAME, average.state_dict(), encoder, samples=1234)
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS_NAME]
    assert (tmp_path / WEIGHTS_NAME).stat().st_size == size
    first, second = (read_tensors(folder / WEIGHTS_NAME) for folder in (tmp_path, exported))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (exported / BANK_NAME).stat().st_size < 2_000_000


def test_a_model_that_is_too_large_is_not_written(
    tmp_path: Path, average: MiniTransformer, encoder: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "LARGEST_BYTES", 1000)
    with pytest.raises(AssertionError, match="more than 1000"):
        write_weights(tmp_path / WEIGHTS_NAME, average.state_dict(), encoder, samples=1)
    assert not list(tmp_path.iterdir())
