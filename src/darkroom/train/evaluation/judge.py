"""The judge: says which caption fits a picture and what a picture shows. Trained once on real scenes, kept in one file.

Learns from the lessons alone and never sees a generated picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from darkroom.core.errors import WeightsError
from darkroom.train.evaluation.facts import ATTRIBUTES, labels, presence
from darkroom.train.evaluation.features import whole
from darkroom.train.evaluation.heads import Classifiers, Matcher
from darkroom.train.evaluation.lessons import Lessons
from darkroom.train.progress import report

SCORER_NAME = "scorer.safetensors"
FORMAT = "darkroom-scorer-2"
EPOCHS = 12
BATCH = 256
RATE = 1.5e-3
WEIGHT_DECAY = 0.05
WARM_UP = 0.08  # of the steps
DISTANCE_CHANNELS = 64
"""Principal directions of the late features in which distances between pictures are taken."""
SETTLING = 2_000


@dataclass(frozen=True, kw_only=True)
class Judge:
    """`concepts` names the columns of "things". `axes` (LATE_CHANNELS, 64) and `centre` (LATE_CHANNELS,) make distances."""

    matcher: Matcher
    classifiers: Classifiers
    concepts: tuple[str, ...]
    centre: Tensor
    axes: Tensor

    @torch.inference_mode()
    def fits(self, cells: Tensor, words: Tensor) -> Tensor:
        """Cosines (N, M) of pictures' cells (N, 16, C) and captions' words (M, L, 384)."""
        return self.matcher.images(cells) @ self.matcher.texts(words).T

    @torch.inference_mode()
    def sees(self, cells: Tensor) -> dict[str, Tensor]:
        """Logits by attribute."""
        return dict(self.classifiers(cells))

    @torch.inference_mode()
    def point(self, cells: Tensor) -> Tensor:
        """Where pictures lie in the space of distances: (N, 16, C) -> (N, 64)."""
        return (whole(cells) - self.centre) @ self.axes

    def save(self, path: Path, recipe: str) -> None:
        """Write one file, whole or not at all."""
        tensors = {f"matcher.{k}": v for k, v in self.matcher.state_dict().items()}
        tensors |= {f"classifiers.{k}": v for k, v in self.classifiers.state_dict().items()}
        tensors |= {"centre": self.centre, "axes": self.axes}
        partial = path.with_suffix(".part")
        metadata = {"format": FORMAT, "recipe": recipe, "concepts": "\n".join(self.concepts)}
        save_file({k: v.contiguous() for k, v in tensors.items()}, partial, metadata)
        partial.replace(path)


def load_judge(path: Path, recipe: str) -> Judge | None:
    """The judge that was trained by this recipe, or None where there is none. Raises WeightsError for a damaged file."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if (metadata.get("format"), metadata.get("recipe")) != (FORMAT, recipe):
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError) as fault:
        raise WeightsError(
            f"no scorer can be read from {path}: {fault}; delete it, and it is trained anew"
        ) from fault
    concepts = tuple(metadata["concepts"].split("\n"))
    judge = Judge(
        matcher=Matcher(len(concepts)), classifiers=Classifiers(len(concepts)), concepts=concepts, centre=tensors["centre"],
        axes=tensors["axes"],
    )  # fmt: skip
    for part, prefix in ((judge.matcher, "matcher."), (judge.classifiers, "classifiers.")):
        part.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        part.eval().requires_grad_(False)
    return judge


def train_judge(lessons: Lessons, concepts: Sequence[str], *, epochs: int = EPOCHS) -> Judge:
    """Some seven minutes of one core for 20,000 scenes; the same lessons give the same judge."""
    torch.manual_seed(0)
    matcher, classifiers = Matcher(len(concepts)), Classifiers(len(concepts))
    for part in (matcher.cells, classifiers.cells, classifiers.thing_cells):
        part.settle(lessons.cells[:SETTLING])
    shown = presence(lessons.facts, concepts)
    wanted = {name: labels(lessons.facts, name) for name in ATTRIBUTES}
    _fit(
        "matcher",
        matcher,
        lambda rows: matcher.loss(lessons.cells[rows], lessons.words[rows], shown[rows]),
        len(lessons),
        epochs,
    )
    _fit(
        "classifiers",
        classifiers,
        lambda rows: classifiers.loss(
            lessons.cells[rows], shown[rows], {name: target[rows] for name, target in wanted.items()}
        ),
        len(lessons),
        epochs,
    )
    centre, axes = _principal(whole(lessons.cells[: 2 * SETTLING]))
    return Judge(
        matcher=matcher, classifiers=classifiers, concepts=tuple(concepts), centre=centre, axes=axes,
    )  # fmt: skip


def _fit(
    name: str, network: nn.Module, loss_of: Callable[[Tensor], Tensor], scenes: int, epochs: int
) -> None:
    """AdamW with a short rise and a cosine fall of the rate; the network comes back frozen."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(1)
    steps = epochs * -(-scenes // BATCH)
    network.train()
    step = 0
    for epoch in range(epochs):
        losses = []
        for rows in torch.split(torch.randperm(scenes, generator=generator), BATCH):
            for group in optimizer.param_groups:
                group["lr"] = RATE * _rate(step / steps)
            loss = loss_of(rows)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
            step += 1
        report(f"evaluation: {name}, epoch {epoch + 1} of {epochs}, loss {sum(losses) / len(losses):.3f}")
    network.eval().requires_grad_(False)


def _rate(fraction: float) -> float:
    return min(fraction / WARM_UP, 1.0) * (0.5 + 0.5 * math.cos(math.pi * fraction))


def _principal(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the first principal directions of (N, D) vectors."""
    centre = vectors.mean(0)
    _, directions = torch.linalg.eigh(torch.cov(vectors.T))
    return centre, directions[:, -DISTANCE_CHANNELS:].flip(1).contiguous()
