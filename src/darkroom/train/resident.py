"""A corpus that lives on the training device: scenes come in shard by shard, the oldest make room, batches are drawn there.

The same draw as `corpus.Corpus`, without a loop over scenes: a GPU that trains many thousand scenes a second cannot wait
for one. Knows no optimiser and no file.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.model.autoencoder import FACTOR, Autoencoder
from darkroom.model.text_encoder import WIDTH, TextEncoder
from darkroom.model.transformer import MASKED
from darkroom.train.background import Composed
from darkroom.train.corpus import MOST_SLOTS, OTHER_SET, VARIANT_ODDS, WORDS, Batch, ExemplarTable
from darkroom.train.dataset import SIZES
from darkroom.train.precision import fast_matmul
from darkroom.train.sprites import ART_SETS, Atlas

NATIVE_AREA = 64
"""Latent positions of the commonest scenes, by which the batches of other sizes are measured."""
CHUNK = 100
"""Scenes that the frozen encoders take at once on a CPU; a GPU takes a whole shard."""
NO_ROW = -1


class ResidentExemplars:
    """Which exemplar a thing is shown, drawn for a whole batch at once; `ExemplarTable.pick` says what is drawn."""

    def __init__(self, table: ExemplarTable, atlas: Atlas, device: torch.device) -> None:
        self.latents = table.latents.half().to(device)  # (rows, C, e, e)
        own = torch.full((len(atlas.concepts), len(ART_SETS)), NO_ROW)
        others = torch.zeros(len(atlas.concepts), len(ART_SETS), len(ART_SETS), dtype=torch.int64)
        counts = torch.zeros_like(own)
        for number, name in enumerate(atlas.concepts):
            if name not in table:
                continue
            rows = {ART_SETS.index(art_set): row for art_set, row in table.sets(name).items()}
            for art_set in range(len(ART_SETS)):
                own[number, art_set] = rows.get(art_set, NO_ROW)
                rest = [row for other, row in rows.items() if other != art_set]
                others[number, art_set, : len(rest)] = torch.tensor(rest)
                counts[number, art_set] = len(rest)
        self._own, self._others, self._counts = (part.to(device) for part in (own, others, counts))
        self._odds = torch.tensor(VARIANT_ODDS, device=device)

    def pick(self, things: Tensor, art_sets: Tensor) -> Tensor:
        """Rows of `latents` for things (B, S) of scenes in art sets (B,): (B, S). Absent things get any row."""
        things, sets = things.clamp(min=0), art_sets[:, None]
        own, counts = self._own[things, sets], self._counts[things, sets]  # (B, S)
        drawn = (torch.rand(things.shape, device=things.device) * counts).long()
        other = self._others[things, sets, drawn.minimum((counts - 1).clamp(min=0))]
        wanted = torch.rand(things.shape, device=things.device) < OTHER_SET
        rows = torch.where((counts > 0) & (wanted | (own == NO_ROW)), other, own)
        return rows + torch.multinomial(self._odds, things.numel(), replacement=True).view(things.shape)


@dataclass(kw_only=True)
class _Ring:
    """Scenes of one latent shape, in memory that is taken once."""

    latents: Tensor  # (K, C, h, w) fp16
    words: Tensor  # (K, L, T) fp16
    present: Tensor  # (K, L) bool
    things: Tensor  # (K, S)
    art_sets: Tensor  # (K,)
    held: int = 0
    oldest: int = 0

    def add(self, *parts: Tensor) -> None:
        """Rows for each tensor, in the order of the fields; they take the places of the oldest."""
        room = len(self.latents)
        count = min(room, len(parts[0]))
        places = (torch.arange(count, device=self.latents.device) + self.oldest) % room
        for ring, part in zip(
            (self.latents, self.words, self.present, self.things, self.art_sets), parts, strict=True
        ):
            ring[places] = part[-count:].to(ring.dtype)
        self.oldest = (self.oldest + count) % room
        self.held = min(room, self.held + count)


class ResidentCorpus:
    """At most about `capacity` scenes, shared among the sizes as the data set shares them."""

    def __init__(
        self, exemplars: ResidentExemplars, network: Autoencoder, text: TextEncoder, *, capacity: int
    ) -> None:
        self.exemplars = exemplars
        self.device = exemplars.latents.device
        self._network, self._text = network.to(self.device), text.to(self.device)
        self._capacity = capacity
        self._rings: dict[tuple[int, int], _Ring] = {}

    def __len__(self) -> int:
        return sum(ring.held for ring in self._rings.values())

    @torch.no_grad()
    def add(self, composed: Composed) -> None:
        """Encode a shard and keep it."""
        ids, present = torch.from_numpy(composed.ids), torch.from_numpy(composed.present)
        latents, words = [], []
        step = CHUNK if self.device.type == "cpu" else len(ids)
        for start in range(0, len(ids), step):
            chunk = slice(start, start + step)
            pixels = torch.from_numpy(composed.pixels[chunk]).to(self.device)
            latents.append(self._network.encode(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1))
            with fast_matmul(self.device):
                words.append(self._text(ids[chunk].to(self.device), present[chunk].to(self.device)))
        parts = [torch.cat(latents), torch.cat(words), present, torch.from_numpy(composed.things)]
        ring = self._ring(composed.pixels.shape[1] // FACTOR, composed.pixels.shape[2] // FACTOR)
        ring.add(*(part.to(self.device) for part in [*parts, torch.from_numpy(composed.art_sets)]))

    def batch(self, size: int) -> Batch:
        """`size` scenes of the native area, of one shape; fewer of a larger one, so that steps cost alike."""
        rings = list(self._rings.values())
        chosen = int(torch.multinomial(torch.tensor([float(ring.held) for ring in rings]), 1))
        return self.draw(rings[chosen], size)

    def shapes(self, size: int) -> tuple[Batch, ...]:
        """A batch of every shape, the commonest first and the largest second: what there is to compile."""
        rings = sorted(self._rings.values(), key=lambda ring: -ring.latents[0, 0].numel())
        rings.sort(key=lambda ring: ring.latents[0, 0].numel() != NATIVE_AREA)
        return tuple(self.draw(ring, size) for ring in rings if ring.held)

    def draw(self, ring: _Ring, size: int) -> Batch:
        area = ring.latents[0, 0].numel()
        rows = torch.randint(ring.held, (max(1, min(size, size * NATIVE_AREA // area)),), device=self.device)
        things = ring.things[rows]
        picked = self.exemplars.pick(things, ring.art_sets[rows])
        return Batch(
            latents=ring.latents[rows].float(),
            words=ring.words[rows].float(),
            words_bias=_bias(ring.present[rows]),
            exemplars=self.exemplars.latents[picked].float(),
            exemplars_bias=_bias(things >= 0),
        )

    def _ring(self, height: int, width: int) -> _Ring:
        if (height, width) not in self._rings:
            share = sum(size == (width * FACTOR, height * FACTOR) for size in SIZES) / len(SIZES)
            room = max(1, round(self._capacity * share))
            channels = self.exemplars.latents.shape[1]
            self._rings[height, width] = _Ring(
                latents=torch.zeros(room, channels, height, width, dtype=torch.float16, device=self.device),
                words=torch.zeros(room, WORDS, WIDTH, dtype=torch.float16, device=self.device),
                present=torch.zeros(room, WORDS, dtype=torch.bool, device=self.device),
                things=torch.zeros(room, MOST_SLOTS, dtype=torch.int64, device=self.device),
                art_sets=torch.zeros(room, dtype=torch.int64, device=self.device),
            )
        return self._rings[height, width]


def _bias(present: Tensor) -> Tensor:
    """0 where there is something, MASKED elsewhere; fp32."""
    return torch.full(present.shape, MASKED, device=present.device).masked_fill(present, 0.0)
