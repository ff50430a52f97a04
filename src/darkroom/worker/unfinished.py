"""What a run has so far, as bytes that another worker goes on from: the states of its images, finished latents included.

Bytes from outside are taken for hostile: what is not the state of this very run is left aside, and drawn again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from darkroom.core.errors import ModelError
from darkroom.core.recipes import EMPTY
from darkroom.core.work import Assignment
from darkroom.engine.exactness import ROWS_MAX
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.engine.rows import Finished
from darkroom.engine.saved import SavedSample, pack, unpack
from darkroom.model.denoiser import Denoiser

FAST_ROWS = 0  # what a fingerprint says where passes have any size

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A run's images by index: `states` of those that need more steps, `latents` of those that need none."""

    states: Mapping[int, SavedSample] = field(default_factory=dict)
    latents: Mapping[int, SavedSample] = field(default_factory=dict)

    @property
    def all(self) -> list[SavedSample]:
        both = {**self.states, **self.latents}
        return [both[index] for index in sorted(both)]


def packed(images: Iterable[SavedSample]) -> bytes | None:
    """The bytes that another worker gets; None where there is nothing to go on from."""
    found = list(images)
    return pack(found) if found else None


def read(saved: bytes | None, assignment: Assignment) -> Unfinished:
    """What `packed` made of a run of the same job; nothing where it is damaged or another's."""
    try:
        images = unpack(saved) if saved else []
    except ModelError as error:
        logger.warning("job %s begins at its first step: %s", assignment.claim.job_id, error.message)
        return Unfinished()
    known = {image.index: image for image in images if image.index < assignment.images}
    done = {index: image for index, image in known.items() if _is_latent(image, assignment)}
    return Unfinished(
        states={index: image for index, image in known.items() if image.step < image.steps}, latents=done
    )


def latent_of(finished: Finished, assignment: Assignment, *, steps: int, device_ms: float) -> SavedSample:
    """A finished image in the form of a state that needs no step, and what its steps took."""
    return SavedSample(
        index=finished.index,
        step=steps,
        steps=steps,
        tensors={"x": finished.latent.detach().float().cpu().clone()},
        exact=finished.exact,
        fingerprint=finished.fingerprint.short,
        request=_digest(assignment, finished.index),
        device_ms=device_ms,
    )


def finished_of(saved: SavedSample, denoiser: Denoiser, *, job_id: str, seamless: bool) -> Finished | None:
    """The image as its engine let it go; None where this one would have made other bits."""
    for rows in range(FAST_ROWS, ROWS_MAX + 1):
        fingerprint = fingerprint_of(denoiser, rows=rows)
        if fingerprint.short == saved.fingerprint:
            return Finished(
                job_id=job_id,
                index=saved.index,
                denoiser=denoiser,
                latent=saved.tensors["x"].to(denoiser.device),
                fingerprint=fingerprint,
                exact=saved.exact,
                seamless=seamless,
            )
    return None


def _is_latent(image: SavedSample, assignment: Assignment) -> bool:
    latent = image.tensors.get("x")
    if latent is None or latent.dim() != 3 or latent.dtype != torch.float32 or not latent.isfinite().all():
        return False
    return image.step == image.steps and image.request == _digest(assignment, image.index)


def _digest(assignment: Assignment, index: int) -> str:
    recipe = "" if assignment.recipe == EMPTY else assignment.recipe.to_json()
    text = f"{index} {recipe}{assignment.prompt}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
