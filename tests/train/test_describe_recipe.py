"""The recipe of the picture embedder: lessons that fit their captions, a step that learns, and a file that reads as it was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from darkroom.classifiers.picture_reading import WEIGHTS_FILE, PictureReader
from darkroom.model.autoencoder import Autoencoder
from darkroom.train import dataset
from darkroom.train.composer import Split
from darkroom.train.dataset import Shard, compose
from darkroom.train.describe.export import WEIGHTS_NAME, packed, vocabulary, write_weights
from darkroom.train.describe.learn import as_input, concept_vectors, step, varied
from darkroom.train.describe.measure import figures
from darkroom.train.describe.measure import scenes as unseen_scenes
from darkroom.train.describe.network import Conv, PictureEmbedder
from darkroom.train.describe.scenes import Lessons, held_out, shard_specs, squared
from darkroom.train.evaluation.facts import ATTRIBUTES
from darkroom.train.sprites import Atlas


@pytest.fixture(scope="module")
def network() -> PictureEmbedder:
    """Random weights, with norms that have seen something."""
    torch.manual_seed(0)
    made = PictureEmbedder()
    for module in made.modules():
        if isinstance(module, Conv):
            torch.nn.init.uniform_(module.norm.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.norm.bias, -0.2, 0.2)
    with torch.no_grad():
        for _ in range(3):
            made(torch.rand(16, 3, 64, 64) * 2 - 1)
    return made.eval()


@pytest.fixture(scope="module")
def lesson(drawn_atlas: Atlas) -> Lessons:
    torch.manual_seed(0)
    return held_out(24, drawn_atlas, Autoencoder().eval(), split=Split.TRAIN)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, 64, 64, 3), np.uint8)


def test_a_folded_convolution_does_what_it_did_with_its_norm(network: PictureEmbedder) -> None:
    x = torch.rand(2, 12, 32, 32)
    weight, bias = network.stem.folded()
    assert torch.allclose(F.conv2d(x, weight, bias, padding=1), network.stem(x), atol=1e-5)


def test_packing_keeps_each_row_to_half_a_level() -> None:
    weight = torch.randn(5, 3, 3, 3) * torch.tensor([1e-4, 1.0, 0.0, 30.0, 2.0])[:, None, None, None]
    found = packed("w", weight)
    back = found["w"].float() * found["w.scale"][:, None, None, None]
    assert ((back - weight).abs().flatten(1).amax(1) <= found["w.scale"] * 0.501).all()


def test_the_graph_without_torch_says_what_the_network_says(
    network: PictureEmbedder, drawn_atlas: Atlas, tmp_path: Path
) -> None:
    write_weights(tmp_path / WEIGHTS_NAME, network, drawn_atlas, samples=1)
    reader, pictures = PictureReader.load(tmp_path), noise(3)
    with torch.inference_mode():
        expected = network(as_input(pictures))
        things = network.thing_logits(expected["thing"], concept_vectors(drawn_atlas)).softmax(1)
    for row, picture in enumerate(pictures):
        found = reader.read(Image.fromarray(picture))
        vector = F.normalize(expected["caption"][row], dim=0)
        assert float(vector @ torch.tensor(found.vector)) > 0.999
        assert np.allclose(found.things, things[row], atol=0.02)
        for name, values in ATTRIBUTES.items():
            odds = [found.attributes[name][value] for value in values]
            assert np.allclose(odds, expected[name][row].softmax(0), atol=0.02), name


def test_the_name_of_the_file_is_the_one_that_is_read() -> None:
    assert WEIGHTS_NAME == WEIGHTS_FILE


def test_the_vocabulary_names_every_value_that_a_head_can_give(drawn_atlas: Atlas) -> None:
    said = vocabulary(drawn_atlas)
    assert list(said["places"]) == list(ATTRIBUTES["place"])  # type: ignore[call-overload]
    assert set(said["looks"]) == set(ATTRIBUTES["style"])  # type: ignore[call-overload]
    assert set(said["times"]) == set(ATTRIBUTES["time"])  # type: ignore[call-overload]
    assert [each["name"] for each in said["things"]] == list(drawn_atlas.concepts)  # type: ignore[attr-defined]


def test_scenes_are_described_again_without_being_drawn(
    drawn_atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD_SCENES", 12)
    _, records = compose(3, drawn_atlas)
    shard = Shard(folder=tmp_path, number=3)
    specs = shard_specs(shard, drawn_atlas, [record.caption for record in records])
    assert [tuple(thing.concept for thing in spec.objects) for spec in specs] == [r.concepts for r in records]
    with pytest.raises(AssertionError, match="another recipe"):
        shard_specs(shard, drawn_atlas, ["a caption of something else"])


def test_pictures_of_any_shape_become_the_square_that_the_describer_sees() -> None:
    wide = np.zeros((2, 40, 96, 3), np.uint8)
    wide[..., 0] = 200
    assert squared(wide).shape == (2, 64, 64, 3)
    assert (squared(wide)[..., 0] == 200).all()
    assert (squared(noise(2)) == noise(2)).all()


def test_lessons_belong_together(lesson: Lessons) -> None:
    assert len(lesson) == len(lesson.soft) == len(lesson.captions) == len(lesson.things) == 24
    assert torch.allclose(lesson.captions.norm(dim=1), torch.ones(24), atol=1e-3)
    assert lesson.things.any()
    assert set(lesson.attributes) == set(ATTRIBUTES)
    assert (lesson.attributes["place"] >= 0).all()


def test_variation_keeps_shape_and_range_and_changes_pixels() -> None:
    torch.manual_seed(1)
    pictures = as_input(noise(4))
    found = varied(pictures)
    assert found.shape == pictures.shape
    assert float(found.abs().max()) <= 1
    assert not torch.allclose(found, pictures, atol=0.1)


def test_steps_learn(lesson: Lessons, drawn_atlas: Atlas) -> None:
    torch.manual_seed(0)
    fresh, vectors = PictureEmbedder(), concept_vectors(drawn_atlas)
    optimiser = torch.optim.AdamW(fresh.parameters(), lr=2e-3)
    rng, known = np.random.default_rng(0), torch.ones(len(vectors), dtype=torch.bool)
    losses = [step(fresh, optimiser, lesson, rng, vectors=vectors, known=known, size=16) for _ in range(8)]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:2])


def test_figures_are_shares_of_the_scenes_that_have_the_fact(drawn_atlas: Atlas) -> None:
    pictures, specs = unseen_scenes(drawn_atlas, 6, Split.HELD_OUT)
    found = figures(PictureReader.load(), pictures, specs)
    assert found["place"][1] == 6
    assert all(0 <= share <= 1 and count <= 12 for share, count in found.values())
    assert found["thing, top 5"][0] >= found["thing"][0]
