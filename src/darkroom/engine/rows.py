"""The engine's nouns: a Sample is one image in flight; its Rows are what it puts into a pass of the network.

All are values: a step makes a new Sample, so that a pass that fails or is not run has changed nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.engine.fingerprint import EngineFingerprint
from darkroom.engine.scheduler import Ticket
from darkroom.model.denoiser import Conditioning, Prepared
from darkroom.model.samplers import SAMPLERS, History

LATENT_MAX = 4 * 1024 * 1024  # numbers in one latent: beyond any image that the service sells
GUIDANCE_MAX = 100.0


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a pass: a latent (1, C, h, w) at its noise level (1,), and what guides it."""

    latent: Tensor
    sigma: Tensor
    conditioning: Conditioning


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image in flight. `sigmas` (steps + 1,) is its schedule tick by tick; `step` counts the ticks behind it.

    `x` is the latent (1, C, h, w) fp32, `denoised` the newest estimate of x0. `row_counts` gathers the numbers of rows
    of the passes it took part in: more than one, and its bits can't be promised.
    """

    job_id: str
    index: int
    ticket: Ticket
    prepared: Prepared
    sigmas: Tensor
    x: Tensor
    denoised: Tensor
    history: History | None = None
    step: int = 0
    row_counts: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, prepared: Prepared, *, job_id: str, index: int, key: int, priority: int, device: torch.device
    ) -> Sample:
        """A sample before its first step. Raises ModelError where `prepared` is not what the engine can run."""
        _check(prepared)
        rows = 1 if prepared.guidance == 1 else 2
        ticks = SAMPLERS[prepared.sampler].ticks(prepared.sigmas)
        x = prepared.latent.to(device).unsqueeze(0)
        return cls(
            job_id=job_id,
            index=index,
            ticket=Ticket(key=key, row_class=prepared.row_class, rows=rows, priority=priority),
            prepared=prepared,
            sigmas=torch.tensor(ticks, dtype=torch.float32, device=device),
            x=x,
            denoised=x,
        )

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def state(self) -> State:
        if self.step == self.steps:
            return State.FINISHED
        return State.RUNNING if self.step else State.WAITING

    @property
    def rows(self) -> list[Row]:
        """One row, or two with guidance: conditional, then unconditional."""
        both = [self.prepared.conditional, self.prepared.unconditional][: self.ticket.rows]
        sigma = self._level(self.step)
        return [Row(latent=self.x, sigma=sigma, conditioning=each) for each in both if each is not None]

    @property
    def latent(self) -> Tensor:
        """(C, h, w). A schedule that stops above noise level 0 ends with the estimate: soft, and not noisy."""
        return (self.x if self.prepared.sigmas[-1] == 0 else self.denoised)[0]

    def guided(self, rows: Tensor) -> Tensor:
        """The estimates of this sample's rows (1 or 2, C, h, w) -> its own (1, C, h, w) fp32.

        Classifier-free guidance (arXiv 2207.12598, eq. 6) in x0 space: u + g (c - u).
        """
        rows = rows.float()
        if len(rows) == 1:
            return rows
        conditional, unconditional = rows[:1], rows[1:]
        return unconditional + self.prepared.guidance * (conditional - unconditional)

    def stepped(self, denoised: Tensor, *, row_count: int) -> Sample:
        """The sample one tick on, given its guided estimate (1, C, h, w)."""
        sigma, sigma_next = self._level(self.step), self._level(self.step + 1)
        x = SAMPLERS[self.prepared.sampler].step(self.x, denoised, sigma, sigma_next, self.history)
        return replace(
            self,
            x=x,
            denoised=denoised,
            history=History(x=self.x, denoised=denoised, sigma=sigma),
            step=self.step + 1,
            row_counts=self.row_counts | {row_count},
        )

    def _level(self, step: int) -> Tensor:
        return self.sigmas[step : step + 1]  # (1,)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """An image that left the loop: its latent (C, h, w) fp32, and under which conditions it was made.

    `exact` says that another engine with this fingerprint makes the same bits, whoever shares its passes.
    """

    job_id: str
    index: int
    latent: Tensor
    fingerprint: EngineFingerprint
    exact: bool
    seamless: bool


def _check(prepared: Prepared) -> None:
    sigmas, latent = prepared.sigmas, prepared.latent
    falling = all(a > b >= 0 for a, b in pairwise(sigmas))
    if len(sigmas) < 2 or not falling or not math.isfinite(sigmas[0]):
        raise ModelError(
            f"the noise levels of an image must fall, and be two or more; they are {list(sigmas)[:4]} ..."
        )
    if prepared.sampler not in SAMPLERS:
        raise ModelError(f"no sampler {prepared.sampler!r}; there are {', '.join(sorted(SAMPLERS))}")
    if not abs(prepared.guidance) <= GUIDANCE_MAX:
        raise ModelError(
            f"a guidance of {prepared.guidance}: it must be a number from -{GUIDANCE_MAX} to {GUIDANCE_MAX}"
        )
    if prepared.guidance != 1 and prepared.unconditional is None:
        raise ModelError(
            f"a guidance of {prepared.guidance} needs an unconditional row; without one it must be 1"
        )
    if latent.dim() != 3 or latent.dtype != torch.float32 or not 0 < latent.numel() <= LATENT_MAX:
        raise ModelError(
            f"a latent must be (C, h, w) in fp32 with at most {LATENT_MAX} numbers; it is {tuple(latent.shape)}"
        )
    if not latent.isfinite().all():
        raise ModelError("a latent holds numbers that are not finite")
