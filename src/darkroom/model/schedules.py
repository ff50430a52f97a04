"""Noise schedules under their paper names: falling sequences of sigma, one entry more than there are steps.

Plain floats; knows no sampler, no tensor and no model. The convention is that of `denoiser.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_STEPS = 1000  # of one image; the networks were trained on as many noise levels
STOP_MAX = 100  # percent


def flow_sigmas(steps: int, *, shift: float = 1.0) -> tuple[float, ...]:
    """Rectified flow from 1 to 0: even steps in time, moved towards noise by `shift` (SD3, arXiv 2403.03206, eq. 23)."""
    _check_steps(steps)
    if not (math.isfinite(shift) and shift > 0):
        raise ValueError(f"a shift of {shift}: it must be a positive number")
    times = [(steps - i) / steps for i in range(steps + 1)]
    return tuple(shift * t / (1 + (shift - 1) * t) for t in times)


def karras_sigmas(steps: int, *, sigma_min: float, sigma_max: float, rho: float = 7.0) -> tuple[float, ...]:
    """Variance exploding, from `sigma_max` by way of `sigma_min` to 0 (EDM, arXiv 2206.00364, eq. 5)."""
    _check_steps(steps)
    if not 0 < sigma_min <= sigma_max < math.inf or rho <= 0:
        raise ValueError(
            f"sigmas from {sigma_max} to {sigma_min} with rho {rho}: need 0 < least <= greatest, rho > 0"
        )
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    ramp = [i / max(steps - 1, 1) for i in range(steps)]
    return (*((high + r * (low - high)) ** rho for r in ramp), 0.0)


def started(sigmas: Sequence[float], strength: float) -> tuple[float, ...]:
    """The last `strength` (0 to 1) of the schedule, at least one step: it begins between two levels where it has to."""
    if not 0 <= strength <= 1:
        raise ValueError(f"a strength of {strength}: it must be from 0 to 1")
    steps = len(sigmas) - 1
    at = min(round((1 - strength) * steps, 6), steps - 1)  # in steps from the beginning
    before = int(at)
    first = sigmas[before] + (at - before) * (sigmas[before + 1] - sigmas[before])
    return (first, *sigmas[before + 1 :])


def stopped(sigmas: Sequence[float], percent: int) -> tuple[float, ...]:
    """The first `percent` of the steps (`--stop`), at least one. What follows never runs."""
    if not 1 <= percent <= STOP_MAX:
        raise ValueError(f"stop at {percent} percent: it must be from 1 to {STOP_MAX}")
    steps = max(1, round((len(sigmas) - 1) * percent / STOP_MAX))
    return tuple(sigmas[: steps + 1])


def _check_steps(steps: int) -> None:
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"{steps} steps: there must be from 1 to {MAX_STEPS}")
