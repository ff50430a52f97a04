"""What the transformer trains on, in memory: latents, words and exemplars, in groups that share one tensor shape.

Encodes each shard once (`latents/shard-00000.npz`) and draws batches. Knows no network but the frozen encoders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.model.autoencoder import Autoencoder
from darkroom.model.text_encoder import TextEncoder
from darkroom.model.transformer import MASKED
from darkroom.train.autoencoder import shard_latents, to_tensor
from darkroom.train.composer import HELD_OUT_ART_SET
from darkroom.train.dataset import SceneRecord, Shard
from darkroom.train.exemplars import VARIANTS, entries, exemplar_pictures
from darkroom.train.precision import fast_matmul
from darkroom.train.progress import report
from darkroom.train.sprites import Atlas

WORDS = 32
"""Text tokens of a caption in training; the captions are shorter, and masking makes the length immaterial."""
COMMON_SLOTS = 2
"""Most scenes have at most so many kinds of things; they form groups of their own with fewer tokens."""
MOST_SLOTS = 3
OTHER_SET = 0.4
"""How often the exemplar comes from another art set than the scene."""
VARIANT_ODDS = (0.5, 0.18, 0.1, 0.05, 0.1, 0.07)
"""How often each of VARIANTS is shown."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Inputs and target of one training step; shapes as in MiniTransformer.forward."""

    latents: Tensor  # (B, C, h, w)
    words: Tensor  # (B, L, T)
    words_bias: Tensor  # (B, L)
    exemplars: Tensor  # (B, S, C, e, e)
    exemplars_bias: Tensor  # (B, S)


