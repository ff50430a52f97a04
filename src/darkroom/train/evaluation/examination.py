"""The examination: pictures of each list beside real scenes of the same description, and the figures of both.

Knows neither how pictures come about nor where figures go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.model.text_encoder import TextEncoder
from darkroom.train.composer import SceneSpec
from darkroom.train.evaluation.copying import likeness, plainly_shown
from darkroom.train.evaluation.facts import ATTRIBUTES, UNSAID, facts_of, labels, presence
from darkroom.train.evaluation.features import Eyes
from darkroom.train.evaluation.judge import Judge
from darkroom.train.evaluation.lessons import pictures_of, word_vectors
from darkroom.train.evaluation.near_misses import near_misses, other_objects
from darkroom.train.evaluation.prompts import Question
from darkroom.train.evaluation.statistics import (
    CHANCE,
    Estimate,
    estimate,
    frechet,
    retrieved,
    share_of,
    spread,
)
from darkroom.train.sprites import Atlas

GRID_IMAGES = 4
COPIES_TESTED = 48
TOP = 5
NEAR_SEED, COPY_SEED, OBJECT_SEED = 31, 32, 33


@dataclass(frozen=True, kw_only=True)
class Examiner:
    """Whoever scores: the judge and the means to read pictures and captions."""

    judge: Judge
    eyes: Eyes
    text: TextEncoder
    atlas: Atlas


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """The right caption among 16: for the pictures, for real scenes (absent for free prompts), and for the wrong prompt."""

    drawn: Estimate
    real: Estimate | None
    wrong: Estimate
    of_ceiling: Estimate | None
    of_ceiling_above_chance: Estimate | None
    each: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One figure for the pictures and for real scenes."""

    drawn: Estimate
    real: Estimate


@dataclass(frozen=True, kw_only=True)
class Copying:
    """How like its thing's own exemplars a picture is, for pictures, real scenes (which paste), and another thing's exemplars."""

    drawn: Estimate
    real: Estimate
    other: Estimate


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Frechet distances to one set of real scenes: of the pictures, and of other real scenes of the same descriptions."""

    drawn: float
    real: float


def real_scenes(questions: Sequence[Question], atlas: Atlas, *, turn: int = 0) -> NDArray[np.uint8]:
    """What the composer makes of the same descriptions; another `turn` lays the same things out anew."""
    specs = _specs(questions)
    return pictures_of([replace(spec, seed=(spec.seed + 7919 * turn) % 2**31) for spec in specs], atlas)


def retrieval(
    examiner: Examiner,
    questions: Sequence[Question],
    drawn: NDArray[np.uint8],
    real: NDArray[np.uint8] | None,
) -> Retrieval:
    """Score one list. `drawn` and `real` are (N, H, W, 3); the floor gives every caption its neighbour's picture."""
    words = word_vectors([q.text for q in questions], examiner.text)
    same = torch.tensor([[a.text == b.text for b in questions] for a in questions])
    fits = examiner.judge.fits(examiner.eyes.cells(drawn), words)
    each = retrieved(fits, same)
    wrong = estimate(retrieved(fits.roll(1, 0), same))
    if real is None:
        return Retrieval(
            drawn=estimate(each),
            real=None,
            wrong=wrong,
            of_ceiling=None,
            of_ceiling_above_chance=None,
            each=each,
        )
    ceiling = retrieved(examiner.judge.fits(examiner.eyes.cells(real), words), same)
    return Retrieval(
        drawn=estimate(each), real=estimate(ceiling), wrong=wrong, of_ceiling=share_of(each, ceiling),
        of_ceiling_above_chance=share_of(each, ceiling, floor=CHANCE), each=each,
    )  # fmt: skip


def composition(
    examiner: Examiner, questions: Sequence[Question], drawn: NDArray[np.uint8], real: NDArray[np.uint8]
) -> Pair:
    """How often the right caption beats seven that differ from it in one thing."""
    rng = np.random.default_rng(NEAR_SEED)
    others = [near_misses(spec, examiner.atlas, rng) for spec in _specs(questions)]
    return _told_apart(examiner, questions, others, drawn, real)


def object_retrieval(
    examiner: Examiner, questions: Sequence[Question], drawn: NDArray[np.uint8], real: NDArray[np.uint8]
) -> Pair:
    """How often the right caption beats fifteen of the same scene with another thing in it."""
    rng = np.random.default_rng(OBJECT_SEED)
    others = [other_objects(spec, examiner.atlas, rng) for spec in _specs(questions)]
    return _told_apart(examiner, questions, others, drawn, real)


