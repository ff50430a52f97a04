"""The corpus: what a batch holds, and what training must never see."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.model.autoencoder import Autoencoder
from darkroom.model.text_encoder import TextEncoder
from darkroom.model.transformer import MASKED
from darkroom.train import corpus as corpus_module
from darkroom.train import dataset
from darkroom.train.autoencoder import to_tensor
from darkroom.train.composer import HELD_OUT_ART_SET, HELD_OUT_CONCEPTS
from darkroom.train.corpus import (
    COMMON_SLOTS,
    MOST_SLOTS,
    OTHER_SET,
    VARIANT_ODDS,
    WORDS,
    Corpus,
    ExemplarTable,
    Words,
    embed,
    load_corpus,
)
from darkroom.train.dataset import Shard
from darkroom.train.exemplars import VARIANTS, entries, exemplar_pictures
from darkroom.train.sprites import ART_SETS, Atlas

SCENES = 12
NUMBERS = (0, 1, 13, 19)  # two square shards, a wide one and a large one


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.load()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, drawn_atlas: Atlas) -> Path:
    folder = tmp_path_factory.mktemp("mini")
    drawn_atlas.save(folder)
    (folder / "scenes").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "SHARD_SCENES", SCENES)
        dataset._start_worker(folder)
        for shard in all_shards(folder):
            dataset._render_shard(shard)
    return folder


def all_shards(data: Path) -> list[Shard]:
    return [Shard(folder=data / "scenes", number=number) for number in NUMBERS]


@pytest.fixture(scope="module")
def table(drawn_atlas: Atlas, network: Autoencoder) -> ExemplarTable:
    return ExemplarTable(drawn_atlas, network)


@pytest.fixture(scope="module")
def corpus(data: Path, drawn_atlas: Atlas, network: Autoencoder) -> Corpus:
    return load_corpus(all_shards(data), drawn_atlas, network, data)


def test_every_scene_is_in_one_group(corpus: Corpus, data: Path) -> None:
    assert len(corpus) == SCENES * len(NUMBERS)
    shapes = {tuple(group.latents.shape[-2:]) for group in corpus.groups}
    assert shapes == {(8, 8), (6, 10), (12, 12)}
    records = [record for shard in all_shards(data) for record in shard.load()[1]]
    crowded = sum(len(record.concepts) > COMMON_SLOTS for record in records)
    assert sum(len(group) for group in corpus.groups if group.slots == MOST_SLOTS) == crowded


def test_held_out_things_and_art_never_occur(corpus: Corpus, drawn_atlas: Atlas) -> None:
    for group in corpus.groups:
        assert not {name for things in group.things for name in things} & set(HELD_OUT_CONCEPTS)
        assert HELD_OUT_ART_SET not in group.art_sets
    known = [set(corpus.table.sets(name)) for name in drawn_atlas.concepts]
    assert all(HELD_OUT_ART_SET not in sets and sets for sets in known)


def test_no_exemplar_comes_from_the_held_out_art_set(table: ExemplarTable, drawn_atlas: Atlas) -> None:
    rng = np.random.default_rng(0)
    listed = entries(drawn_atlas)
    for name in drawn_atlas.concepts:
        for art_set in ART_SETS[:-1]:
            concept, drawn_from = listed[table.pick(name, art_set, rng) // len(VARIANTS)]
            assert concept == name
            assert drawn_from != HELD_OUT_ART_SET


def test_an_exemplar_is_mostly_of_the_scenes_art_set(table: ExemplarTable, drawn_atlas: Atlas) -> None:
    rng, listed, draws = np.random.default_rng(1), entries(drawn_atlas), 3000
    rows = [table.pick("car", "noto", rng) for _ in range(draws)]
    sets = Counter(listed[row // len(VARIANTS)][1] for row in rows)
    assert sets["noto"] / draws == pytest.approx(1 - OTHER_SET, abs=0.04)
    others = [count / draws for art_set, count in sets.items() if art_set != "noto"]
    assert len(others) == 4 and max(others) < 0.15
    variants = Counter(row % len(VARIANTS) for row in rows)
    odds = [variants[i] / draws for i in range(len(VARIANTS))]
    np.testing.assert_allclose(odds, VARIANT_ODDS, atol=0.04)


def test_an_art_set_without_the_thing_lends_none(table: ExemplarTable, drawn_atlas: Atlas) -> None:
    rng, listed = np.random.default_rng(2), entries(drawn_atlas)
    drawn = {listed[table.pick("robot", "twemoji", rng) // len(VARIANTS)] for _ in range(60)}
    assert {concept for concept, _ in drawn} == {"robot"}
    assert "twemoji" not in {art_set for _, art_set in drawn} and len(drawn) > 2


def test_the_table_holds_latents_in_the_order_of_the_pictures(
    table: ExemplarTable, drawn_atlas: Atlas, network: Autoencoder
) -> None:
    pictures = exemplar_pictures(drawn_atlas)
    row = table.sets("fox")["twemoji"] + VARIANTS.index("flipped")
    with torch.inference_mode():
        expected = network.encode(to_tensor(pictures[row : row + 1]))[0]
    torch.testing.assert_close(table.latents[row], expected, rtol=1e-4, atol=1e-4)
    assert "fox" in table and "dragon" not in table


def test_words_are_padded_right() -> None:
    tokens = np.arange(9 * 4, dtype=np.float16).reshape(9, 4)
    words = Words(tokens=tokens, offsets=np.array([0, 2, 9]))
    vectors, bias = words.padded(np.array([1, 0, 1]))
    assert vectors.shape == (3, WORDS, 4) and vectors.dtype == torch.float32
    np.testing.assert_array_equal(vectors[0, :7].numpy(), tokens[2:])
    np.testing.assert_array_equal(vectors[1, :2].numpy(), tokens[:2])
    assert not vectors[1, 2:].any() and not vectors[0, 7:].any()
    assert (bias == 0).sum(1).tolist() == [7, 2, 7]
    assert (bias[1, 2:] == MASKED).all()


def test_words_are_those_of_the_text_encoder(text: TextEncoder) -> None:
    captions = ["a fox", "two red apples next to a small blue car in a kitchen at night", "a boat " * 40]
    vectors, bias = embed(captions, text).padded(np.arange(3))
    expected, mask = text.encode(captions, length=WORDS)
    assert torch.equal(bias == 0, mask)
    similar = torch.nn.functional.cosine_similarity(vectors[mask], expected[mask], dim=1)
    assert similar.min() > 0.995  # computed in bf16
    assert mask[2].all()


def test_a_batch_is_made_of_scenes_as_they_are(corpus: Corpus, data: Path, network: Autoencoder) -> None:
    group = next(g for g in corpus.groups if g.slots == COMMON_SLOTS and g.latents.shape[-1] == 8)
    batch = group.first(3, corpus.table, np.random.default_rng(0))
    shard = all_shards(data)[0]
    pixels, records = shard.load()
    kept = [i for i, record in enumerate(records) if len(record.concepts) <= COMMON_SLOTS][:3]
    torch.testing.assert_close(batch.latents, network.encode(to_tensor(pixels[kept])), rtol=1e-2, atol=1e-2)
    present = (batch.exemplars_bias == 0).sum(1).tolist()
    assert present == [len(records[i].concepts) for i in kept]
    assert list(group.things[:3]) == [records[i].concepts for i in kept]
    absent = batch.exemplars_bias == MASKED
    assert not batch.exemplars[absent].any()
    assert all(batch.exemplars[~absent].flatten(1).abs().amax(1) > 0)


def test_batches_of_larger_scenes_are_smaller(corpus: Corpus) -> None:
    rng, sizes = np.random.default_rng(3), {}
    for _ in range(60):
        batch = corpus.batch(16, rng)
        sizes[tuple(batch.latents.shape[-2:])] = len(batch.latents)
    assert sizes == {(8, 8): 16, (6, 10): 16, (12, 12): 7}


def test_groups_are_drawn_in_proportion(corpus: Corpus) -> None:
    rng = np.random.default_rng(4)
    squares = [corpus.batch(1, rng).latents.shape[-1] == 8 for _ in range(600)]
    expected = sum(len(g) for g in corpus.groups if g.latents.shape[-1] == 8) / len(corpus)
    assert np.mean(squares) == pytest.approx(expected, abs=0.08)


def test_a_second_load_reads_what_the_first_encoded(
    corpus: Corpus, data: Path, drawn_atlas: Atlas, network: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(corpus_module, "embed", refuse)
    again = load_corpus(all_shards(data), drawn_atlas, network, data)
    for first, second in zip(corpus.groups, again.groups, strict=True):
        assert torch.equal(first.latents, second.latents)
        np.testing.assert_array_equal(first.words.tokens, second.words.tokens)
        assert (first.things, first.art_sets, first.slots) == (second.things, second.art_sets, second.slots)


def test_shards_that_are_not_there_yet_are_passed_over(
    data: Path, drawn_atlas: Atlas, network: Autoencoder
) -> None:
    missing = Shard(folder=data / "scenes", number=400)
    loaded = load_corpus([missing, all_shards(data)[0]], drawn_atlas, network, data)
    assert len(loaded) == SCENES
