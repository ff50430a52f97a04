"""Small trained networks on top of the frozen eyes and the frozen text encoder. Knows no files and no figures."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.model.text_encoder import WIDTH
from darkroom.train.evaluation.facts import ATTRIBUTES
from darkroom.train.evaluation.features import CHANNELS, GRID

CELL = 256
PLACED = 32
"""Channels of a cell that keep their place; all CELL are pooled as well, wherever they are."""
EMBEDDING = 256
QUERIES = 4
DROPOUT = 0.15
LEAST_TEMPERATURE = 0.02


class ImageHead(nn.Module):
    """Cells (B, 16, CHANNELS) to one vector (B, EMBEDDING): what there is anywhere, and roughly where."""

    mean: Tensor  # (CHANNELS,)
    deviation: Tensor  # (CHANNELS,)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("deviation", torch.ones(CHANNELS))
        self.cell = nn.Linear(CHANNELS, CELL)
        self.placed = nn.Linear(CELL, PLACED)
        joined = 2 * CELL + PLACED * GRID * GRID
        self.out = nn.Sequential(
            nn.LayerNorm(joined), nn.Dropout(DROPOUT), nn.Linear(joined, 2 * EMBEDDING), nn.GELU(),
            nn.Dropout(DROPOUT), nn.Linear(2 * EMBEDDING, EMBEDDING),
        )  # fmt: skip

    @torch.no_grad()
    def settle(self, cells: Tensor) -> None:
        """Measure each channel's mean and deviation on some scenes; call it before training."""
        flat = cells.float().flatten(0, 1)
        self.mean.copy_(flat.mean(0))
        self.deviation.copy_(flat.std(0) + 1e-3)

    def forward(self, cells: Tensor) -> Tensor:
        x = F.gelu(self.cell((cells.float() - self.mean) / self.deviation))  # (B, 16, CELL)
        joined = torch.cat([x.mean(1), x.amax(1), self.placed(x).flatten(1)], 1)
        out: Tensor = self.out(joined)
        return out


class TextHead(nn.Module):
    """Token vectors (B, L, 384) to one vector (B, EMBEDDING): learned questions, each answered by the words it concerns."""

    def __init__(self) -> None:
        super().__init__()
        self.key = nn.Linear(WIDTH, EMBEDDING)
        self.value = nn.Linear(WIDTH, EMBEDDING)
        self.queries = nn.Parameter(torch.randn(QUERIES, EMBEDDING) / math.sqrt(EMBEDDING))
        joined = QUERIES * EMBEDDING
        self.out = nn.Sequential(
            nn.LayerNorm(joined), nn.Dropout(DROPOUT), nn.Linear(joined, 2 * EMBEDDING), nn.GELU(),
            nn.Linear(2 * EMBEDDING, EMBEDDING),
        )  # fmt: skip

    def forward(self, words: Tensor) -> Tensor:
        present = words.ne(0).any(-1)  # (B, L)
        words = words[:, : max(1, int(present.sum(1).max()))].float()
        logits = torch.einsum("qd,bld->bql", self.queries, torch.tanh(self.key(words)))
        logits = logits.masked_fill(~present[:, None, : words.shape[1]], -1e4)
        answers = logits.softmax(-1) @ F.gelu(self.value(words))  # (B, Q, EMBEDDING)
        out: Tensor = self.out(answers.flatten(1))
        return out


class Matcher(nn.Module):
    """Pictures and captions in one space (CLIP, arXiv 2103.00020, figure 3): the cosine says how well they fit."""

    def __init__(self) -> None:
        super().__init__()
        self.image = ImageHead()
        self.text = TextHead()
        self.temperature = nn.Parameter(torch.tensor(0.07).log())

    def images(self, cells: Tensor) -> Tensor:
        return F.normalize(self.image(cells), dim=-1)

    def texts(self, words: Tensor) -> Tensor:
        return F.normalize(self.text(words), dim=-1)

    def loss(self, cells: Tensor, words: Tensor) -> Tensor:
        """InfoNCE both ways over a batch (arXiv 1807.03748, equation 4)."""
        scale = self.temperature.exp().clamp(min=LEAST_TEMPERATURE)
        logits = self.images(cells) @ self.texts(words).T / scale
        target = torch.arange(len(logits))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


class Classifiers(nn.Module):
    """Single attributes from a picture. Shares nothing with the Matcher but the frozen eyes."""

    def __init__(self, concepts: int) -> None:
        super().__init__()
        self.image = ImageHead()
        self.things = nn.Linear(EMBEDDING, concepts)
        self.attributes = nn.ModuleDict(
            {name: nn.Linear(EMBEDDING, len(v)) for name, v in ATTRIBUTES.items()}
        )

    def forward(self, cells: Tensor) -> dict[str, Tensor]:
        """Logits by attribute, and (B, concepts) as "things"."""
        seen = F.gelu(self.image(cells))
        found = {name: layer(seen) for name, layer in self.attributes.items()}
        return {"things": self.things(seen), **found}

    def loss(self, cells: Tensor, shown: Tensor, wanted: dict[str, Tensor]) -> Tensor:
        """`shown` (B, concepts) bool; `wanted` by attribute (B,), UNSAID where a scene has no such label."""
        logits = self(cells)
        some = shown.any(1)
        share = shown[some].float() / shown[some].sum(1, keepdim=True)
        total: Tensor = F.cross_entropy(logits["things"][some], share)
        for name, target in wanted.items():
            said = target >= 0
            if said.any():
                total = total + 0.5 * F.cross_entropy(logits[name][said], target[said])
        return total
