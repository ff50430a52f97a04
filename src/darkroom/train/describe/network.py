"""The picture embedder: a small residual network from 64 px to two vectors in the text encoder's space, and heads of single facts.

Batch norms, which are folded into the convolutions for export, so that what ships is convolutions and ReLU alone. Its twin without
torch is darkroom.classifiers.picture_graph.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.model.text_encoder import WIDTH
from darkroom.train.evaluation.facts import ATTRIBUTES, UNSAID

WIDTHS = (32, 64, 128, 192)
BLOCKS = (1, 1, 2, 1)
"""Residual blocks at each width; every further width halves the side: 32, 16, 8 and 4 cells."""
FIRST_SCALE = 12.0  # of cosines as logits; learned
CAPTION_WEIGHT = 0.3
ATTRIBUTE_WEIGHT = 0.35
SMOOTHING = 0.02


class Conv(nn.Module):
    """A 3x3 convolution with its batch norm."""

    def __init__(self, width_in: int, width_out: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width_out)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C', H / stride, W / stride)
        out: Tensor = self.norm(self.conv(x))
        return out

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight (C', C, 3, 3) and bias (C',) of the one convolution that does the same."""
        assert self.norm.running_var is not None and self.norm.running_mean is not None
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        return self.conv.weight * gain[:, None, None, None], self.norm.bias - self.norm.running_mean * gain


class Block(nn.Module):
    """Two convolutions beside the identity (arXiv 1512.03385, figure 2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Conv(width, width), Conv(width, width)
        nn.init.zeros_(self.second.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class PictureEmbedder(nn.Module):
    """Pictures (B, 3, 64, 64) in [-1, 1] to a caption vector, a thing vector and logits of each attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(12, WIDTHS[0])
        self.downs = nn.ModuleList(Conv(a, b, stride=2) for a, b in pairwise(WIDTHS))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(w) for _ in range(n))) for w, n in zip(WIDTHS, BLOCKS)
        )
        self.drop = nn.Dropout(0.1)
        pooled = 2 * WIDTHS[-1]
        self.caption = nn.Linear(pooled, WIDTH)
        self.thing = nn.Linear(pooled, WIDTH)
        self.heads = nn.ModuleDict({name: nn.Linear(pooled, len(v)) for name, v in ATTRIBUTES.items()})
        self.scales = nn.Parameter(torch.full((2,), FIRST_SCALE).log())  # of things and of captions

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        x = F.relu(self.stem(F.pixel_unshuffle(pictures, 2)))  # (B, 32, 32, 32)
        x = self.stages[0](x)
        for down, stage in zip(self.downs, self.stages[1:]):
            x = stage(F.relu(down(x)))
        x = x.float()  # (B, 192, 4, 4)
        pooled = self.drop(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))  # (B, 384)
        found = {name: head(pooled) for name, head in self.heads.items()}
        return found | {"caption": self.caption(pooled), "thing": self.thing(pooled)}

    def thing_logits(self, thing: Tensor, vectors: Tensor) -> Tensor:
        """Scaled cosines (B, M) of thing vectors (B, 384) with words' (M, 384)."""
        return F.normalize(thing, dim=1) @ vectors.T * self.scales[0].exp()


def loss_of(
    network: PictureEmbedder,
    found: dict[str, Tensor],
    *,
    things: Tensor,
    vectors: Tensor,
    captions: Tensor,
    attributes: dict[str, Tensor],
) -> Tensor:
    """What a batch is wrong by: the things (B, M) bool among words (M, 384), the attributes, and each caption among the batch's."""
    shown = things.float()
    several = shown.sum(1, keepdim=True)
    log_odds = F.log_softmax(network.thing_logits(found["thing"], vectors), dim=1)
    total = -(shown / several.clamp(min=1) * log_odds).sum() / (several > 0).sum().clamp(min=1)
    for name, target in attributes.items():
        if bool((target != UNSAID).any()):
            total = total + ATTRIBUTE_WEIGHT * F.cross_entropy(
                found[name], target, ignore_index=UNSAID, label_smoothing=SMOOTHING
            )
    fits = F.normalize(found["caption"], dim=1) @ captions.T * network.scales[1].exp()
    right = torch.arange(len(fits))
    return total + CAPTION_WEIGHT * (F.cross_entropy(fits, right) + F.cross_entropy(fits.T, right)) / 2
