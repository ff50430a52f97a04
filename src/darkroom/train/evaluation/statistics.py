"""Figures from numbers: retrieval among 16, intervals, distances between sets of points. Knows no networks and no pictures."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHOICES = 16
CHANCE = 1 / CHOICES
RESAMPLES = 2_000
LOW, HIGH = 2.5, 97.5  # percent: the interval holds 95 of 100 resamples


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean with its 95 % interval, and how many cases it is of."""

    mean: float
    low: float
    high: float
    cases: int


def retrieved(fits: Tensor, same: Tensor, choices: int = CHOICES) -> NDArray[np.float64]:
    """For each picture, how often its own caption fits it best among `choices`: (N, N) cosines -> (N,).

    The others are drawn from the list without those that read the same (`same`, (N, N) bool). In place of one draw this is the
    exact mean over all of them (hypergeometric), which takes the luck of the draw out. Ties count as lost.
    """
    own = fits.diagonal()[:, None]
    others = ~(same | torch.eye(len(fits), dtype=torch.bool))
    beaten = ((fits < own) & others).sum(1).tolist()
    total = others.sum(1).tolist()
    shares = [_all_beaten(b, t, min(choices - 1, t)) for b, t in zip(beaten, total, strict=True)]
    return np.array(shares, np.float64)


def _all_beaten(beaten: int, total: int, drawn: int) -> float:
    return comb(beaten, drawn) / comb(total, drawn)


def estimate(values: NDArray[np.float64], seed: int = 0) -> Estimate:
    """The mean over cases, with a bootstrap interval (percentiles of resampled means)."""
    if len(values) == 0:
        return Estimate(mean=float("nan"), low=float("nan"), high=float("nan"), cases=0)
    rows = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[rows].mean(1), (LOW, HIGH))
    return Estimate(mean=float(values.mean()), low=float(low), high=float(high), cases=len(values))


def share_of(
    values: NDArray[np.float64], ceiling: NDArray[np.float64], *, floor: float = 0.0, seed: int = 0
) -> Estimate:
    """The mean of `values` against that of `ceiling`, both above `floor`, over the same cases; resampled together."""
    rows = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    above = values[rows].mean(1) - floor, np.maximum(ceiling[rows].mean(1) - floor, 1e-9)
    low, high = np.percentile(above[0] / above[1], (LOW, HIGH))
    mean = (values.mean() - floor) / max(ceiling.mean() - floor, 1e-9)
    return Estimate(mean=float(mean), low=float(low), high=float(high), cases=len(values))


def frechet(first: Tensor, second: Tensor) -> float:
    """Squared Frechet distance of the normal distributions fitted to two sets of points (arXiv 1706.08500, equation 6)."""
    a, b = first.double(), second.double()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    root = _root(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    means = (a.mean(0) - b.mean(0)).square().sum()
    return float(means + cov_a.trace() + cov_b.trace() - 2 * cross)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a positive matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def spread(points: Tensor) -> NDArray[np.float64]:
    """The mean distance between two of a group: (groups, members, D) -> (groups,)."""
    members = points.shape[1]
    distances = torch.cdist(points.double(), points.double())
    return (distances.sum((1, 2)) / (members * (members - 1))).numpy()