def _told_apart(
    examiner: Examiner,
    questions: Sequence[Question],
    others: Sequence[list[str]],
    drawn: NDArray[np.uint8],
    real: NDArray[np.uint8],
) -> Pair:
    groups = [[question.text, *wrong] for question, wrong in zip(questions, others, strict=True)]
    words = word_vectors([text for group in groups for text in group], examiner.text)
    starts = np.cumsum([0] + [len(group) for group in groups])
    results = []
    for pictures in (drawn, real):
        fits = examiner.judge.fits(examiner.eyes.cells(pictures), words)
        best = [int(fits[i, starts[i] : starts[i + 1]].argmax()) == 0 for i in range(len(groups))]
        results.append(estimate(np.array(best, np.float64)))
    return Pair(drawn=results[0], real=results[1])


def attribute_accuracies(
    examiner: Examiner, questions: Sequence[Question], drawn: NDArray[np.uint8], real: NDArray[np.uint8]
) -> dict[str, Pair]:
    """Accuracy of the classifiers' answers, by attribute; "object" asks for any of the scene's things first, "object top-5" for
    any among the first five."""
    facts = [facts_of(spec) for spec in _specs(questions)]
    shown = presence(facts, examiner.judge.concepts)
    wanted = {name: labels(facts, name) for name in ATTRIBUTES}
    answers = [_correct(examiner.judge.sees(examiner.eyes.cells(p)), shown, wanted) for p in (drawn, real)]
    return {
        name: Pair(drawn=estimate(answers[0][name]), real=estimate(answers[1][name]))
        for name in answers[0]
        if len(answers[0][name])
    }


def _correct(
    logits: dict[str, Tensor], shown: Tensor, wanted: dict[str, Tensor]
) -> dict[str, NDArray[np.float64]]:
    hits = shown.gather(1, logits["things"].topk(TOP, dim=1).indices)
    correct = {"object": hits[:, 0], "object top-5": hits.any(1)}
    for name, target in wanted.items():
        said = target != UNSAID
        correct[name] = (logits[name].argmax(1) == target)[said]
    return {name: values.double().numpy() for name, values in correct.items()}


def object_found(
    examiner: Examiner, questions: Sequence[Question], drawn: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """(N,): whether the classifier's first guess is a thing of the scene."""
    shown = presence([facts_of(spec) for spec in _specs(questions)], examiner.judge.concepts)
    first = examiner.judge.sees(examiner.eyes.cells(drawn))["things"].argmax(1, keepdim=True)
    return shown.gather(1, first)[:, 0].numpy()


def distances(examiner: Examiner, questions: Sequence[Question], drawn: NDArray[np.uint8]) -> Distances:
    """Frechet distances to real scenes. The sets are equal in size, so that the bias of small sets is the same for both."""
    sets = [drawn, real_scenes(questions, examiner.atlas, turn=1), real_scenes(questions, examiner.atlas)]
    points = [examiner.judge.point(examiner.eyes.cells(pictures)) for pictures in sets]
    return Distances(drawn=frechet(points[0], points[2]), real=frechet(points[1], points[2]))


def diversity(examiner: Examiner, questions: Sequence[Question], grids: NDArray[np.uint8]) -> Pair:
    """The mean distance between two images of a grid, (N, 4, H, W, 3), and between real scenes of one description."""
    turns = [real_scenes(questions, examiner.atlas, turn=turn) for turn in range(grids.shape[1])]
    real = np.stack(turns, 1)  # (N, 4, H, W, 3)
    points = [
        examiner.judge.point(examiner.eyes.cells(p.reshape(-1, *p.shape[2:]))).view(*p.shape[:2], -1)
        for p in (grids, real)
    ]
    return Pair(drawn=estimate(spread(points[0])), real=estimate(spread(points[1])))


def copying(
    questions: Sequence[Question], drawn: NDArray[np.uint8], real: NDArray[np.uint8], atlas: Atlas
) -> Copying:
    """Over the first scenes of a list that show one plain thing."""
    rng = np.random.default_rng(COPY_SEED)
    rows = [i for i, spec in enumerate(_specs(questions)) if plainly_shown(spec)][:COPIES_TESTED]
    found: list[list[float]] = [[], [], []]
    for row in rows:
        thing = _specs(questions)[row].objects[0]
        other = str(rng.choice([name for name in atlas.concepts if name != thing.concept]))
        found[0].append(likeness(drawn[row], thing.concept, thing.colour, atlas))
        found[1].append(likeness(real[row], thing.concept, thing.colour, atlas))
        found[2].append(likeness(real[row], other, None, atlas))
    drawn_like, real_like, other_like = (estimate(np.array(values, np.float64)) for values in found)
    return Copying(drawn=drawn_like, real=real_like, other=other_like)


def _specs(questions: Sequence[Question]) -> list[SceneSpec]:
    specs = [question.spec for question in questions if question.spec is not None]
    assert len(specs) == len(questions), "free prompts have no scene"
    return specs
