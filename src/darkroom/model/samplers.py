"""Samplers under their paper names. Each is ONE step for R rows that may stand at R different noise levels.

A step is `(x, denoised, sigma, sigma_next, history, noise) -> x`. `x` and `denoised` are (R, C, h, w), the sigmas (R,), all
fp32. `denoised` is the network's estimate of x0 at (x, sigma), `noise` (R, C, h, w) what a stochastic sampler renews it
with, None for the others. Knows no network, no loop, no generator and no schedule's origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class History:
    """The tick before this one, for R rows: its x, its estimate of x0, its noise level.

    A row that has no tick behind it carries its present sigma here, and the step then takes it as a first one.
    """

    x: Tensor  # (R, C, h, w)
    denoised: Tensor  # (R, C, h, w)
    sigma: Tensor  # (R,)


class Step(Protocol):
    """One step for R rows; only stochastic samplers take `noise`."""

    def __call__(
        self,
        x: Tensor,
        denoised: Tensor,
        sigma: Tensor,
        sigma_next: Tensor,
        history: History | None,
        noise: Tensor | None = None,
    ) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """A step, and how often it needs the network for one interval of the schedule (its evaluations, 1 or 2).

    `past` says that it reads its history, `stochastic` that it takes fresh noise (variance 1) in every step but one to 0.
    """

    step: Step
    evaluations: int = 1
    past: bool = False
    stochastic: bool = False

    def ticks(self, sigmas: Sequence[float]) -> tuple[float, ...]:
        """The schedule tick by tick: one network evaluation between each entry and the next.

        A sampler of two evaluations visits each level but the first twice, and its tick from a level to itself is the
        correction. Level 0 is visited once: there is no direction left to evaluate.
        """
        if self.evaluations == 1:
            return tuple(sigmas)
        first, *others = sigmas
        return (first, *(level for sigma in others for level in ([sigma, sigma] if sigma > 0 else [sigma])))


def euler(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """x + (sigma_next - sigma) dx/dsigma: for rectified flow and the variance-exploding form alike (EDM, section 3)."""
    return x + _wide(sigma_next - sigma, x) * (x - denoised) / _wide(sigma, x)


def ddim(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """DDIM with eta 0 (arXiv 2010.02502, eq. 12) in the scaled space x / sqrt(alpha-bar): x0 plus the noise, renewed.

    It is Euler's step there, written so that the last one returns the estimate exactly.
    """
    return denoised + _wide(sigma_next / sigma, x) * (x - denoised)


def heun(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """Heun's method (EDM, algorithm 1) in two ticks, over the schedule that `Sampler.ticks` makes.

    A tick to a lower level is Euler's prediction. A tick from a level to itself has the estimate at the predicted x:
    it goes back to the x before the prediction and takes the mean of both directions. The step to 0 is Euler's.
    """
    predicted = euler(x, denoised, sigma, sigma_next, history)
    if history is None:
        return predicted
    before = (history.x - history.denoised) / _wide(history.sigma, x)
    here = (x - denoised) / _wide(sigma, x)
    corrected = history.x + _wide(sigma - history.sigma, x) * (before + here) / 2
    return torch.where(_wide(sigma_next == sigma, x), corrected, predicted)


def dpmpp_2m(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2) for the variance-exploding form: lambda = -log sigma."""
    half_log_snr = [-torch.log(level) for level in _levels(sigma, sigma_next, history)]
    return _multistep(
        x, denoised, sigma, sigma_next, history, half_log_snr, alpha_next=torch.ones_like(sigma)
    )


def dpmpp_2m_flow(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """DPM-Solver++(2M) for rectified flow, where alpha = 1 - sigma: lambda = log((1 - sigma) / sigma).

    At sigma 1 lambda is minus infinity, so that the first two steps from pure noise are of first order.
    """
    half_log_snr = [torch.log((1 - level) / level) for level in _levels(sigma, sigma_next, history)]
    return _multistep(x, denoised, sigma, sigma_next, history, half_log_snr, alpha_next=1 - sigma_next)


def euler_ancestral(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """Ancestral sampling (DDPM's posterior variance, arXiv 2006.11239, section 3.2) for the variance-exploding form.

    Euler's step to below `sigma_next`, where noise of variance s'^2 (s^2 - s'^2) / s^2 is then added back.
    """
    assert noise is not None, "a stochastic sampler needs noise"
    renewed = sigma_next * ((sigma + sigma_next) * (sigma - sigma_next)).sqrt() / sigma  # (R,)
    down = sigma_next * sigma_next / sigma  # sqrt(s'^2 - renewed^2)
    return euler(x, denoised, sigma, down, history) + _wide(renewed, x) * noise


def euler_ancestral_flow(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    noise: Tensor | None = None,
) -> Tensor:
    """Ancestral sampling for rectified flow, where x = (1 - sigma) x0 + sigma n.

    Euler's step to s'^2 / s; what is there is scaled so that x0 counts as it does at s', and noise fills up its variance.
    """
    assert noise is not None, "a stochastic sampler needs noise"
    down = sigma_next * sigma_next / sigma  # (R,)
    scale = (1 - sigma_next) / (1 - down)  # at most 1
    renewed = ((sigma_next - down * scale) * (sigma_next + down * scale)).clamp(min=0).sqrt()
    there = euler(x, denoised, sigma, down, history)
    return _wide(scale, x) * there + _wide(renewed, x) * noise


SAMPLERS = {
    "euler": Sampler(step=euler),
    "heun": Sampler(step=heun, evaluations=2, past=True),
    "ddim": Sampler(step=ddim),
    "dpmpp_2m": Sampler(step=dpmpp_2m, past=True),
    "dpmpp_2m_flow": Sampler(step=dpmpp_2m_flow, past=True),
    "euler_ancestral": Sampler(step=euler_ancestral, stochastic=True),
    "euler_ancestral_flow": Sampler(step=euler_ancestral_flow, stochastic=True),
}


def _multistep(
    x: Tensor,
    denoised: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    history: History | None,
    half_log_snr: Sequence[Tensor],
    *,
    alpha_next: Tensor,
) -> Tensor:
    """One step of order two in lambda, of order one where a row has no past or goes to 0 (where lambda has no bound)."""
    here, following, *before = half_log_snr
    width = following - here  # (R,), infinite where a row comes from pure noise or goes to 0
    estimate = denoised
    if history is not None:
        gap = here - before[0]
        first_order = (history.sigma <= sigma) | (sigma_next <= 0)
        weight = torch.where(first_order, 0.0, width / (2 * gap))
        estimate = denoised + _wide(weight, x) * (denoised - history.denoised)
    return _wide(sigma_next / sigma, x) * x - _wide(alpha_next * torch.expm1(-width), x) * estimate


def _levels(sigma: Tensor, sigma_next: Tensor, history: History | None) -> list[Tensor]:
    return [sigma, sigma_next] if history is None else [sigma, sigma_next, history.sigma]


def _wide(per_row: Tensor, like: Tensor) -> Tensor:
    """(R,) -> (R, 1, 1, 1), to be broadcast over a row's latent."""
    return per_row.view(-1, *[1] * (like.dim() - 1))
