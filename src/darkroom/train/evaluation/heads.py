"""Small trained networks on top of the frozen eyes and the frozen text encoder. Knows no files and no figures."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.model.text_encoder import WIDTH
from darkroom.train.evaluation.facts import ATTRIBUTES, UNSAID
from darkroom.train.evaluation.features import CHANNELS, GRID

WIDE, NARROW = 384, 192
"""Channels of a cell: for things, which are many, and for the other attributes."""
PLACED = 32
"""Channels of a cell that keep their place; all are pooled as well, wherever they are."""
EMBEDDING = 256
QUERIES = 4
DROPOUT = 0.3
INPUT_DROPOUT = 0.1
LEAST_TEMPERATURE = 0.02
ATTRIBUTE_WEIGHT = 0.5
THINGS_WEIGHT = 0.5
"""Of naming the things in the matcher's loss: captions of one batch rarely differ in a thing alone, so it learns slowly without."""


class Cells(nn.Module):
    """Frozen cells (B, 16, CHANNELS) to learned ones (B, 16, width), each of which knows its eight neighbours."""

    mean: Tensor  # (CHANNELS,)
    deviation: Tensor  # (CHANNELS,)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("deviation", torch.ones(CHANNELS))
        self.input = nn.Sequential(
            nn.Dropout(INPUT_DROPOUT), nn.Linear(CHANNELS, width), nn.LayerNorm(width), nn.GELU()
        )
        self.around = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Linear(width, width)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Dropout(DROPOUT))

    @torch.no_grad()
    def settle(self, cells: Tensor) -> None:
        """Measure each channel's mean and deviation on some scenes; call it before training."""
        flat = cells.float().flatten(0, 1)
        self.mean.copy_(flat.mean(0))
        self.deviation.copy_(flat.std(0) + 1e-3)

    def forward(self, cells: Tensor) -> Tensor:
        x = self.input((cells.float() - self.mean) / self.deviation)  # (B, 16, width)
        grid = x.transpose(1, 2).unflatten(2, (GRID, GRID))
        around = self.around(grid).flatten(2).transpose(1, 2)
        out: Tensor = self.out(x + F.gelu(self.mix(around)))
        return out


class Summary(nn.Module):
    """Learned cells (B, 16, width) to one vector (B, EMBEDDING): what there is anywhere, and roughly where."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.placed = nn.Linear(width, PLACED)
        joined = 2 * width + PLACED * GRID * GRID
        self.out = nn.Sequential(
            nn.LayerNorm(joined), nn.Dropout(DROPOUT), nn.Linear(joined, 2 * EMBEDDING), nn.GELU(),
            nn.Linear(2 * EMBEDDING, EMBEDDING),
        )  # fmt: skip

    def forward(self, cells: Tensor) -> Tensor:
        out: Tensor = self.out(torch.cat([cells.mean(1), cells.amax(1), self.placed(cells).flatten(1)], 1))
        return out


class Things(nn.Module):
    """Learned cells to logits (B, concepts): a thing is there if any cell says so (multiple instances, arXiv 1411.6228)."""

    def __init__(self, width: int, concepts: int) -> None:
        super().__init__()
        self.name = nn.Linear(width, concepts)

    def forward(self, cells: Tensor) -> Tensor:
        return torch.logsumexp(self.name(cells), 1)


def naming_loss(logits: Tensor, shown: Tensor) -> Tensor:
    """Cross-entropy to equal shares of the things of a scene, over the scenes that show any. (B, concepts) both."""
    some = shown.any(1)
    share = shown[some].float() / shown[some].sum(1, keepdim=True)
    return F.cross_entropy(logits[some], share) if some.any() else logits.sum() * 0


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

    def __init__(self, concepts: int) -> None:
        super().__init__()
        self.cells = Cells(WIDE)
        self.summary = Summary(WIDE)
        self.things = Things(WIDE, concepts)
        self.text = TextHead()
        self.temperature = nn.Parameter(torch.tensor(0.07).log())

    def images(self, cells: Tensor) -> Tensor:
        return F.normalize(self.summary(self.cells(cells)), dim=-1)

    def texts(self, words: Tensor) -> Tensor:
        return F.normalize(self.text(words), dim=-1)

    def loss(self, cells: Tensor, words: Tensor, shown: Tensor) -> Tensor:
        """InfoNCE both ways over a batch (arXiv 1807.03748, equation 4), and the naming of the things shown."""
        learned = self.cells(cells)
        scale = self.temperature.exp().clamp(min=LEAST_TEMPERATURE)
        logits = F.normalize(self.summary(learned), dim=-1) @ self.texts(words).T / scale
        target = torch.arange(len(logits))
        matching = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        return matching + THINGS_WEIGHT * naming_loss(self.things(learned), shown)


class Classifiers(nn.Module):
    """Single attributes from a picture. Shares nothing with the Matcher but the frozen eyes."""

    def __init__(self, concepts: int) -> None:
        super().__init__()
        self.thing_cells = Cells(WIDE)
        self.things = Things(WIDE, concepts)
        self.cells = Cells(NARROW)
        self.summary = Summary(NARROW)
        self.attributes = nn.ModuleDict(
            {name: nn.Linear(EMBEDDING, len(v)) for name, v in ATTRIBUTES.items()}
        )

    def forward(self, cells: Tensor) -> dict[str, Tensor]:
        """Logits by attribute, and (B, concepts) as "things"."""
        seen = F.gelu(self.summary(self.cells(cells)))
        found = {name: layer(seen) for name, layer in self.attributes.items()}
        return {"things": self.things(self.thing_cells(cells)), **found}

    def loss(self, cells: Tensor, shown: Tensor, wanted: dict[str, Tensor]) -> Tensor:
        """`shown` (B, concepts) bool; `wanted` by attribute (B,), UNSAID where a scene has no such label."""
        logits = self(cells)
        total = naming_loss(logits["things"], shown)
        for name, target in wanted.items():
            said = target != UNSAID
            if said.any():
                total = total + ATTRIBUTE_WEIGHT * F.cross_entropy(logits[name][said], target[said])
        return total
