"""The corpus on the device draws what the corpus in memory draws, and forgets the oldest scenes first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from darkroom.model.autoencoder import Autoencoder
from darkroom.model.text_encoder import TOKENIZER_FILE, WEIGHTS_FOLDER, TextEncoder
from darkroom.model.transformer import MASKED
from darkroom.train import background, dataset, resident
from darkroom.train.autoencoder import to_tensor
from darkroom.train.background import NO_THING, Composed, Composers, arrays_of
from darkroom.train.composer import HELD_OUT_ART_SET
from darkroom.train.corpus import MOST_SLOTS, WORDS, ExemplarTable, embed
from darkroom.train.dataset import SIZES, SceneRecord, compose
from darkroom.train.exemplars import VARIANTS, entries
from darkroom.train.resident import ResidentCorpus, ResidentExemplars
from darkroom.train.sprites import ART_SETS, Atlas

SCENES = 8
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.load()


@pytest.fixture(scope="module")
def table(drawn_atlas: Atlas, network: Autoencoder) -> ExemplarTable:
    return ExemplarTable(drawn_atlas, network)


@pytest.fixture(scope="module")
def exemplars(table: ExemplarTable, drawn_atlas: Atlas) -> ResidentExemplars:
    return ResidentExemplars(table, drawn_atlas, CPU)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SHARD_SCENES", SCENES)


@pytest.fixture
def shard(
    drawn_atlas: Atlas, text: TextEncoder, small_shards: None
) -> tuple[Composed, tuple[SceneRecord, ...]]:
    pixels, records = compose(0, drawn_atlas)
    return arrays_of(pixels, records, drawn_atlas, text), records


def empty(
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder, capacity: int
) -> ResidentCorpus:
    return ResidentCorpus(exemplars, network, text, capacity=capacity)


def made_up(count: int, *, mark: int, side: int = 16) -> Composed:
    """Scenes in which every array says `mark`."""
    ids = np.zeros((count, WORDS), np.int64)
    ids[:, :2] = (101, 1000 + mark)
    return Composed(
        pixels=np.full((count, side, side, 3), mark, np.uint8),
        ids=ids,
        present=ids > 0,
        things=np.full((count, MOST_SLOTS), mark % 3),
        art_sets=np.full(count, mark % 5),
    )


def test_a_shard_in_numbers(
    shard: tuple[Composed, tuple[SceneRecord, ...]], drawn_atlas: Atlas, text: TextEncoder
) -> None:
    composed, records = shard
    names = list(drawn_atlas.concepts)
    for row, record in enumerate(records):
        named = [names[i] for i in composed.things[row] if i != NO_THING]
        assert tuple(named) == record.concepts
        assert ART_SETS[composed.art_sets[row]] == record.art_set
        ids, mask = text.tokenize([record.caption], length=WORDS)
        np.testing.assert_array_equal(composed.ids[row], ids[0])
        np.testing.assert_array_equal(composed.present[row], mask[0])


def test_scenes_come_out_as_they_went_in(
    shard: tuple[Composed, tuple[SceneRecord, ...]],
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder,
) -> None:  # fmt: skip
    composed, records = shard
    corpus = empty(exemplars, network, text, 1000)
    corpus.add(composed)
    assert len(corpus) == SCENES
    (ring,) = corpus._rings.values()
    torch.testing.assert_close(
        ring.latents[:SCENES].float(), network.encode(to_tensor(composed.pixels)), rtol=1e-2, atol=1e-2
    )
    words, bias = embed([record.caption for record in records], text).padded(np.arange(SCENES))
    assert torch.equal(ring.present[:SCENES], bias == 0)
    present = bias == 0
    similar = torch.nn.functional.cosine_similarity(
        ring.words[:SCENES][present].float(), words[present], dim=1
    )
    assert similar.min() > 0.99
    assert not ring.words[:SCENES][~present].any()


def test_a_batch_has_the_shapes_and_masks_that_training_wants(
    shard: tuple[Composed, tuple[SceneRecord, ...]],
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder,
) -> None:  # fmt: skip
    composed, records = shard
    corpus = empty(exemplars, network, text, 1000)
    corpus.add(composed)
    batch = corpus.batch(32)
    assert batch.latents.shape == (32, 16, 8, 8) and batch.latents.dtype == torch.float32
    assert batch.words.shape == (32, WORDS, 384)
    assert batch.exemplars.shape == (32, MOST_SLOTS, 16, 8, 8)
    for bias in (batch.words_bias, batch.exemplars_bias):
        assert set(bias.unique().tolist()) <= {0.0, MASKED}
    counts = Counter(len(record.concepts) for record in records)
    assert set((batch.exemplars_bias == 0).sum(1).tolist()) <= set(counts)
    assert not any(part.requires_grad or part.is_inference() for part in vars(batch).values())


def test_parts_of_a_scene_stay_together_and_the_oldest_go_first(
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident, "SIZES", ((16, 16),))
    corpus = empty(exemplars, network, text, 10)
    for mark in (1, 2, 3, 4):
        corpus.add(made_up(4, mark=mark))
    assert len(corpus) == 10
    (ring,) = corpus._rings.values()
    marks = {}
    for mark in (1, 2, 3, 4):
        latent = network.encode(to_tensor(made_up(1, mark=mark).pixels))[0, :, 0, 0].half()
        marks[mark] = (ring.latents[:, :, 0, 0] - latent).abs().amax(1) < 1e-3
        assert (ring.things[marks[mark], 0] == mark % 3).all()
        assert (ring.art_sets[marks[mark]] == mark % 5).all()
    assert [int(found.sum()) for found in marks.values()] == [0, 2, 4, 4]


def test_a_shard_that_is_larger_than_the_room_is_cut(
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident, "SIZES", ((16, 16),))
    corpus = empty(exemplars, network, text, 3)
    corpus.add(made_up(7, mark=1))
    assert len(corpus) == 3 and len(corpus.batch(5).latents) == 5


def test_room_is_shared_as_the_sizes_occur(
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder
) -> None:
    corpus = empty(exemplars, network, text, 200)
    for width, height in set(SIZES):
        composed = made_up(1, mark=1)
        pixels = np.zeros((1, height, width, 3), np.uint8)
        corpus.add(Composed(**(vars(composed) | {"pixels": pixels})))
    rooms = {shape: len(ring.latents) for shape, ring in corpus._rings.items()}
    assert rooms[8, 8] == 130 and rooms[12, 12] == 10 and sum(rooms.values()) == 200
    shapes = [tuple(batch.latents.shape) for batch in corpus.shapes(64)]
    assert shapes[0] == (64, 16, 8, 8) and shapes[1] == (28, 16, 12, 12) and len(shapes) == 6


def test_sizes_are_drawn_in_proportion_to_their_scenes(
    exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder
) -> None:
    corpus = empty(exemplars, network, text, 1000)
    corpus.add(made_up(30, mark=1, side=64))
    corpus.add(made_up(10, mark=2, side=96))
    torch.manual_seed(0)
    squares = [corpus.batch(1).latents.shape[-1] == 8 for _ in range(400)]
    assert np.mean(squares) == pytest.approx(0.75, abs=0.07)


@pytest.mark.parametrize(
    ("concept", "art_set"), [("car", "noto"), ("robot", "twemoji"), ("fox", HELD_OUT_ART_SET)]
)
def test_exemplars_are_drawn_as_the_table_draws_them(
    exemplars: ResidentExemplars, table: ExemplarTable, drawn_atlas: Atlas, concept: str, art_set: str
) -> None:
    draws = 4000
    torch.manual_seed(5)
    thing = list(drawn_atlas.concepts).index(concept)
    things = torch.full((draws // 2, 2), thing)
    rows = exemplars.pick(things, torch.full((draws // 2,), ART_SETS.index(art_set))).flatten().tolist()
    rng = np.random.default_rng(0)
    expected = Counter(table.pick(concept, art_set, rng) for _ in range(draws))
    found = Counter(rows)
    assert set(found) <= {row + v for row in table.sets(concept).values() for v in range(len(VARIANTS))}
    for row in expected | found:
        assert found[row] / draws == pytest.approx(expected[row] / draws, abs=0.03)
    listed = entries(drawn_atlas)
    assert all(listed[row // len(VARIANTS)][0] == concept for row in found)


def test_absent_things_get_some_row_that_is_there(exemplars: ResidentExemplars) -> None:
    rows = exemplars.pick(torch.full((50, 3), NO_THING), torch.zeros(50, dtype=torch.int64))
    assert rows.min() >= 0 and rows.max() < len(exemplars.latents)


def test_a_worker_composes_what_this_process_would(
    tmp_path: Path, drawn_atlas: Atlas, text: TextEncoder, small_shards: None
) -> None:
    drawn_atlas.save(tmp_path)
    background._start_worker(tmp_path)
    composed = background._compose(4)
    expected = arrays_of(*compose(4, drawn_atlas), drawn_atlas, text)
    for name, array in vars(expected).items():
        np.testing.assert_array_equal(vars(composed)[name], array)


def test_a_worker_needs_only_the_tokeniser() -> None:
    with torch.device("meta"):
        text = TextEncoder(Tokenizer.from_file(str(WEIGHTS_FOLDER / TOKENIZER_FILE)))
    ids, mask = text.tokenize(["a fox"], length=WORDS)
    assert ids.device.type == "cpu" and mask.sum() == 4


def small_compose(number: int) -> Composed:
    """Stands in for a worker's task."""
    if number == 13:
        raise ValueError("unlucky")
    return made_up(1, mark=number)


def test_composers_deliver_every_shard_once_and_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_start_worker", print)
    monkeypatch.setattr(background, "_compose", small_compose)
    monkeypatch.setattr(background, "ProcessPoolExecutor", _threads)
    with Composers(tmp_path, first=20, workers=2) as composers:
        seen: list[int] = []
        while len(seen) < 12:
            seen += [int(composed.pixels[0, 0, 0, 0]) for composed in composers.next()]
        assert len(set(seen)) == len(seen) and min(seen) == 20
        assert set(range(20, 24)) <= set(seen)


def test_a_fault_in_a_worker_is_raised_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_start_worker", print)
    monkeypatch.setattr(background, "_compose", small_compose)
    monkeypatch.setattr(background, "ProcessPoolExecutor", _threads)
    with Composers(tmp_path, first=13, workers=1) as composers:
        while not isinstance(fault := _next_or_fault(composers), ValueError):
            assert fault[0].pixels[0, 0, 0, 0] == 14
    assert str(fault) == "unlucky"


def _next_or_fault(composers: Composers) -> list[Composed] | ValueError:
    try:
        return composers.next()
    except ValueError as fault:
        return fault


def _threads(workers: int, *, mp_context: object, **options: object) -> object:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(workers)
