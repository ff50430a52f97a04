"""From a sample to its saved state and back. A state of anything else is not continued: the image begins again.

Either way its bits are the same, so nobody has to be told; it only costs the steps.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, replace

import torch

from darkroom.engine.fingerprint import EngineFingerprint
from darkroom.engine.requests import Ready
from darkroom.engine.rows import Image, Sample
from darkroom.engine.saved import SavedSample

NOT_THE_PICTURE = frozenset({"lane", "visibility"})  # parameters that decide no pixel

log = logging.getLogger(__name__)


def begun(ready: Ready, fingerprint: EngineFingerprint) -> Sample:
    """The sample of a request on its device: before its first step, or where its saved state stopped."""
    waiting = ready.waiting
    image = Image.of(
        ready.prepared,
        replace(waiting.request, saved=None),  # its tensors are not kept for as long as the image
        denoiser=waiting.denoiser,
        fingerprint=fingerprint,
        given=ready.given,
    )
    sample = Sample.of(image, key=waiting.key)
    saved = waiting.request.saved
    return sample if saved is None else continued(sample, saved)


def saved_state(sample: Sample) -> SavedSample:
    """Its state on the CPU. It must have taken a step."""
    assert sample.denoised is not None, "there is nothing to save before the first step"
    kept = {"x": sample.x, "denoised": sample.denoised}
    if sample.past_x is not None:
        kept["past_x"] = sample.past_x
    return SavedSample(
        index=sample.image.request.index,
        step=sample.step,
        steps=sample.image.steps,
        tensors={name: tensor[0].cpu().clone() for name, tensor in kept.items()},
        exact=sample.exact,
        fingerprint=sample.image.fingerprint.short,
        request=digest(sample.image),
    )


def continued(sample: Sample, saved: SavedSample) -> Sample:
    """Where `saved` stopped, or `sample` as it is where that is the state of something else."""
    if why := _refusal(sample, saved):
        request = sample.image.request
        log.info("image %d of %s begins again: %s", request.index, request.job_id, why)
        return sample
    here = {name: tensor.to(sample.x.device).unsqueeze(0) for name, tensor in saved.tensors.items()}
    return sample.at(
        saved.step,
        x=here["x"],
        denoised=here["denoised"],
        past_x=here.get("past_x"),
        exact=saved.exact,
    )


def digest(image: Image) -> str:
    """sha256 over what decides the bits of an image besides the engine and the weights, hexadecimal."""
    request, prepared = image.request, image.prepared
    asked = {name: value for name, value in asdict(request.params).items() if name not in NOT_THE_PICTURE}
    drawn = [prepared.row_class, prepared.sigmas, prepared.sampler, prepared.noise_seed]
    guidance = [prepared.guidance, prepared.guidance_rule]
    came = [request.index, request.drawn_index, image.given]
    text = json.dumps([asked, came, drawn, guidance], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _refusal(sample: Sample, saved: SavedSample) -> str:
    """Why a saved state is not continued, "" where it is."""
    image, shape = sample.image, sample.x.shape[1:]
    if saved.fingerprint != image.fingerprint.short:
        return f"its state was made by engine {saved.fingerprint}, and this is {image.fingerprint.short}"
    if (saved.index, saved.request) != (image.request.index, digest(image)):
        return "its state is that of another request"
    if saved.steps != image.steps or not 0 < saved.step < image.steps:
        return f"its state is after step {saved.step} of {saved.steps}, and it has {image.steps}"
    wanted = {"x", "denoised", "past_x"} if image.sampler.past else {"x", "denoised"}
    if set(saved.tensors) != wanted:
        return f"its state holds {', '.join(sorted(saved.tensors))}, and not {', '.join(sorted(wanted))}"
    for name, tensor in saved.tensors.items():
        if tensor.dtype != torch.float32 or tensor.shape != shape or not tensor.isfinite().all():
            return f"{name} of its state is not made of {tuple(shape)} finite numbers in fp32"
    return ""
