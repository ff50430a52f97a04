"""What pictures do to an image under way: its estimate of x0 is moved, and laid under what is known of it.

Each image by itself, in fp32 and outside the network: its bits depend on nobody, and rows of all kinds share passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields

import torch
from torch import Tensor

from darkroom.model.denoiser import Given, Guide, Prepared


def is_corrected(prepared: Prepared) -> bool:
    """Whether there is anything to do to its estimates."""
    return bool(prepared.pulls) or prepared.known is not None


def corrected(prepared: Prepared, estimate: Tensor, sigma: float) -> Tensor:
    """The estimate (C, h, w) of x0 at a noise level, pulled by what guides it, and with what is known."""
    for pull in prepared.pulls:
        estimate = pull(estimate, sigma)
    return laid_over(prepared, estimate)


def laid_over(prepared: Prepared, latent: Tensor) -> Tensor:
    """(C, h, w) where the region is 1, `known` where it is 0, and between the two a mixture."""
    if prepared.known is None or prepared.region is None:
        return latent
    return prepared.region * latent + (1 - prepared.region) * prepared.known


def settled(prepared: Prepared, latent: Tensor) -> Tensor:
    """The finished latent with the very bits of what is known, where nothing is drawn: a sampler's arithmetic rounds."""
    if prepared.known is None or prepared.region is None:
        return latent
    return torch.where(prepared.region > 0, latent, prepared.known)


def digest_of(given: Given | None) -> str:
    """sha256 over all that a request was given, hexadecimal; "" where it was given nothing."""
    if given is None:
        return ""
    values = {each.name: getattr(given, each.name) for each in fields(given)}
    plain = {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}
    digest = hashlib.sha256(repr(plain).encode())
    for name, tensor in _tensors(given):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _tensors(given: Given) -> Iterator[tuple[str, Tensor]]:
    """All tensors, each under a name that says what it is for."""
    for name, tensor in (("init", given.init), ("region", given.region)):
        if tensor is not None:
            yield name, tensor
    for name, guides in (("prompt", given.prompts), ("style", given.styles), ("blend", given.blends)):
        for guide in guides:
            yield from _parts(name, guide)


def _parts(name: str, guide: Guide) -> Iterator[tuple[str, Tensor]]:
    yield f"{name} {guide.weight!r} latent", guide.latent
    yield f"{name} picture", guide.picture
