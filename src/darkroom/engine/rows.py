"""The engine's nouns: a Sample is one image in flight; its Rows are what it puts into a pass of the network.

All are values: a step makes a new Sample, so that a pass that fails or is not run has changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from darkroom.engine.corrections import settled
from darkroom.engine.fingerprint import EngineFingerprint
from darkroom.engine.requests import Request
from darkroom.engine.scheduler import Ticket
from darkroom.model.denoiser import Conditioning, Denoiser, Prepared
from darkroom.model.samplers import SAMPLERS, Sampler

LATENTS_KEPT = 5
"""That a sample holds at most: x, the tick before, the newest estimate, that of the preview, and what it began with."""


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a pass: a latent (1, C, h, w) at its noise level, and what guides it."""

    latent: Tensor
    sigma: float
    conditioning: Conditioning


@dataclass(frozen=True, kw_only=True)
class Image:
    """What does not change of an image from step to step. `ticks` is its schedule tick by tick, one more than its steps.

    `fingerprint` is that of the engine that it was admitted to, `given` a digest of the pictures that it came with: the
    pictures themselves are not kept for as long as the image.
    """

    request: Request
    denoiser: Denoiser
    prepared: Prepared
    given: str
    sampler: Sampler
    ticks: tuple[float, ...]
    fingerprint: EngineFingerprint
    state_bytes: int

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        request: Request,
        *,
        denoiser: Denoiser,
        fingerprint: EngineFingerprint,
        given: str = "",
    ) -> Image:
        """An image on the denoiser's device. `prepared` is known to be what the engine can run."""
        sampler = SAMPLERS[prepared.sampler]
        here = replace(
            prepared,
            latent=prepared.latent.to(denoiser.device),
            conditional=_moved(prepared.conditional, denoiser.device),
            unconditional=prepared.unconditional and _moved(prepared.unconditional, denoiser.device),
            known=None if prepared.known is None else prepared.known.to(denoiser.device),
            region=None if prepared.region is None else prepared.region.to(denoiser.device),
            pulls=tuple(pull.to(denoiser.device) for pull in prepared.pulls),
        )
        return cls(
            request=replace(request, given=None),
            denoiser=denoiser,
            prepared=here,
            given=given,
            sampler=sampler,
            ticks=sampler.ticks(prepared.sigmas),
            fingerprint=fingerprint,
            state_bytes=state_bytes(prepared),
        )

    @property
    def steps(self) -> int:
        return len(self.ticks) - 1

    @property
    def guided(self) -> bool:
        """Whether it puts two rows into a pass."""
        return self.prepared.guidance != 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One image in flight, after `step` of its ticks.

    `x` is the latent (1, C, h, w) fp32, `denoised` the newest estimate of x0, `past_x` the latent before the last tick,
    for samplers that look back. `exact` says that all its passes had sizes that are proven to keep its bits.
    """

    image: Image
    ticket: Ticket
    x: Tensor
    denoised: Tensor | None = None
    past_x: Tensor | None = None
    step: int = 0
    exact: bool = True

    @classmethod
    def of(cls, image: Image, *, key: int) -> Sample:
        """A sample before its first step."""
        ticket = Ticket(
            key=key,
            row_class=image.prepared.row_class,
            rows=2 if image.guided else 1,
            priority=image.request.priority,
            flow=image.request.flow,
            steps_left=image.steps,
        )
        return cls(image=image, ticket=ticket, x=image.prepared.latent.unsqueeze(0))

    @property
    def state(self) -> State:
        if self.step == self.image.steps:
            return State.FINISHED
        return State.RUNNING if self.step else State.WAITING

    @property
    def conditional(self) -> Row:
        return Row(
            latent=self.x, sigma=self.image.ticks[self.step], conditioning=self.image.prepared.conditional
        )

    @property
    def unconditional(self) -> Row:
        """Its second row, where it is guided."""
        conditioning = self.image.prepared.unconditional
        assert conditioning is not None, "an image without guidance has one row"
        return Row(latent=self.x, sigma=self.image.ticks[self.step], conditioning=conditioning)

    @property
    def latent(self) -> Tensor:
        """(C, h, w). A schedule that stops above noise level 0 ends with the estimate: soft, and not noisy.

        What is known keeps its bits.
        """
        stopped_above = self.image.ticks[-1] > 0
        latent = self.denoised if stopped_above and self.denoised is not None else self.x
        return settled(self.image.prepared, latent[0])

    def at(self, step: int, *, x: Tensor, denoised: Tensor, past_x: Tensor | None, exact: bool) -> Sample:
        """The same image after another number of ticks."""
        ticket = self.ticket
        return Sample(
            image=self.image,
            ticket=Ticket(
                key=ticket.key,
                row_class=ticket.row_class,
                rows=ticket.rows,
                priority=ticket.priority,
                flow=ticket.flow,
                steps_left=self.image.steps - step,
            ),
            x=x,
            denoised=denoised,
            past_x=past_x,
            step=step,
            exact=exact,
        )


@dataclass(frozen=True, kw_only=True)
class Finished:
    """An image that left the loop: its latent (C, h, w) fp32, who decodes it, and under which conditions it was made.

    `exact` says that another engine with this fingerprint makes the same bits, whoever shares its passes.
    """

    job_id: str
    index: int
    denoiser: Denoiser
    latent: Tensor
    fingerprint: EngineFingerprint
    exact: bool
    seamless: bool


def state_bytes(prepared: Prepared) -> int:
    """What a sample keeps in memory: its latents, what it was given, and its conditioning in full though images of a job
    may share it."""
    both = [prepared.conditional, prepared.unconditional or {}]
    conditioning = sum(tensor.nbytes for each in both for tensor in each.values())
    given = sum(tensor.nbytes for tensor in (prepared.known, prepared.region) if tensor is not None)
    given += sum(pull.nbytes for pull in prepared.pulls)
    return LATENTS_KEPT * prepared.latent.nbytes + conditioning + given


def _moved(conditioning: Conditioning, device: torch.device) -> Conditioning:
    return {name: tensor.to(device) for name, tensor in conditioning.items()}