@dataclass(frozen=True, kw_only=True)
class Words:
    """Token vectors of many captions, packed end to end."""

    tokens: NDArray[np.float16]  # (total, T)
    offsets: NDArray[np.int64]  # (N + 1,)

    def padded(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """(B, L, T) fp32 and the bias (B, L) of some captions."""
        words = np.zeros((len(rows), WORDS, self.tokens.shape[1]), np.float32)
        bias = np.full((len(rows), WORDS), MASKED, np.float32)
        for i, row in enumerate(rows):
            start, stop = self.offsets[row], self.offsets[row + 1]
            words[i, : stop - start] = self.tokens[start:stop]
            bias[i, : stop - start] = 0.0
        return torch.from_numpy(words), torch.from_numpy(bias)


class ExemplarTable:
    """Latents of every training exemplar and its variants, by concept."""

    def __init__(self, atlas: Atlas, network: Autoencoder) -> None:
        pictures = exemplar_pictures(atlas)
        with torch.inference_mode():
            parts = [network.encode(to_tensor(pictures[i : i + 100])) for i in range(0, len(pictures), 100)]
        self.latents = torch.cat(parts).clone()  # (entries * variants, C, e, e)
        self._sets: dict[str, dict[str, int]] = {}
        for number, (concept, art_set) in enumerate(entries(atlas)):
            if art_set != HELD_OUT_ART_SET:
                self._sets.setdefault(concept, {})[art_set] = number * len(VARIANTS)

    def __contains__(self, concept: str) -> bool:
        return concept in self._sets

    def sets(self, concept: str) -> Mapping[str, int]:
        """The first row (the plain variant) of a concept in each art set that training may see."""
        return self._sets[concept]

    def pick(self, concept: str, art_set: str, rng: np.random.Generator) -> int:
        """The row of an exemplar for a thing in a scene: mostly of the scene's art set, in some variant."""
        sets = self._sets[concept]
        others = [row for name, row in sets.items() if name != art_set]
        other = others and (art_set not in sets or rng.random() < OTHER_SET)
        row = others[rng.integers(len(others))] if other else sets[art_set]
        return row + int(rng.choice(len(VARIANTS), p=VARIANT_ODDS))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Scenes of one size and number of exemplar slots."""

    latents: Tensor  # (N, C, h, w) fp16
    words: Words
    things: tuple[tuple[str, ...], ...]
    art_sets: tuple[str, ...]
    slots: int

    def __len__(self) -> int:
        return len(self.latents)

    def batch(self, size: int, table: ExemplarTable, rng: np.random.Generator) -> Batch:
        """`size` random scenes."""
        return self.rows(rng.integers(0, len(self), size), table, rng)

    def first(self, size: int, table: ExemplarTable, rng: np.random.Generator) -> Batch:
        """The first `size` scenes."""
        return self.rows(np.arange(size), table, rng)

    def rows(self, rows: NDArray[np.int64], table: ExemplarTable, rng: np.random.Generator) -> Batch:
        """Some scenes, each with exemplars drawn afresh."""
        size = len(rows)
        words, words_bias = self.words.padded(rows)
        exemplars = torch.zeros(size, self.slots, *table.latents.shape[1:])
        bias = torch.full((size, self.slots), MASKED)
        for i, row in enumerate(rows):
            for slot, concept in enumerate(self.things[row][: self.slots]):
                exemplars[i, slot] = table.latents[table.pick(concept, self.art_sets[row], rng)]
                bias[i, slot] = 0.0
        latents = self.latents[torch.from_numpy(rows)].float()
        return Batch(
            latents=latents, words=words, words_bias=words_bias, exemplars=exemplars, exemplars_bias=bias
        )


class Corpus:
    """All groups. A step draws a group in proportion to its scenes, then a batch from it."""

    def __init__(self, groups: Sequence[Group], table: ExemplarTable) -> None:
        self.groups = tuple(groups)
        self.table = table
        sizes = np.array([len(group) for group in groups], float)
        self._odds = sizes / sizes.sum()

    def __len__(self) -> int:
        return sum(len(group) for group in self.groups)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """`size` scenes of the native area; fewer of a larger size, so that steps cost alike."""
        group = self.groups[int(rng.choice(len(self.groups), p=self._odds))]
        area = group.latents.shape[-1] * group.latents.shape[-2]
        return group.batch(min(size, size * 64 // area), self.table, rng)


def load_corpus(wanted: Iterable[Shard], atlas: Atlas, network: Autoencoder, data: Path) -> Corpus:
    """Read, and encode where that is not yet done, all complete shards."""
    text = TextEncoder.load()
    table = ExemplarTable(atlas, network)
    parts: dict[tuple[int, int, int], list[tuple[Tensor, Words, list[SceneRecord]]]] = {}
    for shard in wanted:
        if not shard.complete:
            continue
        latents, words, records = encoded(shard, network, text, data)
        for slots, rows in _by_slots(records).items():
            key = (latents.shape[-2], latents.shape[-1], slots)
            parts.setdefault(key, []).append(
                (latents[rows], _subset(words, rows), [records[i] for i in rows])
            )
    return Corpus([_joined(chunks, key[2]) for key, chunks in sorted(parts.items())], table)


def encoded(
    shard: Shard, network: Autoencoder, text: TextEncoder, data: Path
) -> tuple[Tensor, Words, tuple[SceneRecord, ...]]:
    """Latents and words of a shard, from the file that an earlier call left if there is one."""
    path = data / "latents" / digest(network) / f"{shard.pixels.stem}.npz"
    _, records = shard.load()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        words = embed([record.caption for record in records], text)
        partial = path.with_suffix(".part.npz")
        np.savez(
            partial, latents=shard_latents(network, shard).numpy(), tokens=words.tokens, offsets=words.offsets
        )
        partial.rename(path)
        report(f"encoded {path.stem}")
    with np.load(path) as arrays:
        words = Words(tokens=arrays["tokens"], offsets=arrays["offsets"])
        return torch.from_numpy(arrays["latents"]), words, records


@torch.inference_mode()
def embed(captions: Sequence[str], text: TextEncoder) -> Words:
    """Token vectors of captions, in batches of like length."""
    vectors: list[NDArray[np.float16]] = [np.zeros((0, 0), np.float16)] * len(captions)
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
    for start in range(0, len(order), 50):
        rows = order[start : start + 50]
        with fast_matmul(torch.device("cpu")):
            tokens, mask = text.encode([captions[i] for i in rows], length=WORDS)
        for i, vector, present in zip(rows, tokens, mask, strict=True):
            vectors[i] = vector[present].half().numpy()
    offsets = np.cumsum([0] + [len(v) for v in vectors])
    return Words(tokens=np.concatenate(vectors), offsets=offsets.astype(np.int64))


def digest(network: Autoencoder) -> str:
    """A short name for these weights, so that latents of another autoencoder are never taken for theirs.

    Over the encoder alone: the decoder may be trained further without a latent changing.
    """
    state = [*network.encoder.state_dict().values(), network.scale]
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in state)).hexdigest()[:12]


def _by_slots(records: Sequence[SceneRecord]) -> Mapping[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for i, record in enumerate(records):
        groups.setdefault(COMMON_SLOTS if len(record.concepts) <= COMMON_SLOTS else MOST_SLOTS, []).append(i)
    return groups


def _subset(words: Words, rows: Sequence[int]) -> Words:
    return _packed(words.tokens[words.offsets[i] : words.offsets[i + 1]] for i in rows)


def _packed(vectors: Iterator[NDArray[np.float16]]) -> Words:
    parts = list(vectors)
    offsets = np.cumsum([0] + [len(part) for part in parts]).astype(np.int64)
    return Words(tokens=np.concatenate(parts), offsets=offsets)


def _joined(chunks: Sequence[tuple[Tensor, Words, list[SceneRecord]]], slots: int) -> Group:
    records = [record for _, _, part in chunks for record in part]
    vectors = (w.tokens[w.offsets[i] : w.offsets[i + 1]] for _, w, part in chunks for i in range(len(part)))
    return Group(
        latents=torch.cat([latents for latents, _, _ in chunks]),
        words=_packed(vectors),
        things=tuple(record.concepts for record in records),
        art_sets=tuple(record.art_set for record in records),
        slots=slots,
    )
